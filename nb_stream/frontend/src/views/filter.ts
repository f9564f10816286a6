/** Which agents and kinds of cell the reader wants to see: none chosen means all. */

import { button, h } from "../dom";
import { count } from "../format";
import { plain, setText } from "../marks";
import type { CellHead } from "../model";
import type { AgentRow } from "../protocol";
import { asName } from "../text";
import { colourClass } from "./colours";

type Group = "agent" | "kind";

export class Filter {
  readonly el = h("div", "nbs-drawer nbs-filter");
  #chosen: Record<Group, Set<string>> = { agent: new Set(), kind: new Set() };
  #chips: Record<Group, Map<string, HTMLButtonElement>> = { agent: new Map(), kind: new Map() };
  #rows: Record<Group, HTMLElement>;
  #status = h("span", "nbs-count");
  #clear: HTMLButtonElement;

  constructor(
    /** Called when the reader chose. */
    private readonly changed: () => void,
    /** How many cells are shown, and of how many. */
    private readonly counts: () => [number, number],
  ) {
    this.#rows = { agent: row("Agents"), kind: row("Kinds") };
    this.#clear = button("nbs-quiet", "Show all", "", () => {
      this.#rows.agent.querySelector("button")?.focus({ preventScroll: true });
      this.clear();
    });
    this.#status.setAttribute("aria-live", "polite");
    this.el.append(this.#rows.agent, this.#rows.kind, h("div", "nbs-buttons", this.#status, this.#clear));
    this.tell();
  }

  shows = ({ path = "", kind }: CellHead): boolean =>
    this.#admits("agent", path) && this.#admits("kind", kind);

  /** Offer what `head` has; called for each cell that comes. */
  offer(head: CellHead, agents: readonly AgentRow[]): void {
    if (head.path && !this.#chips.agent.has(head.path)) {
      this.#add("agent", head.path, head.path, colourClass(agents, head.path));
    }
    if (!this.#chips.kind.has(head.kind))
      this.#add("kind", head.kind, head.kind === "text" ? "message" : head.kind);
  }

  /** Say how many cells are shown. */
  tell(): void {
    const isFree = this.#chosen.agent.size + this.#chosen.kind.size === 0;
    const [shown, all] = this.counts();
    this.#clear.hidden = isFree;
    setText(this.#status, isFree ? "All messages are shown." : `${shown} of ${count(all, "message")} shown`);
  }

  #admits(group: Group, value: string): boolean {
    return this.#chosen[group].size === 0 || this.#chosen[group].has(value);
  }

  #add(group: Group, value: string, label: string, colour = ""): void {
    const chip = button(`nbs-chip ${colour}`, asName(label), "", () => {
      const chosen = this.#chosen[group];
      if (!chosen.delete(value)) chosen.add(value);
      chip.setAttribute("aria-pressed", String(chosen.has(value)));
      this.#choose();
    });
    chip.setAttribute("aria-pressed", "false");
    chip.setAttribute("aria-label", plain(label));
    this.#chips[group].set(value, chip);
    this.#rows[group].append(chip);
  }

  /** Show all again. */
  clear(): void {
    for (const group of ["agent", "kind"] as const) {
      this.#chosen[group].clear();
      for (const chip of this.#chips[group].values()) chip.setAttribute("aria-pressed", "false");
    }
    this.#choose();
  }

  #choose(): void {
    this.changed();
    this.tell();
  }
}

function row(name: string): HTMLElement {
  const el = h("div", "nbs-chips", h("span", "nbs-label", name));
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", name);
  return el;
}
