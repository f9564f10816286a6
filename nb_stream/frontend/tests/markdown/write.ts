/** Writers for tests. */

import { Chunks } from "../../src/chunks";
import { Formulas } from "../../src/markdown/formula_view";
import type { Services } from "../../src/markdown/inline_view";
import { safePolicy } from "../../src/markdown/policy";
import { MarkdownWriter, type Parts } from "../../src/markdown/writer";

/** Services as a panel has them, whose kernel never sends a chunk. */
export function services(): Services {
  return { policy: safePolicy, formulas: new Formulas(new Chunks(() => {})) };
}

export interface Written {
  readonly el: HTMLElement;
  readonly writer: MarkdownWriter;
}

/** A text written in `pieces`, ended. `each` is called after each piece. */
export function write(pieces: Iterable<string>, parts?: Parts, each?: (el: HTMLElement) => void): Written {
  const { el, writer } = begin(parts);
  for (const piece of pieces) {
    writer.write(piece);
    each?.(el);
  }
  writer.end();
  return { el, writer };
}

export function begin(parts?: Parts): Written {
  const el = document.createElement("div");
  return { el, writer: new MarkdownWriter(el, services(), undefined, parts) };
}

/** What is shown of a text of which more may come. */
export function shownOf(text: string): HTMLElement {
  const { el, writer } = begin();
  writer.write(text);
  return el;
}
