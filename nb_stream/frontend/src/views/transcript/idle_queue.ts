/** Does work that can wait until the browser is idle. The latest work is done first. */

import { onAbort } from "../../dom/abort";

/** Milliseconds of work at a time, if the browser does not say how much time there is. */
const IDLE_BUDGET_MS = 8;

type IdleWork = () => void;

/** Owned by the history of one view. */
export class IdleQueue {
  #work: IdleWork[] = [];
  #timer = 0;

  constructor(private readonly signal: AbortSignal) {
    onAbort(signal, () => this.#cancel());
  }

  add(work: IdleWork): void {
    this.#work.push(work);
    this.#plan();
  }

  /** Do all work now. */
  finish(): void {
    this.#cancel();
    for (let work = this.#work.pop(); work; work = this.#work.pop()) work();
  }

  #plan(): void {
    if (this.#timer !== 0 || this.#work.length === 0 || this.signal.aborted) return;
    this.#timer = this.#canIdle
      ? requestIdleCallback((deadline) => this.#run(() => deadline.timeRemaining()))
      : window.setTimeout(() => {
          const end = performance.now() + IDLE_BUDGET_MS;
          this.#run(() => end - performance.now());
        }, 50);
  }

  #run(left: () => number): void {
    this.#timer = 0;
    do this.#work.pop()?.();
    while (this.#work.length > 0 && left() > 2);
    this.#plan();
  }

  #cancel(): void {
    if (this.#canIdle) cancelIdleCallback(this.#timer);
    else clearTimeout(this.#timer);
    this.#timer = 0;
  }

  // Safari has no idle callbacks.
  get #canIdle(): boolean {
    return typeof requestIdleCallback === "function";
  }
}
