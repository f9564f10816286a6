/**
 * Text of models, tools and users as DOM text, with the characters that deceive a reader made visible.
 *
 * Control characters, bidirectional overrides, zero-width and tag characters are replaced by a mark. Joiners and
 * variation selectors stay where scripts and emoji are written with them: behind a character that they can change. This
 * is the only way in which foreign text enters the page.
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
/** What joiners change: emoji, and other letters. */
const JOINS = new RegExp(
  `\\p{So}|\\p{Emoji_Modifier}|\\ufe0f|(?!${OF_ONE_SHAPE.join("|")})(?:\\p{L}|\\p{M})`,
  "u",
);
/** What no variation selector changes; behind another one they would be letters of a hidden text. */
const SELECTS_NOT = /^$|\s|\p{sc=Latn}|[\u180b-\u180d\u180f]|[\ufe00-\ufe0f]/u;

/** Whether `character` has its place behind `before`, which is one character or none. */
function belongs(character: string, before: string): boolean {
  if (JOINER.test(character)) return JOINS.test(before);
  return SELECTOR.test(character) && !SELECTS_NOT.test(before);
}

/** `text` in pieces: plain text, and the character to be marked behind it. `before` is the text in front of it. */
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

/** Append `text` to `parent`; text that continues the last text node grows it. */
export function appendText(parent: Node, text: string): void {
  const { lastChild } = parent;
  for (const [piece, hidden] of cut(text, lastChild instanceof Text ? lastChild.data : "")) {
    appendPlain(parent, piece);
    if (hidden !== undefined) parent.appendChild(mark(hidden));
  }
}

/** Make `text` all that `el` holds; nothing is touched where it is that already. */
export function setText(el: HTMLElement, text: string): void {
  if (texts.get(el) === text) return;
  texts.set(el, text);
  el.replaceChildren();
  appendText(el, text);
}

/** `text` for places that hold no elements: tooltips and accessible names. */
export function plain(text: string): string {
  return [...cut(text)]
    .map(([piece, hidden]) => (hidden === undefined ? piece : piece + sign(hidden)))
    .join("");
}

const texts = new WeakMap<HTMLElement, string>();

function appendPlain(parent: Node, text: string): void {
  if (text === "") return;
  const last = parent.lastChild;
  if (last instanceof Text) last.appendData(text);
  else parent.appendChild(document.createTextNode(text));
}

function mark(character: string): HTMLElement {
  const span = document.createElement("span");
  span.className = "nbs-mark";
  span.title = "A hidden character";
  span.append(sign(character));
  return span;
}

function sign(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
