/**
 * Marks text with the browser's own highlights. They change no elements, so no renderer and no selection is disturbed.
 *
 * Highlights belong to the page and not to a view, so each view adds and removes its own ranges.
 */

const HIT = "nbs-hit";
const CURRENT = "nbs-hit-now";
/** Places that are marked at a time: more would slow down scrolling, and nobody looks at so many. */
const MAX_RANGES = 2000;

/** Owned by the search of one view. */
export class Highlighter {
  #ranges: Range[] = [];
  #current: Range | undefined;

  mark(ranges: readonly Range[]): void {
    if (this.#ranges.length >= MAX_RANGES) this.#forget();
    for (const range of ranges.slice(0, MAX_RANGES - this.#ranges.length)) {
      this.#ranges.push(range);
      highlightOf(HIT)?.add(range);
    }
  }

  /** Forget the places that are no longer on the page. */
  #forget(): void {
    this.#ranges = this.#ranges.filter((range) => {
      const isThere = range.startContainer.isConnected && !range.collapsed;
      if (!isThere) highlightOf(HIT)?.delete(range);
      return isThere;
    });
  }

  setCurrent(range: Range | undefined): void {
    if (this.#current) highlightOf(CURRENT)?.delete(this.#current);
    this.#current = range;
    if (range) highlightOf(CURRENT)?.add(range);
  }

  clear(): void {
    for (const range of this.#ranges) highlightOf(HIT)?.delete(range);
    this.#ranges = [];
    this.setCurrent(undefined);
  }
}

/** A pattern that finds `words` in any case, with any white space between them. */
export function exactly(words: string): RegExp {
  return new RegExp(words.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+"), "giu");
}

/**
 * The places in the text of `el` that match `pattern`, which has the flag g. A match can go across elements. The text
 * of buttons is left out.
 */
export function findRanges(el: Element, pattern: RegExp): Range[] {
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement?.closest("button") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const nodes: Text[] = [];
  const starts: number[] = [];
  let text = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    nodes.push(node as Text);
    starts.push(text.length);
    text += (node as Text).data;
  }
  let at = 0;
  const place = (offset: number): [Text, number] => {
    while (starts[at + 1] !== undefined && starts[at + 1]! < offset) at++;
    return [nodes[at]!, offset - starts[at]!];
  };
  return [...text.matchAll(pattern)].map((match) => {
    const range = document.createRange();
    range.setStart(...place(match.index + 1));
    range.setStart(range.startContainer, range.startOffset - 1);
    range.setEnd(...place(match.index + match[0].length));
    return range;
  });
}

function highlightOf(name: string): Highlight | undefined {
  if (typeof Highlight === "undefined" || !CSS.highlights) return undefined;
  const known = CSS.highlights.get(name);
  if (known) return known;
  const made = new Highlight();
  if (name === CURRENT) made.priority = 1;
  CSS.highlights.set(name, made);
  return made;
}
