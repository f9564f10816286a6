/**
 * Keeps the elements of a container's children. The elements of open children, at the end, may still be replaced; the
 * final ones before them are never touched again. Many children stand in groups, which can leave the page as one.
 */

import { h } from "../../dom/build";

/** Children that stand in the container itself. */
const DIRECT_CHILDREN = 32;
/** Children in each group behind them. */
const CHILDREN_PER_GROUP = 32;
/** Groups in a bundle. */
const GROUPS_PER_BUNDLE = 8;

export class ChildSlots {
  /** The elements that are not final. */
  readonly open: HTMLElement[];
  /** How many final elements stand before the open ones. */
  #final = 0;
  readonly #bundles: HTMLElement[] = [];

  /** Takes over the elements that stand in `el` behind the first `fixed` ones. */
  constructor(
    readonly el: HTMLElement,
    /** Called for final children, groups and bundles, but not for the first `silent` children. */
    private readonly settled: (el: HTMLElement) => void = () => {},
    private readonly silent = 0,
    private readonly groupSize = CHILDREN_PER_GROUP,
    private readonly fixed = 0,
  ) {
    this.open = [...el.children].slice(fixed) as HTMLElement[];
  }

  /** Put `el` at the place `index` of the open elements. */
  put(index: number, el: HTMLElement): void {
    const before = this.open[index];
    if (before === el) return;
    if (before) before.replaceWith(el);
    else this.#host(this.#final + index).append(el);
    this.open[index] = el;
  }

  /** Leave only the first `count` of the open elements. */
  trim(count: number): void {
    for (const el of this.open.splice(count)) {
      let empty: Element = el;
      while (empty.parentElement !== this.el && empty.parentElement?.childElementCount === 1) {
        empty = empty.parentElement;
      }
      empty.remove();
    }
  }

  /** Take the first `count` of the open elements as final. */
  settle(count: number): void {
    const before = this.#full;
    for (const el of this.open.splice(0, count)) {
      this.#final++;
      if (this.#final <= this.silent) continue;
      this.settled(el);
      const grouped = this.#final - DIRECT_CHILDREN;
      if (this.groupSize > 0 && grouped > 0 && grouped % this.groupSize === 0)
        this.settled(el.parentElement!);
    }
    for (let full = before; full < this.#full; full++) this.settled(this.#bundle(full));
  }

  /** How many bundles are full of final elements. */
  get #full(): number {
    if (this.groupSize === 0) return 0;
    return Math.max(0, Math.floor((this.#final - DIRECT_CHILDREN) / (this.groupSize * GROUPS_PER_BUNDLE)));
  }

  /** The element in which the child number `place` stands: later children stand in groups, and groups in bundles. */
  #host(place: number): Element {
    if (this.groupSize === 0 || place < DIRECT_CHILDREN) return this.el;
    const group = Math.floor((place - DIRECT_CHILDREN) / this.groupSize);
    return boxAt(
      this.#bundle(Math.floor(group / GROUPS_PER_BUNDLE)),
      group % GROUPS_PER_BUNDLE,
      "nbs-blocks",
    );
  }

  /** The bundle number `index`. It is kept, because the browser counts the children anew after each change. */
  #bundle(index: number): HTMLElement {
    const known = this.#bundles[index];
    if (known?.parentElement === this.el) return known;
    const bundle = boxAt(this.el, this.fixed + DIRECT_CHILDREN + index, "nbs-bundle");
    this.#bundles[index] = bundle;
    return bundle;
  }
}

/** The box that is the child number `index` of `parent`. It is made if it is not there. */
function boxAt(parent: Element, index: number, className: string): HTMLElement {
  return (parent.children[index] as HTMLElement | undefined) ?? parent.appendChild(h("div", className));
}
