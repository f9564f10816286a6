/** Puts runs and cells in one row: the line of a run stands before its first cell. */

import type { Store } from "../../comm/store";
import type { Cell, RunInfo } from "../../protocol/model";

export interface Entry {
  key: string;
  run?: RunInfo;
  cell?: Cell;
}

export function runKey(run: RunInfo): string {
  return `run ${run.id}`;
}

export function cellKey(cell: Cell): string {
  return `cell ${cell.id} ${cell.started_at}`;
}

/**
 * Which run has the first line. While cells are missing at the beginning, this is the run behind that of the first cell:
 * whether a line stands before the first cell is known when the cell before it is there.
 */
export function firstLine({ runs, settled, missing }: Store): number {
  return missing === 0 ? 0 : 1 + runs.findIndex(({ id }) => id === settled[0]?.run);
}

/** The lines of the first `end` cells, with those before the cell behind them; without `end`, all lines. */
export function sequence(store: Store, end = store.settled.length): Entry[] {
  const entries: Entry[] = [];
  let next = firstLine(store);
  const place = new Map(store.runs.map(({ id }, index) => [id, index]));
  const beginRuns = (count: number) => {
    for (; next < count; next++) entries.push({ key: runKey(store.runs[next]!), run: store.runs[next]! });
  };
  const reach = (cell: Cell) => beginRuns((place.get(cell.run ?? "") ?? -1) + 1);
  for (const cell of store.settled.slice(0, end)) {
    reach(cell);
    entries.push({ key: cellKey(cell), cell });
  }
  const behind = store.settled[end];
  if (behind) reach(behind);
  else beginRuns(store.runs.length);
  return entries;
}
