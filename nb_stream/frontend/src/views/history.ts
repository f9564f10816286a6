/** The finished cells in the order of their messages, each run under its own line. */

import type { Connection } from "../connection";
import { h, isInUse } from "../dom";
import type { Cell, RunInfo } from "../model";
import type { Store } from "../store";
import { CellView } from "./cell";
import { isAsking } from "./input";
import type { LiveArea } from "./live";
import { RunLine } from "./run";

/** Items in a block that the browser lays out only while it is on the screen. */
const BLOCK = 50;

interface Entry {
  key: string;
  run?: RunInfo;
  cell?: Cell;
}

type Item = { key: string; el: HTMLElement; line?: RunLine; view?: CellView };

export class History {
  readonly el = h("div", "nbs-history");
  #items: Item[] = [];
  #opened = new Set<CellView>();

  constructor(
    private readonly connection: Connection,
    private readonly live: LiveArea,
  ) {}

  /** How many lines there are. */
  get length(): number {
    return this.#items.length;
  }

  get last(): HTMLElement | undefined {
    return this.#items.at(-1)?.el;
  }

  /** Show what the store holds; `follows` as for `arrange`. */
  update(follows: boolean): void {
    const entries = sequence(this.connection.store);
    const changed = entries.findIndex(({ key }, index) => this.#items[index]?.key !== key);
    this.#truncate(changed < 0 ? entries.length : changed);
    entries.forEach(({ key, run, cell }, index) => {
      const item = this.#items[index];
      if (run && item) item.line?.update(run);
      else if (run) this.#addRun(key, run);
      else if (cell && item) item.view?.update(cell);
      else if (cell) this.#addCell(key, cell, follows);
    });
  }

  /**
   * Open what opens by itself, and collapse what did so before and no longer does. Only where the reader `follows`
   * the end: what somebody reads further up keeps its place.
   */
  arrange(follows: boolean): void {
    const wanted = opensByItself(this.connection.store);
    for (const view of this.#opened) {
      if (view.touched) this.#opened.delete(view);
      else if (!wanted.has(view.cell.id) && follows && !view.inUse) {
        view.setOpen(false);
        this.#opened.delete(view);
      }
    }
    for (let i = this.#items.length - 1, left = wanted.size; i >= 0 && left > 0; i--) {
      const view = this.#items[i]!.view;
      if (!view || !wanted.has(view.cell.id)) continue;
      left--;
      if (view.touched || this.#opened.has(view)) continue;
      view.setOpen(true);
      this.#opened.add(view);
    }
  }

  #addRun(key: string, run: RunInfo): void {
    const line = new RunLine(run, 1 + this.connection.store.runs.indexOf(run));
    this.#append({ key, el: line.el, line });
  }

  /** A cell that was being written keeps its text on the page where it stays open: nothing flickers, nothing is lost. */
  #addCell(key: string, cell: Cell, follows: boolean): void {
    const view = new CellView(cell, this.connection);
    this.#append({ key, el: view.el, view });
    const live = this.live.view(cell.id);
    if (!live || (follows && !isInUse(live.el) && !opensByItself(this.connection.store).has(cell.id))) return;
    view.inherit(live);
    this.#opened.add(view);
  }

  #append(item: Item): void {
    if (this.#items.length % BLOCK === 0) this.el.append(h("div", "nbs-group"));
    this.el.lastElementChild!.append(item.el);
    this.#items.push(item);
  }

  #truncate(length: number): void {
    for (const { el, view } of this.#items.splice(length)) {
      if (view) this.#opened.delete(view);
      el.remove();
    }
    while (this.el.children.length > Math.ceil(length / BLOCK)) this.el.lastElementChild!.remove();
  }
}

/** Runs and cells in one row: a run's line stands before its first cell. */
function sequence(store: Store): Entry[] {
  const entries: Entry[] = [];
  let next = 0;
  const place = new Map(store.runs.map(({ id }, index) => [id, index]));
  const beginRuns = (end: number) => {
    for (; next < end; next++) entries.push({ key: `run ${store.runs[next]!.id}`, run: store.runs[next]! });
  };
  for (const cell of store.settled) {
    beginRuns((place.get(cell.run ?? "") ?? -1) + 1);
    entries.push({ key: `cell ${cell.id} ${cell.started_at}`, cell });
  }
  beginRuns(store.runs.length);
  return entries;
}

/**
 * The cells that need no click: the last thing that was said while nobody is writing, failures and open questions,
 * all of the run that spoke last.
 */
export function opensByItself(store: Store): Set<string> {
  const ids = new Set<string>();
  let said = store.live.size > 0;
  for (let i = store.settled.length - 1; i >= 0; i--) {
    const cell = store.settled[i]!;
    if (cell.run !== store.settled.at(-1)!.run) break;
    const speaks = (cell.kind === "text" || cell.kind === "structured output") && cell.agent !== "user";
    if (speaks && !said) ids.add(cell.id);
    said ||= speaks;
    if (cell.kind === "error" || isAsking(cell)) ids.add(cell.id);
  }
  return ids;
}
