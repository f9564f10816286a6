/**
 * Shows the title, the state of the run, and a checkbox for each agent, which says whether its tokens are shown as they
 * come. A caution tells what the controls cannot do with this kernel.
 */

import type { Connection } from "../../comm/connection";
import { focusOn, h, setChildren, setGroup, setShortcut } from "../../dom/build";
import { plain, setText } from "../../dom/safe_text";
import { asName } from "../../protocol/code_points";
import type { RunState } from "../../protocol/model";
import { AgentSwitch } from "./agent_switch";
import { Budget } from "./budget";

/** A sign for each state, so that readers can tell the states apart without colours. */
const CUES = new Map<RunState, string>([
  ["idle", "○"],
  ["running", "▶"],
  ["stopping", "◼"],
  ["waiting for input", "?"],
  ["failed", "✕"],
  ["cancelled", "⊘"],
  ["no kernel", "⊘"],
]);

/** Owned by one view of the panel. */
export class Header {
  readonly el = h("header", "nbs-header");
  #title = h("strong", "nbs-title");
  #cue = h("span", "nbs-cue");
  #state = h("span", "nbs-state-word");
  #pill = h("span", "nbs-state", this.#cue, this.#state);
  #detail = h("span");
  readonly heading = h("div", "nbs-heading", this.#title, this.#pill, h("span", "nbs-detail", this.#detail));
  #all = h("input", "nbs-check");
  #allLabel = h("label", "nbs-all", this.#all, "All");
  #list = h("ul", "nbs-agents");
  #agents: HTMLElement;
  #budget = new Budget();
  #caution = h("p", "nbs-caution");
  #boxes = new Map<string, AgentSwitch>();
  #teams = new Map<string, [HTMLElement, HTMLElement]>();

  constructor(private readonly connection: Connection) {
    this.#cue.setAttribute("aria-hidden", "true");
    const caption = connection.hasKernel ? "Stream tokens" : "Agents";
    this.#agents = h("div", "nbs-team", h("div", "nbs-caption", caption, this.#allLabel), this.#list);
    this.#all.type = "checkbox";
    this.#all.addEventListener("change", () => connection.switches.toggleAll(this.#all.checked));
    setShortcut(this.#all, "b");
    this.#agents.addEventListener("keydown", (event) => this.#move(event));
    setGroup(this.#agents, connection.hasKernel ? "Stream tokens of" : "Agents");
    this.el.append(this.heading, this.#budget.el, this.#agents, this.#caution);
  }

  update(): void {
    const { store } = this.connection;
    setText(this.#title, store.title || "Team");
    setText(this.#cue, CUES.get(store.state) ?? "");
    setText(this.#state, store.state);
    setText(this.#detail, store.detail);
    this.#detail.title = plain(store.detail);
    this.#pill.dataset.state = store.state;
    this.#budget.update(store.budget);
    setText(this.#caution, store.caution);
    this.#caution.hidden = store.caution === "";
    this.#updateAgents();
    this.#updateAll();
  }

  /** Move the focus from checkbox to checkbox. */
  #move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const all = this.#agents.querySelectorAll<HTMLInputElement>(".nbs-check");
    const boxes = [...all].filter(({ disabled, labels }) => !disabled && !labels?.[0]?.hidden);
    focusOn(boxes[boxes.indexOf(event.target as HTMLInputElement) + step]);
    event.preventDefault();
  }

  #updateAll(): void {
    const { store, switches } = this.connection;
    const able = store.agents.filter((row) => row.can_stream);
    const on = able.filter((row) => switches.isOn(row)).length;
    this.#allLabel.hidden = !this.connection.hasKernel || able.length < 2;
    this.#all.checked = able.length > 0 && on === able.length;
    this.#all.indeterminate = on > 0 && on < able.length;
  }

  /** Lay the agents out as a tree, by their parents. A parent that is no agent is a team, and gets a label. */
  #updateAgents(): void {
    const { agents } = this.connection.store;
    const paths = new Set(agents.map(({ path }) => path));
    for (const path of this.#boxes.keys()) if (!paths.has(path)) this.#boxes.delete(path);
    const children = new Map<HTMLElement, HTMLElement[]>([[this.#list, []]]);
    const put = (parent: HTMLElement, el: HTMLElement) => {
      const siblings = children.get(parent) ?? [];
      if (!siblings.includes(el)) siblings.push(el);
      children.set(parent, siblings);
    };
    const listOf = (path: string | null): HTMLElement => {
      if (!path) return this.#list;
      const box = this.#boxes.get(path);
      if (box) return box.list;
      const [team, list] = this.#team(path);
      const cut = path.lastIndexOf("/");
      put(listOf(cut < 0 ? null : path.slice(0, cut)), team);
      return list;
    };
    agents.forEach((row, index) => {
      const box = this.#boxes.get(row.path) ?? new AgentSwitch(row, this.connection);
      this.#boxes.set(row.path, box);
      put(listOf(row.parent), box.el);
      box.update(row, index);
    });
    for (const { list } of this.#boxes.values()) if (!children.has(list)) children.set(list, []);
    for (const [parent, els] of children) {
      setChildren(parent, els);
      const abreast = els.filter((el) => el.classList.contains("nbs-agent")).length;
      parent.style.setProperty("--nbs-abreast", String(Math.max(1, abreast)));
    }
  }

  #team(path: string): [HTMLElement, HTMLElement] {
    const known = this.#teams.get(path);
    if (known) return known;
    const list = h("ul", "nbs-agents");
    const team = h("li", "nbs-subteam", h("span", "nbs-subteam-name", asName(path.split("/").at(-1)!)), list);
    this.#teams.set(path, [team, list]);
    return [team, list];
  }
}
