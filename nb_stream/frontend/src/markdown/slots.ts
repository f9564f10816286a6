/** The elements of a container's children: those at its end may still be replaced, the others are never touched. */

/** Children that stand in the container itself, and in each group behind them. */
const DIRECT = 32;
const GROUP = 32;

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
      const group = el.parentElement;
      el.remove();
      if (group !== this.el && group?.childElementCount === 0) group.remove();
    }
  }

  /** The first `count` of those that are not final are final now. */
  settle(count: number): void {
    this.open.splice(0, count);
    this.#final += count;
  }

  /** Where the child number `place` stands: later ones in groups, which the browser lays out by themselves. */
  #host(place: number): Element {
    if (this.groupSize === 0 || place < DIRECT) return this.el;
    const index = this.fixed + DIRECT + Math.floor((place - DIRECT) / this.groupSize);
    const known = this.el.children[index];
    if (known) return known;
    const group = document.createElement("div");
    group.className = "nbs-blocks";
    this.el.append(group);
    return group;
  }
}
