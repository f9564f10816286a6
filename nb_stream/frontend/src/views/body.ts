/** The body of a finished cell, by its kind. */

import { h } from "../dom";
import { prettyJson } from "../format";
import type { Cell } from "../model";
import { renderText } from "../writer";
import { codeBlocks } from "./code";
import { dataView, parseData } from "./data_view";
import { images } from "./images";
import { field, label, source } from "./source";
import { toolArguments, toolCall } from "./tool_call";
import { tracebackFold } from "./traceback";

/** Fill `el` with the content of `cell`. */
export function renderBody(el: HTMLElement, cell: Cell): void {
  el.replaceChildren();
  const data = cell.data ?? {};
  switch (cell.kind) {
    case "tool call": {
      if (cell.text) el.append(prose(cell.text));
      const calls = cell.tool_calls ?? [];
      for (const call of calls) el.append(toolCall(call, cell, calls.length === 1));
      break;
    }
    case "code":
      el.append(...code(cell, data));
      break;
    case "structured output":
      el.append(structured(cell, data));
      break;
    case "handoff":
      if (data.target) el.append(field("hands over to", String(data.target)));
      el.append(prose(cell.text));
      break;
    case "approval":
      if (cell.text) el.append(prose(cell.text));
      el.append(...asked(data), ...ending(data));
      break;
    case "human input":
      el.append(prose(cell.text), ...ending(data));
      break;
    case "error":
      el.append(prose(cell.text));
      if (data.traceback) el.append(tracebackFold(String(data.traceback)));
      break;
    default:
      el.append(prose(cell.text));
  }
  el.append(...images(data.images, cell.agent ?? ""));
}

function prose(text: string): HTMLElement {
  const el = h("div", "nbs-text");
  renderText(el, text);
  return el;
}

function structured(cell: Cell, data: Record<string, unknown>): HTMLElement {
  const value = data.value ?? parseData(cell.text);
  return typeof value === "object" && value !== null
    ? dataView(value)
    : source(prettyJson(cell.text), "Structured output");
}

/** What a person is to approve: code, or a tool with its arguments. */
function* asked(data: Record<string, unknown>): Generator<HTMLElement> {
  const blocks = codeBlocks(data.code_blocks ?? (data.code === undefined ? [] : [data]));
  for (const block of blocks) yield* codeBlock(block.code, block.language);
  if (data.tool !== undefined) {
    const given = data.arguments ?? "";
    yield h("p", "nbs-call-head", h("code", "nbs-call-name", String(data.tool)));
    yield* toolArguments(typeof given === "string" ? given : JSON.stringify(given));
  }
}

function* ending(data: Record<string, unknown>): Generator<HTMLElement> {
  if (!data.how) return;
  if (data.answer == null) yield h("p", "nbs-field", h("span", "nbs-label", String(data.how)));
  else yield field(`${data.how}:`, String(data.answer));
}

function* code(cell: Cell, data: Record<string, unknown>): Generator<HTMLElement> {
  if (cell.text) yield prose(cell.text);
  for (const block of codeBlocks(data.code_blocks)) {
    if (!cell.text.includes(block.code.trim())) yield* codeBlock(block.code, block.language);
  }
  if (data.output !== undefined) {
    const failed = data.exit_code !== undefined && data.exit_code !== 0;
    yield label(failed ? `output, exit code ${data.exit_code}` : "output", failed);
    yield source(String(data.output), "Output");
  }
}

function* codeBlock(text: string, language: string): Generator<HTMLElement> {
  if (language) yield label(language);
  yield source(text, "Code");
}
