/**
 * Shows blocks as DOM. A final block is made once and never touched again. An open block is changed node by node, so
 * that a selection in it survives.
 */

import { keep } from "../../dom/folded";
import { CodeView } from "../dom/code_view";
import * as elements from "../dom/elements";
import { ChildSlots } from "../dom/slots";
import {
  type Block,
  type Code,
  type Container,
  isContainer,
  type List,
  type Paragraph,
  type Table,
} from "../parse/block";
import { isOpenDefinition, MAX_DEFINITION_CHARS } from "../parse/link_targets";
import { cells } from "../parse/tables";
import { InlineStream, type Reading } from "./inline_stream";

/** A header of a table, with the beginning of the line under it or without. */
const HEADER = /^\n?\|[^\n]*(?:\n[|:\s-]*)?$/;
const HAS_WORDS = /^[^\n]*?[^\s|]/;
/** Characters of a header, with the line under it; a longer one is not shown as a table before it is one. */
const MAX_HEADER_CHARS = 4000;

/** Children of a list, an item or a quote that leave the page with their parent only: most have no more. */
const ALWAYS_OPEN = 4;

interface ShownBlock {
  readonly el: HTMLElement;
  readonly slots: ChildSlots;
}

/** Owned by the writer of one text. */
export class BlockView {
  readonly #root: ShownBlock;
  #shown = new WeakMap<Container, ShownBlock>();
  #codes = new WeakMap<Code, CodeView>();
  #leaves = new WeakMap<Element, InlineStream>();
  /** The texts of complete cells, so that they are not read again while their row grows. */
  #cellTexts = new WeakMap<Element, string>();
  /** The elements of lists and tables in several parts, by the object that the parts share. */
  #parts = new WeakMap<object, HTMLElement[]>();
  /** The element in which the text goes on. */
  #end: Element | null = null;
  /** The element that has the caret: the one in which the text went on when it was shown last. */
  #caret: Element | null = null;

  constructor(
    el: HTMLElement,
    private readonly reading: Reading,
  ) {
    this.#root = { el, slots: new ChildSlots(el, reading.settle) };
  }

  /** Show the blocks that have become final, and take them off the tree. */
  settle(root: Container): void {
    // What becomes final can be folded, so the caret must not stand in it.
    if (this.#caret) elements.setClass(this.#caret, "nbs-open", false);
    this.#caret = null;
    this.#shown.set(root, this.#root);
    this.#settle(root, this.#root.slots);
  }

  /** Show the rest of the tree as it is now. */
  show(root: Container): void {
    this.#end = null;
    this.#show(root, this.#root.slots);
    this.#caret = this.#end;
    if (this.#caret) elements.setClass(this.#caret, "nbs-open", true);
  }

  #settle(parent: Container, slots: ChildSlots): void {
    const { children } = parent;
    const found = children.findIndex(({ final }) => !final);
    const count = found < 0 ? children.length : found;
    for (let index = 0; index < count; index++) {
      slots.put(index, this.#render(children[index]!, slots.open[index]));
    }
    slots.settle(count);
    children.splice(0, count);
    const open = children[0];
    if (!open) return;
    if (isContainer(open)) {
      const { el, slots: inner } = this.#container(open, slots.open[0]);
      slots.put(0, el);
      this.#settle(open, inner);
    } else if (open.kind === "code" && open.lines.length > 0) slots.put(0, this.#code(open));
  }

  #show(parent: Container, slots: ChildSlots): void {
    for (const [index, child] of parent.children.entries()) {
      slots.put(index, this.#render(child, slots.open[index]));
    }
    slots.trim(parent.children.length);
  }

  /** The element of a block. It can be `old`, the element that stands in its place. */
  #render(block: Block, old: HTMLElement | undefined): HTMLElement {
    if (isContainer(block)) {
      const { el, slots } = this.#container(block, old);
      if (block.final) {
        this.#settle(block, slots);
        slots.trim(0);
      } else this.#show(block, slots);
      return el;
    }
    switch (block.kind) {
      case "code":
        return this.#code(block);
      case "rule":
        return elements.reuse(old, "rule") ?? elements.rule();
      case "row": {
        const el = elements.rowOf(old, block.alignments);
        this.#cells(el, block.cells, block.final);
        return el;
      }
      case "heading": {
        const el = elements.reuse(old, `heading ${block.level}`) ?? elements.heading(block.level);
        return this.#text(el, block.text, block.final);
      }
      case "paragraph":
        break;
    }
    if (!block.final && isHeader(block.text)) return this.#pendingTable(old, block.text);
    const el = elements.reuse(old, `paragraph ${block.task}`) ?? elements.paragraphBox(block.task);
    return this.#text(el, this.#textOf(block), block.final, block.task === null ? 0 : 1);
  }

  #text(el: HTMLElement, text: string, final: boolean, fixed = 0): HTMLElement {
    const leaf = this.#leaves.get(el) ?? new InlineStream(el, this.reading, fixed);
    leaf.update(text, final);
    if (final) this.#leaves.delete(el);
    else {
      this.#leaves.set(el, leaf);
      this.#end = el;
    }
    return el;
  }

  /** The text that a paragraph shows. Before the paragraph is complete, text that may be a definition is left out. */
  #textOf({ final, text, isPartial }: Paragraph): string {
    if (final) return text;
    const mayDefine = text.startsWith("[") && text.length < MAX_DEFINITION_CHARS;
    const rest = mayDefine ? this.reading.definitions.take(text, false) : text;
    if (mayDefine && isOpenDefinition(rest)) return "";
    // The line end is added because it decides what the last characters of the line are.
    return isPartial ? withoutHeader(rest) : withoutHeader(`${rest}\n`);
  }

  #code(block: Code): HTMLElement {
    const view = this.#codes.get(block) ?? new CodeView(block.info, this.reading.settle);
    this.#codes.set(block, view);
    view.add(block.lines.splice(0));
    view.setPartial(block.partial, this.reading.spend(block.partial.length));
    if (!block.final) this.#end = view.el;
    return view.el;
  }

  #container(block: Container, old: HTMLElement | undefined): ShownBlock {
    const known = this.#shown.get(block);
    if (known) {
      if (block.kind === "list") this.#setTight(block);
      return known;
    }
    const shown = this.#newContainer(block, old);
    this.#shown.set(block, shown);
    if (block.kind === "list") {
      this.#addPart(block.spacing, shown.el);
      this.#setTight(block);
    } else if (block.kind === "table") {
      const parts = this.#addPart(block.alignments, shown.el);
      // The parts of a table stand one below the other, so their columns must have the same width.
      if (parts.length > 1) for (const el of parts) elements.setClass(el, "nbs-fixed", true);
    }
    return shown;
  }

  #newContainer(block: Container, old: HTMLElement | undefined): ShownBlock {
    if (block.kind === "table") return this.#table(block, old);
    const el = elements.container(block, old);
    const fixed = block.kind === "quote" && block.alert ? 1 : 0;
    return { el, slots: this.#slots(el, block.kind === "list" ? 0 : undefined, fixed) };
  }

  #addPart(shared: object, el: HTMLElement): HTMLElement[] {
    const parts = this.#parts.get(shared) ?? [];
    parts.push(el);
    if (parts.length > 1) for (const part of parts) keep(part); // they may change together
    this.#parts.set(shared, parts);
    return parts;
  }

  #slots(el: HTMLElement, groupSize: number | undefined, fixed: number): ChildSlots {
    return new ChildSlots(el, this.reading.settle, ALWAYS_OPEN, groupSize, fixed);
  }

  #setTight({ spacing }: List): void {
    const parts = this.#parts.get(spacing) ?? [];
    if (parts.at(-1)?.classList.contains("nbs-tight") === !spacing.loose) return;
    for (const el of parts) elements.setClass(el, "nbs-tight", !spacing.loose);
  }

  #table(block: Table, old: HTMLElement | undefined): ShownBlock {
    const el = elements.reuse(old, "table") ?? elements.table();
    this.#cells(elements.headerOf(el, block.alignments), block.header, true);
    // The columns of a table that is not fixed follow its rows, so all of them stay.
    const isFixed = this.#parts.has(block.alignments);
    return {
      el,
      slots: new ChildSlots(el.querySelector("tbody")!, isFixed ? this.reading.settle : undefined, 0, 0),
    };
  }

  #pendingTable(old: HTMLElement | undefined, text: string): HTMLElement {
    const el = elements.reuse(old, "table") ?? elements.table();
    const header = cells(text.split("\n", 1)[0]!);
    const row = elements.headerOf(
      el,
      header.map(() => null),
    );
    this.#cells(row, header, false);
    return el;
  }

  /** Show the cells of a row. A cell that a bar ends is complete even if its row is not. */
  #cells(row: HTMLElement, texts: readonly string[], final: boolean): void {
    const written = final
      ? texts.length
      : Math.max(
          0,
          texts.findLastIndex((text) => text !== ""),
        );
    texts.forEach((text, column) => {
      const cell = row.children[column] as HTMLElement;
      const isComplete = final || column < written;
      if (isComplete && this.#cellTexts.get(cell) === text) return;
      this.#text(cell, text, isComplete);
      if (isComplete) this.#cellTexts.set(cell, text);
      else this.#cellTexts.delete(cell);
    });
    if (!final) this.#end = row.children[written] ?? null;
  }
}

/** Whether the text of a paragraph may be the header of a table. */
function isHeader(text: string): boolean {
  return text.length <= MAX_HEADER_CHARS && HEADER.test(text) && HAS_WORDS.test(text);
}

/** `text` without the line at its end that may be the header of a table, as long as the line under it has not come. */
function withoutHeader(text: string): string {
  const end = text.slice(-MAX_HEADER_CHARS); // to search all of a long text for each piece of it would take long
  const at = end.lastIndexOf("\n|");
  return at >= 0 && HEADER.test(end.slice(at)) ? text.slice(0, text.length - end.length + at) : text;
}
