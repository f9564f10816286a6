/**
 * Finds places where a text can be cut in two so that each half reads as it does in the whole.
 *
 * At such a place no item is open. It lies behind a single space or between two ideographs: so the text behind it reads
 * like the beginning of a line, and no later text reaches back over it.
 */

import type { InlineText } from "./inline";
import type { InlineItem, TextItem } from "./inline_items";

/** A place in a row of items, inside the text of the item at `index` or before that item. */
export interface Cut {
  readonly index: number;
  readonly offset: number;
  /** The place in the source. */
  readonly at: number;
}

const IDEOGRAPH = /[\u3041-\u3096\u30a1-\u30fa\u3400-\u9fff]/;

/** The first cut at or behind the place `from` in the settled text. */
export function cutAfter(inline: InlineText, from: number): Cut | null {
  for (const [index, { at, text }] of openTexts(inline)) {
    const end = Math.min(text.length, inline.settled - at);
    for (let offset = Math.max(1, from - at); offset <= end; offset++) {
      if (isCut(inline, at + offset)) return { index, offset, at: at + offset };
    }
  }
  return null;
}

/** The last cut behind the place `from` in the settled text. */
export function lastCut(inline: InlineText, from: number): Cut | null {
  let last: Cut | null = null;
  for (const [index, { at, text }] of openTexts(inline)) {
    if (at >= inline.settled) break;
    const end = Math.min(text.length, inline.settled - at);
    for (let offset = end; offset > 0 && at + offset > from; offset--) {
      if (!isCut(inline, at + offset)) continue;
      last = { index, offset, at: at + offset };
      break;
    }
  }
  return last;
}

/** The texts outside of emphasis and links. */
function* openTexts({ items }: InlineText): Generator<[number, TextItem]> {
  let depth = 0;
  for (const [index, item] of items.entries()) {
    if (item.type === "text" && item.exact && depth === 0) yield [index, item];
    else depth += depthOf(item);
  }
}

function depthOf(item: InlineItem): number {
  if (item.type === "run") return item.opens.length - item.closes.length;
  if (item.type === "link") return 1;
  return item.type === "link end" ? -1 : 0;
}

function isCut({ source }: InlineText, at: number): boolean {
  const before = source[at - 1]!;
  const after = source[at];
  if (after === undefined) return false;
  if (before === " ") return !/\s/.test(source[at - 2] ?? " ") && !/\s/.test(after);
  return IDEOGRAPH.test(before) && IDEOGRAPH.test(after);
}
