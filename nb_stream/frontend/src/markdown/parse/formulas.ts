/** Finds formulas in a text: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`. */

export interface Formula {
  readonly tex: string;
  readonly display: boolean;
  readonly end: number;
}

const CLOSERS = new Map([
  ["$", "$"],
  ["$$", "$$"],
  ["\\(", "\\)"],
  ["\\[", "\\]"],
]);
/** Characters of a formula; a longer one is text. Between single dollars fewer are allowed: most of them are prices. */
const MAX_TEX_CHARS = 10_000;
const MAX_DOLLAR_TEX_CHARS = 400;

/** The delimiter at `at` that can open a formula; empty if there is none. */
export function openerAt(text: string, at: number): string {
  const two = text.slice(at, at + 2);
  if (two.length === 2 && CLOSERS.has(two)) return two;
  const isMoney = /^[\s$]?$/.test(text[at + 1] ?? "") || /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
  return two.startsWith("$") && !isMoney ? "$" : "";
}

/**
 * The formula that `opener` begins at `at`. "open" if the text ends before the formula does; null if it is none.
 *
 * A dollar closes only right behind the formula and not before a letter or a digit (pandoc's rule and GitHub's), so
 * that prices and variables of a shell stay text.
 */
export function readFormula(text: string, at: number, opener: string): Formula | "open" | null {
  const from = at + opener.length;
  const closer = CLOSERS.get(opener)!;
  const limit = opener === "$" ? MAX_DOLLAR_TEX_CHARS : MAX_TEX_CHARS;
  const body = text.slice(from, from + limit + closer.length);
  const length = opener === "$" ? closingDollar(body) : body.indexOf(closer);
  if (length === null || (length < 0 && body.length > limit)) return null;
  if (length < 0) return "open";
  const tex = body.slice(0, length).trim();
  if (!/[\p{L}\p{N}]/u.test(tex)) return null;
  return { tex, display: opener === "$$" || opener === "\\[", end: from + length + closer.length };
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
  return opener !== "$" || /[\\^_{]|^\p{L}{1,2}\s*[-+*/=<>(,]/u.test(rest);
}

/** Whether `rest`, which stands behind a dollar so far, may still become a formula: it is a name, and not a price. */
export function mayBecomeLikely(rest: string): boolean {
  return /^\p{L}\S{0,40}$/u.test(rest);
}
