/**
 * Decides which characters can be added to an open text without reading it again: those that have no meaning of their
 * own in the item in which the text ends.
 */

import type { TailKind } from "../parse/idempotent_tail";

const NEUTRAL: Record<TailKind, RegExp> = {
  text: /^[^\n`[\]\\!<>&*_~$@/:]+$/,
  address: /^[^\s`[\]\\!<>&*_~$@]+$/,
  code: /^[^\n`]+$/,
  formula: /^(?:[^`$\\]|\\[a-zA-Z])*\\?$/,
  hidden: /^[\w+/:.,?=&%#;-]+$/,
  other: /^$/,
};
/** The beginning of a bare address that has no slashes. */
const WWW = /www\.\S/i;
/** Characters that may stay unread. After more of them, a text is read all the same, so that its beginning settles. */
const MAX_UNREAD_CHARS = 64;

/** Whether the last `added` characters of `text` need not be read. `tail` is the end of the text before them. */
export function isPlainContinuation(text: string, added: number, tail: TailKind): boolean {
  // A backslash is not shown before the letter behind it has come, so it belongs to the new characters.
  const from = text.length - added;
  const isCommand = tail === "formula" && text[from - 1] === "\\";
  if (!NEUTRAL[tail].test(text.slice(isCommand ? from - 1 : from))) return false;
  return tail !== "text" || !WWW.test(text.slice(-added - 5));
}

/** Whether `unread` characters at the end of a text with `open` unsettled characters may stay unread for now. */
export function mayStayUnread(unread: number, open: number): boolean {
  return unread <= Math.max(MAX_UNREAD_CHARS, open / 8);
}
