/** Reads where links lead: destinations, titles, labels, and the definitions of labels (CommonMark 4.7, 6.3). */

import { ESCAPABLE, resolveEscapes } from "./escapes";

export interface Target {
  readonly href: string;
  readonly title: string;
}

/** A value that was read from a text, and the place where its source ends. */
interface ReadPart<T> {
  readonly value: T;
  readonly end: number;
}

const REFERENCE_LABEL = /\[((?:[^\\[\]]|\\[\s\S]){0,999})\]/y;
// Plain characters stand in a repetition of their own: one by one, 12 MB of them would need more stack than there is.
const BRACKETED = /<([^<>\n\\]*(?:\\.[^<>\n\\]*)*)>/y;
const TITLE =
  /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"|'([^'\\]*(?:\\[\s\S][^'\\]*)*)'|\(([^()\\]*(?:\\[\s\S][^()\\]*)*)\)/y;
const SPACE_AND_LINE_END = /[ \t]*(?:\n[ \t]*)?/y;
const LINE_END = /[ \t]*(?:\n|$)/y;
const MAX_NESTED_PARENTHESES = 32;
/** Characters of an open paragraph; a longer one is not searched for definitions. */
export const MAX_DEFINITION_CHARS = 4000;

/** Where the match of `pattern`, which is sticky, at `at` ends; null if it does not match. */
function endOfMatch(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

/** A label in its brackets. */
export function readLabel(text: string, at: number): ReadPart<string> | null {
  REFERENCE_LABEL.lastIndex = at;
  const match = REFERENCE_LABEL.exec(text);
  return match && { value: match[1]!, end: REFERENCE_LABEL.lastIndex };
}

/** The form in which two labels are compared; empty if `label` is none. */
export function normalizeLabel(label: string): string {
  return label.trim().replace(/\s+/g, " ").toLowerCase().toUpperCase();
}

function readDestination(text: string, at: number): ReadPart<string> | null {
  if (text[at] === "<") {
    BRACKETED.lastIndex = at;
    const match = BRACKETED.exec(text);
    return match && { value: resolveEscapes(match[1]!), end: BRACKETED.lastIndex };
  }
  let end = at;
  let depth = 0;
  for (; end < text.length; end++) {
    const character = text[end]!;
    if (character <= " " || character === "\u007f") break;
    if (character === "\\" && ESCAPABLE.test(text[end + 1] ?? "")) end++;
    else if (character === "(" && ++depth > MAX_NESTED_PARENTHESES) return null;
    else if (character === ")" && --depth < 0) break;
  }
  if (depth > 0 || (end === at && text[at] !== ")")) return null;
  return { value: resolveEscapes(text.slice(at, end)), end };
}

function readTitle(text: string, at: number): ReadPart<string> | null {
  TITLE.lastIndex = at;
  const match = TITLE.exec(text);
  return match && { value: resolveEscapes(match[1] ?? match[2] ?? match[3]!), end: TITLE.lastIndex };
}

/** The target in parentheses behind the text of a link. The parentheses open at `at`. */
export function readTarget(text: string, at: number): ReadPart<Target> | null {
  const destination = readDestination(text, endOfMatch(SPACE_AND_LINE_END, text, at + 1)!);
  if (!destination) return null;
  let end = endOfMatch(SPACE_AND_LINE_END, text, destination.end)!;
  let title = "";
  if (end > destination.end) {
    const read = readTitle(text, end);
    if (read) {
      title = read.value;
      end = endOfMatch(SPACE_AND_LINE_END, text, read.end)!;
    }
  }
  return text[end] === ")" ? { value: { href: destination.value, title }, end: end + 1 } : null;
}

/** Whether the text ends before the target in the parentheses that open at `at` is complete. */
export function isOpenTarget(text: string, at: number): boolean {
  let from = endOfMatch(SPACE_AND_LINE_END, text, at + 1)!;
  if (text[from] === "<") {
    const end = text.slice(from).search(/[>\n]/);
    if (end < 0) return true;
    from += end + 1;
  } else {
    const end = text.slice(from).search(/\s/);
    if (end < 0) return (readDestination(text, from)?.end ?? text.length) === text.length;
    from += end;
  }
  const title = endOfMatch(SPACE_AND_LINE_END, text, from)!;
  if (title === text.length) return true;
  const closer = { '"': '"', "'": "'", "(": ")" }[text[title]!];
  if (closer === undefined || title === from) return false;
  const read = readTitle(text, title);
  return read ? endOfMatch(SPACE_AND_LINE_END, text, read.end) === text.length : true;
}

function readDefinition(text: string, at: number): ReadPart<Target & { label: string }> | null {
  const label = readLabel(text, at);
  if (!label || text[label.end] !== ":") return null;
  const from = endOfMatch(SPACE_AND_LINE_END, text, label.end + 1)!;
  const destination = readDestination(text, from);
  const normal = normalizeLabel(label.value);
  if (!destination || destination.end === from || normal === "") return null;
  const target = { label: normal, href: destination.value };
  const gap = endOfMatch(SPACE_AND_LINE_END, text, destination.end)!;
  const title = gap > destination.end ? readTitle(text, gap) : null;
  const end = title && endOfMatch(LINE_END, text, title.end);
  if (title && end !== null) return { value: { ...target, title: title.value }, end };
  const bare = endOfMatch(LINE_END, text, destination.end);
  return bare === null ? null : { value: { ...target, title: "" }, end: bare };
}

/** Whether `text` ends before the definition that it may begin with is complete. */
export function isOpenDefinition(text: string): boolean {
  const label = readLabel(text, 0);
  if (!label || text[label.end] !== ":" || normalizeLabel(label.value) === "") return false;
  return isOpenTarget(text, label.end);
}

/** The key under which a text waits for the footnote `label`. */
export function noteKey(label: string): string {
  return `^${label}`;
}

/**
 * The definitions of a text, by label, and the numbers of its footnotes. If a label has two definitions, the first one
 * counts. Shared by all views of the text.
 */
export class Definitions {
  #targets = new Map<string, Target>();
  #notes = new Map<string, number>();

  /** The number of a footnote; undefined if it is not defined so far. */
  note(label: string): number | undefined {
    return this.#notes.get(label);
  }

  addNote(label: string, number: number): void {
    if (!this.#notes.has(label)) this.#notes.set(label, number);
  }

  /** Whether `key` is defined: a label in the form in which labels are compared, or the key of a footnote. */
  has(key: string): boolean {
    return this.#targets.has(key) || (key.startsWith("^") && this.#notes.has(key.slice(1)));
  }

  get(label: string): Target | undefined {
    return this.#targets.get(label);
  }

  /** Take the definitions off the beginning of a paragraph, and return the rest. They count only if `keep` is true. */
  take(paragraph: string, keep: boolean): string {
    let at = 0;
    while (paragraph[at] === "[") {
      const read = readDefinition(paragraph, at);
      if (!read) break;
      const { label, href, title } = read.value;
      if (keep && !this.#targets.has(label)) this.#targets.set(label, { href, title });
      at = read.end;
    }
    return paragraph.slice(at);
  }
}
