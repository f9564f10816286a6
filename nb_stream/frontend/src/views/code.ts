/** The code of a code cell, as its `data` has it. */

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
