/**
 * Lets the reader filter cells by agent and by kind. If some agents (or kinds) are chosen, only those are shown. If
 * none is chosen, all are shown but the hidden ones.
 */

import { button, focusOn, h, setGroup, setName, setPolite, setPressed } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { count } from "../../dom/format";
import { icon } from "../../dom/icons";
import { plain, setText } from "../../dom/safe_text";
import { asName } from "../../protocol/code_points";
import type { CellHead } from "../../protocol/model";
import type { AgentRow } from "../../protocol/protocol";

type FilterGroup = "agent" | "kind";
type Wish = "only" | "hide";
/** The two buttons of an agent or a kind: the name chooses it, the sign behind the name hides it. */
type Chip = Record<Wish, HTMLButtonElement>;

/** Owned by the tools of one view. */
export class Filter {
  readonly el = h("div", "nbs-drawer nbs-filter");
  #wishes: Record<FilterGroup, Map<string, Wish>> = { agent: new Map(), kind: new Map() };
  #chips: Record<FilterGroup, Map<string, Chip>> = { agent: new Map(), kind: new Map() };
  #rows: Record<FilterGroup, HTMLElement>;
  #status = h("span", "nbs-count");
  #clear: HTMLButtonElement;

  constructor(
    /** Called when the reader has changed the filter. */
    private readonly changed: () => void,
    /** Returns how many cells are shown, and how many there are. */
    private readonly counts: () => [number, number],
  ) {
    this.#rows = { agent: chipRow("Agents"), kind: chipRow("Kinds") };
    this.#clear = button("nbs-quiet", "Show all", "", () => {
      focusOn(this.#rows.agent.querySelector("button"));
      this.clear();
    });
    setPolite(this.#status);
    this.el.append(this.#rows.agent, this.#rows.kind, h("div", "nbs-buttons", this.#status, this.#clear));
    this.tell();
  }

  shows = ({ path = "", kind }: CellHead): boolean =>
    this.#admits("agent", path) && this.#admits("kind", kind);

  /** Offer the agent and the kind of `head`. Called for each cell that comes. */
  offer(head: CellHead, agents: readonly AgentRow[]): void {
    if (head.path && !this.#chips.agent.has(head.path)) {
      this.#add("agent", head.path, head.path, colourClass(agents, head.path));
    }
    if (!this.#chips.kind.has(head.kind))
      this.#add("kind", head.kind, head.kind === "text" ? "message" : head.kind);
  }

  /** Say how many cells are shown. */
  tell(): void {
    const isFree = this.#wishes.agent.size + this.#wishes.kind.size === 0;
    const [shown, all] = this.counts();
    this.#clear.hidden = isFree;
    setText(this.#status, isFree ? "All messages are shown." : `${shown} of ${count(all, "message")} shown`);
  }

  #admits(group: FilterGroup, value: string): boolean {
    const wishes = this.#wishes[group];
    const wish = wishes.get(value);
    return wish ? wish === "only" : ![...wishes.values()].includes("only");
  }

  #add(group: FilterGroup, value: string, label: string, colour = ""): void {
    const name = asName(label);
    const part = (wish: Wish, className: string, words: string, hint: string) =>
      button(className, words, plain(hint), () => {
        const wishes = this.#wishes[group];
        if (wishes.get(value) === wish) wishes.delete(value);
        else wishes.set(value, wish);
        this.#choose();
      });
    const only = part("only", "nbs-chip", name, `Show ${name}, and of the others what is chosen too`);
    const hide = part("hide", "nbs-chip-hide", "", `Hide ${name}`);
    setName(only, plain(name));
    setName(hide, plain(`Hide ${name}`));
    hide.append(icon("hide"));
    this.#chips[group].set(value, { only, hide });
    this.#rows[group].append(h("span", `nbs-chip-pair ${colour}`, only, hide));
    this.#reflect();
  }

  #reflect(): void {
    for (const group of ["agent", "kind"] as const) {
      for (const [value, chip] of this.#chips[group]) {
        const wish = this.#wishes[group].get(value);
        for (const name of ["only", "hide"] as const) setPressed(chip[name], wish === name);
      }
    }
  }

  /** Show all again. */
  clear(): void {
    this.#wishes.agent.clear();
    this.#wishes.kind.clear();
    this.#choose();
  }

  #choose(): void {
    this.#reflect();
    this.changed();
    this.tell();
  }
}

function chipRow(name: string): HTMLElement {
  const el = h("div", "nbs-chips", h("span", "nbs-label", name));
  setGroup(el, name);
  return el;
}
