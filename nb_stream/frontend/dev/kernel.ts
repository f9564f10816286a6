/** A scripted kernel for tests and the dev page. It sends what it is told to, in frames as `wire/protocol.py` makes. */

import type { Model } from "../src/comm/host_model";
import { codePoints, digest } from "../src/protocol/code_points";
import type { CallContext, Cell, CellHead, CellKind, RunInfo, RunState } from "../src/protocol/model";
import {
  type AgentRow,
  type BudgetRow,
  type Command,
  type Frame,
  type Op,
  PROTOCOL_VERSION,
  type ReplayRow,
  type Snapshot,
} from "../src/protocol/protocol";

export class ScriptedKernel {
  /** What the model saw, by the id of the cell: it is sent in pieces of one message each. */
  contexts: Record<string, CallContext> = {};
  title = "Trip planners";
  caution = "";
  cannotSay = "";
  budget: BudgetRow[] = [];
  state: RunState = "idle";
  detail = "";
  agents: AgentRow[] = [];
  runs: RunInfo[] = [];
  settled: Cell[] = [];
  live = new Map<string, Cell>();
  /** The traits of the model besides the snapshot. */
  traits: Record<string, unknown> = {};
  /** The commands that the browser sent. */
  commands: Command[] = [];
  /** Whether the kernel answers a resync. */
  answers = true;
  /** How many finished cells a snapshot holds, and how many each of the pieces before it. */
  newest = Number.POSITIVE_INFINITY;
  piece = 500;
  /** Gives the source of a module. Without it, the browser waits in vain. */
  moduleSource: ((name: string) => Promise<string>) | undefined;
  /** Sends a frame. A test can put a bad connection here. */
  deliver = (frame: Frame): void => this.emit(frame);
  replay: ReplayRow | null = null;
  now = 1_795_000_000;
  seq = 0;
  #listeners = new Map<string, Set<(content: unknown) => void>>();

  readonly model: Model = {
    get: (key) => (key === "snapshot" ? this.snapshot() : this.traits[key]),
    on: (event, callback) => {
      const set = this.#listeners.get(event) ?? new Set();
      this.#listeners.set(event, set.add(callback));
    },
    off: (event, callback) => {
      this.#listeners.get(event)?.delete(callback);
    },
    send: (content) => {
      const command = content as Command;
      this.commands.push(command);
      if (command.type === "resync" && this.answers) this.sendSnapshot();
      if (command.type === "earlier" && this.answers) this.sendEarlier(command.before);
      if (command.type === "context") this.sendContext(command.cell);
      if (command.type === "module") {
        const { name } = command;
        void this.moduleSource?.(name).then((source) => this.send({ op: "module", name, source }));
      }
    },
  };

  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  emit(frame: Frame): void {
    this.trigger("msg:custom", JSON.parse(JSON.stringify(frame)));
  }

  /** Fire an event of the model, such as "change:left" when that trait has changed. */
  trigger(event: string, content?: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(content);
  }

  /** Send what the model saw, in pieces of one message, the text of each in two halves, outside of the sequence. */
  sendContext(cell: string): void {
    const { messages, total, isWhole: _, ...rest } = this.contexts[cell]!;
    messages.forEach((message, at) => {
      const { text = "", ...other } = message;
      const half = Math.ceil(text.length / 2);
      const first = { ...other, text: text.slice(0, half) };
      const pieces = [[first], [{ more: text.slice(half) }]];
      for (const piece of pieces) {
        const end = at === total - 1 && piece[0] !== first;
        const op: Op = { op: "context", cell, at, total, end, messages: piece };
        if (at === 0 && piece[0] === first) Object.assign(op, rest);
        this.emit({ v: PROTOCOL_VERSION, seq: -1, ops: [op] });
      }
    });
  }

  send(...ops: Op[]): Frame {
    const frame = { v: PROTOCOL_VERSION, seq: ++this.seq, ops };
    this.deliver(frame);
    return frame;
  }

  snapshot(): Snapshot {
    const { seq, title, caution, state, detail, agents, runs } = this;
    const first = Math.max(0, this.settled.length - this.newest);
    const settled = this.settled.slice(first);
    const live = [...this.live.values()];
    const { replay } = this;
    return structuredClone({
      v: PROTOCOL_VERSION,
      seq,
      title,
      caution,
      cannot_say: this.cannotSay,
      budget: this.budget,
      state,
      detail,
      agents,
      runs,
      first,
      settled,
      live,
      replay,
    });
  }

  sendSnapshot(): Frame {
    const snapshot = this.snapshot();
    snapshot.seq++;
    return this.send({ op: "snapshot", snapshot });
  }

  /** Send the piece of finished cells before the index `before`. */
  sendEarlier(before: number): void {
    const index = Math.max(0, before - this.piece);
    const cells = structuredClone(this.settled.slice(index, before));
    const op: Op = { op: "earlier", seq: this.seq, index, cells, bytes: 1 };
    this.deliver({ v: PROTOCOL_VERSION, seq: -1, ops: [op] });
  }

  sendTotals(): Frame {
    const live = Object.fromEntries([...this.live].map(([id, { text }]) => [id, codePoints(text)]));
    return this.send({ op: "totals", settled: this.settled.length, live });
  }

  agent(name: string, more: Partial<AgentRow> = {}): AgentRow {
    const row: AgentRow = {
      path: name,
      name,
      description: `The ${name}.`,
      model: "gpt-4o",
      parent: null,
      can_stream: true,
      on: true,
      note: "",
      status: "idle",
      held: 0,
      text_only: false,
      grants: {},
      ...more,
    };
    this.agents.push(row);
    return row;
  }

  sendAgents(): Frame {
    return this.send({ op: "agents", agents: this.agents });
  }

  setState(state: RunState, detail = ""): Frame {
    this.state = state;
    this.detail = detail;
    const budget = this.budget.length > 0 ? { budget: this.budget } : {};
    return this.send({ op: "state", state, detail, ...budget });
  }

  setReplay(changes: Partial<ReplayRow> = {}): Frame {
    const before = this.replay ?? { run: 1, runs: 1, position: 0, length: 60, paused: false, speed: 1 };
    this.replay = { ...before, ...changes };
    return this.send({ op: "replay", replay: this.replay });
  }

  run(id: string, task: string): Frame {
    const usage = { prompt_tokens: 0, completion_tokens: 0 };
    const run: RunInfo = {
      id,
      task,
      status: "running",
      stop_reason: null,
      started_at: this.now,
      ended_at: null,
      usage,
    };
    this.runs.push(run);
    return this.send({ op: "run", run });
  }

  endRun(changes: Partial<RunInfo>): Frame {
    const run = { ...this.runs.at(-1)!, ended_at: this.now, status: "done" as const, ...changes };
    this.runs[this.runs.length - 1] = run;
    return this.send({ op: "run", run });
  }

  /** Open a live cell. */
  begin(id: string, agent: string, kind: CellKind = "text"): Frame {
    const head: CellHead = { id, agent, path: agent, kind, status: "writing", started_at: this.now };
    const run = this.runs.at(-1)?.id;
    if (run) head.run = run;
    this.live.set(id, { ...head, text: "" });
    return this.send({ op: "cell", cell: head });
  }

  write(id: string, text: string): Frame {
    const cell = this.live.get(id)!;
    const at = codePoints(cell.text);
    cell.text += text;
    return this.send({ op: "append", id, at, text });
  }

  /** End a live cell. Its text is not sent, unless `changes` has one. */
  settle(id: string, changes: Partial<Cell> = {}): Frame {
    const cell = { ...this.live.get(id)!, status: "done" as const, ended_at: this.now, ...changes };
    this.live.delete(id);
    return this.place(cell, changes.text !== undefined);
  }

  /** Put a whole cell behind the finished ones, or in the place of the finished cell with its id. */
  put(id: string, agent: string, kind: CellKind, text: string, more: Partial<Cell> = {}): Frame {
    const times = { started_at: this.now, ended_at: this.now };
    const cell: Cell = { id, agent, path: agent, kind, status: "done", text, ...times, ...more };
    const run = this.runs.at(-1)?.id;
    if (run) cell.run = run;
    return this.place(cell, true);
  }

  private place(cell: Cell, withText: boolean): Frame {
    const known = this.settled.findIndex(({ id }) => id === cell.id);
    const index = known < 0 ? this.settled.length : known;
    this.settled[index] = cell;
    const { text, ...head } = cell;
    return this.send({
      op: "settle",
      index,
      cell: withText ? cell : head,
      length: codePoints(text),
      digest: digest(text),
    });
  }
}
