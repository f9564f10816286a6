/** The body of a finished cell, by its kind. */

import { h } from "../dom";
import { prettyJson } from "../format";
import type { Cell, ToolCall } from "../model";
import { renderText } from "../writer";
import { codeBlocks } from "./code";

/** Fill `el` with the content of `cell`. */
export function renderBody(el: HTMLElement, cell: Cell): void {
  el.replaceChildren();
  const data = cell.data ?? {};
  switch (cell.kind) {
    case "tool call":
      if (cell.text) el.append(prose(cell.text));
      for (const call of cell.tool_calls ?? []) el.append(toolCall(call));
      break;
    case "code":
      el.append(...code(cell, data));
      break;
    case "structured output":
      el.append(source(prettyJson(cell.text)));
      break;
    case "handoff":
      if (data.target) el.append(field("hands over to", String(data.target)));
      el.append(prose(cell.text));
      break;
    case "human input":
    case "approval":
      el.append(prose(cell.text));
      if (data.how) el.append(ending(String(data.how), data.answer));
      break;
    case "error":
      el.append(prose(cell.text));
      if (data.traceback) el.append(folded("Traceback", String(data.traceback)));
      break;
    default:
      el.append(prose(cell.text));
  }
}

function prose(text: string): HTMLElement {
  const el = h("div", "nbs-text");
  renderText(el, text);
  return el;
}

/** Text that is not prose: code, output, JSON. */
function source(text: string): HTMLElement {
  const el = h("pre", "nbs-source");
  el.tabIndex = 0;
  renderText(el, text);
  return el;
}

function field(label: string, value: string): HTMLElement {
  return h("p", "nbs-field", h("span", "nbs-label", label), " ", value);
}

function folded(label: string, text: string): HTMLElement {
  return h("details", "nbs-fold", h("summary", "", label), source(text));
}

function ending(how: string, answer: unknown): HTMLElement {
  if (answer == null) return h("p", "nbs-field", h("span", "nbs-label", how));
  return field(`${how}:`, String(answer));
}

function toolCall(call: ToolCall): HTMLElement {
  const el = h("div", "nbs-call", h("code", "nbs-call-name", call.name));
  const args = call.arguments.trim();
  if (args !== "" && args !== "{}") el.append(source(prettyJson(args)));
  if (call.result == null) {
    el.append(h("p", "nbs-field", h("span", "nbs-label", "no result yet")));
  } else {
    el.append(h("p", "nbs-label", call.is_error ? "error" : "result"), source(call.result));
    el.classList.toggle("nbs-is-error", call.is_error === true);
  }
  return el;
}

function* code(cell: Cell, data: Record<string, unknown>): Generator<HTMLElement> {
  const blocks = codeBlocks(data.code_blocks);
  if (blocks.length === 0 && cell.text) yield source(cell.text);
  for (const block of blocks) {
    if (block.language) yield h("p", "nbs-label", block.language);
    yield source(block.code);
  }
  if (data.output !== undefined) {
    const failed = data.exit_code !== undefined && data.exit_code !== 0;
    const label = failed ? `output, exit code ${data.exit_code}` : "output";
    yield h("p", failed ? "nbs-label nbs-is-error" : "nbs-label", label);
    yield source(String(data.output));
  }
}
