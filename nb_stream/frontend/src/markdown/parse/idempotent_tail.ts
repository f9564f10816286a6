/** The end of a text that is being written: what is not shown of it yet, and what may follow it. */

/** What an open text ends in, which says what may follow without being read (`quiet.ts`). */
export type TailKind = "text" | "address" | "code" | "formula" | "hidden" | "other";

/** What can be the beginning of something else than it looks like. */
const UNDECIDED_INLINE = /(?:(?:[*_~$`\\]|!?\[)+|&(?:#?[a-z0-9]{0,8})|(?<![^\s([])!)$/;
export const WHITE = " \t\n\v\f\r";

/** Where `source` ends for a reader, white space left out, and, where it `isOpen`, marks that say nothing yet. */
export function shownEnd(source: string, isOpen: boolean): number {
  const end = endWithout(source, source.length, WHITE);
  if (!isOpen) return end;
  // A backslash at the end of a line is a break when another line follows.
  if (end < source.length) return source[end - 1] === "\\" && source[end] === "\n" ? end - 1 : end;
  const undecided = UNDECIDED_INLINE.exec(source.slice(-64))?.[0].length ?? 0;
  return endWithout(source, end - undecided, WHITE);
}

/** Where the code ends that `source` ends in: its backticks may close it, all else is part of it. */
export function shownCodeEnd(source: string): number {
  const end = endWithout(source, source.length, WHITE);
  return end < source.length ? end : endWithout(source, end, "`");
}

/** Where `text` ends, up to `end`, without the `characters` at its end. */
export function endWithout(text: string, end: number, characters: string): number {
  let at = end;
  while (at > 0 && characters.includes(text[at - 1]!)) at--;
  return at;
}
