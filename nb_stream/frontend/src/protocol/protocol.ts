/**
 * The types of the wire between kernel and browser. They have the names of `nb_stream/wire/protocol.py`, which
 * describes them.
 *
 * Offsets and lengths count Unicode code points. Digests are CRC-32 of the UTF-8 text.
 */

import type { Cell, CellHead, GivenMessage, RunInfo, RunState } from "./model";

export const PROTOCOL_VERSION = 2;

export interface AgentRow {
  path: string;
  name: string;
  description: string;
  /** The name of the agent's model; empty if it is not known. */
  model: string;
  parent: string | null;
  can_stream: boolean;
  on: boolean;
  note: string;
  status: string;
  held: number;
  /** Whether its model takes no images. */
  text_only: boolean;
  /** The tools that the agent may call without a question, with the scope: "run" or "tool". */
  grants: Record<string, string>;
}

export interface AgentsOp {
  op: "agents";
  agents: AgentRow[];
}

/** What the run has used of one limit. `about`: a part is estimated. `at_least`: a part is missing. */
export interface BudgetRow {
  unit: "tokens" | "usd" | "seconds";
  spent: number;
  limit: number;
  about: boolean;
  at_least: boolean;
}

export interface StateOp {
  op: "state";
  state: RunState;
  detail: string;
  /** Missing if runs have no limits. */
  budget?: BudgetRow[];
}

export interface CellOp {
  op: "cell";
  cell: CellHead;
}

export interface AppendOp {
  op: "append";
  id: string;
  at: number;
  text: string;
}

/** `cell.text` is absent if the browser has the text. Then `length` and `digest` tell what the text must be. */
export interface SettleOp {
  op: "settle";
  index: number;
  cell: CellHead & { text?: string };
  length: number;
  digest: number;
}

export interface RunOp {
  op: "run";
  run: RunInfo;
}

export interface TotalsOp {
  op: "totals";
  settled: number;
  live: Record<string, number>;
}

export interface NoticeOp {
  op: "notice";
  text: string;
}

export interface SnapshotOp {
  op: "snapshot";
  snapshot: Snapshot;
}

/** Finished cells that stand before those of the snapshot, in answer to the command `earlier`. */
export interface EarlierOp {
  op: "earlier";
  seq: number;
  index: number;
  cells: Cell[];
  bytes: number;
}

/** The source of a part of the front end, in answer to the command `module`; an ES module. */
export interface ModuleOp {
  op: "module";
  /** "math", or "extras" or "panel" with its digest. */
  name: "math" | `extras.${string}` | `panel.${string}`;
  source: string;
}

/** One of the outputs that the panel saves in the notebook. Its metadata has the stamp as `nb_stream`. */
export interface SavedOutputPart {
  /** The mark of the panel, and `place.part.revision`. */
  stamp: string;
  data: Record<string, string>;
}

/** The saved output at the panel's present `place`, by the number of its part; and the output for its other places. */
export interface SavedOutputOp {
  op: "saved_output";
  place: number;
  parts: Record<string, SavedOutputPart>;
  elsewhere: Record<string, string>[];
}

/** A piece of what the model saw for a cell. A message with `more` goes on the text of the message before it. */
export interface ContextOp {
  op: "context";
  cell: string;
  at: number;
  total: number;
  /** Whether this is the last piece. */
  end: boolean;
  messages: (GivenMessage | { more: string })[];
  tools?: Record<string, unknown>[];
  options?: Record<string, unknown>;
  prompt_tokens?: number | null;
}

/**
 * Where a replay stands: `position` of `length` seconds of the `run`th of so many `runs`. While a run is under way and
 * it is not `paused`, the position moves on by itself, `speed` times as fast as time; null is at once.
 */
export interface ReplayRow {
  run: number;
  runs: number;
  position: number;
  length: number;
  paused: boolean;
  speed: number | null;
}

export interface ReplayOp {
  op: "replay";
  replay: ReplayRow;
}

export type Op =
  | AgentsOp
  | StateOp
  | CellOp
  | AppendOp
  | SettleOp
  | RunOp
  | TotalsOp
  | NoticeOp
  | SnapshotOp
  | EarlierOp
  | ModuleOp
  | SavedOutputOp
  | ContextOp
  | ReplayOp;

export interface Frame {
  v: number;
  seq: number;
  ops: Op[];
  /** Whether the kernel wants to know when this frame is painted. */
  ack?: boolean;
}

export interface Snapshot {
  v: number;
  seq: number;
  title: string;
  caution: string;
  /** Why the team takes no words in mid-run; empty if it takes them. */
  cannot_say: string;
  state: RunState;
  detail: string;
  budget: BudgetRow[];
  agents: AgentRow[];
  runs: RunInfo[];
  /** The index of the first of the `settled` cells. Without it, the cells are all there are. */
  first?: number;
  settled: Cell[];
  live: Cell[];
  replay: ReplayRow | null;
}

/**
 * What the browser sends. `at_ms` is `Date.now()`: an older switch never undoes a newer one of the same page. `state`
 * is sent by what is saved with a notebook (`notebook/widget.py`).
 */
export type Command =
  | { type: "toggle"; path: string; on: boolean; at_ms: number; page?: string }
  | { type: "toggle_all"; on: boolean; at_ms: number; page?: string }
  | { type: "state" }
  | { type: "start"; task: string; images?: string[] }
  | { type: "say"; text: string; now: boolean; images?: string[] }
  | { type: "rewind"; run: string; to_end?: boolean; again?: boolean }
  | { type: "stop"; run?: string | undefined }
  | { type: "cancel"; run?: string | undefined }
  | { type: "reset" }
  | { type: "answer"; request_id: string; text: string; always?: "run" | "tool" }
  | { type: "dismiss"; request_id: string }
  | { type: "revoke"; path: string; tool: string }
  | { type: "replay"; act: "pause" | "resume" | "step" }
  | { type: "replay"; act: "seek"; value: number }
  | { type: "replay"; act: "speed"; value: number | null }
  | { type: "resync" }
  | { type: "earlier"; before: number }
  | { type: "saved_output"; parts: number[] }
  | { type: "context"; cell: string }
  | { type: "ack"; page: string; seq: number }
  | { type: "hello" }
  | { type: "detour" }
  | { type: "module"; name: ModuleOp["name"] };

export type Click = Extract<Command, { type: "toggle" | "toggle_all" }>;

/** Whether `value` is a snapshot, of whatever version: a model is empty until its kernel has filled it. */
export function isSnapshot(value: unknown): value is Snapshot {
  return typeof value === "object" && value !== null && "v" in value && "seq" in value;
}
