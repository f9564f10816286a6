/**
 * Stands in for the kernel in a page that holds a recording: it plays the frames that a kernel would send.
 *
 * The frames were made beforehand (`nb_stream/export/timed_frames.py`). A store of its own applies them, as far as they
 * are played, so that a jump to another moment is the snapshot of a store, and nothing here knows what operations mean.
 * A frame that was told before the moment to which a reader jumps back is forgotten: the store begins anew.
 */

import {
  type AgentRow,
  type Command,
  type Op,
  PROTOCOL_VERSION,
  type ReplayRow,
  type SettleOp,
  type Snapshot,
} from "../protocol/protocol";
import type { Model } from "./host_model";
import { Store } from "./store";

/**
 * What agents are doing now, by path; or the id of a live cell and what is appended to it; or what a kernel would send.
 * A number of UTF-16 units stands for a piece of the text with which the cell is settled.
 */
export type TimedOp = { statuses: Record<string, string> } | [id: string, piece: string | number] | Op;

export interface TimedFrames {
  /** The panel before the first frame. */
  start: Snapshot;
  /** For each frame, the milliseconds since the frame before, and its operations. */
  frames: [number, ...TimedOp[]][];
}

/** Milliseconds between two frames that the page gets, however fast it plays. */
const MIN_PAUSE_MS = 33;
/** The longest wait for a frame. A browser takes no timer that is longer than 24 days. */
const MAX_PAUSE_MS = 60_000;

/** Owned by the page. At first, everything has been played. */
export class RecordedKernel {
  readonly model: Model = {
    get: (key) => (key === "snapshot" ? this.#snapshot() : key === "has_kernel" ? false : undefined),
    on: (event, callback) => {
      if (event === "msg:custom") this.#listeners.add(callback);
    },
    off: (_event, callback) => {
      this.#listeners.delete(callback);
    },
    send: (command) => this.#obey(command as Command),
  };
  #listeners = new Set<(content: unknown) => void>();
  #store = new Store();
  /** The number of the last frame that the page got, and of the last one that the store got. */
  #seq = 0;
  #applied = 0;
  /** The time of each frame, in milliseconds since the beginning. */
  readonly #times: number[] = [];
  /** The text with which each cell is settled, and how many units of it stand in the live cell. */
  readonly #texts = new Map<string, { text: string; written: number }>();
  /** How many frames the store has. */
  #played = 0;
  #position: number;
  /** By `performance.now()`, when the position began to move; undefined while it stands still. */
  #since: number | undefined;
  #paused = false;
  #speed: number | null = 1;
  #timer = 0;

  constructor(private readonly recording: TimedFrames) {
    let time = 0;
    for (const [after, ...ops] of recording.frames) {
      time += after;
      this.#times.push(time);
      for (const op of ops.filter(isSettle)) {
        const { id, text = "" } = op.cell;
        if (!this.#texts.has(id)) this.#texts.set(id, { text, written: 0 });
      }
    }
    this.#position = this.#length;
    this.#store.open(recording.start);
    this.#applied = recording.start.seq;
    this.#skip(this.#length);
  }

  get #length(): number {
    return this.#times.at(-1) ?? 0;
  }

  get #isAtEnd(): boolean {
    return this.#played === this.#times.length;
  }

  /** The position at this moment. */
  get #now(): number {
    if (this.#since === undefined) return this.#position;
    if (this.#speed === null) return this.#length;
    return Math.min(this.#length, this.#position + (performance.now() - this.#since) * this.#speed);
  }

  #obey(command: Command): void {
    switch (command.type) {
      case "start":
        if (this.#isAtEnd) this.#jump(0);
        this.#paused = false;
        break;
      case "resync":
        this.#tellAll();
        return;
      case "replay":
        this.#steer(command);
        break;
      default:
        return; // what only a kernel can do has no control on this page
    }
    this.#go();
  }

  #steer(command: Extract<Command, { type: "replay" }>): void {
    const { act } = command;
    if (act === "seek") {
      this.#paused ||= this.#isAtEnd;
      this.#jump(1000 * command.value);
      return;
    }
    this.#position = this.#now;
    this.#since = undefined;
    this.#tell(this.#advance(this.#position));
    if (act === "speed") this.#speed = command.value;
    else if (act === "pause") this.#paused = true;
    else if (act === "resume") this.#paused = false;
    else this.#step();
  }

  /** Play up to the end of the next message, and stand still there. */
  #step(): void {
    if (this.#isAtEnd) this.#jump(0);
    this.#paused = true;
    const next = this.recording.frames.findIndex(
      (frame, index) => index >= this.#played && frame.some(isSettle),
    );
    this.#position = this.#times[next] ?? this.#length;
    this.#tell(this.#advance(this.#position, next < 0 ? undefined : next + 1));
  }

  /** Show the moment `to`, in milliseconds. */
  #jump(to: number): void {
    this.#position = Math.min(Math.max(0, to), this.#length);
    this.#since = undefined;
    if (this.#played > 0 && this.#position < this.#times[this.#played - 1]!) {
      this.#store = new Store();
      this.#store.open(this.recording.start);
      this.#applied = this.recording.start.seq;
      this.#played = 0;
      for (const text of this.#texts.values()) text.written = 0;
    }
    this.#skip(this.#position);
    this.#tellAll();
  }

  /** Play the frames up to the moment `to`, without what nobody sees: how cells grow that are whole by then. */
  #skip(to: number): void {
    const whole = new Set<string>();
    for (let at = this.#played; at < this.#times.length && this.#times[at]! <= to; at++) {
      for (const op of this.recording.frames[at]!) {
        if (isSettle(op) && op.cell.text !== undefined) whole.add(op.cell.id);
      }
    }
    const statuses: Record<string, string> = {};
    this.#advance(to, this.#times.length, (op) => {
      if ("statuses" in op) {
        Object.assign(statuses, op.statuses);
        return false;
      }
      const growing = Array.isArray(op) ? op[0] : op.op === "cell" ? op.cell.id : "";
      return !whole.has(growing);
    });
    this.#apply({ statuses });
  }

  /** Let the clock run, unless it is to stand still, and tell the page where it stands. */
  #go(): void {
    clearTimeout(this.#timer);
    this.#since = this.#paused || this.#isAtEnd ? undefined : performance.now();
    if (this.#isAtEnd) {
      this.#paused = false;
      this.#position = this.#length;
    }
    this.#tell([{ op: "replay", replay: this.#replay()! }]);
    this.#wait();
  }

  #wait(): void {
    if (this.#since === undefined) return;
    const away = this.#speed === null ? 0 : (this.#times[this.#played]! - this.#now) / this.#speed;
    this.#timer = window.setTimeout(() => this.#tick(), Math.min(Math.max(away, MIN_PAUSE_MS), MAX_PAUSE_MS));
  }

  #tick(): void {
    this.#tell(this.#advance(this.#now));
    if (this.#isAtEnd) this.#go();
    else this.#wait();
  }

  /**
   * Play the frames up to the moment `to`, but not the frame number `end`; of them, only the operations that are
   * `wanted`. Returns the operations.
   */
  #advance(to: number, end = this.#times.length, wanted = (_op: TimedOp) => true): Op[] {
    const all: Op[] = [];
    while (this.#played < end && this.#times[this.#played]! <= to) {
      const [, ...timed] = this.recording.frames[this.#played++]!;
      for (const op of timed) if (wanted(op)) all.push(this.#apply(op));
    }
    return all;
  }

  /** Apply an operation to the store. Returns it as a kernel sends it. */
  #apply(timed: TimedOp): Op {
    const op = this.#opOf(timed);
    this.#store.receive({ v: PROTOCOL_VERSION, seq: ++this.#applied, ops: [op] });
    return op;
  }

  /** The operation as a kernel sends it. */
  #opOf(op: TimedOp): Op {
    if (Array.isArray(op)) {
      const [id, piece] = op;
      return { op: "append", id, at: this.#store.live.get(id)?.length ?? 0, text: this.#textOf(id, piece) };
    }
    if ("op" in op) return op;
    const agents = this.#store.agents.map(
      (row): AgentRow => ({ ...row, status: op.statuses[row.path] ?? row.status }),
    );
    return { op: "agents", agents };
  }

  #textOf(id: string, piece: string | number): string {
    if (typeof piece === "string") return piece;
    const whole = this.#texts.get(id)!;
    const from = whole.written;
    whole.written += piece;
    return whole.text.slice(from, whole.written);
  }

  #tell(ops: Op[]): void {
    if (ops.length === 0) return;
    const frame = { v: PROTOCOL_VERSION, seq: ++this.#seq, ops };
    for (const listener of [...this.#listeners]) listener(frame);
  }

  #tellAll(): void {
    this.#tell([{ op: "snapshot", snapshot: { ...this.#snapshot(), seq: this.#seq + 1 } }]);
  }

  #snapshot(): Snapshot {
    const { state, detail, agents, runs, settled, live } = this.#store;
    return {
      ...this.recording.start,
      seq: this.#seq,
      state,
      detail,
      agents: [...agents],
      runs: [...runs],
      settled: [...settled],
      live: [...live.values()].map(({ head, text }) => ({ ...head, text })),
      replay: this.#replay(),
    };
  }

  /** All runs are played as one. A recording without a length cannot be played. */
  #replay(): ReplayRow | null {
    const [position, length] = [this.#now / 1000, this.#length / 1000];
    if (this.recording.frames.length === 0) return null;
    return { run: 1, runs: 1, position, length, paused: this.#paused, speed: this.#speed };
  }
}

function isSettle(op: TimedOp | number): op is SettleOp {
  return typeof op === "object" && "op" in op && op.op === "settle";
}
