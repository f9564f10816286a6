/** What can be added to an open text without reading it again: characters that mean nothing where it ends. */

import type { TailKind } from "../parse/idempotent_tail";

const NEUTRAL: Record<TailKind, RegExp> = {
  text: /^[^\n`[\]\\!<>&*_~$@/]+$/,
  address: /^[^\s`[\]\\!<>&*_~$@]+$/,
  code: /^[^\n`]+$/,
  formula: /^(?:[^`$\\]|\\[a-zA-Z])*\\?$/,
  hidden: /^[\w+/:.,?=&%#;-]+$/,
  other: /^$/,
};
/** The beginning of a bare address, where no slash says it. */
const WWW = /www\.\S/i;
/** Characters after which a text is read all the same, so that its beginning settles. */
const MAX_UNREAD_CHARS = 64;

/** Whether the last `added` characters of `text`, which had this `tail` before them, need not be read. */
export function isPlainContinuation(text: string, added: number, tail: TailKind): boolean {
  // A backslash is not shown before the letter behind it.
  const from = text.length - added;
  const isCommand = tail === "formula" && text[from - 1] === "\\";
  if (!NEUTRAL[tail].test(text.slice(isCommand ? from - 1 : from))) return false;
  return tail !== "text" || !WWW.test(text.slice(-added - 5));
}

/** Whether a text may wait for more before it is read, where `unread` of its `open` characters are new. */
export function mayStayUnread(unread: number, open: number): boolean {
  return unread <= Math.max(MAX_UNREAD_CHARS, open / 8);
}
