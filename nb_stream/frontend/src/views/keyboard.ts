/** The keys of the transcript: arrows from message to message, single letters for the tools. */

import { h } from "../dom";
import { CellView } from "./cell";
import type { History } from "./history";
import type { Tool } from "./toolbar";

/** One message at a time takes part in the order of the Tab key; the arrows go on from there. */
export class Roving {
  #stop: CellView | undefined;
  #chosen = false;

  constructor(private readonly history: History) {
    history.el.addEventListener("focusin", ({ target }) => {
      const view = CellView.of(target);
      if (!view) return;
      this.#chosen = true;
      this.#setStop(view);
    });
    history.el.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Keep the place that the reader chose while it is on the page, or follow the last message that is. */
  update(): void {
    const isThere = this.#stop?.isOnPage && !this.#stop.hidden;
    if (this.#chosen && isThere) return;
    this.#chosen = false;
    this.#setStop(this.history.lastOnPage);
  }

  #setStop(view: CellView | undefined): void {
    if (view === this.#stop) return;
    if (this.#stop) this.#stop.isStop = false;
    if (view) view.isStop = true;
    this.#stop = view;
  }

  #move(event: KeyboardEvent): void {
    const view = CellView.of(event.target);
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
    const { history } = this;
    const wanted: Record<string, () => CellView | undefined> = {
      ArrowDown: () => history.neighbour(view, 1),
      ArrowUp: () => history.neighbour(view, -1),
      Home: () => history.neighbour(undefined, 1),
      End: () => history.neighbour(undefined, -1),
    };
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      if (view.isOpen !== (event.key === "ArrowRight")) view.line.click();
    } else if (wanted[event.key]) {
      const next = wanted[event.key]!();
      if (next) history.build(next);
      const line = next?.line;
      line?.focus({ preventScroll: true });
      line?.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
  }
}

const KEYS: [string, string][] = [
  ["↑ ↓", "from message to message"],
  ["Home End", "first and last message"],
  ["Enter, Space", "open or close a message"],
  ["→ ←", "open, close"],
  ["← → ↑ ↓", "from bar to bar in the timeline"],
  ["Enter, Shift+Enter", "next and previous hit, while searching"],
  ["Esc", "close what was opened last"],
];

const SPARE = "data-lm-suppress-shortcuts";

/**
 * Keep what is pressed in the panel from the notebook around it, whose single letters delete and move cells. JupyterLab
 * spares an element that says so, and has shortcuts for whatever has the focus: so that is what has to say it. VS Code
 * listens at the window. What saves the notebook reaches both.
 */
export function keepKeys(root: HTMLElement, signal: AbortSignal): void {
  const spare = (event: KeyboardEvent) => {
    const path = event.composedPath();
    const inside = path.slice(0, path.indexOf(root) + 1) as Element[];
    const saves = (event.ctrlKey || event.metaKey) && /^s$/i.test(event.key);
    if (saves) for (const el of inside) el.removeAttribute(SPARE);
    else for (const el of [inside[0], root]) el?.setAttribute(SPARE, "true");
  };
  root.setAttribute(SPARE, "true");
  window.addEventListener("keydown", spare, { capture: true, signal });
  root.addEventListener("keydown", (event) => {
    const isCommand = (event.ctrlKey || event.metaKey || event.altKey) && event.key !== "Enter";
    if (!isCommand && !/^(?:Tab|F\d+)$/.test(event.key)) event.stopPropagation();
  });
}

/** Single letters press the tools, with the focus in the panel and not in a field; Esc is heard there too. */
export function listenForKeys(
  root: HTMLElement,
  press: (key: string, target: EventTarget | null) => boolean,
): void {
  root.addEventListener("keydown", (event) => {
    const { target } = event;
    const isTyping =
      target instanceof HTMLElement &&
      target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (isTyping && event.key !== "Escape") return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (press(event.key, target)) event.preventDefault();
  });
}

export function helpDrawer(tools: readonly Tool[]): HTMLElement {
  const list = h("dl", "nbs-keys");
  for (const [keys, words] of [
    ...KEYS,
    ...tools.map(({ key, name }): [string, string] => [key, name.toLowerCase()]),
  ]) {
    const names = keys.split(" ").map((key) => h("kbd", "", key.replace(",", "")));
    list.append(h("div", "", h("dt", "", ...names), h("dd", "", words)));
  }
  return h("div", "nbs-drawer nbs-help", h("p", "nbs-label", "While the focus is in the panel:"), list);
}
