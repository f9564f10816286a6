/**
 * Turns what a program prints for a terminal into pieces of text with classes, because pages know no escape sequences.
 *
 * Colours and styles become classes. Other sequences are left out. A line that a program wrote over, such as a progress
 * bar, shows what the program wrote last.
 */

/** A piece of text and the classes of its style. */
export interface Styled {
  readonly text: string;
  readonly style: string;
}

interface Style {
  ink: number | null;
  ground: number | null;
  flags: Set<string>;
}

// CSI sequences, strings such as OSC (a string that nothing ends ends with its line), and two-character sequences. Of
// the C1 characters only the colours count: the others are most often bytes of UTF-8 that were read as Latin-1, and
// `safe_text.ts` shows them as marks.
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  /(?:\x1b\[|\x9b(?=[0-9;:]*m))([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_](?:[^\x07\x1b]*\x1b\\|[^\x07\x1b\n]*\x07?)|\x1b[ -/]*[0-~]/g;
const FLAGS = new Map([
  [1, "bold"],
  [2, "dim"],
  [3, "italic"],
  [4, "underline"],
  [7, "inverse"],
  [9, "strike"],
]);
const ENDS = new Map([
  [22, ["bold", "dim"]],
  [23, ["italic"]],
  [24, ["underline"]],
  [27, ["inverse"]],
  [29, ["strike"]],
]);
/** Red, green and blue of a terminal's sixteen colours. A colour outside of them is shown as the nearest one. */
const PALETTE: readonly (readonly number[])[] = [
  [0, 0, 0],
  [205, 0, 0],
  [0, 205, 0],
  [205, 205, 0],
  [0, 0, 238],
  [205, 0, 205],
  [0, 205, 205],
  [229, 229, 229],
  [127, 127, 127],
  [255, 0, 0],
  [0, 255, 0],
  [255, 255, 0],
  [92, 92, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 255, 255],
];

const COLOUR = "(?:\\x1b\\[|\\x9b)[0-9;:]{0,40}m";
const HALF_COLOUR = "(?:\\x1b(?:\\[[0-9;:]{0,40})?|\\x9b[0-9;:]{0,40})";
const ANSI_COLOURS = new RegExp(COLOUR, "g");
const OPEN_END = new RegExp(`(?:[\\r\\ud800-\\udbff](?:${COLOUR})*(?:${HALF_COLOUR})?|${HALF_COLOUR})$`);

/** `text` without terminal colours. Agents pass such colours on from the programs that they run. */
export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return /[\x1b\x9b]/.test(text) ? text.replace(ANSI_COLOURS, "") : text;
}

/** The end of `text` that the next piece may complete: half a line end, half a character, or half a colour. */
export function openEnd(text: string): string {
  return OPEN_END.exec(text.slice(-200))?.[0] ?? "";
}

/** Whether `text` holds terminal sequences. */
export function hasSequences(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about.
  return /[\x1b\x9b]/.test(text);
}

/** `text` without its terminal sequences, with a newline at the end of each line. */
export function withoutAnsi(text: string): string {
  return inLines(text).replace(SEQUENCE, "");
}

/** `text` with a newline in place of each other kind of line end. */
export function inLines(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}

/** The pieces of `text`, each with its style. */
export function* styled(text: string): Generator<Styled> {
  const style: Style = { ink: null, ground: null, flags: new Set() };
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) yield { text: text.slice(from, match.index), style: classesOf(style) };
    from = match.index + match[0].length;
    if (match[2] === "m") apply(style, match[1]!);
  }
  if (from < text.length) yield { text: text.slice(from), style: classesOf(style) };
}

/** What a terminal shows of `text`: a carriage return goes back to the beginning of the line, which is written over. */
export function overwritten(text: string): string {
  if (!text.includes("\r")) return text;
  const last = (line: string) => line.split("\r").findLast((part) => part !== "") ?? "";
  return text.split("\n").map(last).join("\n");
}

function apply(style: Style, parameters: string): void {
  const codes = parameters.split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at]!;
    if (code === 0) Object.assign(style, { ink: null, ground: null, flags: new Set() });
    else if (FLAGS.has(code)) style.flags.add(FLAGS.get(code)!);
    else if (ENDS.has(code)) for (const flag of ENDS.get(code)!) style.flags.delete(flag);
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      if (code === 38) style.ink = colour;
      else style.ground = colour;
      at += used;
    } else if (code === 39) style.ink = null;
    else if (code === 49) style.ground = null;
    else if (code >= 30 && code <= 37) style.ink = code - 30;
    else if (code >= 40 && code <= 47) style.ground = code - 40;
    else if (code >= 90 && code <= 97) style.ink = code - 82;
    else if (code >= 100 && code <= 107) style.ground = code - 92;
  }
}

/** An extended colour (of the table of 256, or red, green and blue) as the nearest of the sixteen; and how many of
 * the numbers it took. */
function extended([mode, ...rest]: number[]): [number | null, number] {
  if (mode === 2) return [nearest(rest.slice(0, 3)), 4];
  const [index = 0] = rest;
  if (mode !== 5) return [null, 1];
  if (index < 16) return [index, 2];
  if (index >= 232) return [nearest([0, 0, 0].map(() => 8 + 10 * (index - 232))), 2];
  const cube = index - 16;
  return [nearest([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((step) => step * 51)), 2];
}

function nearest(colour: readonly number[]): number {
  let best = 0;
  let distance = Number.POSITIVE_INFINITY;
  PALETTE.forEach((known, index) => {
    const here = known.reduce((sum, part, at) => sum + (part - (colour[at] ?? 0)) ** 2, 0);
    if (here < distance) {
      best = index;
      distance = here;
    }
  });
  return best;
}

function classesOf({ ink, ground, flags }: Style): string {
  const isInverse = flags.has("inverse");
  const [front, back] = isInverse ? [ground, ink] : [ink, ground];
  const classes = [...flags].map((flag) => `nbs-a-${flag}`);
  if (front !== null) classes.push(`nbs-a-ink-${front % 8}`);
  if (back !== null) classes.push(`nbs-a-ground-${back % 8}`);
  return classes.join(" ");
}
