/** Finds the backticks of a text once, because a search for each closing run anew would be quadratic. */

export class Backticks {
  /** The places of runs by their length; the last place comes first. */
  readonly #places = new Map<number, number[]>();

  constructor(text: string) {
    for (const { index, 0: run } of text.matchAll(/`+/g)) {
      const places = this.#places.get(run.length);
      if (places) places.push(index);
      else this.#places.set(run.length, [index]);
    }
    for (const places of this.#places.values()) places.reverse();
  }

  /** The place of the next run of `length` at or behind `from`. `from` must not become smaller from call to call. */
  closing(length: number, from: number): number | undefined {
    const places = this.#places.get(length) ?? [];
    while (places.length > 0 && places.at(-1)! < from) places.pop();
    return places.at(-1);
  }
}

/** How many times the character at `at` stands in a row. */
export function runLength(text: string, at: number): number {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return end - at;
}
