/**
 * Builds the block structure of a text line by line (CommonMark 0.31.2, appendix; tables and tasks of GFM 0.29).
 *
 * Each line is read once and acts on the open blocks only, so that the cost of a text does not depend on its pieces.
 * Raw HTML is text here. The tree holds only the blocks that the view has not shown as final: the view takes the others
 * away.
 */

import {
  type Alignment,
  type Block,
  type Container,
  isContainer,
  type List,
  type Paragraph,
  type Root,
  type Table,
} from "./block";
import * as starts from "./block_starts";
import { LineCursor } from "./cursor";
import { type Definitions, MAX_DEFINITION_CHARS } from "./link_targets";
import { alignments, cells, MAX_FILLED_CELLS } from "./tables";

/** How deep containers stand in containers. The mark of a deeper one is text. */
export const MAX_BLOCK_DEPTH = 32;
/** Items or rows in one element. A longer list or table goes on in another element. */
export const ITEMS_PER_PART = 64;

/** Owned by the writer of one text. */
export class BlockParser {
  readonly root: Root = { kind: "root", open: true, final: false, lastLine: 0, children: [] };
  /** The open blocks, from the root to the innermost. */
  #path: Block[] = [this.root];
  /** How many of the open blocks the present line continues. */
  #matched = 1;
  #line = 0;
  /** Whether the present line began a block. */
  #hasBegun = false;
  #isPreview = false;
  /** How many footnotes were defined so far. */
  #notes = 0;

  constructor(
    private readonly definitions: Definitions,
    private readonly part = ITEMS_PER_PART,
  ) {}

  get tip(): Block {
    return this.#path.at(-1)!;
  }

  /** Read a complete line, without its line end. */
  add(text: string): void {
    this.#line++;
    this.#hasBegun = false;
    const cursor = new LineCursor(text);
    const closed = this.#match(cursor);
    if (!closed) this.#take(cursor);
    this.#count(cursor);
  }

  /** Call `show` while the tree is as if the beginning of a line, `text`, were complete. Then take the line back. */
  preview(text: string, show: () => void): void {
    const saved = this.#path.map((block) => ({ ...block }));
    const children = this.#path.map((block) => (isContainer(block) ? [...block.children] : null));
    const spacings = this.#path.map((block) => (block.kind === "list" ? block.spacing.loose : null));
    const [path, line, notes] = [[...this.#path], this.#line, this.#notes];
    this.#isPreview = true;
    try {
      this.add(text);
      show();
    } finally {
      this.#isPreview = false;
      this.#path = path;
      this.#line = line;
      this.#notes = notes;
      path.forEach((block, depth) => {
        Object.assign(block, saved[depth]);
        if (isContainer(block)) block.children = children[depth]!;
        if (block.kind === "list") block.spacing.loose = spacings[depth]!;
      });
    }
  }

  /** The text is complete. */
  end(): void {
    this.#closeTo(0);
  }

  /** Find the open blocks that the line continues. True if the line closes a fence, and so has nothing else to say. */
  #match(cursor: LineCursor): boolean {
    this.#matched = 1;
    for (; this.#matched < this.#path.length; this.#matched++) {
      const block = this.#path[this.#matched]!;
      if (block.kind === "code" && block.fence && starts.closes(block.fence, cursor)) {
        if (block.nested > 0) {
          block.nested--;
          continue;
        }
        block.lastLine = this.#line;
        this.#closeTo(this.#matched);
        return true;
      }
      if (!continues(block, cursor)) break;
    }
    return false;
  }

  #take(cursor: LineCursor): void {
    let container = this.#path[this.#matched - 1]!;
    const all = this.#matched === this.#path.length;
    while (container.kind !== "code" && this.#start(container, cursor, all)) {
      container = this.tip;
      if (container.kind === "code" && !container.fence) break;
      if (!isContainer(container) || container.kind === "table") return;
    }
    if (this.#matched < this.#path.length && !cursor.blank && this.tip.kind === "paragraph") {
      cursor.skipSpace();
      this.#addText(this.tip, cursor.remainder);
      return;
    }
    this.#closeTo(this.#matched);
    if (container.kind === "code") this.#addCode(cursor);
    else if (cursor.blank) return;
    else if (container.kind === "paragraph") {
      cursor.skipSpace();
      this.#addText(container, cursor.remainder);
    } else this.#openParagraph(cursor);
  }

  /** Open the block that the line begins here, if it begins one. Blocks that the line does not continue are closed. */
  #start(container: Block, cursor: LineCursor, all: boolean): boolean {
    if (container.kind === "paragraph" && container.formula !== "" && !starts.startCode(cursor)) return false;
    if (cursor.blank) return false;
    if (cursor.indented) {
      if (this.tip.kind === "paragraph") return false;
      cursor.skipColumns(4);
      this.#open(starts.indentedCode());
      return true;
    }
    const isDeep = this.#path.length > MAX_BLOCK_DEPTH;
    if (!isDeep && starts.startQuote(cursor)) {
      const alert = starts.takeAlert(cursor);
      this.#open(starts.quote(alert));
      if (alert) this.#open(starts.paragraph());
      return true;
    }
    const leaf =
      starts.startHeading(cursor) ?? starts.startCode(cursor) ?? this.#startSetext(container, cursor);
    if (leaf) {
      this.#open(leaf);
      return true;
    }
    const rule = starts.startRule(cursor);
    if (rule) {
      this.#open(rule);
      return true;
    }
    const marker = isDeep ? null : starts.startItem(cursor, container);
    if (marker) {
      this.#openItem(marker);
      return true;
    }
    if (container.kind === "table") return this.#addRow(cursor);
    return container.kind === "paragraph" && all && this.#startTable(container, cursor);
  }

  #startSetext(container: Block, cursor: LineCursor): Block | null {
    if (container.kind !== "paragraph" || !starts.isSetext(cursor)) return null;
    const text = this.definitions.take(container.text, false);
    if (text === "") return null;
    const heading = starts.setextHeading(cursor, text);
    if (text !== container.text) this.definitions.take(container.text, !this.#isPreview);
    this.#replaceParagraph(container, "");
    return heading;
  }

  /** A line of dashes makes the last line of the paragraph above it the header of a table. */
  #startTable(container: Paragraph, cursor: LineCursor): boolean {
    const aligned = alignments(cursor.rest);
    if (!aligned) return false;
    const cut = container.text.lastIndexOf("\n") + 1;
    const header = container.text.slice(cut);
    if (!header.includes("|") || cells(header).length !== aligned.length) return false;
    this.#replaceParagraph(container, container.text.slice(0, Math.max(0, cut - 1)));
    this.#openTable(aligned, cells(header));
    return true;
  }

  #openTable(aligned: readonly Alignment[], header: readonly string[]): void {
    const common = { kind: "table" as const, open: true, final: false, lastLine: 0, children: [] };
    this.#open({ ...common, alignments: aligned, header, length: 0, filled: 0 });
  }

  #addRow(cursor: LineCursor): boolean {
    this.#closeTo(this.#matched);
    let table = this.tip as Table;
    const found = cells(cursor.rest);
    const missing = Math.max(0, table.alignments.length - found.length);
    if (table.filled + missing > MAX_FILLED_CELLS) return false;
    if (table.length >= this.part) {
      const { alignments: aligned, header, filled } = table;
      this.#closeTo(this.#path.length - 1);
      this.#openTable(aligned, header);
      table = this.tip as Table;
      table.filled = filled;
    }
    table.filled += missing;
    table.length++;
    const { alignments: aligned } = table;
    this.#open(
      starts.row(
        aligned,
        aligned.map((_, column) => found[column] ?? ""),
      ),
    );
    this.#closeTo(this.#path.length - 1);
    return true;
  }

  #openItem({ list, item, label }: starts.ListMarker): void {
    this.#closeTo(this.#matched);
    let parent = this.tip;
    let same = parent.kind === "list" && parent.ordered === list.ordered && parent.marker === list.marker;
    let start = list.start;
    if (label !== undefined) {
      start = ++this.#notes;
      if (!this.#isPreview) this.definitions.addNote(label, start);
      same &&= parent.kind === "list" && parent.start + parent.length === start;
    }
    if (!same) this.#open(starts.list({ ...list, start }));
    else if ((parent as List).length >= this.part) {
      const before = parent as List;
      this.#noteGap(before);
      this.#closeTo(this.#path.length - 1);
      this.#open(starts.list(list, before));
    }
    parent = this.tip;
    this.#open(item);
    if (parent.kind === "list") parent.length++;
  }

  #openParagraph(cursor: LineCursor): void {
    const parent = this.tip;
    const begins = parent.kind === "item" && parent.empty;
    cursor.skipSpace();
    const block = starts.paragraph();
    this.#open(block);
    const task = begins ? starts.taskBox(cursor.remainder) : null;
    block.task = task;
    this.#addText(block, task === null ? cursor.remainder : cursor.remainder.slice(3).trimStart());
  }

  #addText(block: Paragraph, line: string): void {
    // A definition that another one follows is complete, and is taken off: else a long row of definitions would be read
    // again with each of its lines.
    const isRow = !this.#isPreview && line.startsWith("[") && block.text.startsWith("[");
    if (
      isRow &&
      block.text.length < MAX_DEFINITION_CHARS &&
      this.definitions.take(block.text, false) === ""
    ) {
      this.definitions.take(block.text, true);
      block.text = "";
    }
    block.text = block.text === "" ? line : `${block.text}\n${line}`;
    block.isPartial = this.#isPreview;
    starts.followFormula(block, line);
  }

  #addCode(cursor: LineCursor): void {
    const block = this.tip;
    if (block.kind !== "code") return;
    if (block.fence) cursor.skipColumns(Math.min(block.fence.indent, cursor.indent));
    const line = cursor.remainder;
    if (starts.nests(block, line)) block.nested++;
    if (this.#isPreview) block.partial = [...block.blanks, line].join("\n");
    else if (!block.fence && cursor.blank) block.blanks = [...block.blanks, line];
    else {
      block.lines.push(...block.blanks, line);
      block.blanks = [];
    }
  }

  #open(block: Block): void {
    this.#closeTo(this.#matched);
    while (!holds(this.tip, block)) this.#closeTo(this.#path.length - 1);
    const parent = this.tip as Container;
    if (!(block.kind === "list" && block.continued)) this.#noteGap(parent);
    parent.children.push(block);
    if (parent.kind === "item") parent.empty = false;
    this.#path.push(block);
    this.#hasBegun = true;
    block.lastLine = this.#line;
    this.#matched = this.#path.length;
  }

  /** A blank line before a new child makes the list loose. */
  #noteGap(parent: Container): void {
    if (parent.lastLine >= this.#line - 1 || parent.lastLine === 0) return;
    if (parent.kind === "list" && parent.length > 0) parent.spacing.loose = true;
    if (parent.kind !== "item" || parent.empty) return;
    const list = this.#path[this.#path.indexOf(parent) - 1];
    if (list?.kind === "list") list.spacing.loose = true;
  }

  #closeTo(depth: number): void {
    while (this.#path.length > depth) {
      const block = this.#path.pop()!;
      block.open = false;
      if (block.kind === "paragraph") {
        this.#replaceParagraph(block, this.definitions.take(block.text, !this.#isPreview), false);
      }
      block.final = !this.#isPreview;
    }
    this.#matched = Math.min(this.#matched, depth);
  }

  /** Leave only `text` of a paragraph's text. If that is nothing, take the paragraph away. */
  #replaceParagraph(block: Paragraph, text: string, isOpen = true): void {
    block.text = text;
    if (text.trim() !== "" || block.task !== null) return;
    const parent = this.#path[isOpen ? this.#path.length - 2 : this.#path.length - 1] as Container;
    parent.children.pop();
    if (isOpen) this.#path.pop();
    this.#matched = Math.min(this.#matched, this.#path.length);
  }

  /**
   * Note that the line belongs to all open blocks. A blank line belongs only to quotes that it continues, and to fenced
   * code.
   */
  #count(cursor: LineCursor): void {
    let depth = this.#path.length;
    const isBlank = cursor.blank && !this.#hasBegun;
    if (isBlank && !(this.tip.kind === "code" && this.tip.fence && this.#matched === depth)) {
      depth = 1 + this.#path.slice(0, this.#matched).findLastIndex((block) => block.kind === "quote");
    }
    for (let i = 0; i < depth; i++) this.#path[i]!.lastLine = this.#line;
  }
}

/** Whether the line continues an open block. If it does, the cursor goes behind the marks that say so. */
function continues(block: Block, cursor: LineCursor): boolean {
  switch (block.kind) {
    case "quote":
      return starts.startQuote(cursor);
    case "list":
      return true;
    case "item":
      if (cursor.blank) {
        if (block.empty) return false;
        cursor.skipSpace();
        return true;
      }
      if (cursor.indent < block.indent) return false;
      cursor.skipColumns(block.indent);
      return true;
    case "code":
      if (block.fence || cursor.indented) {
        if (!block.fence) cursor.skipColumns(4);
        return true;
      }
      if (cursor.blank) cursor.skipSpace();
      return cursor.blank;
    case "paragraph":
    case "table":
      return !cursor.blank;
    default:
      return false;
  }
}

function holds(parent: Block, child: Block): boolean {
  if (parent.kind === "list") return child.kind === "item";
  if (parent.kind === "table") return child.kind === "row";
  return isContainer(parent) && child.kind !== "item" && child.kind !== "row";
}
