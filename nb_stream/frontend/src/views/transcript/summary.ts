/** Gives the texts for the line of a cell: its kind, its first words, and what it took. */

import { count, dateAndTime, duration, money, pace, timeOfDay, tokens } from "../../dom/format";
import { codeOf } from "../../protocol/cell_content";
import { firstWords, inRow } from "../../protocol/code_points";
import {
  type ApprovalSubject,
  type Cell,
  type CellHead,
  type CellStatus,
  roleOf,
  textForm,
  USER,
  unreachable,
} from "../../protocol/model";

/** The word for the kind of a cell; empty for an ordinary message of an agent. */
export function kindWord(cell: CellHead): string {
  if (cell.kind === "text") return cell.agent === USER ? "task" : "";
  if (cell.kind === "other") return cell.type ?? "";
  return cell.kind;
}

/** How a person decided on a request for approval; empty before that, and for other cells. */
function verdict({ kind, data }: CellHead): string {
  if (kind !== "approval" || data?.answer == null) return "";
  return data.answer.startsWith("approve") ? "approved" : "rejected";
}

/** A word for the state of a cell; empty if it ended in the ordinary way. */
export function statusWord(cell: CellHead & { text?: string }): string {
  const role = roleOf(cell);
  if (role === "error") return "";
  const decided = verdict(cell);
  if (decided) return decided;
  const partial = cell.text && (role === "message" || role === "thought") ? ", partial" : "";
  if (["failed", "cancelled", "cut off"].includes(cell.status)) return `${cell.status}${partial}`;
  if (cell.status === "running" || cell.status === "waiting") return cell.status;
  if (role === "code" && cell.data?.exit_code) return `exit code ${cell.data.exit_code}`;
  return (cell.tool_calls ?? []).some((call) => call.is_error) ? "error" : "";
}

/** The status that colours a cell. It is "failed" also if a tool or code in it failed, or if a person rejected it. */
export function statusOf(cell: Cell): CellStatus {
  const word = cell.status === "done" ? statusWord(cell) : "";
  return word === "" || word === "approved" ? cell.status : "failed";
}

/** The first words of a cell, or a line that says more than they would. */
export function headline(cell: Cell): string {
  const { text, data = {} } = cell;
  if (cell.tool_calls?.length) return firstWords(cell.tool_calls.map(callLine).join(" · "));
  if (data.target) return firstWords(`to ${data.target}: ${text}`);
  const role = roleOf(cell);
  switch (role) {
    case "code":
      return firstWords(data.code_blocks?.[0]?.code || text || (data.output ?? ""));
    case "question": {
      const asked = askedFor(data.what) ?? text;
      // The verdict stands before this text, where no narrow panel cuts it off, so only the reason is repeated here.
      const answer = verdict(cell) ? data.answer!.replace(/^(approve|reject):?\s*/, "") : data.answer;
      return firstWords(answer ? `${asked} → ${answer}` : asked);
    }
    case "message":
    case "thought":
    case "tool call":
    case "aside":
    case "error":
    case "notice":
      return firstWords(textForm(cell) === "markdown" ? unmarked(text) : text);
    default:
      return unreachable(role);
  }
}

/** The subject of a request for approval, on one line; undefined if there is only the question. */
function askedFor(what: ApprovalSubject = {}): string | undefined {
  const { tool, arguments: given } = what;
  if (tool !== undefined) return callLine({ name: tool, arguments: JSON.stringify(given ?? {}) });
  const [block] = codeOf(what);
  return block && firstWords(block.code, 80);
}

/** The beginning of a Markdown text, without the marks that one line does not need. */
function unmarked(text: string): string {
  return text
    .slice(0, 1000)
    .replace(/^ {0,3}(#{1,6}|>|[-*+](?= ))[ \t]*/gm, "")
    .replace(/\*\*|~~|`+|\\$/gm, "")
    .replace(/\*(?=\S)([^*\n]*\S)\*/g, "$1");
}

function callLine(call: { name: string; arguments: string; result?: string | null }): string {
  const line = `${call.name}(${firstWords(call.arguments, 80)})`;
  return call.result == null ? line : `${line} → ${firstWords(call.result, 80)}`;
}

/** What a cell took, for the end of its line: tokens, cost, duration and time of day. */
export function meta(cell: Cell): string[] {
  const parts: string[] = [];
  if (cell.usage?.completion_tokens) {
    parts.push(
      `${cell.usage.about ? "about " : ""}${count(cell.usage.completion_tokens, "completion token")}`,
    );
  }
  if (cell.cost) parts.push(money(cell.cost));
  if (cell.started_at !== undefined && cell.ended_at !== undefined) {
    const seconds = cell.ended_at - cell.started_at;
    if (seconds >= 0.05) parts.push(duration(seconds));
  }
  const at = cell.ended_at ?? cell.started_at;
  if (at !== undefined) parts.push(timeOfDay(at));
  return parts;
}

/** All figures of a cell, for readers who ask for them. */
export function figures(cell: Cell): string {
  const parts: string[] = [];
  const used = cell.usage && tokens(cell.usage, "about");
  if (used) parts.push(used);
  if (cell.cost !== undefined) parts.push(money(cell.cost));
  if (cell.ttft !== undefined) parts.push(`first token after ${duration(cell.ttft)}`);
  if (cell.tokens_per_s !== undefined) parts.push(pace(cell.tokens_per_s, cell.estimated));
  const seconds = (cell.ended_at ?? 0) - (cell.started_at ?? 0);
  if (cell.started_at !== undefined && seconds >= 0.05) parts.push(`took ${duration(seconds)}`);
  const at = cell.ended_at ?? cell.started_at;
  if (at !== undefined) parts.push(dateAndTime(at));
  return inRow(parts);
}
