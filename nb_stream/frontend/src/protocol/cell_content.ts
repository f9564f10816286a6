/**
 * Decides what a cell says, as a list of sections. All views of the page ask here, so that they agree. The kernel's
 * side of the same list is `core/cell_content.py`.
 *
 * A view has a `switch` over the types of sections that ends in `unreachable`: so the compiler finds a view that
 * forgets a type.
 */

import {
  type ApprovalSubject,
  type Cell,
  type CodeBlock,
  roleOf,
  type TextForm,
  type ToolCall,
  textForm,
} from "./model";

export type Section =
  | { type: "handoff target"; target: string }
  | { type: "text"; text: string; form: TextForm }
  /** `text` is the whole question; `what` holds what is to be approved as values. */
  | { type: "approval"; text: string; what: ApprovalSubject }
  /** Code that does not stand in the text of its cell. */
  | ({ type: "code" } & CodeBlock)
  | { type: "tool use"; call: ToolCall }
  | { type: "output"; text: string; exit_code: number | null }
  /** How a question ended, and a person's answer if there is one. */
  | { type: "ending"; how: string; answer: string | null }
  | { type: "traceback"; text: string }
  /** Counted from 1; `source` may be any text. */
  | { type: "image"; number: number; source: string };

/** The sections of `cell`, in the order in which they are read. */
export function sectionsOf(cell: Cell): Section[] {
  const { text, data = {} } = cell;
  const { target, what, output, exit_code = null, how = "", answer = null, traceback } = data;
  const sections: Section[] = [];
  if (target) sections.push({ type: "handoff target", target });
  if (what && roleOf(cell) === "question") sections.push({ type: "approval", text, what });
  else if (text) sections.push({ type: "text", text, form: textForm(cell) });
  for (const block of unshown(cell)) sections.push({ type: "code", ...block });
  for (const call of cell.tool_calls ?? []) sections.push({ type: "tool use", call });
  if (output !== undefined) sections.push({ type: "output", text: output, exit_code });
  if (how || answer !== null) sections.push({ type: "ending", how, answer });
  if (traceback) sections.push({ type: "traceback", text: traceback });
  for (const [index, source] of (data.images ?? []).entries()) {
    sections.push({ type: "image", number: index + 1, source });
  }
  return sections;
}

const FENCED = /(`{3,}|~{3,})[^\n`]*\n([\s\S]*?)(?:\1|$(?![\s\S]))/g;

/**
 * The code blocks of `cell` that do not stand in its text between fences. The same words outside of fences do not
 * count.
 */
function unshown({ text, data }: Cell): CodeBlock[] {
  const blocks = data?.code_blocks ?? [];
  if (blocks.length === 0) return [];
  const shown = [...text.matchAll(FENCED)].map((fenced) => fenced[2]!.trim());
  return blocks.filter(({ code }) => !shown.includes(code.trim()));
}

/** The code that is to be approved, block by block. */
export function codeOf({ code, language = "", code_blocks = [] }: ApprovalSubject): CodeBlock[] {
  return code_blocks.length > 0 || code === undefined ? code_blocks : [{ code, language }];
}
