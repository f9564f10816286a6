/** The shapes of `nb_stream/core/model.py` as they come over the wire: empty fields are left out. */

/** The name, and the path, of the person who gives the task. No figure and no colour is this author's. */
export const USER = "user";

/** How a text is read. */
export type TextForm = "markdown" | "plain" | "preformatted" | "json" | "error";

/** The part that a cell plays in a run. */
export type CellRole =
  | "message"
  | "thought"
  | "tool call"
  | "code"
  | "aside"
  | "question"
  | "error"
  | "notice";

/** Each kind of cell, with its role and the form of its text. */
const KINDS = {
  text: ["message", "markdown"],
  thought: ["thought", "markdown"],
  "tool call": ["tool call", "markdown"],
  code: ["code", "markdown"],
  "structured output": ["message", "json"],
  handoff: ["message", "plain"],
  "speaker selection": ["aside", "plain"],
  memory: ["aside", "plain"],
  "human input": ["question", "plain"],
  approval: ["question", "plain"],
  error: ["error", "error"],
  notice: ["notice", "plain"],
  other: ["notice", "plain"],
} as const satisfies Record<string, readonly [CellRole, TextForm]>;

export type CellKind = keyof typeof KINDS;

export const CELL_KINDS = Object.keys(KINDS) as CellKind[];

/** "cut off" is the page's own word, for cells and runs that were under way when the kernel went. */
export type CellStatus = "writing" | "running" | "waiting" | "done" | "failed" | "cancelled" | "cut off";

/** "no kernel" is the page's own word: the kernel has gone. */
export type RunState =
  | "idle"
  | "running"
  | "stopping"
  | "waiting for input"
  | "failed"
  | "cancelled"
  | "no kernel";

export interface Usage {
  /** Whether some of the numbers are estimates from the length of texts. */
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

export interface CodeBlock {
  code: string;
  language: string;
}

/** What a person is asked to approve: a tool with its arguments, or code. */
export interface ApprovalSubject {
  tool?: string;
  arguments?: unknown;
  code?: string;
  language?: string;
  code_blocks?: CodeBlock[];
}

/**
 * What a kind needs beyond its text. The members named here have their types (`checked.ts`); others may be anything.
 */
export interface CellData {
  [name: string]: unknown;
  preformatted?: boolean;
  target?: string;
  what?: ApprovalSubject;
  code_blocks?: CodeBlock[];
  output?: string;
  exit_code?: number;
  request_id?: string;
  how?: string;
  answer?: string | null;
  traceback?: string;
  images?: string[];
  /** The JSON of a structured output as it was parsed by the kernel. */
  value?: unknown;
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
  /** US dollars, if the user gave prices. */
  cost?: number;
  tool_calls?: ToolCall[];
  data?: CellData;
  /** Whether the kernel knows what the model saw for this cell. */
  has_context?: boolean;
}

/** A message that a model was given. A role that this page does not know is shown as it is. */
export interface GivenMessage {
  role: string;
  source?: string;
  text?: string;
  thought?: string;
  /** The calls of an assistant; for the role "tool", calls with their results. */
  tool_calls?: ToolCall[];
  images?: string[];
  /** Whether the model was not given it in the agent's call before. */
  is_new?: boolean;
}

/** What a model was given for one call, as far as it has come. */
export interface CallContext {
  messages: GivenMessage[];
  /** How many messages there are, and whether all of them have come. */
  total: number;
  isWhole: boolean;
  tools: Record<string, unknown>[];
  options: Record<string, unknown>;
  prompt_tokens: number | null;
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
  /** Seconds to the first token of the run, and the pace of its model calls; given once the run has ended. */
  ttft?: number | null;
  tokens_per_s?: number | null;
  estimated?: boolean;
  /** Seconds in which the run waited for a person. */
  waited?: number;
  /** Whether a model has no price: then the cost is a lower bound. */
  unpriced?: boolean;
  /** Model calls that no message tells of. `count` calls of an agent stand together. The sums include them. */
  calls?: (CellHead & { count?: number })[];
  /** The run that it goes on from; empty if it begins the conversation. */
  parent?: string;
  /** Whether the team has gone back to a point before it. */
  set_aside?: boolean;
}

/** What is known of a kind; one that this page does not know counts as `other`. */
function known(kind: CellKind): readonly [CellRole, TextForm] {
  return Object.hasOwn(KINDS, kind) ? KINDS[kind] : KINDS.other;
}

/** The part that `head` plays in its run. */
export function roleOf({ kind }: CellHead): CellRole {
  return known(kind)[0];
}

/** How the text of a cell is read. Texts of models may be Markdown; texts of programs are not. */
export function textForm({ kind, data }: CellHead): TextForm {
  const form = known(kind)[1];
  return data?.preformatted && (form === "markdown" || form === "plain") ? "preformatted" : form;
}

/** The last branch of a choice between all values of a type: the compiler fails if a value is forgotten. */
export function unreachable(value: never): never {
  throw new Error(`Nobody has thought of ${JSON.stringify(value)}.`);
}

/** Whether a run is under way; `RunState.active` in Python. */
export function isActive(state: RunState): boolean {
  return state === "running" || state === "stopping" || state === "waiting for input";
}

/** Whether a cell or a run with this status is under way. */
export function isUnfinished(status: CellStatus): boolean {
  return status === "writing" || status === "running" || status === "waiting";
}
