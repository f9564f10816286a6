/** Shows a tool call with its arguments and its result. */

import { hasSequences, inLines } from "../../ansi/ansi";
import { h } from "../../dom/build";
import type { Units } from "../../dom/folding";
import { duration } from "../../dom/format";
import { asName } from "../../protocol/code_points";
import type { Cell, ToolCall } from "../../protocol/model";
import { dataView, parseData } from "./data_view";
import { label, output, source } from "./source_box";

/** A call of `cell`. `alone` says that it is the only one, so that the time of the cell is its time. */
export function toolCall(call: ToolCall, cell: Cell, alone: boolean, folding?: Units): HTMLElement {
  const el = h("div", "nbs-call");
  const outcome = outcomeOf(call, cell);
  el.dataset.outcome = outcome;
  const seconds =
    alone && cell.ended_at !== undefined ? cell.ended_at - (cell.started_at ?? cell.ended_at) : 0;
  const said = seconds >= 0.05 ? `${outcome} · ${duration(seconds)}` : outcome;
  el.append(
    h("p", "nbs-call-head", h("code", "nbs-call-name", asName(call.name)), h("span", "nbs-outcome", said)),
  );
  el.append(...toolArguments(call.arguments, folding));
  if (call.result != null) {
    el.append(label(call.is_error ? "error" : "result", call.is_error), result(call.result, folding));
    el.classList.toggle("nbs-is-error", call.is_error === true);
  }
  return el;
}

/** The arguments of a call: the fields of their JSON, or the text if the model wrote something else. */
export function toolArguments(text: string, folding?: Units): HTMLElement[] {
  const trimmed = text.trim();
  return trimmed === "" || trimmed === "{}" ? [] : [label("arguments"), value(trimmed, "Arguments", folding)];
}

/** The result of a call, with its terminal colours. No line of a result is written over. */
function result(given: string, folding: Units | undefined): HTMLElement {
  const text = inLines(given);
  return hasSequences(text) ? output(text, "Result", folding) : value(text, "Result", folding);
}

function value(text: string, what: string, folding: Units | undefined): HTMLElement {
  const data = parseData(text);
  return data && Object.keys(data).length > 0 ? dataView(data) : source(text, what, folding);
}

function outcomeOf(call: ToolCall, cell: Cell): string {
  if (call.is_error) return "failed";
  if (call.result != null) return "done";
  return cell.status === "running" ? "running" : "no result";
}
