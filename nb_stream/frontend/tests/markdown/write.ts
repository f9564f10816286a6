/** Writes Markdown for tests. */

import { Modules } from "../../src/dom/page_modules";
import { Emojis } from "../../src/markdown/dom/emoji_view";
import { Formulas } from "../../src/markdown/dom/formula_view";
import type { Services } from "../../src/markdown/dom/inline_view";
import { safePolicy } from "../../src/markdown/dom/policy";
import { MarkdownWriter, type WriterParts } from "../../src/markdown/stream/markdown_writer";

/** The services of a panel whose kernel never sends a module. */
export function services(): Services {
  const modules = new Modules(() => {});
  return { policy: safePolicy, formulas: new Formulas(modules), emojis: new Emojis(modules) };
}

export interface Written {
  readonly el: HTMLElement;
  readonly writer: MarkdownWriter;
}

/** Write a whole text in `pieces`. `each` is called after each piece. */
export function write(
  pieces: Iterable<string>,
  parts?: WriterParts,
  each?: (el: HTMLElement) => void,
): Written {
  const { el, writer } = begin(parts);
  for (const piece of pieces) {
    writer.write(piece);
    each?.(el);
  }
  writer.end();
  return { el, writer };
}

export function begin(parts?: WriterParts): Written {
  const el = document.createElement("div");
  return { el, writer: new MarkdownWriter(el, services(), undefined, parts) };
}

/** Show a text of which more may come. */
export function shownOf(text: string): HTMLElement {
  const { el, writer } = begin();
  writer.write(text);
  return el;
}
