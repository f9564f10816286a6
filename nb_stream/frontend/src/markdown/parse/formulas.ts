/** Finds formulas in a text: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`, and environments such as `\begin{align}…\end{align}`. */

export interface Formula {
  readonly tex: string;
  readonly display: boolean;
  readonly end: number;
}

/** An environment that is a formula by itself (amsmath 2.1, and what models write as such). */
const ENVIRONMENT =
  "(?:(?:equation|multline|gather|align|alignat|flalign|eqnarray)\\*?|[pbBvV]?matrix|cases|aligned|gathered|array)";
export const BEGIN = new RegExp(`\\\\begin\\{${ENVIRONMENT}\\}`, "y");
const OPEN_BEGIN = /^\\(?:b|be|beg|begi|begin(?:\{[a-zA-Z]{0,9}\*?)?)$/;
const CLOSERS = new Map([
  ["$", "$"],
  ["$$", "$$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
]);
/** Characters of a formula; a longer one is text. Between single dollars fewer are allowed: most of them are prices. */
const MAX_TEX_CHARS = 10_000;
const MAX_DOLLAR_TEX_CHARS = 400;

/** What stands in formulas and not in sentences: commands, powers, equations, indices of one character or in braces. */
const TEX = /\\[a-zA-Z]|[\^=]|[\p{L})]_(?:\{|[\p{L}\p{N}](?![\p{L}\p{N}_]))/u;
/** Words of a sentence, and not names of variables. */
const WORDS = /\p{L}{3}|[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7a3]/u;
const OPERATION = /\p{L}|[+*/<>]/u;
/** A link, or a note whose bracket is escaped. */
const LINK = /^\^|\]\((?:https?:|[^()\s]*[./#])/;
/** A price with a word behind it, as in `$5 to 10$`. */
const PRICE = /^[\d.,]+[^\p{L}]*\s\p{L}{2}/u;
/** A character behind which a bracket is an index, as in `a\[0\]`. */
const INDEXED = /[\w\])]/;

/** The delimiter at `at` that can open a formula; empty if there is none. */
export function openerAt(text: string, at: number): string {
  const two = text.slice(at, at + 2);
  if (two.length === 2 && CLOSERS.has(two)) return two;
  if (two === "\\b") {
    BEGIN.lastIndex = at;
    return BEGIN.exec(text)?.[0] ?? "";
  }
  const isMoney = /^[\s$]?$/.test(text[at + 1] ?? "") || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
  return two.startsWith("$") && !isMoney ? "$" : "";
}

/** What closes the formula that `opener` begins. */
export function closerOf(opener: string): string {
  return CLOSERS.get(opener) ?? opener.replace("begin", "end");
}

export function isDisplay(opener: string): boolean {
  return opener !== "$" && opener !== "\\(";
}

/** Whether `text` ends in the beginning, at `at`, of an environment that may be a formula. */
export function isOpenBegin(text: string, at: number): boolean {
  return text.length - at <= 20 && OPEN_BEGIN.test(text.slice(at));
}

/**
 * The formula that `opener` begins at `at`. "open" if the text ends before the formula does; null if it is none.
 *
 * A dollar closes only right behind the formula and not before a letter or a digit (pandoc's rule and GitHub's), so
 * that prices and variables of a shell stay text. Escaped brackets around words, numbers, links or an index stay text.
 */
export function readFormula(text: string, at: number, opener: string): Formula | "open" | null {
  const isBegin = !CLOSERS.has(opener);
  const from = at + opener.length;
  const closer = closerOf(opener);
  const limit = opener === "$" ? MAX_DOLLAR_TEX_CHARS : MAX_TEX_CHARS;
  const body = text.slice(from, from + limit + closer.length);
  const length = opener === "$" ? closingDollar(body) : body.indexOf(closer);
  if (length === null || (length < 0 && body.length > limit)) return null;
  if (length < 0) return "open";
  const end = from + length + closer.length;
  const tex = isBegin ? text.slice(at, end) : body.slice(0, length).trim();
  if (!/[\p{L}\p{N}]/u.test(tex)) return null;
  if (opener === "$" && PRICE.test(tex) && !TEX.test(tex)) return null;
  if (/^\\[[(]/.test(opener) && !isMath(tex, opener === "\\[" && INDEXED.test(text[at - 1] ?? "")))
    return null;
  return { tex, display: isDisplay(opener), end };
}

/** Whether `tex`, which stands between escaped brackets, is a formula. An index is one only if it looks like TeX. */
function isMath(tex: string, isIndex: boolean): boolean {
  if (LINK.test(tex)) return false;
  return TEX.test(tex) || (!isIndex && !WORDS.test(tex) && OPERATION.test(tex));
}

/** The place of the dollar that closes the formula; -1 if it may still come, null if it cannot. */
function closingDollar(body: string): number | null {
  for (let at = 0; at < body.length; at++) {
    const character = body[at];
    if (character === "`") return null;
    if (character === "\\") at++;
    else if (character === "$") {
      const closes = !/\s/.test(body[at - 1] ?? " ") && !/[\p{L}\p{N}$]/u.test(body[at + 1] ?? "");
      return closes ? at : null;
    }
  }
  return -1;
}

/** Whether `rest`, which an open formula holds so far, looks like a formula. */
export function isLikely(opener: string, rest: string): boolean {
  if (opener === "$") return /[\\^_{]|^\p{L}{1,2}\s*[-+*/=<>(,]/u.test(rest);
  if (opener === "\\(" || opener === "\\[") {
    return !LINK.test(rest) && (TEX.test(rest) || /^\s*\n|^[^\p{L}]*\p{L}{1,2}\s*[-+*/<>(]/u.test(rest));
  }
  return true;
}

/** Whether `rest`, which stands behind an opener so far, may still become a formula: it is a name, and not a price. */
export function mayBecomeLikely(opener: string, rest: string): boolean {
  return opener === "$" ? /^\p{L}\S{0,40}$/u.test(rest) : /^\s*(?:\p{L}{0,2}|\\)\s*$/u.test(rest);
}
