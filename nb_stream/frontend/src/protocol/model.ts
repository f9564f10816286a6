/** The shapes of `nb_stream/core/model.py` as they come over the wire: empty fields are left out. */

export type CellKind =
  | "text"
  | "thought"
  | "tool call"
  | "code"
  | "structured output"
  | "handoff"
  | "speaker selection"
  | "memory"
  | "human input"
  | "approval"
  | "error"
  | "notice"
  | "other";

/** "cut off" is this page's own word for what the kernel left when it went. */
export type CellStatus = "writing" | "running" | "waiting" | "done" | "failed" | "cancelled" | "cut off";

/** "no kernel" is this page's own word, too. */
export type RunState =
  | "idle"
  | "running"
  | "stopping"
  | "waiting for input"
  | "failed"
  | "cancelled"
  | "no kernel";

export interface Usage {
  /** Estimated from the length of the texts, or partly so. */
  about?: boolean;
  prompt_tokens: number;
  completion_tokens: number;
}

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
  result?: string | null;
  is_error?: boolean;
}

export interface CellHead {
  id: string;
  kind: CellKind;
  status: CellStatus;
  run?: string;
  agent?: string;
  path?: string;
  type?: string;
  message_id?: string;
  started_at?: number;
  ended_at?: number;
  ttft?: number;
  tokens_per_s?: number;
  estimated?: boolean;
  usage?: Usage;
  /** US dollars, where the user gave prices. */
  cost?: number;
  tool_calls?: ToolCall[];
  data?: Record<string, unknown>;
}

export interface Cell extends CellHead {
  text: string;
}

export interface RunInfo {
  id: string;
  task: string;
  status: CellStatus;
  stop_reason: string | null;
  started_at: number | null;
  ended_at: number | null;
  usage: Usage;
  /** US dollars, 0 without prices. */
  cost?: number;
  /** Seconds to the first token of all, and the pace of its model calls, once it has ended. */
  ttft?: number | null;
  tokens_per_s?: number | null;
  estimated?: boolean;
  /** Seconds in which it waited for a person. */
  waited?: number;
  /** A model has no price: the cost is the least. */
  unpriced?: boolean;
  /** Model calls that no message tells of, `count` of an agent together; they are in the sums. */
  calls?: (CellHead & { count?: number })[];
}

/** Whether a run is under way; `RunState.active` in Python. */
export function isActive(state: RunState): boolean {
  return state === "running" || state === "stopping" || state === "waiting for input";
}

/** Whether more is to come of a cell or a run. */
export function isUnfinished(status: CellStatus): boolean {
  return status === "writing" || status === "running" || status === "waiting";
}
