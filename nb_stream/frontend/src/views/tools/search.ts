/**
 * Finding words in finished messages, open or not: counts from their source, marks in what is shown.
 *
 * The reader walks from hit to hit; a closed message is opened on the way. Where the source has a hit that the reader
 * cannot see (in the address of a link, say) the count is put right when the walk comes by.
 */

import { exactly, findRanges, Highlighter } from "../../dom/highlights";
import { searchText } from "../transcript/cell_text";
import type { CellView } from "../transcript/cell_view";
import { holdsMore, showMore } from "../transcript/data_view";
import type { History } from "../transcript/history";

/** Portions of a long table or list that are shown for a hit in them. */
const PORTIONS_FOR_HIT = 50;

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
    /** Bring a place of the transcript before the reader's eyes. */
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

  /** Look for `query` from now on, whatever its case; an empty one ends the search. */
  start(query: string): void {
    this.#view = undefined;
    this.#pattern = query === "" ? undefined : exactly(query);
    this.refresh();
  }

  /** Count anew: the transcript or the filter changed. */
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

  /** Mark the hits in a body that was just made. */
  mark(view: CellView): void {
    if (this.#pattern && view.content && this.#counts.has(view)) {
      this.#marker.mark(findRanges(view.content, this.#pattern));
    }
  }

  /** Go to the next hit, or with -1 to the one before; behind the last one comes the first. */
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

  /** Show the hit number `hit` of `view`, from the end where it is negative; false where nothing is to be seen. */
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
    const range = ranges[this.#hit]!;
    this.#marker.setCurrent(range);
    for (let el = range.startContainer.parentElement; el && el !== view.el; el = el.parentElement) {
      if (el instanceof HTMLDetailsElement) el.open = true;
    }
    this.show(range);
    this.changed();
    return true;
  }
}
