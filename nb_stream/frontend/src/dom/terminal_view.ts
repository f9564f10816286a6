/** Shows what a program printed: with its colours, and in blocks, as `dom/text_writer.ts` shows other plain text. */

import { hasSequences, overwritten, styled } from "../ansi/ansi";
import { h } from "./build";
import type { Units } from "./folding";
import { NEAR_CHARS, PacedWork } from "./portions";
import { appendText } from "./safe_text";
import { BLOCK_CHARS, renderText } from "./text_writer";

/** Replace the content of `el` by the text `printed`. */
export function renderOutput(el: HTMLElement, printed: string, folding?: Units): void {
  const text = overwritten(printed);
  if (!hasSequences(text)) {
    renderText(el, text, folding);
    return;
  }
  el.replaceChildren();
  new PacedWork(el, coloured(el, text, folding));
}

function* coloured(el: HTMLElement, text: string, folding: Units | undefined): Generator<number> {
  let written = 0;
  let block = el.appendChild(h("div", "nbs-block"));
  let length = 0;
  for (const piece of styled(text)) {
    for (const line of piece.text.split(/(?<=\n)/)) {
      if (piece.style === "") appendText(block, line);
      else block.append(h("span", piece.style, line));
      length += line.length;
      yield line.length;
      if (length < BLOCK_CHARS || !line.endsWith("\n")) continue;
      if (text.length > NEAR_CHARS) folding?.add(block, written > NEAR_CHARS);
      written += length;
      block = el.appendChild(h("div", "nbs-block"));
      length = 0;
    }
  }
  if (!block.hasChildNodes()) block.remove();
}
