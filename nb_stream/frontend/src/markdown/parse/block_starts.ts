/** Reads the beginnings of blocks: a line that no open block continues may begin one (CommonMark 0.31.2, appendix). */

import {
  type Alert,
  type Alignment,
  type Block,
  type Code,
  type Fence,
  type Heading,
  type List,
  type ListItem,
  NOTE_MARKER,
  type Paragraph,
  type Quote,
  type Rule,
  type TableRow,
} from "./block";
import type { LineCursor } from "./cursor";
import { resolveEscapes } from "./escapes";
import { BEGIN, closerOf } from "./formulas";

const ATX = /^(#{1,6})(?:[ \t]+|$)/;
const FENCE = /^(?:(`{3,})[^`]*$|(~{3,}))/;
/** Three marks, and any more; the three stand by themselves because a counted repetition takes long in a long line. */
const RULE = /^(?:\*[ \t]*\*[ \t]*\*[* \t]*|_[ \t]*_[ \t]*_[_ \t]*|-[ \t]*-[ \t]*-[- \t]*)$/;
const SETEXT = /^(?:=+|-+)[ \t]*$/;
const BULLET = /^[-+*](?=[ \t]|$)/;
const ORDERED_MARKER = /^(\d{1,9})([.)])(?=[ \t]|$)/;
const TASK = /^\[([ xX])\](?=[ \t])/;
const NOTE = /^\[\^([^\s\]]{1,200})\]:[ \t]*/;
/** Columns by which the lines of a footnote are indented. */
const NOTE_INDENT = 4;
const ALERT = /^\[!(note|tip|important|warning|caution)\](.*)/i;
/** Names of Markdown behind a fence. A fence in the block opens another block if it names a language. */
const MARKDOWN = /^(?:markdown|md|mdx|[rq]md)(?![\w-])/i;
/** A line on which a display formula begins and does not end. */
const FORMULA = /^(\$\$|\\\[)[ \t]*(?:\\begin\b.*)?$/;

const fresh = { open: true, final: false, lastLine: 0 };

export function quote(alert: Alert | null): Quote {
  return { kind: "quote", ...fresh, children: [], alert };
}

export function paragraph(): Paragraph {
  return { kind: "paragraph", ...fresh, text: "", isPartial: false, task: null, formula: "" };
}

export function row(alignments: readonly Alignment[], cells: readonly string[]): TableRow {
  return { kind: "row", ...fresh, alignments, cells };
}

export function indentedCode(): Code {
  return { kind: "code", ...fresh, fence: null, info: "", lines: [], blanks: [], partial: "", nested: 0 };
}

export function startQuote(cursor: LineCursor): boolean {
  if (cursor.indented || cursor.text[cursor.next] !== ">") return false;
  skipQuoteMark(cursor);
  return true;
}

export function skipQuoteMark(cursor: LineCursor): void {
  cursor.skipSpace();
  cursor.skipColumns(1);
  if (cursor.atSpace) cursor.skipColumns(1);
}

/** What the first line of a quote draws attention to; null if it does not. The line has no other text. */
export function takeAlert(cursor: LineCursor): Alert | null {
  const [, kind, title] = (!cursor.indented && ALERT.exec(cursor.rest)) || [];
  if (kind === undefined) return null;
  cursor.skipColumns(Number.POSITIVE_INFINITY);
  const name = kind[0]!.toUpperCase() + kind.slice(1).toLowerCase();
  return { kind: kind.toLowerCase(), title: title!.trim() || name };
}

export function startHeading(cursor: LineCursor): Heading | null {
  const match = cursor.indented ? null : ATX.exec(cursor.rest);
  if (!match) return null;
  const text = cursor.rest.slice(match[0].length).trim();
  const bare = text.slice(0, text.length - closingSigns(text));
  return headingBlock(match[1]!.length, bare.trimEnd());
}

/** How many number signs close a heading: they stand at its end, behind a space. */
function closingSigns(text: string): number {
  let from = text.length;
  while (text[from - 1] === "#") from--;
  return from === 0 || /[ \t]/.test(text[from - 1]!) ? text.length - from : 0;
}

function headingBlock(level: number, text: string): Heading {
  return { kind: "heading", ...fresh, level, text };
}

export function startCode(cursor: LineCursor): Code | null {
  const match = cursor.indented ? null : FENCE.exec(cursor.rest);
  if (!match) return null;
  const ticks = match[1] ?? match[2]!;
  const fence: Fence = { mark: ticks[0]!, length: ticks.length, indent: cursor.indent };
  const info = resolveEscapes(cursor.rest.slice(ticks.length).trim());
  return { ...indentedCode(), fence, info };
}

/** Whether the line closes the fence. */
export function closes(fence: Fence, cursor: LineCursor): boolean {
  if (cursor.indented || cursor.text[cursor.next] !== fence.mark) return false;
  const line = cursor.rest.trimEnd();
  return line.length >= fence.length && line === fence.mark.repeat(line.length);
}

/** Whether `line`, in a block of Markdown, opens a fence that the next closing line would close. */
export function nests({ fence, info }: Code, line: string): boolean {
  if (!fence || !MARKDOWN.test(info)) return false;
  const [, ticks, tildes] = FENCE.exec(line.trimStart()) ?? [];
  const mark = ticks ?? tildes ?? "";
  return mark[0] === fence.mark && mark.length >= fence.length && line.trim() !== mark;
}

/** Whether the line makes the paragraph above it a heading. */
export function isSetext(cursor: LineCursor): boolean {
  return !cursor.indented && SETEXT.test(cursor.rest);
}

export function setextHeading(cursor: LineCursor, text: string): Heading {
  return headingBlock(cursor.rest[0] === "=" ? 1 : 2, text);
}

export function startRule(cursor: LineCursor): Rule | null {
  return !cursor.indented && RULE.test(cursor.rest) ? { kind: "rule", ...fresh } : null;
}

/** The marker of a list item: the list to which the item can belong, and the item. */
export interface ListMarker {
  readonly list: Pick<List, "ordered" | "marker" | "start">;
  readonly item: ListItem;
  /** The label of a footnote. */
  readonly label?: string;
}

/** The list item that begins here, if one does. It interrupts a paragraph only if it has text and its number is 1. */
export function startItem(cursor: LineCursor, container: Block): ListMarker | null {
  if (cursor.indented) return null;
  const note = NOTE.exec(cursor.rest);
  if (note) {
    cursor.skipSpace();
    cursor.skipColumns(note[0].length);
    cursor.skipSpace();
    const item: ListItem = { kind: "item", ...fresh, children: [], indent: NOTE_INDENT, empty: true };
    return { list: { ordered: true, marker: NOTE_MARKER, start: 0 }, item, label: note[1]! };
  }
  const interrupts = container.kind === "paragraph";
  const bullet = BULLET.exec(cursor.rest);
  const number = bullet ? null : ORDERED_MARKER.exec(cursor.rest);
  const found = bullet ?? number;
  if (!found || (number && interrupts && Number(number[1]) !== 1)) return null;
  if (interrupts && cursor.rest.slice(found[0].length).trim() === "") return null;
  const offset = cursor.indent;
  cursor.skipSpace();
  cursor.skipColumns(found[0].length);
  const padding = found[0].length + skipPadding(cursor);
  const item: ListItem = { kind: "item", ...fresh, children: [], indent: offset + padding, empty: true };
  const list = bullet
    ? { ordered: false, marker: bullet[0], start: 0 }
    : { ordered: true, marker: number![2]!, start: Number(number![1]) };
  return { list, item };
}

/** Skip the space behind a marker: up to four columns, but only one if code or nothing follows. Returns the columns. */
function skipPadding(cursor: LineCursor): number {
  const back = cursor.mark();
  const from = cursor.column;
  while (cursor.column - from < 5 && cursor.atSpace) cursor.skipColumns(1);
  const columns = cursor.column - from;
  if (columns >= 1 && columns < 5 && cursor.offset < cursor.text.length) return columns;
  back();
  if (cursor.atSpace) cursor.skipColumns(1);
  return 1;
}

export function list({ ordered, marker, start }: ListMarker["list"], before?: List): List {
  const common = { kind: "list" as const, ...fresh, children: [], ordered, marker, length: 0 };
  if (!before) return { ...common, start, spacing: { loose: false }, continued: false };
  return { ...common, start: before.start + before.length, spacing: before.spacing, continued: true };
}

/** Whether the box is ticked with which an item begins; null if the item has no box. */
export function taskBox(text: string): boolean | null {
  const match = TASK.exec(text);
  return match ? match[1] !== " " : null;
}

/** Note whether a new line of a paragraph begins or ends a display formula. In a formula, no line begins a block. */
export function followFormula(block: Paragraph, line: string): void {
  if (block.formula !== "") {
    if (line.includes(block.formula)) block.formula = "";
    return;
  }
  const [, opening] = FORMULA.exec(line) ?? [];
  BEGIN.lastIndex = 0;
  const opener = opening ?? BEGIN.exec(line)?.[0];
  if (!opener) return;
  const closer = closerOf(opener);
  if (!line.slice(opener.length).includes(closer)) block.formula = closer;
}
