/** The code of a code cell, as its `data` has it. */

import type { Cell } from "../../protocol/model";

export interface CodeBlock {
  code: string;
  language: string;
}

/** The blocks that `value` holds; none where it is something else. */
export function codeBlocks(value: unknown): CodeBlock[] {
  if (!Array.isArray(value)) return [];
  return value.map((block) => {
    const { code = "", language = "" } = (block ?? {}) as Record<string, unknown>;
    return { code: String(code), language: String(language) };
  });
}

const FENCED = /(`{3,}|~{3,})[^\n`]*\n([\s\S]*?)(?:\1|$(?![\s\S]))/g;

/** The blocks that do not stand in the text of `cell` between fences: a word that looks like code is not that code. */
export function unshown(cell: Cell): CodeBlock[] {
  const blocks = codeBlocks(cell.data?.code_blocks);
  if (blocks.length === 0) return [];
  const shown = [...cell.text.matchAll(FENCED)].map((fenced) => fenced[2]!.trim());
  return blocks.filter(({ code }) => !shown.includes(code.trim()));
}
