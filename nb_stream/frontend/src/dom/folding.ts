/**
 * Takes what cannot be seen off the page. A text that is long for its scrolled box consists of units: blocks, groups of
 * blocks, items of lists, lines of code. A final unit that is far from what the reader sees is folded: its element stays
 * with its height, and its content becomes data. When it comes near again, the same content is made again.
 *
 * A folded unit keeps its plain text, so that the browser's own search and screen readers find it.
 */

import { onAbort } from "./abort";
import { holdsSelection, isInUse } from "./build";
import { fold, foldedAround, foldedIn, isFolded, markUnit, unfold, unitsIn } from "./folded";

/** How far beyond the edges of a scrolled box a unit still counts as near, in heights of the box. */
const NEAR_MARGINS = [1, 0.5, 0.2, 0.05];
/** Elements of texts that grow. If there are more, less counts as near; if there are few, more does. */
const MANY_ELEMENTS = 1500;
const FEW_ELEMENTS = 300;

/** Takes the units of a text. If a unit `isFar` from what the reader sees, it is folded before it is laid out. */
export interface Units {
  add(el: HTMLElement, isFar: boolean): void;
}

/** Owned by one view of the panel, for all texts in its scroller. */
export class Folding implements Units {
  /** Called for each element whose content was made again. */
  opened: (el: HTMLElement) => void = () => {};
  #observer: IntersectionObserver | undefined;
  /** Units that are far, but in use. They have their heights. */
  #held = new Map<HTMLElement, number>();
  #isPaused = false;
  /** Units that were laid out. */
  #seen = new WeakSet<Element>();
  /** The place of the present margin in `NEAR_MARGINS`. */
  #margin = 0;

  /** The elements of texts that grow. */
  readonly #growing: HTMLCollectionOf<Element>;

  /** `growing` holds the texts that grow. */
  constructor(growing: Element) {
    this.#growing = growing.getElementsByTagName("*");
  }

  /** Begin to fold what is far from the visible part of `scroller`, and of the boxes in it that scroll by themselves. */
  watch(scroller: Element, signal: AbortSignal): void {
    this.#observe(scroller);
    onAbort(signal, () => this.#observer?.disconnect());
    document.addEventListener("copy", () => this.#openSelected(scroller), { signal, capture: true });
  }

  /** Take `el`, which is final, as a unit. If it `isFar`, it is folded before the browser lays it out. */
  add(el: HTMLElement, isFar: boolean): void {
    if (!this.#observer || !markUnit(el)) return;
    this.#observer.observe(el);
    if (isFar) this.foldUnseen(el);
  }

  /** Fold `el` if it has not been laid out. Its height is estimated. */
  foldUnseen(el: HTMLElement): void {
    if (!this.#isPaused && !this.#seen.has(el) && !isInUse(el)) this.#fold(el, null);
  }

  /** Open everything in `el`. What is far is folded again in one of the next frames, if nothing holds it. */
  openIn(el: Element): void {
    for (let folded = foldedIn(el); folded.length > 0; folded = foldedIn(el)) {
      for (const unit of folded) this.#openForNow(unit);
    }
  }

  /** Open what is folded around `node`. False if nothing is. */
  openAround(node: Node): boolean {
    const unit = foldedAround(node);
    if (unit) this.#openForNow(unit);
    return unit !== null;
  }

  /** Fold nothing from now on. The function that is returned ends this. */
  pause(): () => void {
    this.#isPaused = true;
    return () => {
      this.#isPaused = false;
      this.#foldHeld();
    };
  }

  /** Open `unit`, and let the observer tell whether it is far. */
  #openForNow(unit: HTMLElement): void {
    this.#open(unit);
    this.#observer?.unobserve(unit);
    this.#observer?.observe(unit);
  }

  #observe(scroller: Element): void {
    this.#observer?.disconnect();
    const margin = `${100 * NEAR_MARGINS[this.#margin]!}% 0px`;
    // The margin of scrolled boxes, which not all browsers know, counts for the root, too.
    const isNew = "scrollMargin" in IntersectionObserver.prototype;
    const options = { root: scroller, [isNew ? "scrollMargin" : "rootMargin"]: margin };
    this.#observer = new IntersectionObserver((entries) => {
      this.#see(entries);
      this.#adapt(scroller);
    }, options);
    for (const unit of unitsIn(scroller)) this.#observer.observe(unit);
  }

  /** Let less count as near if there are too many elements, and more if there are few. */
  #adapt(scroller: Element): void {
    const { length } = this.#growing;
    const step = length > MANY_ELEMENTS ? 1 : length < FEW_ELEMENTS ? -1 : 0;
    const margin = this.#margin + step;
    if (step === 0 || margin < 0 || margin >= NEAR_MARGINS.length) return;
    this.#margin = margin;
    this.#observe(scroller);
  }

  #see(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting, boundingClientRect, intersectionRect, rootBounds } of entries) {
      const el = target as HTMLElement;
      this.#seen.add(el);
      if (isIntersecting) {
        this.#held.delete(el);
        this.#openNear(el, intersectionRect);
      } else if (rootBounds?.height && boundingClientRect.height > 0 && isShown(el)) {
        this.#held.set(el, boundingClientRect.height);
      }
    }
    if (!this.#isPaused) this.#foldHeld();
  }

  #foldHeld(): void {
    // Units in units come first: so the content of the outer one is folded, too, when it is opened again.
    for (const [el, height] of [...this.#held].sort(([a], [b]) => depthOf(b) - depthOf(a))) {
      if (!el.isConnected) this.#held.delete(el);
      else if (!isInUse(el) && !isScrolled(el)) {
        this.#held.delete(el);
        this.#fold(el, height);
      }
    }
  }

  #openNear(el: HTMLElement, near: DOMRectReadOnly): void {
    if (!isFolded(el)) return;
    this.#open(el);
    for (const unit of foldedIn(el)) {
      const { top, bottom } = unit.getBoundingClientRect();
      if (bottom >= near.top && top <= near.bottom) this.#openNear(unit, near);
    }
  }

  #fold(el: HTMLElement, height: number | null): void {
    if (isFolded(el)) return;
    for (const inner of unitsIn(el)) this.#observer?.unobserve(inner);
    fold(el, height);
  }

  #open(el: HTMLElement): void {
    unfold(el);
    for (const inner of unitsIn(el)) this.#observer?.observe(inner);
    this.opened(el);
  }

  /** Open what is selected, so that it is copied as it looks. */
  #openSelected(scroller: Element): void {
    const selection = document.getSelection();
    if (!selection || selection.isCollapsed || !holdsSelection(scroller)) return;
    for (const unit of foldedIn(scroller)) {
      if (!selection.containsNode(unit, true)) continue;
      this.#openForNow(unit);
      this.openIn(unit);
    }
  }
}

/** When a text that grows counts as long, and how many characters at its end may wait to be laid out. */
export interface GrowthLimits {
  readonly elements: number;
  readonly chars: number;
}

/** Takes the units of a text that grows in `el`, whose end the reader sees. A text that is not long stays as it is. */
export class GrowingEnd implements Units {
  limits: GrowthLimits = { elements: 0, chars: 0 };
  /** The units of a text that is not long so far. */
  #early: HTMLElement[] | undefined = [];
  #waiting: [HTMLElement, number][] = [];
  #sum = 0;
  #frame: unknown;
  readonly #elements: HTMLCollectionOf<Element>;

  constructor(
    private readonly folding: Folding,
    el: Element,
  ) {
    this.#elements = el.getElementsByTagName("*");
  }

  add(el: HTMLElement): void {
    if (!this.#early) {
      this.#put(el);
      return;
    }
    this.#early.push(el);
    if (this.#elements.length <= this.limits.elements) return;
    const early = this.#early;
    this.#early = undefined;
    for (const unit of early) this.#put(unit);
  }

  #put(el: HTMLElement): void {
    // A unit with other units in it adds no characters of its own.
    const length = unitsIn(el).length > 0 ? 0 : el.textContent.length;
    this.folding.add(el, false);
    // What was added before this frame has been laid out: its height must not become an estimate.
    const now = document.timeline?.currentTime;
    if (now !== this.#frame) {
      this.#waiting = [];
      this.#sum = 0;
    }
    this.#frame = now;
    this.#waiting.push([el, length]);
    this.#sum += length;
    while (this.#sum > this.limits.chars && this.#waiting.length > 1) {
      const [first, chars] = this.#waiting.shift()!;
      this.#sum -= chars;
      this.folding.foldUnseen(first);
    }
  }
}

function isShown(el: HTMLElement): boolean {
  return typeof el.checkVisibility !== "function" || el.checkVisibility();
}

/** Whether the reader has scrolled a box in `el` to the side. */
function isScrolled(el: HTMLElement): boolean {
  return [el, ...el.querySelectorAll("[tabindex]")].some(({ scrollLeft }) => scrollLeft !== 0);
}

function depthOf(el: Element): number {
  let depth = 0;
  for (let above = el.parentElement; above; above = above.parentElement) depth++;
  return depth;
}
