/**
 * Writes plain text as DOM, streamed or whole. `markdown/stream/markdown_writer.ts` does the same for Markdown.
 *
 * The text stands in blocks, because a browser lays out a whole block anew for each piece that is added to it. A block
 * ends at the first newline behind its 4,096th character, or at its 8,192nd, so that the DOM does not depend on the
 * pieces of the text.
 */

import { openEnd, withoutColours } from "../ansi/ansi";
import type { Units } from "./folding";
import { NEAR_CHARS, writeAll } from "./portions";
import { appendText } from "./safe_text";

/** Characters after which a block ends with its line. */
export const BLOCK_CHARS = 4096;
/** Characters after which a block ends although its line does not. */
const MAX_BLOCK_CHARS = 8192;

/** Owned by the view of one text. */
export class TextWriter {
  #block: HTMLElement | undefined;
  #length = 0;
  /** The end of the last piece, which the next one may complete. */
  #carry = "";
  /** Whether what is written now is far from what the reader sees. */
  isFar = false;

  constructor(
    readonly el: HTMLElement,
    private readonly folding?: Units,
  ) {}

  write(piece: string): void {
    let text = this.#carry + piece;
    this.#carry = openEnd(text);
    text = withoutColours(text.slice(0, text.length - this.#carry.length)).replaceAll("\r\n", "\n");
    while (text !== "") {
      const end = this.#blockEnd(text);
      this.#put(text.slice(0, end ?? text.length));
      if (end === null) return;
      this.#endBlock();
      text = text.slice(end);
    }
  }

  /** Where the block ends in `text`, which follows it; null if the text does not say so. */
  #blockEnd(text: string): number | null {
    const newline = text.indexOf("\n", Math.max(0, BLOCK_CHARS - this.#length));
    const room = MAX_BLOCK_CHARS - this.#length;
    if (newline >= 0 && newline < room) return newline + 1;
    if (text.length <= room) return null;
    const next = text.charCodeAt(room);
    return next >= 0xdc00 && next < 0xe000 ? room + 1 : room; // a pair of surrogates stays together
  }

  /** The text is complete. */
  end(): void {
    if (this.#carry !== "") this.#put(this.#carry);
    this.#carry = "";
  }

  #endBlock(): void {
    if (this.#block) this.folding?.add(this.#block, this.isFar);
    this.#block = undefined;
    this.#length = 0;
  }

  #put(part: string): void {
    if (!this.#block) {
      this.#block = document.createElement("div");
      this.#block.className = "nbs-block";
      this.el.append(this.#block);
    }
    appendText(this.#block, part);
    this.#length += part.length;
  }
}

/** Make `text` the whole content of `el`. A long text comes in portions (`portions.ts`). */
export function renderText(el: HTMLElement, text: string, folding?: Units): void {
  el.replaceChildren();
  writeAll(el, new TextWriter(el, text.length > NEAR_CHARS ? folding : undefined), text);
}
