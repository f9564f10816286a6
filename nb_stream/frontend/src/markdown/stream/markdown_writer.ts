/**
 * Writes Markdown as DOM while the text grows. However a text is cut into pieces, it ends in the same elements.
 *
 * A complete line is read once. The line that is not complete is shown as what it would be, and is taken back when more
 * of it comes. `recheck.ts` reads a finished message once more as a whole.
 */

import { inLines, openEnd, withoutColours } from "../../ansi/ansi";
import { unfold } from "../../dom/folded";
import { NEAR_CHARS, writeAll } from "../../dom/portions";
import type { Services } from "../dom/inline_view";
import { BlockParser, ITEMS_PER_PART } from "../parse/blocks";
import { Definitions } from "../parse/link_targets";
import { BlockView } from "./block_view";
import { holdsBack } from "./hold_back";
import { CHARS_PER_PART, InlineStream, Reading } from "./inline_stream";

/** The length at which texts (in characters), lists and tables (in items) are cut into parts. */
export interface WriterParts {
  readonly text: number;
  readonly items: number;
}

const PARTS: WriterParts = { text: CHARS_PER_PART, items: ITEMS_PER_PART };

/** Owned by the view of one text. */
export class MarkdownWriter {
  readonly #reading: Reading;
  readonly #parser: BlockParser;
  readonly #view: BlockView;
  /** The line that is not complete. */
  #line = "";
  /** The end of the last piece, which the next one may complete. */
  #carry = "";
  #isEnded = false;

  constructor(
    readonly el: HTMLElement,
    services: Services,
    /** Takes in the definitions that are found. */
    readonly definitions = new Definitions(),
    parts = PARTS,
  ) {
    this.#reading = new Reading(services, definitions, parts.text);
    this.#parser = new BlockParser(definitions, parts.items);
    this.#view = new BlockView(el, this.#reading);
  }

  /** Characters that were read so far; those that were read twice count twice. */
  get read(): number {
    return this.#reading.read;
  }

  /** Whether what is written now is far from what the reader sees. */
  get isFar(): boolean {
    return this.#reading.isFar;
  }

  set isFar(isFar: boolean) {
    this.#reading.isFar = isFar;
  }

  write(piece: string): void {
    const text = this.#carry + piece;
    this.#carry = openEnd(text);
    this.#take(text.slice(0, text.length - this.#carry.length));
    const { root, tip } = this.#parser;
    this.#view.settle(root);
    if (this.#line === "" || holdsBack(this.#line, tip)) this.#view.show(root);
    else this.#parser.preview(this.#line, () => this.#view.show(root));
  }

  /** The text is complete. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#take(this.#carry);
    if (this.#line !== "") this.#parser.add(this.#line);
    this.#line = this.#carry = "";
    this.#parser.end();
    const { root } = this.#parser;
    this.#view.settle(root);
    this.#view.show(root);
    this.#resolve();
  }

  #take(piece: string): void {
    const text = inLines(withoutColours(piece)).replaceAll("\0", "\ufffd");
    this.#reading.receive(text.length);
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#parser.add(this.#line + text.slice(from, end));
      this.#line = "";
      from = end + 1;
    }
    this.#line += text.slice(from);
  }

  /** Show those texts anew that refer to definitions behind them. */
  #resolve(): void {
    const els = new Set<HTMLElement>();
    for (const [label, waiting] of this.#reading.waiting) {
      if (this.definitions.has(label)) for (const el of waiting) els.add(el);
    }
    this.#reading.waiting.clear();
    for (const el of els) {
      unfold(el);
      const fixed = el.firstElementChild?.matches("input") ? 1 : 0;
      new InlineStream(el, this.#reading, fixed).update(this.#reading.sources.get(el)!, true);
    }
  }
}

/** Make `text` the whole content of `el`. A long text comes in portions (`dom/portions.ts`). */
export function renderMarkdown(el: HTMLElement, text: string, services: Services): void {
  el.replaceChildren();
  const folding = text.length > NEAR_CHARS ? services.folding : undefined;
  writeAll(el, new MarkdownWriter(el, { ...services, folding }), text);
}
