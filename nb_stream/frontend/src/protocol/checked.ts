/**
 * Checks the types of what the kernel sends, so that views can rely on them.
 *
 * A recording can hold anything. A field without the type that `model.ts` and `protocol.ts` promise is left out here,
 * once. So no view has to check a type, and one odd value cannot keep the rest off the page.
 */

import type { Cell, CellHead, CodeBlock, RunInfo, ToolCall, Usage } from "./model";
import type { AgentRow } from "./protocol";

type TypeCheck = (value: unknown) => boolean;

const isText: TypeCheck = (value) => typeof value === "string";
const isNumber: TypeCheck = (value) => typeof value === "number" && Number.isFinite(value);
const isFlag: TypeCheck = (value) => typeof value === "boolean";
const isObject: TypeCheck = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function orNull(check: TypeCheck): TypeCheck {
  return (value) => value === null || check(value);
}

function listOf(check: TypeCheck): TypeCheck {
  return (value) => Array.isArray(value) && value.every(check);
}

function isCodeBlock(value: unknown): boolean {
  const { code, language } = Object(value) as CodeBlock;
  return isText(code) && isText(language);
}

function all(check: TypeCheck, ...names: string[]): [string, TypeCheck][] {
  return names.map((name) => [name, check]);
}

const CELL = new Map([
  ...all(isText, "id", "kind", "status", "run", "agent", "path", "type", "message_id", "text"),
  ...all(isNumber, "started_at", "ended_at", "ttft", "tokens_per_s", "cost", "count"),
  ...all(isFlag, "estimated", "has_context"),
  ...all(isObject, "usage", "data"),
  ...all(Array.isArray, "tool_calls"),
]);
const DATA = new Map([
  ...all(isText, "target", "output", "request_id", "how", "traceback"),
  ...all(orNull(isText), "answer"),
  ...all(isNumber, "exit_code"),
  ...all(isFlag, "preformatted"),
  ...all(isObject, "what"),
  ...all(listOf(isText), "images"),
  ...all(listOf(isCodeBlock), "code_blocks"),
]);
const CALL = new Map([
  ...all(isText, "id", "name", "arguments"),
  ...all(orNull(isText), "result"),
  ...all(isFlag, "is_error"),
]);
const USAGE = new Map(all(isNumber, "prompt_tokens", "completion_tokens"));
const RUN = new Map([
  ...all(isText, "id", "task", "status", "parent"),
  ...all(orNull(isText), "stop_reason"),
  ...all(isNumber, "cost", "waited"),
  ...all(orNull(isNumber), "started_at", "ended_at", "ttft", "tokens_per_s"),
  ...all(isFlag, "estimated", "unpriced", "set_aside"),
  ...all(isObject, "usage"),
  ...all(Array.isArray, "calls"),
]);
const ROW_FIELDS = new Map([
  ...all(orNull(isText), "parent"),
  ...all(isText, "path", "name", "description", "model", "note", "status"),
  ...all(isFlag, "can_stream", "on", "text_only"),
  ...all(isNumber, "held"),
  ...all(isObject, "grants"),
]);

/** The fields of `said` that have their type. Fields that are in no list stay as they are. */
function fitting<T extends object>(said: T, checks: ReadonlyMap<string, TypeCheck>): Partial<T> {
  const entries = Object.entries(said).filter(([name, value]) => checks.get(name)?.(value) ?? true);
  return Object.fromEntries(entries) as Partial<T>;
}

export function headOf<T extends CellHead>(said: T): T {
  const head = { id: "", kind: "other", status: "done", ...fitting(said, CELL) } as T;
  if (head.usage) head.usage = usageOf(head.usage);
  if (head.data) head.data = fitting(head.data, DATA);
  if (head.tool_calls) head.tool_calls = head.tool_calls.filter(isObject).map(callOf);
  return head;
}

export function cellOf(said: Cell): Cell {
  return { ...headOf(said), text: isText(said.text) ? said.text : "" };
}

export function runOf(said: RunInfo): RunInfo {
  const empty = { id: "", task: "", status: "done", stop_reason: null, started_at: null, ended_at: null };
  const run = { ...empty, ...fitting(said, RUN) } as RunInfo;
  if (run.calls) run.calls = run.calls.filter(isObject).map(headOf);
  return { ...run, usage: usageOf(run.usage ?? {}) };
}

export function checkedRow(said: AgentRow): AgentRow {
  const empty = { path: "", name: "", description: "", model: "", parent: null, note: "", status: "" };
  return {
    ...empty,
    can_stream: false,
    on: false,
    held: 0,
    text_only: false,
    grants: {},
    ...fitting(said, ROW_FIELDS),
  };
}

function callOf(said: ToolCall): ToolCall {
  return { id: "", name: "", arguments: "", ...fitting(said, CALL) };
}

function usageOf(said: Partial<Usage>): Usage {
  return { prompt_tokens: 0, completion_tokens: 0, ...fitting(said, USAGE) };
}
