/** Drawing anew what changes all the time, in a drawer that may be closed. */

import { onAbort } from "./abort";

/** Milliseconds between two drawings, at least, and how many times the last one's: a long run costs no more. */
const REDRAW_EVERY_MS = 500;
const PAUSE_FACTOR = 100;

export class Redraw {
  #timer = 0;
  #pause = REDRAW_EVERY_MS;

  constructor(
    private readonly el: HTMLElement,
    private readonly signal: AbortSignal,
    private readonly draw: () => void,
  ) {
    onAbort(signal, () => clearTimeout(this.#timer));
  }

  /** Draw anew, soon; nothing is done while the drawer is closed. */
  soon(): void {
    if (this.el.hidden || this.#timer !== 0 || this.signal.aborted) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      if (this.el.hidden) return;
      const begin = performance.now();
      this.draw();
      this.#pause = Math.max(REDRAW_EVERY_MS, PAUSE_FACTOR * (performance.now() - begin));
    }, this.#pause);
  }
}
