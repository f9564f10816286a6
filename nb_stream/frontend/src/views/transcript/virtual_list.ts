/**
 * Keeps a long list in blocks, of which only those near the screen are built and laid out. The other blocks keep their
 * height and the text of their items, so that the browser's own search, links, printing and "select all" find
 * everything.
 */

import { onAbort } from "../../dom/abort";
import { h, isInUse } from "../../dom/build";
import type { IdleQueue } from "./idle_queue";

/** Items in a block. */
const ITEMS_PER_BLOCK = 50;
/** Blocks at the end of the list that are always built. */
const BUILT_AT_END = 2;
/** How far beyond the scroller's edges a block counts as near: as far as browsers begin to lay it out. */
const NEAR_MARGIN = "150% 0px";

export interface VirtualItem {
  /** The element of the item, made when it is first read. */
  readonly el: HTMLElement;
  /** An element with the text of the item, which stands for it while its block is not built. */
  light(): HTMLElement;
  /** Whether the reader would lose something with the element. */
  readonly isBusy: boolean;
  /** Forget the element, because its block is taken apart. */
  release(): void;
}

/** Hears what becomes of blocks. `first` and `end` are the places of a block's first item and behind its last one. */
export interface BlockWatcher {
  /** A block came near the screen, and is built. */
  approach(first: number, end: number): void;
  /** Some blocks were taken apart. */
  released(): void;
  /** A block was built because the browser led to the item at `place`; it had selected `text` in it. */
  found(place: number, text: string): void;
}

/** Owned by the history of one view. */
export class VirtualList {
  #items: VirtualItem[] = [];
  /** How many places of the first block are empty, because its first items have not come. */
  #lead = 0;
  #blocks: HTMLElement[] = [];
  #built = new Set<HTMLElement>();
  /** Blocks near the screen that stay text because the reader uses the browser's own search. */
  #read = new Set<HTMLElement>();
  #near = new Set<Element>();
  #observer: IntersectionObserver | undefined;

  constructor(
    private readonly el: HTMLElement,
    private readonly later: IdleQueue,
    private readonly watcher: BlockWatcher,
  ) {
    for (const sign of ["pointermove", "wheel", "keydown", "focusin"]) {
      el.addEventListener(sign, () => this.#read.size > 0 && this.#buildNear(true), { passive: true });
    }
  }

  /** Begin to watch which blocks come near the visible part of `scroller`. */
  watch(scroller: HTMLElement, signal: AbortSignal): void {
    this.#observer = new IntersectionObserver((entries) => this.#see(entries), {
      root: scroller,
      rootMargin: NEAR_MARGIN,
    });
    for (const block of this.#blocks) this.#observer.observe(block);
    onAbort(signal, () => this.#observer?.disconnect());
  }

  append(items: readonly VirtualItem[]): void {
    const first = this.#items.length;
    this.#items.push(...items);
    const last = this.#blockOf(this.#items.length - 1) + 1;
    for (let index = this.#blockOf(first); index < last; index++) {
      const known = this.#blocks[index];
      const block = known ?? this.#begin();
      if (!known && index < last - BUILT_AT_END) {
        block.classList.add("nbs-unbuilt");
        this.later.add(() => this.#lighten(block));
      } else if (!known || this.#built.has(known)) {
        this.#built.add(block);
        this.#put(block, Math.max(first, this.#beginOf(index)), index);
      }
    }
    if (this.#built.size > BUILT_AT_END) this.later.add(() => this.#release());
  }

  /** Put items before all others. What the reader sees keeps its place, as far as the browser knows how. */
  prepend(items: readonly VirtualItem[]): void {
    this.#items.unshift(...items);
    const filled = Math.min(this.#lead, items.length);
    const count = Math.ceil((items.length - filled) / ITEMS_PER_BLOCK);
    this.#lead += count * ITEMS_PER_BLOCK - items.length;
    const [known] = this.#blocks;
    if (known && filled > 0) {
      if (this.#built.has(known)) known.prepend(...items.slice(-filled).map(({ el }) => el));
      else this.later.add(() => this.#lighten(known));
    }
    const blocks = Array.from({ length: count }, () => h("div", "nbs-group nbs-unbuilt"));
    this.#blocks.unshift(...blocks);
    this.el.prepend(...blocks);
    for (const block of blocks) {
      this.#observer?.observe(block);
      this.later.add(() => this.#lighten(block));
    }
  }

  /** Remove all items from the place `length` on. */
  truncate(length: number): void {
    this.#items.splice(length);
    if (length === 0) this.#lead = 0;
    for (const block of this.#blocks.splice(length === 0 ? 0 : this.#blockOf(length - 1) + 1)) {
      this.#observer?.unobserve(block);
      this.#near.delete(block);
      this.#built.delete(block);
      this.#read.delete(block);
      block.remove();
    }
    const last = this.#blocks.at(-1);
    const left = length - this.#beginOf(this.#blocks.length - 1);
    while (last && last.children.length > left) last.lastElementChild!.remove();
    // New items are put behind the items of the last block, so it has to be built.
    if (last) this.build(length - 1);
  }

  /** Whether the item at `place` is near the screen, or in one of the last blocks, which are always built. */
  isNear(place: number): boolean {
    const index = this.#blockOf(place);
    return index >= this.#blocks.length - BUILT_AT_END || this.#near.has(this.#blocks[index]!);
  }

  /** Build the block with the item at `place`. */
  build(place: number): void {
    const index = this.#blockOf(place);
    const block = this.#blocks[index];
    if (!block || this.#built.has(block)) return;
    this.#built.add(block);
    this.#read.delete(block);
    block.replaceChildren();
    this.#put(block, this.#beginOf(index), index);
    block.classList.remove("nbs-unbuilt");
  }

  /** Estimate the heights of all blocks anew, and let the browser forget their old heights. `height` is in pixels. */
  estimate(height: (place: number) => number): void {
    this.el.classList.add("nbs-forget");
    this.#blocks.forEach((block, index) => {
      let sum = 0;
      const end = this.#endOf(index);
      for (let place = this.#beginOf(index); place < end; place++) sum += height(place);
      block.style.setProperty("--nbs-height", `${Math.round(sum)}px`);
    });
    requestAnimationFrame(() => requestAnimationFrame(() => this.el.classList.remove("nbs-forget")));
  }

  #blockOf(place: number): number {
    return Math.floor((place + this.#lead) / ITEMS_PER_BLOCK);
  }

  #beginOf(index: number): number {
    return Math.max(0, index * ITEMS_PER_BLOCK - this.#lead);
  }

  #endOf(index: number): number {
    return Math.min((index + 1) * ITEMS_PER_BLOCK - this.#lead, this.#items.length);
  }

  #begin(): HTMLElement {
    const block = h("div", "nbs-group");
    this.#blocks.push(block);
    this.el.append(block);
    this.#observer?.observe(block);
    return block;
  }

  #put(block: HTMLElement, from: number, index: number): void {
    block.append(...this.#items.slice(from, this.#endOf(index)).map(({ el }) => el));
  }

  #lighten(block: HTMLElement): void {
    const index = this.#blocks.indexOf(block);
    if (index < 0 || this.#built.has(block)) return;
    const items = this.#items.slice(this.#beginOf(index), this.#endOf(index));
    block.replaceChildren(...items.map((item) => item.light()));
  }

  /** Take apart the blocks that are far from the screen. */
  #release(): void {
    const isFar = (block: HTMLElement, index: number) =>
      index < this.#blocks.length - BUILT_AT_END && !this.#near.has(block) && !isInUse(block);
    const far: [HTMLElement, VirtualItem[], number][] = [];
    for (const block of this.#built) {
      const index = this.#blocks.indexOf(block);
      if (!isFar(block, index)) continue;
      const items = this.#items.slice(this.#beginOf(index), this.#endOf(index));
      if (!items.some(({ isBusy }) => isBusy)) far.push([block, items, block.offsetHeight]);
    }
    // All heights are read before the first change: after a change, the browser lays out anew before it tells a height.
    for (const [block, items, height] of far) {
      for (const item of items) item.release();
      this.#built.delete(block);
      if (height > 0) block.style.setProperty("--nbs-height", `${height}px`);
      block.classList.add("nbs-unbuilt");
      this.#lighten(block);
    }
    if (far.length > 0) this.watcher.released();
  }

  #see(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#near.add(target);
      else this.#near.delete(target);
    }
    this.#buildNear(document.hasFocus());
    if (this.#built.size > this.#near.size) this.later.add(() => this.#release());
  }

  /**
   * Build the blocks near the screen, if the reader is `here`. A reader who is not may use the browser's own search:
   * then the text that it found must stay.
   */
  #buildNear(here: boolean): void {
    for (const block of this.#near) {
      const index = this.#blocks.indexOf(block as HTMLElement);
      const first = this.#beginOf(index);
      const end = this.#endOf(index);
      if (this.#built.has(block as HTMLElement)) this.watcher.approach(first, end);
      else if (!here) this.#read.add(block as HTMLElement);
      else {
        const found = foundIn(block);
        this.build(first);
        this.watcher.approach(first, end);
        if (found) this.watcher.found(first + found[0], found[1]);
      }
    }
  }
}

/**
 * The number of the child of `block` to which the page's address or the browser's search led, and the selected text.
 */
function foundIn(block: Element): [number, string] | undefined {
  const selection = document.getSelection();
  const children = [...block.children];
  const selected = selection?.isCollapsed === false ? selection.anchorNode : null;
  const at = children.findIndex((child) => child.contains(selected) || child.matches(":target"));
  return at < 0 ? undefined : [at, selected ? selection!.toString() : ""];
}
