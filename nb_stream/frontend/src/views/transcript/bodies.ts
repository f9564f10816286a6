/** The bodies of open cells that come near the screen: a few in each frame, because long messages take their time. */

import { onAbort } from "../../dom/abort";
import type { CellView } from "./cell_view";

/** Milliseconds in which bodies are made at a time. */
const BODIES_BUDGET_MS = 8;

export class Bodies {
  #bare: CellView[] = [];
  #frame = 0;

  constructor(
    /** Called for each body that was made. */
    private readonly made: (view: CellView) => void,
    signal: AbortSignal,
  ) {
    onAbort(signal, () => cancelAnimationFrame(this.#frame));
  }

  /** Make those of `views` that have none, the nearest to what is seen in `scroller` first. */
  make(views: readonly CellView[], scroller: Element): void {
    const bare = views.filter(({ isBare }) => isBare);
    if (bare.length === 0) return;
    const { top } = scroller.getBoundingClientRect();
    const far = new Map(bare.map((view) => [view, Math.abs(view.el.getBoundingClientRect().top - top)]));
    this.#bare.unshift(...bare.sort((one, other) => far.get(one)! - far.get(other)!));
    this.#go();
  }

  #go(): void {
    cancelAnimationFrame(this.#frame);
    const end = performance.now() + BODIES_BUDGET_MS;
    while (this.#bare.length > 0 && performance.now() < end) {
      const view = this.#bare.shift()!;
      if (!view.isBare) continue;
      view.fill();
      this.made(view);
    }
    if (this.#bare.length > 0) this.#frame = requestAnimationFrame(() => this.#go());
  }
}
