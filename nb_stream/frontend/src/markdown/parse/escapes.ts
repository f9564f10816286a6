/** Resolves backslash escapes and character references (CommonMark 0.31.2, 2.4 and 2.5). */

import { decodeHTMLStrict } from "entities/decode";

/** A character that a backslash makes literal. */
export const ESCAPABLE = /[!-/:-@[-`{-~]/;
const REFERENCE = /&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-zA-Z][a-zA-Z0-9]{1,31});/;
const REFERENCE_HERE = new RegExp(REFERENCE, "y");
const ESCAPE = new RegExp(`\\\\(${ESCAPABLE.source})|${REFERENCE.source}`, "g");

/** The character reference at `at`: its source, and the text for which it stands. Null if there is none. */
export function referenceAt(text: string, at: number): { source: string; text: string } | null {
  REFERENCE_HERE.lastIndex = at;
  const source = REFERENCE_HERE.exec(text)?.[0];
  if (source === undefined) return null;
  const decoded = decodedReference(source);
  return decoded === source ? null : { source, text: decoded };
}

/** `text` with its escapes and references resolved. */
export function resolveEscapes(text: string): string {
  return text.replace(ESCAPE, (source, escaped: string | undefined) => escaped ?? decodedReference(source));
}

function decodedReference(reference: string): string {
  if (reference[1] !== "#") return decodeHTMLStrict(reference);
  const digits = reference.slice(2, -1);
  const code = /^x/i.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10);
  const isCharacter = code !== 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : "\ufffd";
}
