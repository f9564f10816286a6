/**
 * Finds emphasis, strong emphasis and strikethrough: which runs of `*`, `_` and `~` belong together (CommonMark 6.2).
 */

export type EmphasisTag = "em" | "strong" | "del";

const WHITESPACE = /^\s$/u;
const PUNCTUATION = /^[\p{P}\p{S}]$/u;
/** Characters of Chinese, Japanese and Korean texts: those of East Asian width (UAX 11) that are no emoji. */
const WIDE =
  "(?!\\p{Emoji_Presentation})[\\u1100-\\u11ff\\u20a9\\u2329\\u232a\\u2630-\\u2637\\u268a-\\u268f\\u2e80-\\u303e" +
  "\\u3041-\\u3247\\u3250-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7ff\\uf900-\\ufaff\\ufe10-\\ufe1f\\ufe30-\\ufe6f\\uff01-\\ufff8" +
  "\\u{16fe0}-\\u{1bbff}\\u{1d300}-\\u{1d376}\\u{1f200}-\\u{1f2ff}\\u{20000}-\\u{3ffff}]";
export const CJK = new RegExp(`^${WIDE}`, "u");
/** The same with a variation selector behind the character. One selector makes a quotation mark a wide one. */
const CJK_BEFORE = new RegExp(`^${WIDE}|^[\\u{e0100}-\\u{e01ef}]|^[‘’“”]\\ufe01`, "u");
const SELECTOR = /^[\ufe00-\ufe0e]$/;

/** A run of delimiters. It first closes tags, then shows the characters that stay text, then opens tags. */
export class DelimiterRun {
  readonly type = "run";
  readonly closes: EmphasisTag[] = [];
  /** The tags that the run opens; the outermost comes first. */
  readonly opens: EmphasisTag[] = [];
  /** Characters for which no other run was found; they stay text. */
  left: number;
  previous: DelimiterRun | null = null;
  next: DelimiterRun | null = null;

  constructor(
    readonly at: number,
    readonly mark: string,
    readonly length: number,
    readonly canOpen: boolean,
    readonly canClose: boolean,
  ) {
    this.left = length;
  }
}

/** The run of `text` from `at` to `end`. Next to a character of CJK, a sign does not matter (`markdown-it-cjk-friendly`). */
export function runAt(text: string, at: number, end: number): DelimiterRun {
  const mark = text[at]!;
  const before = characterBefore(text, at);
  const beforeSelector = SELECTOR.test(before) ? characterBefore(text, at - 1) : null;
  const main = beforeSelector !== null && !WHITESPACE.test(beforeSelector) ? beforeSelector : before;
  const after = String.fromCodePoint(text.codePointAt(end) ?? 32);
  const [spaceBefore, spaceAfter] = [WHITESPACE.test(main), WHITESPACE.test(after)];
  const [signBefore, signAfter] = [PUNCTUATION.test(main), PUNCTUATION.test(after)];
  const isEnclosed = !spaceBefore && !spaceAfter;
  const isCjk =
    isEnclosed &&
    mark !== "_" &&
    (CJK.test(after) || CJK_BEFORE.test(beforeSelector === null ? before : beforeSelector + before));
  // A run of underscores that could both open and close stands inside a word, and does neither.
  const isWord = mark === "_" && isEnclosed;
  const left = !spaceAfter && (spaceBefore || signBefore || isCjk || (!signAfter && !isWord));
  const right = !spaceBefore && (spaceAfter || signAfter || isCjk || (!signBefore && !isWord));
  const isRun = mark !== "~" || end - at <= 2;
  return new DelimiterRun(at, mark, end - at, isRun && left, isRun && right);
}

function characterBefore(text: string, at: number): string {
  if (at === 0) return " ";
  const pair = at > 1 ? text.codePointAt(at - 2)! : 0;
  return pair > 0xffff ? String.fromCodePoint(pair) : text[at - 1]!;
}

/** The runs that wait for another run, in the order of the text: a linked list. */
export class DelimiterRuns {
  last: DelimiterRun | null = null;

  push(run: DelimiterRun): void {
    run.previous = this.last;
    if (this.last) this.last.next = run;
    this.last = run;
  }

  /** Match the runs behind `bottom`, and forget the runs that are left over. */
  match(bottom: DelimiterRun | null): void {
    this.matchAll(bottom);
    while (this.last !== bottom && this.last) this.#remove(this.last);
  }

  /** Match the runs behind `bottom`. Runs that could open something for a later run are kept. */
  matchAll(bottom: DelimiterRun | null): void {
    /** For each kind of closer, the run below which there is no opener for it. */
    const bottoms = new Map<string, DelimiterRun | null>();
    let closer = this.last;
    while (closer && closer.previous !== bottom) closer = closer.previous;
    while (closer) {
      if (!closer.canClose) {
        closer = closer.next;
        continue;
      }
      const key = `${closer.mark}${closer.canOpen}${closer.mark === "~" ? closer.length : closer.length % 3}`;
      const floor = bottoms.has(key) ? bottoms.get(key)! : bottom;
      let opener = closer.previous;
      while (opener && opener !== bottom && opener !== floor && !fits(opener, closer))
        opener = opener.previous;
      if (!opener || opener === bottom || opener === floor) {
        bottoms.set(key, closer.previous);
        const { next }: DelimiterRun = closer;
        if (!closer.canOpen) this.#remove(closer);
        closer = next;
        continue;
      }
      while (closer.previous !== opener) this.#remove(closer.previous!);
      pair(opener, closer);
      if (opener.left === 0) this.#remove(opener);
      if (closer.left === 0) {
        const { next }: DelimiterRun = closer;
        this.#remove(closer);
        closer = next;
      }
    }
  }

  /** The runs that could still open something, in the order of the text. */
  openers(): DelimiterRun[] {
    const found: DelimiterRun[] = [];
    for (let run = this.last; run; run = run.previous) if (run.canOpen) found.push(run);
    return found.reverse();
  }

  #remove(run: DelimiterRun): void {
    if (run.previous) run.previous.next = run.next;
    if (run.next) run.next.previous = run.previous;
    else this.last = run.previous;
  }
}

function fits(opener: DelimiterRun, closer: DelimiterRun): boolean {
  if (opener.mark !== closer.mark || !opener.canOpen) return false;
  if (opener.mark === "~") return opener.length === closer.length;
  const odd = (closer.canOpen || opener.canClose) && closer.length % 3 !== 0;
  return !(odd && (opener.length + closer.length) % 3 === 0);
}

function pair(opener: DelimiterRun, closer: DelimiterRun): void {
  const isDouble = opener.left >= 2 && closer.left >= 2;
  const used = opener.mark === "~" ? opener.left : isDouble ? 2 : 1;
  const tag: EmphasisTag = opener.mark === "~" ? "del" : isDouble ? "strong" : "em";
  opener.left -= used;
  closer.left -= used;
  opener.opens.unshift(tag);
  closer.closes.push(tag);
}

/** Open the tags that a run would open if their end had come already: so a text that grows shows no markers. */
export function openEarly(run: DelimiterRun): void {
  if (run.mark === "~") {
    run.opens.unshift("del");
  } else {
    for (let i = 1; i < run.left; i += 2) run.opens.unshift("strong");
    if (run.left % 2 === 1) run.opens.unshift("em");
  }
  run.left = 0;
}
