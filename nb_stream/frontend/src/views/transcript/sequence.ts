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

export function sequence(store: Store): Entry[] {
  const entries: Entry[] = [];
  let next = 0;
  const place = new Map(store.runs.map(({ id }, index) => [id, index]));
  const beginRuns = (end: number) => {
    for (; next < end; next++) entries.push({ key: runKey(store.runs[next]!), run: store.runs[next]! });
  };
  for (const cell of store.settled) {
    beginRuns((place.get(cell.run ?? "") ?? -1) + 1);
    entries.push({ key: cellKey(cell), cell });
  }
  beginRuns(store.runs.length);
  return entries;
}
