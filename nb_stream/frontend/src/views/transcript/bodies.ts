/** Makes the bodies of open cells that come near the screen: a few in each frame, because long messages take time. */

import { onAbort } from "../../dom/abort";
import type { CellView } from "./cell_view";

/** Milliseconds of a frame in which bodies are made. */
const BODIES_BUDGET_MS = 8;

/** Owned by the history of one view. */
export class Bodies {
  #bare: CellView[] = [];
  #frame = 0;

  constructor(
    /** Called for each cell whose body was made. */
    private readonly made: (view: CellView) => void,
    signal: AbortSignal,
  ) {
    onAbort(signal, () => cancelAnimationFrame(this.#frame));
  }

  /** Make the bodies that `views` lack. Cells nearest to the visible part of `scroller` come first. */
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
