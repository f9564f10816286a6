/**
 * A long list in blocks: the browser lays out a block only while it is near the screen.
 *
 * A block's height is estimated from what is in it until it was laid out once; then the browser remembers it. Of a
 * long list that comes at once only the end is built at once; the blocks before it follow in idle time.
 */

import { h } from "../dom";
import type { Backlog } from "./backlog";

/** Elements in a block. */
const SIZE = 50;
/** Blocks at the end of a list that are built at once. */
const AT_ONCE = 4;
/** How far beyond the scroller's edges a block counts as near. */
const MARGIN = "600px 0px";

/** What makes its element when it is first asked for. */
export interface Lazy {
  readonly el: HTMLElement;
}

export class Blocks {
  #items: Lazy[] = [];
  #blocks: HTMLElement[] = [];
  #unbuilt = new Set<HTMLElement>();
  #near = new Set<Element>();
  #observer: IntersectionObserver | undefined;

  /** `approach` is called with the places of a block that came near, from the first to behind the last. */
  constructor(
    private readonly el: HTMLElement,
    private readonly later: Backlog,
    private readonly approach: (first: number, end: number) => void,
  ) {}

  /** Begin to watch for blocks that come near inside `scroller`. */
  watch(scroller: HTMLElement, signal: AbortSignal): void {
    this.#observer = new IntersectionObserver((entries) => this.#see(entries), {
      root: scroller,
      rootMargin: MARGIN,
    });
    for (const block of this.#blocks) this.#observer.observe(block);
    signal.addEventListener("abort", () => this.#observer?.disconnect(), { once: true });
  }

  append(items: readonly Lazy[]): void {
    const first = this.#items.length;
    this.#items.push(...items);
    const last = Math.ceil(this.#items.length / SIZE);
    for (let index = Math.floor(first / SIZE); index < last; index++) {
      let block = this.#blocks[index];
      const isNew = block === undefined;
      block ??= this.#begin();
      if (isNew && index < last - AT_ONCE) this.#postpone(block, index);
      else if (!this.#unbuilt.has(block)) this.#fill(block, Math.max(first, index * SIZE), index);
    }
  }

  /** Remove all items from the place `length` on. */
  truncate(length: number): void {
    this.#items.splice(length);
    for (const block of this.#blocks.splice(Math.ceil(length / SIZE))) {
      this.#observer?.unobserve(block);
      this.#near.delete(block);
      this.#unbuilt.delete(block);
      block.remove();
    }
    const last = this.#blocks.at(-1);
    const left = length - (this.#blocks.length - 1) * SIZE;
    while (last && last.children.length > left) last.lastElementChild!.remove();
  }

  /** Whether the item at `place` is near the screen, or will be as soon as anything is shown. */
  isNear(place: number): boolean {
    const index = Math.floor(place / SIZE);
    return index >= this.#blocks.length - 2 || this.#near.has(this.#blocks[index]!);
  }

  /** Estimate all heights anew, in pixels of each item; what the browser remembers is forgotten. */
  estimate(height: (place: number) => number): void {
    this.el.classList.add("nbs-forget");
    this.#blocks.forEach((block, index) => {
      let sum = 0;
      const end = Math.min((index + 1) * SIZE, this.#items.length);
      for (let place = index * SIZE; place < end; place++) sum += height(place);
      block.style.setProperty("--nbs-height", `${Math.round(sum)}px`);
    });
    requestAnimationFrame(() => requestAnimationFrame(() => this.el.classList.remove("nbs-forget")));
  }

  #begin(): HTMLElement {
    const block = h("div", "nbs-group");
    this.#blocks.push(block);
    this.el.append(block);
    this.#observer?.observe(block);
    return block;
  }

  #postpone(block: HTMLElement, index: number): void {
    block.classList.add("nbs-unbuilt");
    this.#unbuilt.add(block);
    this.later.add(() => this.#build(block, index));
  }

  #build(block: HTMLElement, index: number): void {
    if (!this.#unbuilt.delete(block)) return;
    this.#fill(block, index * SIZE, index);
    block.classList.remove("nbs-unbuilt");
  }

  #fill(block: HTMLElement, from: number, index: number): void {
    block.append(...this.#items.slice(from, (index + 1) * SIZE).map(({ el }) => el));
  }

  #see(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.#near.delete(target);
      else {
        this.#near.add(target);
        const index = this.#blocks.indexOf(target as HTMLElement);
        this.#build(this.#blocks[index]!, index);
        this.approach(index * SIZE, Math.min((index + 1) * SIZE, this.#items.length));
      }
    }
  }
}
