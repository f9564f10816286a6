/** Draws the content of a drawer anew while it changes all the time, but not too often, and not while it is closed. */

import { onAbort } from "./abort";

/** Milliseconds between two drawings, at least. */
const REDRAW_EVERY_MS = 500;
/**
 * The pause is at least so many times as long as the last drawing took: so a long run costs no more than a short one.
 */
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

  /** Draw anew soon, unless the drawer is closed. */
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
