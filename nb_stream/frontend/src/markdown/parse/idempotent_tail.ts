/**
 * Decides about the end of a text that grows: which of its last characters are not shown yet, and in what kind of item
 * the text ends. The kind says which text may follow without being read.
 */

/** The kind of item in which an open text ends. `stream/plain_continuation.ts` says what may follow each kind. */
export type TailKind = "text" | "address" | "code" | "formula" | "hidden" | "other";

/** Characters at the end of a text that may become the beginning of a mark. */
const UNDECIDED_INLINE = /(?:(?:[*_~$`\\]|!?\[)+|&(?:#?[a-z0-9]{0,8})|(?<![^\s([])!)$/;
export const WHITE = " \t\n\v\f\r";

/**
 * Where `source` ends for a reader: white space is left out, and if it `isOpen`, marks without a meaning so far, too.
 */
export function shownEnd(source: string, isOpen: boolean): number {
  const end = endWithout(source, source.length, WHITE);
  if (!isOpen) return end;
  // A backslash at the end of a line is a break when another line follows.
  if (end < source.length) return source[end - 1] === "\\" && source[end] === "\n" ? end - 1 : end;
  const undecided = UNDECIDED_INLINE.exec(source.slice(-64))?.[0].length ?? 0;
  return endWithout(source, end - undecided, WHITE);
}

/** Where the code ends with which `source` ends. Backticks at its end are left out, because they may close it. */
export function shownCodeEnd(source: string): number {
  const end = endWithout(source, source.length, WHITE);
  return end < source.length ? end : endWithout(source, end, "`");
}

/** Where `text`, up to `end`, ends if the `characters` at its end are left out. */
export function endWithout(text: string, end: number, characters: string): number {
  let at = end;
  while (at > 0 && characters.includes(text[at - 1]!)) at--;
  return at;
}
