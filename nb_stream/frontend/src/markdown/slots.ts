/** The elements of a container's children: those at its end may still be replaced, the others are never touched. */

import { h } from "../dom";

/** Children that stand in the container itself, and in each group behind them. */
const DIRECT = 32;
const GROUP = 32;
/** Groups that stand in the container itself, and in each bundle of groups behind them. */
const BUNDLE = 32;

export class Slots {
  /** The elements that are not final. */
  readonly open: HTMLElement[];
  /** How many stand before them. */
  #final = 0;

  /** Takes over what stands in `el` behind the first `fixed` elements. */
  constructor(
    readonly el: HTMLElement,
    private readonly groupSize = GROUP,
    private readonly fixed = 0,
  ) {
    this.open = [...el.children].slice(fixed) as HTMLElement[];
  }

  /** Put `el` at the place `index` of those that are not final. */
  put(index: number, el: HTMLElement): void {
    const before = this.open[index];
    if (before === el) return;
    if (before) before.replaceWith(el);
    else this.#host(this.#final + index).append(el);
    this.open[index] = el;
  }

  /** Leave only the first `count` of those that are not final. */
  trim(count: number): void {
    for (const el of this.open.splice(count)) {
      let empty: Element = el;
      while (empty.parentElement !== this.el && empty.parentElement?.childElementCount === 1) {
        empty = empty.parentElement;
      }
      empty.remove();
    }
  }

  /** The first `count` of those that are not final are final now. */
  settle(count: number): void {
    this.open.splice(0, count);
    this.#final += count;
  }

  /**
   * Where the child number `place` stands: later ones in groups, which the browser lays out by themselves, and the
   * groups in bundles, because it goes through all that stand side by side for each frame.
   */
  #host(place: number): Element {
    if (this.groupSize === 0 || place < DIRECT) return this.el;
    const first = this.fixed + DIRECT;
    const group = Math.floor((place - DIRECT) / this.groupSize);
    if (group < BUNDLE) return groupAt(this.el, first + group, "nbs-blocks");
    const bundle = groupAt(this.el, first + Math.floor(group / BUNDLE) + BUNDLE - 1, "nbs-blocks nbs-bundle");
    return groupAt(bundle, group % BUNDLE, "nbs-blocks");
  }
}

/** The group that is the child number `index`, made where it comes next. */
function groupAt(parent: Element, index: number, className: string): Element {
  return parent.children[index] ?? parent.appendChild(h("div", className));
}
