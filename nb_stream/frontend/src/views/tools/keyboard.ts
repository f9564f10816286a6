/** Handles the keys of the panel: arrows go from message to message, single letters press the tools. */

import { focusOn, hasModifier, isComposed } from "../../dom/build";
import { CellView } from "../transcript/cell_view";
import type { History } from "../transcript/history";

/** Lets the Tab key stop at one message at a time, from which the arrows go on. Owned by the tools of one view. */
export class RovingTabStop {
  #stop: CellView | undefined;
  #chosen = false;

  constructor(
    private readonly history: History,
    private readonly scroller: HTMLElement,
  ) {
    history.el.addEventListener("focusin", ({ target }) => {
      const view = CellView.of(target);
      if (!view) return;
      this.#chosen = true;
      this.#setStop(view);
    });
    scroller.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Keep the stop that the reader chose while it is on the page. Else, stop at the last message on the page. */
  update(): void {
    const isThere = this.#stop?.isOnPage && !this.#stop.hidden;
    if (this.#chosen && isThere) return;
    this.#chosen = false;
    this.#setStop(this.history.lastOnPage);
  }

  /** The messages whose lines the reader sees. If there are none, the message at which the Tab key stops. */
  get #inSight(): CellView[] {
    const { top, bottom } = this.scroller.getBoundingClientRect();
    const seen = [...this.history.views()].filter((view) => {
      if (!view.isOnPage || view.hidden) return false;
      const line = view.line.getBoundingClientRect();
      return line.top >= top - 1 && line.bottom <= bottom + 1;
    });
    return seen.length > 0 || !this.#stop ? seen : [this.#stop];
  }

  #setStop(view: CellView | undefined): void {
    if (view === this.#stop) return;
    if (this.#stop) this.#stop.isStop = false;
    if (view) view.isStop = true;
    this.#stop = view;
  }

  #move(event: KeyboardEvent): void {
    const view = CellView.of(event.target);
    const isOutside = event.target === this.scroller;
    if (!(view || isOutside) || hasModifier(event)) return;
    const { history } = this;
    const wanted: Record<string, () => CellView | undefined> = {
      ArrowDown: () => (view ? history.neighbour(view, 1) : this.#inSight[0]),
      ArrowUp: () => (view ? history.neighbour(view, -1) : this.#inSight.at(-1)),
      Home: () => history.neighbour(undefined, 1),
      End: () => history.neighbour(undefined, -1),
    };
    if (view && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      if (view.isOpen !== (event.key === "ArrowRight")) view.line.click();
    } else if (wanted[event.key]) {
      const next = wanted[event.key]!();
      if (!next) {
        if (isOutside) return; // nothing to go to: the arrow scrolls the text
      } else {
        history.build(next);
        focusOn(next.line);
        next.line.scrollIntoView({ block: "nearest" });
      }
    } else return;
    event.preventDefault();
  }
}

const SPARE = "data-lm-suppress-shortcuts";

/**
 * Keep keys that are pressed in the panel from the notebook around it, whose single letters delete and move cells.
 * JupyterLab leaves keys alone if an element says so with an attribute. Its shortcuts look at the element with the
 * focus, so that element has to say it. VS Code listens at the window. The keys that save the notebook reach both.
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
    const isCommand = hasModifier(event) && event.key !== "Enter";
    if (!isCommand && !/^(?:Tab|F\d+)$/.test(event.key)) event.stopPropagation();
  });
}

/** Call `press` for single keys while the focus is in the panel but not in a field. Esc is heard in fields, too. */
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
    if (hasModifier(event) || isComposed(event)) return;
    if (press(event.key, target)) event.preventDefault();
  });
}

/**
 * The controls in `root` that name `key` as their own. If several requests for approval wait, the one in which `target`
 * lies is meant. If `target` lies in none, nobody knows which one is meant, and all controls are returned.
 */
export function controlsOf(root: Element, key: string, target: EventTarget | null): HTMLElement[] {
  const name = /^[A-Z]$/.test(key) ? `Shift+${key}` : key;
  const found = [...root.querySelectorAll<HTMLElement>("[aria-keyshortcuts]")].filter(
    (el) => el.getAttribute("aria-keyshortcuts") === name,
  );
  const here = found.filter((el) => el.closest(".nbs-cell")?.contains(target as Node));
  return here.length > 0 ? here : found;
}
