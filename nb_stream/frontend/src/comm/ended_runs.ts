/** Notes the ends of runs as the store tells of them. */

import type { RunInfo } from "../protocol/model";
import type { Store } from "./store";

/** Knows the runs that had ended when it last looked. Each of those who speak of ends owns one. */
export class EndedRuns {
  /** The ids of the runs whose end was seen. */
  #known = new Set<string>();

  constructor(private readonly store: Store) {
    this.take();
  }

  /** The runs that have ended since the last look. A replay may begin a run anew and end it once more. */
  take(): RunInfo[] {
    const ended = this.store.runs.filter(({ ended_at }) => ended_at !== null);
    const before = this.#known;
    this.#known = new Set(ended.map(({ id }) => id));
    return ended.filter(({ id }) => !before.has(id));
  }
}
