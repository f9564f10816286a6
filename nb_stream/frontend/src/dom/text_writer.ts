/**
 * Writes plain text as DOM, streamed or whole. `markdown/stream/markdown_writer.ts` does the same for Markdown.
 *
 * The text stands in blocks, because a browser lays out a whole block anew for each piece that is added to it. A block
 * ends at the first newline behind its 4,096th character, so that the DOM does not depend on the pieces of the text.
 */

import { openEnd, withoutColours } from "../ansi/ansi";
import { writeAll } from "./portions";
import { appendText } from "./safe_text";

/** Characters after which a block ends with its line. */
export const BLOCK_CHARS = 4096;

/** Owned by the view of one text. */
export class TextWriter {
  #block: HTMLElement | undefined;
  #length = 0;
  /** The end of the last piece, which the next one may complete. */
  #carry = "";

  constructor(readonly el: HTMLElement) {}

  write(piece: string): void {
    let text = this.#carry + piece;
    this.#carry = openEnd(text);
    text = withoutColours(text.slice(0, text.length - this.#carry.length)).replaceAll("\r\n", "\n");
    while (text !== "") {
      const newline = text.indexOf("\n", Math.max(0, BLOCK_CHARS - this.#length));
      const part = newline < 0 ? text : text.slice(0, newline + 1);
      this.#put(part);
      if (newline >= 0) this.#endBlock();
      text = text.slice(part.length);
    }
  }

  /** The text is complete. */
  end(): void {
    if (this.#carry !== "") this.#put(this.#carry);
    this.#carry = "";
  }

  #endBlock(): void {
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
export function renderText(el: HTMLElement, text: string): void {
  el.replaceChildren();
  writeAll(el, new TextWriter(el), text);
}
