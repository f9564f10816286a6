/** The body of a finished cell, by its kind. */

import { h } from "../../dom/build";
import { isExact } from "../../dom/format";
import { renderText } from "../../dom/text_writer";
import { codeBlock } from "../../markdown/dom/code_view";
import type { Services } from "../../markdown/dom/inline_view";
import { renderMarkdown } from "../../markdown/stream/markdown_writer";
import { asName } from "../../protocol/code_points";
import type { Cell, CellHead, CellKind } from "../../protocol/model";
import { searchText } from "./cell_text";
import { codeBlocks, unshown } from "./code";
import { dataView, parseData } from "./data_view";
import { images } from "./images";
import { field, label, output, source } from "./source";
import { toolArguments, toolCall } from "./tool_call";
import { tracebackFold } from "./traceback";

const MARKDOWN: ReadonlySet<CellKind> = new Set(["text", "thought"]);

/** Whether the text of a cell is Markdown: what models say is, what programs say is not. */
export function isMarkdown(cell: CellHead): boolean {
  return MARKDOWN.has(cell.kind) && !cell.data?.preformatted;
}

/** Fill `el` with the content of `cell`; with its plain text where that fails, so that nothing is lost. */
export function renderBody(el: HTMLElement, cell: Cell, services: Services): void {
  el.replaceChildren();
  try {
    fill(el, cell, services);
  } catch (error) {
    console.error("nb_stream: a message is shown as plain text.", error);
    el.replaceChildren(label("could not be shown as usual", true), source(searchText(cell)));
  }
}

function fill(el: HTMLElement, cell: Cell, services: Services): void {
  const data = cell.data ?? {};
  switch (cell.kind) {
    case "tool call": {
      if (cell.text) el.append(rich(cell.text, services));
      const calls = cell.tool_calls ?? [];
      for (const call of calls) el.append(toolCall(call, cell, calls.length === 1));
      break;
    }
    case "code":
      el.append(...code(cell, data, services));
      break;
    case "structured output":
      el.append(structured(cell, data));
      break;
    case "handoff":
      if (data.target) el.append(field("hands over to", String(data.target)));
      el.append(prose(cell.text));
      break;
    case "approval":
      el.append(...asked(cell.text, data), ...ending(data));
      break;
    case "human input":
      el.append(prose(cell.text), ...ending(data));
      break;
    case "error":
      el.append(prose(cell.text));
      if (data.traceback) el.append(tracebackFold(String(data.traceback)));
      break;
    default:
      if (data.preformatted) el.append(output(cell.text, "Output"));
      else el.append(isMarkdown(cell) ? rich(cell.text, services) : prose(cell.text));
  }
  el.append(...images(data.images, cell.agent ?? ""));
}

function prose(text: string): HTMLElement {
  const el = h("div", "nbs-text");
  renderText(el, text);
  return el;
}

function rich(text: string, services: Services): HTMLElement {
  const el = h("div", "nbs-text nbs-md");
  renderMarkdown(el, text, services);
  return el;
}

function structured(cell: Cell, data: Record<string, unknown>): HTMLElement {
  const value = isExact(cell.text) ? (data.value ?? parseData(cell.text)) : undefined;
  return typeof value === "object" && value !== null
    ? dataView(value)
    : source(cell.text, "Structured output");
}

/** What a person is to approve: code, or a tool with its arguments, which the question repeats as text. */
function* asked(text: string, data: Record<string, unknown>): Generator<HTMLElement> {
  const {
    code,
    language,
    code_blocks,
    tool,
    arguments: given,
  } = (data.what ?? {}) as Record<string, unknown>;
  const question = code === undefined && tool === undefined ? text : (text.split("\n\n", 1)[0] ?? "");
  if (question) yield prose(question);
  const blocks = codeBlocks(code_blocks);
  for (const block of blocks) yield codeBlock(block.code, block.language);
  if (code !== undefined && blocks.length === 0) yield codeBlock(String(code), String(language ?? ""));
  if (tool !== undefined) {
    yield h("p", "nbs-call-head", h("code", "nbs-call-name", asName(String(tool))));
    yield* toolArguments(givenTo(text, given));
  }
}

/** What a tool is to be given; as the question has it in JSON where numbers have lost digits on their way here. */
function givenTo(text: string, given: unknown): string {
  const json = /\n\n(`{3,})json\n([\s\S]*)\n\1$/.exec(text)?.[2];
  if (json !== undefined && !isExact(json)) return json;
  return typeof given === "string" ? given : JSON.stringify(given ?? {});
}

function* ending(data: Record<string, unknown>): Generator<HTMLElement> {
  if (!data.how) return;
  if (data.answer == null) yield h("p", "nbs-field", h("span", "nbs-label", String(data.how)));
  else yield field(`${data.how}:`, String(data.answer));
}

function* code(cell: Cell, data: Record<string, unknown>, services: Services): Generator<HTMLElement> {
  if (cell.text) yield rich(cell.text, services);
  for (const block of unshown(cell)) yield codeBlock(block.code, block.language);
  if (data.output !== undefined) {
    const failed = data.exit_code !== undefined && data.exit_code !== 0;
    yield label(failed ? `output, exit code ${data.exit_code}` : "output", failed);
    yield output(String(data.output), "Output");
  }
}
