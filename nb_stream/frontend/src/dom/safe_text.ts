/**
 * Writes the text of models, tools and users as DOM text, and makes characters visible that could deceive a reader.
 * This is the only way in which foreign text enters the page.
 *
 * Control characters, bidirectional overrides, zero-width characters and tag characters are replaced by a mark. Joiners
 * and variation selectors stay if they follow a character that they can change: scripts and emoji are written with
 * them.
 *
 * The cost of a text grows with its length alone, whatever its characters. Hidden characters that stand close together
 * share one mark. A long word gets places where it may break: without them, the browser goes through the whole word for
 * each of its lines.
 */

const RANGES: [number, number][] = [
  [0x00, 0x08], // C0 without tab and newline
  [0x0b, 0x1f],
  [0x7f, 0x9f], // DEL and C1
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f], // grapheme joiner
  [0x61c, 0x61c], // Arabic letter mark
  [0x115f, 0x1160], // Hangul fillers
  [0x17b4, 0x17b5], // Khmer inherent vowels
  [0x180b, 0x180f], // Mongolian variation selectors and vowel separator
  [0x200b, 0x200f], // zero-width space, joiners, directional marks
  [0x2028, 0x202e], // separators, bidirectional embeddings and overrides
  [0x2060, 0x206f], // word joiner, invisible operators, bidirectional isolates
  [0x2800, 0x2800], // blank Braille
  [0x3164, 0x3164], // Hangul filler
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff], // byte order mark
  [0xffa0, 0xffa0], // half-width Hangul filler
  [0xfff0, 0xfffb], // interlinear annotation
  [0x1bca0, 0x1bca3], // shorthand controls
  [0x1d173, 0x1d17a], // musical controls
  [0xe0000, 0xe0fff], // tags, more variation selectors
];

const hex = (code: number) => `\\u{${code.toString(16)}}`;
const HIDDEN = new RegExp(`[${RANGES.map(([from, to]) => `${hex(from)}-${hex(to)}`).join("")}]`, "gu");
const JOINER = /[\u200c\u200d]/;
const SELECTOR = /[\u180b-\u180d\u180f\ufe00-\ufe0f]/;
/** Letters that joiners do not change. */
const OF_ONE_SHAPE = ["Latn", "Grek", "Cyrl", "Hani", "Hira", "Kana", "Hang"].map(
  (name) => `\\p{sc=${name}}`,
);
/** Characters that joiners change: emoji, and letters of other scripts. */
const JOINS = new RegExp(
  `\\p{So}|\\p{Emoji_Modifier}|\\ufe0f|(?!${OF_ONE_SHAPE.join("|")})(?:\\p{L}|\\p{M})`,
  "u",
);
/** Characters that no variation selector changes. Selectors behind selectors could be the letters of a hidden text. */
const SELECTS_NOT = /^$|\s|\p{sc=Latn}|[\u180b-\u180d\u180f]|[\ufe00-\ufe0f]/u;

/** Whether `character` has its place behind `before`, which is one character or none. */
function belongs(character: string, before: string): boolean {
  if (JOINER.test(character)) return JOINS.test(before);
  return SELECTOR.test(character) && !SELECTS_NOT.test(before);
}

/**
 * `text` in pieces: plain text, and the hidden character behind it, if any. `before` is the text in front of `text`.
 */
function* cut(text: string, before = ""): Generator<[string, string?]> {
  let from = 0;
  let last = lastOf(before);
  for (const { 0: character, index } of text.matchAll(HIDDEN)) {
    if (index > from) last = lastOf(text.slice(Math.max(from, index - 2), index));
    if (belongs(character, last)) continue;
    yield [text.slice(from, index), character];
    from = index + character.length;
    last = "";
  }
  if (from < text.length) yield [text.slice(from)];
}

function lastOf(text: string): string {
  return [...text.slice(-2)].at(-1) ?? "";
}

/** Append `text` to `parent`. If the last node of `parent` is a text, it grows. */
export function appendText(parent: Node, text: string): void {
  let row: HTMLElement | undefined;
  let more = "";
  for (const [piece, hidden] of cut(text, lastText(parent)?.data)) {
    if (row && hidden !== undefined && CLOSE.test(piece)) {
      more += piece + sign(hidden);
      continue;
    }
    if (row) appendBreakable(row, more);
    more = "";
    appendBreakable(parent, piece);
    row = hidden === undefined ? undefined : appendMark(parent, sign(hidden));
  }
  if (row) appendBreakable(row, more);
}

/** Characters of a label; the rest is cut off, because nobody reads so long a label. */
const MAX_LABEL_CHARS = 1000;

/** Make the label `text` the whole content of `el`. Nothing is touched if `el` shows it already. */
export function setText(el: HTMLElement, text: string): void {
  if (texts.get(el) === text) return;
  texts.set(el, text);
  el.replaceChildren();
  appendText(el, asLabel(text));
}

/** JSON for a field that can be written in, which holds no marks: hidden characters stand there as escapes. */
export function escapeHidden(json: string): string {
  return json.replace(HIDDEN, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Whether `text` holds characters that a reader cannot see. */
export function hides(text: string): boolean {
  for (const [, hidden] of cut(text)) if (hidden !== undefined) return true;
  return false;
}

/** A label for places that hold no elements: tooltips and accessible names. */
export function plain(text: string): string {
  return [...cut(asLabel(text))]
    .map(([piece, hidden]) => (hidden === undefined ? piece : piece + sign(hidden)))
    .join("");
}

function asLabel(text: string): string {
  return text.length > MAX_LABEL_CHARS ? `${text.slice(0, MAX_LABEL_CHARS)}…` : text;
}

const texts = new WeakMap<HTMLElement, string>();

function lastText(parent: Node): Text | undefined {
  return parent.lastChild instanceof Text ? parent.lastChild : undefined;
}

/** Characters of a word; behind so many, it gets a place where it may break. */
const LONG_WORD_CHARS = 256;
/** Characters by which that place may move, so that it does not tear a character from its accents or joiners. */
const MAX_CLUSTER_CHARS = 32;
const CONTINUES = /[\udc00-\udfff]|[\ufe00-\ufe0f]|\u200d|\p{M}/u;

/** Append text without hidden characters. The places where it may break depend on the text alone, not on the pieces in
 * which it came. */
function appendBreakable(parent: Node, text: string): void {
  const before = lastText(parent)?.data ?? "";
  let run =
    before.length - wordStart(before, before.length - LONG_WORD_CHARS - MAX_CLUSTER_CHARS, before.length);
  let done = 0;
  let at = 0;
  for (;;) {
    const full = at + Math.max(0, LONG_WORD_CHARS - run);
    if (full >= text.length) break;
    const start = wordStart(text, at, full);
    if (start > at) {
      at = start;
      run = 0;
      continue;
    }
    let end = full;
    while (end < text.length && end - full < MAX_CLUSTER_CHARS && continuesWord(before, text, end)) end++;
    if (end === text.length) break;
    appendPlain(parent, text.slice(done, end));
    parent.appendChild(document.createElement("wbr"));
    done = at = end;
    run = 0;
  }
  appendPlain(parent, text.slice(done));
}

/** Where the word begins that reaches up to `end`, but not before `from`. */
function wordStart(text: string, from: number, end: number): number {
  let at = end;
  while (at > from && at > 0 && !breaksBehind(text.charCodeAt(at - 1))) at--;
  return at;
}

/** Whether a line can break behind a character: white space, a hyphen, ideographs, syllables. */
function breaksBehind(code: number): boolean {
  return code <= 0x20 || code === 0x2d || (code >= 0x2e80 && code <= 0xd7a3);
}

/** Whether the character at `at` belongs to the one before it. */
function continuesWord(before: string, text: string, at: number): boolean {
  return CONTINUES.test(text[at]!) || (at > 0 ? text[at - 1] : before.at(-1)) === "\u200d";
}

function appendPlain(parent: Node, text: string): void {
  if (text === "") return;
  const last = lastText(parent);
  if (last) last.appendData(text);
  else parent.appendChild(document.createTextNode(text));
}

/** How many hidden characters in a row get a mark of their own; those behind them share the last one. */
const SINGLE_MARKS = 16;
/** The text that may stand between the marks of a row. `markdown/parse/split_points.ts` cuts no text inside of it. */
const CLOSE = /^[!-~]{0,3}$/;

/** Append a mark. If the row is full, its last mark takes the character in, and is returned. */
function appendMark(parent: Node, shown: string): HTMLElement | undefined {
  const row = lastOfRow(parent);
  if (row) {
    const text = lastText(parent);
    text?.remove();
    appendBreakable(row, (text?.data ?? "") + shown);
    return row;
  }
  const span = document.createElement("span");
  span.className = MARK;
  span.title = "A hidden character";
  span.append(shown);
  parent.appendChild(span);
  return undefined;
}

/** The last mark of the row at the end of `parent`, if the row is full. */
function lastOfRow(parent: Node): HTMLElement | undefined {
  let last: HTMLElement | undefined;
  let node = parent.lastChild;
  for (let count = 0; count < SINGLE_MARKS; count++) {
    if (node instanceof Text && CLOSE.test(node.data)) node = node.previousSibling;
    if (!(node instanceof HTMLElement) || node.className !== MARK) return undefined;
    last ??= node;
    node = node.previousSibling;
  }
  return last;
}

const MARK = "nbs-mark";

function sign(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
