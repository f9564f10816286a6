/** The elements of a container's children: those at its end may still be replaced, the others are never touched. */

import { h } from "../../dom/build";

/** Children that stand in the container itself, and in each group behind them. */
const DIRECT_CHILDREN = 32;
const CHILDREN_PER_GROUP = 32;
/** Groups in a bundle. */
const GROUPS_PER_BUNDLE = 8;

export class Slots {
  /** The elements that are not final. */
  readonly open: HTMLElement[];
  /** How many stand before them. */
  #final = 0;

  /** Takes over what stands in `el` behind the first `fixed` elements. */
  constructor(
    readonly el: HTMLElement,
    private readonly groupSize = CHILDREN_PER_GROUP,
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
    const before = this.#full;
    this.#final += count;
    for (let full = before + 1; full <= this.#full; full++) {
      if (full > 1) this.#bundle(full - 2).classList.add("nbs-full");
      if (full > 2) this.#bundle(full - 3).classList.add("nbs-closed");
    }
  }

  /** How many bundles are full of what is final. */
  get #full(): number {
    if (this.groupSize === 0) return 0;
    return Math.max(0, Math.floor((this.#final - DIRECT_CHILDREN) / (this.groupSize * GROUPS_PER_BUNDLE)));
  }

  /**
   * Where the child number `place` stands: later ones in groups, and the groups in bundles. Near the end the browser
   * skips groups. Further up it skips whole bundles, and their groups no longer: not in one step, because the styles of
   * what is skipped stay as they are.
   */
  #host(place: number): Element {
    if (this.groupSize === 0 || place < DIRECT_CHILDREN) return this.el;
    const group = Math.floor((place - DIRECT_CHILDREN) / this.groupSize);
    return boxAt(
      this.#bundle(Math.floor(group / GROUPS_PER_BUNDLE)),
      group % GROUPS_PER_BUNDLE,
      "nbs-blocks",
    );
  }

  #bundle(index: number): Element {
    return boxAt(this.el, this.fixed + DIRECT_CHILDREN + index, "nbs-bundle");
  }
}

/** The box that is the child number `index`, made where it comes next. */
function boxAt(parent: Element, index: number, className: string): Element {
  return parent.children[index] ?? parent.appendChild(h("div", className));
}
