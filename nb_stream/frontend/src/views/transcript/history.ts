/**
 * Shows the finished cells in the order of their messages, each run under a line of its own.
 *
 * A new cell costs the same however many cells there are: only the cells that the store names are touched. All cells
 * are gone through only for a snapshot, or if the reader asks for all cells at once.
 */

import type { Connection } from "../../comm/connection";
import type { Change } from "../../comm/store";
import { focusedIn, focusOn, focusTranscript, h, isInUse } from "../../dom/build";
import { exactly, findRanges } from "../../dom/highlights";
import { finishIn, WRITTEN } from "../../dom/portions";
import type { Cell, CellHead, RunInfo } from "../../protocol/model";
import { AutoOpen } from "./auto_open";
import { Bodies } from "./bodies";
import { CellView } from "./cell_view";
import { IdleQueue } from "./idle_queue";
import { isAsking } from "./input";
import type { LiveArea } from "./live";
import { RunLine } from "./run_line";
import { cellKey, firstLine, runKey, sequence } from "./sequence";
import { VirtualList } from "./virtual_list";

interface HistoryItem {
  key: string;
  line?: RunLine;
  view?: CellView;
}

/** Owned by one view of the panel. */
export class History {
  readonly el = h("div", "nbs-history");
  /** Called for each cell whose body was made after the cell was shown. */
  filled: (view: CellView) => void = () => {};
  /** Called when cells were put on the page or taken off it because the reader scrolled. */
  scrolled: () => void = () => {};
  /** Called for each part of a body that was made again, because it came near. */
  opened: (el: HTMLElement) => void = () => {};
  /** Called for a cell when the reader is led to it. */
  shown: (view: CellView) => void = () => {};
  #items: HistoryItem[] = [];
  /** The last items, which are not on the page yet. */
  #fresh: HistoryItem[] = [];
  #places = new Map<string, number>();
  /** The runs that have a line, from the run number `#firstRun` on. */
  #runs: RunInfo[] = [];
  #firstRun = 0;
  /** How many cells stand before the first one and have not come. */
  #missing = 0;
  #runItems: RunLine[] = [];
  #lines = new Map<string, RunLine>();
  #cells = 0;
  #hidden = 0;
  #opened = new Set<CellView>();
  #attention = new AutoOpen();
  #later: IdleQueue;
  #blocks: VirtualList;
  #bodies: Bodies;
  /** Whether the reader wants new cells open. */
  #allOpen = false;
  #shows: (head: CellHead) => boolean = () => true;

  constructor(
    private readonly connection: Connection,
    private readonly live: LiveArea,
    signal: AbortSignal,
  ) {
    this.#later = new IdleQueue(signal);
    this.#blocks = new VirtualList(this.el, this.#later, {
      approach: (first, end) => this.#approach(first, end),
      released: () => this.scrolled(),
      found: (place, text) => this.#found(place, text),
    });
    this.#bodies = new Bodies((view) => this.filled(view), signal);
    this.el.addEventListener("click", (event) => this.#clicked(event.target));
    this.el.addEventListener(WRITTEN, (event) => this.#written(event.target));
    this.el.addEventListener("toggle", (event) => this.#toggled(event.target), { capture: true });
  }

  /** How many lines there are, of runs and of cells. */
  get length(): number {
    return this.#items.length;
  }

  get cells(): number {
    return this.#cells;
  }

  /** How many cells there are, with those that have not come. */
  get total(): number {
    return this.#missing + this.#cells;
  }

  /** How many cells the filter lets through. */
  get shownCells(): number {
    return this.#cells - this.#hidden;
  }

  /** How many cells the filter lets through of those behind the first `count`. */
  shownBehind(count: number): number {
    let left = Math.min(this.#cells, this.total - count);
    let shown = 0;
    for (let place = this.#items.length - 1; left > 0; place--) {
      const { view } = this.#items[place]!;
      if (!view) continue;
      left--;
      if (!view.hidden) shown++;
    }
    return shown;
  }

  get last(): HTMLElement | undefined {
    const { line, view } = this.#items.at(-1) ?? {};
    return (line ?? view)?.el;
  }

  /** Begin to make the bodies of cells that come near in `scroller`. */
  watch(scroller: HTMLElement, signal: AbortSignal): void {
    this.#blocks.watch(scroller, signal);
    const { folding } = this.live.services;
    folding.watch(scroller, signal);
    folding.opened = (el) => this.opened(el);
  }

  view(id: string): CellView | undefined {
    const place = this.#places.get(id);
    return place === undefined ? undefined : this.#items[place]?.view;
  }

  /** All cells in their order, including those that the filter hides. */
  *views(): Generator<CellView> {
    for (const { view } of this.#items) if (view) yield view;
  }

  /**
   * The next shown cell behind `from`, or with -1 before it. Without `from`, the first shown cell, or with -1 the last.
   */
  neighbour(from: CellView | undefined, step: 1 | -1): CellView | undefined {
    const start = from ? this.#places.get(from.cell.id) : step === 1 ? -1 : this.#items.length;
    if (start === undefined) return undefined;
    for (let place = start + step; place >= 0 && place < this.#items.length; place += step) {
      const { view } = this.#items[place]!;
      if (view && !view.hidden) return view;
    }
    return undefined;
  }

  /** The last cell that is on the page and not hidden. */
  get lastOnPage(): CellView | undefined {
    return this.#items.findLast(({ view }) => view?.isOnPage && !view.hidden)?.view;
  }

  /** Show `changes`. `follows` means the same as for `arrange`. */
  update(changes: readonly Change[], follows: boolean): void {
    const { store } = this.connection;
    if (changes.some(({ what }) => what === "snapshot")) {
      this.#restore(follows);
      return;
    }
    const earlier = changes.reduce((sum, change) => sum + (change.what === "earlier" ? change.count : 0), 0);
    if (earlier > 0 && !this.#prepend(earlier)) {
      this.#restore(follows);
      return;
    }
    const places = new Set<number>();
    for (const change of changes) {
      const place = change.what === "settled" ? store.placeOf(change.id) : undefined;
      if (place !== undefined) places.add(place);
    }
    for (const place of [...places].sort((a, b) => a - b)) {
      if (this.#settle(store.settled[place]!, place, follows)) continue;
      this.#restore(follows);
      return;
    }
    this.#updateRuns(store.runs.length);
    this.#place(follows);
  }

  /**
   * Open the cells that open by themselves, and close those that did so before and do so no longer. Cells are closed
   * only if the reader `follows` the end: what the reader reads further up keeps its place.
   */
  arrange(follows: boolean): void {
    const wanted = this.#attention.wanted(this.connection.store.live.size > 0);
    for (const view of this.#opened) {
      if (view.touched) this.#opened.delete(view);
      else if (!wanted.has(view.cell.id) && follows && !view.inUse) {
        view.setOpen(false);
        this.#opened.delete(view);
      }
    }
    for (const id of wanted) {
      const view = this.view(id);
      if (!view || view.touched || this.#opened.has(view)) continue;
      view.setOpen(true);
      this.#opened.add(view);
    }
  }

  /** Build a cell of which only the text is on the page. */
  build(view: CellView): void {
    const place = this.#places.get(view.cell.id);
    if (place !== undefined) this.#blocks.build(place);
  }

  /** Make again what stands around `node` as text only. False if nothing does. */
  openAround(node: Node): boolean {
    return this.live.services.folding.openAround(node);
  }

  /** Build and open a cell, and lead the reader to it. */
  show(view: CellView): void {
    this.build(view);
    view.touched = true;
    view.setOpen(true);
    this.filled(view);
    this.shown(view);
  }

  /** Open or close all cells, also those that come later. An open question is not closed. */
  openAll(open: boolean): void {
    this.#allOpen = open;
    this.#opened.clear();
    this.#items.forEach(({ view }, place) => {
      if (!view || (!open && isAsking(view.cell))) return;
      view.touched = true;
      this.#setOpen(view, open, place);
    });
    this.#estimate();
  }

  /** Show only the cells for which `shows` returns true, now and later. */
  filter(shows: (head: CellHead) => boolean): void {
    this.#shows = shows;
    for (const view of this.views()) this.#hide(view);
    this.#estimate();
  }

  /** Build and open everything for paper. The function that is returned closes again what was closed. */
  unfold(): () => void {
    const closed: CellView[] = [];
    const { folding } = this.live.services;
    const goOn = folding.pause();
    for (const place of this.#items.keys()) this.#blocks.build(place);
    for (const view of this.views()) {
      if (!view.isOpen) closed.push(view);
      view.setOpen(true);
      finishIn(view.el);
      folding.openIn(view.el);
    }
    folding.openIn(this.live.el);
    return () => {
      goOn();
      for (const view of closed) view.setOpen(false);
    };
  }

  #setOpen(view: CellView, open: boolean, place: number): void {
    const fill = open && this.#blocks.isNear(place);
    view.setOpen(open, fill);
    if (fill) this.filled(view);
  }

  #clicked(target: EventTarget | null): void {
    const view = CellView.of(target instanceof Element ? target.closest(".nbs-line") : null);
    if (!view) return;
    view.touched = true;
    view.fill();
    this.filled(view);
  }

  /** Note that a long body is complete. */
  #written(target: EventTarget | null): void {
    const line = target instanceof Element ? target.closest(".nbs-cell")?.firstElementChild : null;
    const view = CellView.of(line ?? null);
    if (view?.content) this.filled(view);
  }

  /** Fill a cell that the browser opened by itself, because its search or an address led to the cell. */
  #toggled(target: EventTarget | null): void {
    const view = CellView.of(target instanceof HTMLDetailsElement ? target.firstElementChild : null);
    if (view?.isOpen) this.#setOpen(view, true, this.#places.get(view.cell.id)!);
  }

  /** Open the cell in whose light element the browser's search found `text`, and select the text in it. */
  #found(place: number, text: string): void {
    const view = this.#items[place]?.view;
    if (!view) return;
    this.show(view);
    finishIn(view.el);
    this.live.services.folding.openIn(view.el);
    const [range] = text !== "" && view.content ? findRanges(view.content, exactly(text)) : [];
    if (range)
      document
        .getSelection()
        ?.setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
  }

  #approach(first: number, end: number): void {
    const views = this.#items.slice(first, end).flatMap(({ view }) => view ?? []);
    this.#bodies.make(views, this.el.parentElement!);
    this.scrolled();
  }

  /** Show one cell. False if it has no place without moving others. */
  #settle(cell: Cell, place: number, follows: boolean): boolean {
    const view = this.view(cell.id);
    if (!view) {
      const run = this.connection.store.runs.findLastIndex(({ id }) => id === cell.run);
      const isLate = run + 1 < this.#firstRun + this.#runs.length && this.#items.at(-1)?.line !== undefined;
      if (place !== this.#cells || isLate) return false;
      this.#updateRuns(run + 1);
    }
    this.#attention.see(cell, place, cell.run === this.connection.store.settled.at(-1)?.run);
    if (!view) this.#addCell(cellKey(cell), cell);
    else if (view.cell.started_at !== cell.started_at) return false;
    else {
      view.update(cell);
      this.#hide(view);
    }
    this.#place(follows);
    return true;
  }

  /** Show the first `count` cells of the store, which came before all others. False if their lines do not fit. */
  #prepend(count: number): boolean {
    const { store } = this.connection;
    const entries = sequence(store, count);
    const lines = entries.filter(({ run }) => run).length;
    const first = firstLine(store);
    if (first + lines !== this.#firstRun) return false;
    this.#firstRun = first;
    this.#missing = store.missing;
    const items = entries.map(({ key, run, cell }): HistoryItem => {
      if (!run) return { key, view: this.#viewOf(cell!) };
      return { key, line: this.#lineOf(run, 1 + store.runs.indexOf(run)) };
    });
    this.#items.unshift(...items);
    this.#runs.unshift(...entries.flatMap(({ run }) => run ?? []));
    this.#runItems.unshift(...items.flatMap(({ line }) => line ?? []));
    this.#places = new Map(this.#items.flatMap(({ view }, place) => (view ? [[view.cell.id, place]] : [])));
    this.#blocks.prepend(items.map(({ line, view }) => (line ?? view)!));
    this.#seeLastRun();
    for (const { view } of items) {
      if (!view || !this.#allOpen) continue;
      view.touched = true;
      view.setOpen(true, false);
    }
    return true;
  }

  #updateRuns(end: number): void {
    const runs = this.connection.store.runs.slice(this.#firstRun);
    this.#runs.forEach((shown, index) => {
      const run = runs[index];
      if (run && run !== shown && this.#runItems[index]!.update(run)) this.#refold(run.id);
      if (run) this.#runs[index] = run;
    });
    const fresh = runs.slice(this.#runs.length, Math.max(0, end - this.#firstRun));
    for (const run of fresh) this.#addRun(runKey(run), run);
  }

  /** Show all that the store holds. The lines at the beginning that did not change stay as they are. */
  #restore(follows: boolean): void {
    const { store } = this.connection;
    const entries = sequence(store);
    const changed = entries.findIndex(({ key }, index) => this.#items[index]?.key !== key);
    // If a line comes late, the cells behind it are the same: cells stay open, and answers stay typed.
    const known = new Map(this.#items.map(({ key, view }) => [key, view]));
    const focused = focusedIn(this.el);
    this.#truncate(changed < 0 ? entries.length : changed);
    this.#firstRun = firstLine(store);
    this.#missing = store.missing;
    this.#updateRuns(this.#firstRun + this.#runs.length);
    this.#seeLastRun();
    entries.forEach(({ key, run, cell }, index) => {
      const view = this.#items[index]?.view;
      if (cell && view) {
        view.update(cell);
        this.#hide(view);
      } else if (index < this.#items.length) return;
      else if (run) this.#addRun(key, run);
      else if (cell) this.#addCell(key, cell, known.get(key));
    });
    this.#place(follows);
    if (!focused || focusedIn(this.el)) return;
    if (focused instanceof HTMLElement && focused.isConnected) focusOn(focused);
    else focusTranscript(this.el);
  }

  /** Let the cells of the run that spoke last be looked at anew. */
  #seeLastRun(): void {
    const { settled } = this.connection.store;
    this.#attention.forget();
    const last = settled.at(-1)?.run;
    const begin = 1 + settled.findLastIndex(({ run }) => run !== last);
    settled.slice(begin).forEach((cell, index) => {
      this.#attention.see(cell, begin + index, true);
    });
  }

  #lineOf(run: RunInfo, number: number): RunLine {
    const line = new RunLine(run, number, this.connection, () => this.#refold(run.id));
    this.#lines.set(run.id, line);
    return line;
  }

  /** Hide or show the cells of a run that was folded or unfolded. */
  #refold(run: string): void {
    for (const view of this.views()) if (view.cell.run === run) this.#hide(view);
    this.#estimate();
  }

  #addRun(key: string, run: RunInfo): void {
    this.#runs.push(run);
    const line = this.#lineOf(run, this.#firstRun + this.#runs.length);
    this.#runItems.push(line);
    this.#append({ key, line });
  }

  #addCell(key: string, cell: Cell, known?: CellView): void {
    const view = this.#viewOf(cell, known);
    this.#places.set(cell.id, this.#items.length);
    this.#append({ key, view });
  }

  /** The view of a cell that comes: the one that is `known`, or a new one. */
  #viewOf(cell: Cell, known?: CellView): CellView {
    const view = known ?? new CellView(cell, this.connection, this.#later, this.live.services);
    view.update(cell);
    if (known?.isOpen && !known.touched) this.#opened.add(known);
    if (view.hidden) this.#hidden++;
    this.#hide(view);
    this.#cells++;
    return view;
  }

  #append(item: HistoryItem): void {
    this.#items.push(item);
    this.#fresh.push(item);
  }

  /** Put the items that were added on the page. */
  #place(follows: boolean): void {
    const fresh = this.#fresh.splice(0);
    const first = this.#items.length - fresh.length;
    this.#blocks.append(fresh.map(({ line, view }) => (line ?? view)!));
    fresh.forEach(({ view }, index) => {
      if (!view) return;
      if (this.#allOpen) {
        view.touched = true;
        this.#setOpen(view, true, first + index);
      }
      this.#succeed(view, follows);
    });
  }

  /**
   * Let a cell that has just been finished take over the text element of its live view, if it stays open: so nothing
   * flickers, and a selection stays.
   */
  #succeed(view: CellView, follows: boolean): void {
    const old = this.live.view(view.cell.id);
    if (!old) return;
    const { live } = this.connection.store;
    const opens = this.#allOpen || this.#attention.wanted(live.size > 0).has(view.cell.id);
    if (follows && !isInUse(old.el) && !opens) return;
    view.inherit(old);
    if (!this.#allOpen) this.#opened.add(view);
  }

  /** Show or hide a cell as the filter says. An open question is always shown, and so is the cell with the focus. */
  #hide(view: CellView): void {
    const isFolded = view.cell.run !== undefined && this.#lines.get(view.cell.run)?.isFolded === true;
    const hidden = (isFolded || !this.#shows(view.cell)) && !isAsking(view.cell) && !view.hasFocus;
    this.#hidden += Number(hidden) - Number(view.hidden);
    view.hidden = hidden;
  }

  #truncate(length: number): void {
    for (const { line, view } of this.#items.splice(length)) {
      if (line) {
        this.#runs.pop();
        this.#runItems.pop();
      }
      if (!view) continue;
      this.#cells--;
      if (view.hidden) this.#hidden--;
      this.#opened.delete(view);
      this.#places.delete(view.cell.id);
    }
    this.#blocks.truncate(length);
  }

  #estimate(): void {
    const row = this.last?.firstElementChild?.clientHeight || 30;
    this.#blocks.estimate((place) => {
      const { view } = this.#items[place]!;
      if (view?.hidden) return 0;
      return view?.isOpen ? row + 60 + Math.min(2000, (view.cell.text.length / 90) * 22) : row + 1;
    });
  }
}
