/**
 * Finds words in finished messages, open or not. Hits are counted in the source of messages, and marked in their
 * bodies.
 *
 * The reader walks from hit to hit, and a closed message is opened on the way. A hit in the source may not be visible,
 * for example in the address of a link. The count is put right when the walk comes to such a message.
 */

import { exactly, findRanges, Highlighter } from "../../dom/highlights";
import { searchText } from "../transcript/cell_text";
import type { CellView } from "../transcript/cell_view";
import { holdsMore, showMore } from "../transcript/data_view";
import type { History } from "../transcript/history";

/** Portions of a long table or list that are shown to find a hit in them. */
const PORTIONS_FOR_HIT = 50;

/** Owned by the tools of one view. */
export class Search {
  /** Called when `status` may have changed. */
  changed: () => void = () => {};
  #pattern: RegExp | undefined;
  #counts = new Map<CellView, number>();
  #total = 0;
  #view: CellView | undefined;
  /** The number of the hit inside the current cell, from 0. */
  #hit = 0;
  #marker = new Highlighter();

  constructor(
    private readonly history: History,
    /** Brings a place of the transcript into the reader's sight. */
    private readonly show: (place: Element | Range) => void,
  ) {}

  /** "3 of 12", "12 hits", "no hits", or nothing without a query. */
  get status(): string {
    if (!this.#pattern) return "";
    if (this.#total === 0) return "no hits";
    if (!this.#view) return `${this.#total} ${this.#total === 1 ? "hit" : "hits"}`;
    let before = 0;
    for (const [view, count] of this.#counts) {
      if (view === this.#view) break;
      before += count;
    }
    return `${before + this.#hit + 1} of ${this.#total}`;
  }

  /** Search for `query`, in any case, from now on. An empty query ends the search. */
  start(query: string): void {
    this.#view = undefined;
    this.#pattern = query === "" ? undefined : exactly(query);
    this.refresh();
  }

  /** Count anew, because the transcript or the filter has changed. */
  refresh(): void {
    this.#marker.clear();
    for (const view of this.#counts.keys()) view.hasHit = false;
    this.#counts.clear();
    this.#total = 0;
    if (this.#pattern) {
      for (const view of this.history.views()) {
        if (view.hidden) continue;
        const ranges = view.content && findRanges(view.content, this.#pattern);
        const isAll = ranges && !holdsMore(view.content!);
        const count = isAll ? ranges.length : (searchText(view.cell).match(this.#pattern)?.length ?? 0);
        if (count === 0) continue;
        this.#counts.set(view, count);
        this.#total += count;
        view.hasHit = true;
        if (ranges) this.#marker.mark(ranges);
        if (view !== this.#view) continue;
        this.#hit = Math.min(this.#hit, count - 1);
        this.#marker.setCurrent(ranges?.[this.#hit]);
      }
    }
    if (this.#view && !this.#counts.has(this.#view)) this.#view = undefined;
    this.changed();
  }

  /** Mark the hits in the body of `view`, which was just made. */
  mark(view: CellView): void {
    if (this.#pattern && view.content && this.#counts.has(view)) {
      this.#marker.mark(findRanges(view.content, this.#pattern));
    }
  }

  /** Mark the hits in `el`, a part of a body that was made again. */
  markIn(el: Element): void {
    if (this.#pattern) this.#marker.mark(findRanges(el, this.#pattern));
  }

  /** Go to the next hit, or with -1 to the one before. Behind the last hit comes the first. */
  walk(step: 1 | -1): void {
    const views = [...this.#counts.keys()];
    if (!this.#pattern || views.length === 0) return;
    let at = this.#view ? views.indexOf(this.#view) : step === 1 ? -1 : views.length;
    const inside = this.#hit + step;
    if (this.#view && inside >= 0 && inside < this.#counts.get(this.#view)!) {
      if (this.#go(this.#view, inside)) return;
    }
    for (let tries = 0; tries < views.length; tries++) {
      at = (at + step + views.length) % views.length;
      const view = views[at]!;
      if (this.#counts.has(view) && this.#go(view, step === 1 ? 0 : -1)) return;
    }
    this.changed();
  }

  /** Show the hit number `hit` of `view`; -1 stands for the last one. False if no hit is visible in `view`. */
  #go(view: CellView, hit: number): boolean {
    const wasOpen = view.isOpen;
    const wasMarked = view.content !== undefined;
    this.history.build(view);
    view.setOpen(true);
    let ranges = findRanges(view.content!, this.#pattern!);
    const grows = ranges.length < this.#counts.get(view)! && holdsMore(view.content!);
    if (grows) {
      showMore(view.content!, PORTIONS_FOR_HIT);
      ranges = findRanges(view.content!, this.#pattern!);
    }
    this.#total += ranges.length - this.#counts.get(view)!;
    if (ranges.length === 0) {
      this.#counts.delete(view);
      view.hasHit = false;
      view.setOpen(wasOpen);
      if (view === this.#view) this.#view = undefined;
      return false;
    }
    this.#counts.set(view, ranges.length);
    if (!wasMarked || grows) this.#marker.mark(ranges);
    view.touched = true;
    this.#view = view;
    this.#hit = hit < 0 ? ranges.length - 1 : Math.min(hit, ranges.length - 1);
    let range = ranges[this.#hit]!;
    while (this.history.openAround(range.startContainer)) {
      range = findRanges(view.content!, this.#pattern!)[this.#hit] ?? range;
    }
    this.#marker.setCurrent(range);
    for (let el = range.startContainer.parentElement; el && el !== view.el; el = el.parentElement) {
      if (el instanceof HTMLDetailsElement) el.open = true;
    }
    this.show(range);
    this.changed();
    return true;
  }
}
