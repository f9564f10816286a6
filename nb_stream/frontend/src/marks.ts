/**
 * Text of models, tools and users as DOM text, with the characters that deceive a reader made visible.
 *
 * Control characters, bidirectional overrides, zero-width and tag characters are replaced by a mark; the zero-width
 * joiners stay, because scripts and emoji need them. This is the only way in which foreign text enters the page.
 */

const RANGES: [number, number][] = [
  [0x00, 0x08], // C0 without tab and newline
  [0x0b, 0x1f],
  [0x7f, 0x9f], // DEL and C1
  [0xad, 0xad], // soft hyphen
  [0x61c, 0x61c], // Arabic letter mark
  [0x115f, 0x1160], // Hangul fillers
  [0x180e, 0x180e], // Mongolian vowel separator
  [0x200b, 0x200b], // zero-width space
  [0x200e, 0x200f], // directional marks
  [0x2028, 0x202e], // separators, bidirectional embeddings and overrides
  [0x2060, 0x206f], // word joiner, invisible operators, bidirectional isolates
  [0x2800, 0x2800], // blank Braille
  [0x3164, 0x3164], // Hangul filler
  [0xfeff, 0xfeff], // byte order mark
  [0xffa0, 0xffa0], // half-width Hangul filler
  [0xfff9, 0xfffb], // interlinear annotation
  [0xe0000, 0xe007f], // tags
  [0xe0100, 0xe01ef], // variation selectors 17 and up
];

const hex = (code: number) => `\\u{${code.toString(16)}}`;
const HIDDEN = new RegExp(`[${RANGES.map(([from, to]) => `${hex(from)}-${hex(to)}`).join("")}]`, "gu");

/** Append `text` to `parent`; text that continues the last text node grows it. */
export function appendText(parent: Node, text: string): void {
  let from = 0;
  for (const match of text.matchAll(HIDDEN)) {
    appendPlain(parent, text.slice(from, match.index));
    parent.appendChild(mark(match[0]));
    from = match.index + match[0].length;
  }
  appendPlain(parent, from === 0 ? text : text.slice(from));
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
  return text.replace(HIDDEN, sign);
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
