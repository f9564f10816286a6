/**
 * Says how much of a text stands in one box. A character weighs one. A mark weighs more, because the elements that it
 * makes fill the page as more characters would. The weight depends on the text alone.
 */

const MARKS: Record<string, number> = {
  $: 48,
  "[": 32,
  "\\": 16,
  "<": 16,
  "^": 8,
  _: 8,
  "*": 8,
  "~": 8,
  "`": 8,
};
const WEIGHTS = new Uint8Array(128).fill(1);
for (const [mark, weight] of Object.entries(MARKS)) WEIGHTS[mark.charCodeAt(0)] = weight;

/** What the characters of `text` from `from` up to `to` weigh. */
export function weigh(text: string, from: number, to: number): number {
  let weight = 0;
  for (let at = from; at < to; at++) weight += WEIGHTS[text.charCodeAt(at)] ?? 1;
  return weight;
}

/**
 * The place up to which the characters of `text` from `from` on weigh less than `weight`. It can lie behind the end of
 * the text, as if characters without marks followed.
 */
export function reach(text: string, from: number, weight: number): number {
  let left = weight;
  let at = from;
  for (; at < text.length && left > 0; at++) left -= WEIGHTS[text.charCodeAt(at)] ?? 1;
  return at + Math.max(0, left);
}
