/**
 * Measures texts as Python does: their length in code points, and the CRC-32 of their UTF-8 bytes. The kernel counts in
 * these units. At the end stand the functions that shorten texts for one line.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** The number of Unicode code points of `text`. */
export function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++, count++) {
    if (text.codePointAt(i)! > 0xffff) i++;
  }
  return count;
}

/** `text` without its first `count` code points. */
export function skipCodePoints(text: string, count: number): string {
  let i = 0;
  for (let left = count; left > 0 && i < text.length; left--) {
    i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  }
  return text.slice(i);
}

/**
 * The CRC-32 of a text that ends with `text`, if `crc` is the CRC-32 of the part before it (0 if there is none).
 *
 * Lone surrogates count as "?", as in Python's `text.encode("utf-8", "replace")`.
 */
export function digest(text: string, crc = 0): number {
  let rest = ~crc;
  const take = (byte: number) => {
    rest = TABLE[(rest ^ byte) & 0xff]! ^ (rest >>> 8);
  };
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    if (code < 0x80) take(code);
    else if (code < 0x800) {
      take(0xc0 | (code >> 6));
      take(0x80 | (code & 0x3f));
    } else if (code >= 0xd800 && code <= 0xdfff) take(0x3f);
    else {
      if (code > 0xffff) {
        i++;
        take(0xf0 | (code >> 18));
        take(0x80 | ((code >> 12) & 0x3f));
      } else take(0xe0 | (code >> 12));
      take(0x80 | ((code >> 6) & 0x3f));
      take(0x80 | (code & 0x3f));
    }
  }
  return ~rest >>> 0;
}

/** Short facts in a row. If the row is too long for a line, it breaks behind a dot. */
export function inRow(facts: readonly string[]): string {
  return facts.join("\u00a0· ");
}

/** A name for a line. It is cut if it is longer than names are. */
export function asName(name: string): string {
  return firstWords(name, 120);
}

/** The beginning of `text` on one line, at most `limit` characters and an ellipsis. */
export function firstWords(text: string, limit = 160): string {
  const line = text
    .slice(0, 4 * limit)
    .replace(/\s+/g, " ")
    .trim();
  if (line.length <= limit) return line;
  return `${line
    .slice(0, limit)
    .replace(/[\ud800-\udbff]$/, "")
    .trimEnd()}…`;
}
