/**
 * The state of the kernel as the panel shows it. The store applies `Frame`s and tells listeners which cells changed.
 *
 * Only the kernel's frames change this state. What the reader clicked and the kernel has not confirmed is in
 * `switches.ts`. The store touches no DOM and sets no timers: `connection.ts` decides how long to wait for a frame.
 */

import { cellOf, checkedRow, headOf, runOf } from "../protocol/checked";
import { type Cell, isActive, isUnfinished, type RunInfo, type RunState } from "../protocol/model";
import {
  type AgentRow,
  type BudgetRow,
  type EarlierOp,
  type Frame,
  type Op,
  PROTOCOL_VERSION,
  type ReplayRow,
  type SettleOp,
  type Snapshot,
  type TotalsOp,
} from "../protocol/protocol";
import { LiveCell } from "./live_cell";

export type Change =
  | { what: "snapshot" | "agents" | "switches" | "state" | "run" | "notice" | "version" }
  | { what: "opened" | "appended" | "settled"; id: string }
  | { what: "earlier"; count: number };

/**
 * What became of a frame. A `held` frame waits for an earlier one. A `broken` frame was applied as far as it fits, and
 * shows that something is missing. A frame with `mismatch` has another version of the protocol.
 */
export type Outcome = "applied" | "duplicate" | "held" | "broken" | "mismatch";

export type Listener = (changes: readonly Change[]) => void;

/** Frames that may wait for an earlier one. More of them are dropped: the snapshot brings what they said. */
const MAX_HELD_FRAMES = 1000;

/** Owned by the connection. Views read it; `switches.ts` adds what the reader clicked. */
export class Store {
  title = "";
  caution = "";
  cannotSay = "";
  budget: readonly BudgetRow[] = [];
  state: RunState = "idle";
  detail = "";
  notice = "";
  agents: readonly AgentRow[] = [];
  runs: RunInfo[] = [];
  /** Where a replay stands, and by `performance.now()` when it stood there; null if this is no replay. */
  replay: ReplayRow | null = null;
  replayAt = 0;
  /** The finished cells, without the first `missing` ones. */
  settled: Cell[] = [];
  missing = 0;
  /** How many of the first cells the kernel has not sent since the last snapshot. Some may be here since before. */
  awaited = 0;
  readonly live = new Map<string, LiveCell>();
  /** The kernel's version of the protocol, if it differs from ours. */
  foreignVersion: number | null = null;
  /** Whether something is missing that only a snapshot can bring. */
  stale = true;

  #seq = -1;
  #started = false;
  #held = new Map<number, Frame>();
  #index = new Map<string, number>();
  /** The number of the last snapshot, and by their indices the cells that were awaited and ended again since then. */
  #restored = -1;
  #late = new Map<number, SettleOp>();
  #listeners = new Set<Listener>();
  #changes: Change[] = [];

  /** Whether frames wait for an earlier frame that has not come. */
  get hasGap(): boolean {
    return this.#held.size > 0;
  }

  /** The id of the run that is under way; undefined if there is none, or if its beginning has not come yet. */
  get run(): string | undefined {
    const last = this.runs.at(-1);
    return last?.ended_at === null ? last.id : undefined;
  }

  /** The whole transcript as far as it has come. */
  get cells(): Cell[] {
    return [...this.settled, ...[...this.live.values()].map(({ head, text }) => ({ ...head, text }))];
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tell the listeners of a change that the store did not see by itself. */
  notify(change: Change): void {
    this.#changes.push(change);
    this.#tell();
  }

  /** The place of the cell `id` in `settled`, or undefined if the cell is not finished. */
  placeOf(id: string): number | undefined {
    return this.#index.get(id);
  }

  /** Start from the snapshot that came with the page. */
  open(snapshot: Snapshot): Outcome {
    if (snapshot.v !== PROTOCOL_VERSION) return this.#mismatch(snapshot.v);
    this.#restore(snapshot);
    this.#seq = this.#restored = snapshot.seq;
    this.#started = true;
    this.#tell();
    return "applied";
  }

  receive(frame: Frame): Outcome {
    if (frame.v !== PROTOCOL_VERSION) return this.#mismatch(frame.v);
    if (this.#started && frame.seq <= this.#seq) return "duplicate";
    const whole = frame.ops.some((op) => op.op === "snapshot");
    if (!whole && !(this.#started && frame.seq === this.#seq + 1)) {
      if (this.#held.has(frame.seq)) return "duplicate";
      if (this.#held.size < MAX_HELD_FRAMES) this.#held.set(frame.seq, frame);
      return "held";
    }
    let sound = this.#apply(frame);
    for (const seq of this.#held.keys()) if (seq <= this.#seq) this.#held.delete(seq);
    for (let next = this.#take(this.#seq + 1); next; next = this.#take(this.#seq + 1)) {
      sound = this.#apply(next) && sound;
    }
    this.#tell();
    return sound ? "applied" : "broken";
  }

  /**
   * Take a piece of the cells that the last snapshot left out. The piece may be old or come twice: what is not awaited
   * is left alone, and a cell that has ended again since then stays as it is.
   */
  receiveEarlier({ seq, index, cells }: EarlierOp): void {
    const end = index + cells.length;
    if (seq < this.#restored || end < this.awaited || index >= this.awaited) return;
    const fresh: Cell[] = [];
    for (let at = index; at < this.awaited; at++) {
      const cell = this.#asEnded(at, cellOf(cells[at - index]!));
      const place = at - this.missing;
      if (place < 0) fresh.push(cell);
      else if (!same(this.settled[place]!, cell)) {
        this.settled[place] = cell;
        this.#changes.push({ what: "settled", id: cell.id });
      }
    }
    this.awaited = index;
    if (fresh.length > 0) {
      this.missing = index;
      this.settled = [...fresh, ...this.settled];
      this.#indexAll();
      this.#changes.push({ what: "earlier", count: fresh.length });
    }
    this.#tell();
  }

  /** The awaited cell at `index` as the kernel has told it since its last snapshot. */
  #asEnded(index: number, cell: Cell): Cell {
    const late = this.#late.get(index);
    if (!late) return cell;
    const { text = cell.text, ...head } = headOf(late.cell);
    const ended = { ...head, text };
    const { length, digest } = settledText(ended);
    if (length !== late.length || digest !== late.digest) this.stale = true;
    return ended;
  }

  /** Stop waiting for the missing frame: apply the later ones as far as they fit, until the snapshot comes. */
  skipGap(): void {
    const frames = [...this.#held.values()].sort((a, b) => a.seq - b.seq);
    this.#held.clear();
    this.stale = true;
    for (const frame of frames) this.#apply(frame);
    this.#tell();
  }

  /** Show the sentence `text` to the reader; an empty one takes the present one away. */
  setNotice(text: string): void {
    this.notice = text;
    this.notify({ what: "notice" });
  }

  /**
   * Note that the kernel has gone: cells and runs that were under way are cut off, and controls that need the kernel
   * are shut. `why` tells the reader. If the kernel comes back, it has to send everything anew.
   */
  lose(why: string): void {
    const known = [...this.cells, ...this.runs].reduce(
      (end, { started_at, ended_at }) => Math.max(end, ended_at ?? started_at ?? 0),
      0,
    );
    const now = Date.now() / 1000; // the kernel's clock may differ from ours
    const cut = { status: "cut off", ended_at: now - known < 3600 ? Math.max(now, known) : known } as const;
    const settle = (place: number, cell: Cell) => {
      const index = this.missing + place;
      this.#settle({ op: "settle", index, cell: { ...cell, ...cut }, length: 0, digest: 0 });
    };
    this.settled.forEach((cell, place) => {
      if (isUnfinished(cell.status)) settle(place, cell);
    });
    for (const { head, text } of this.live.values()) settle(this.settled.length, { ...head, text });
    for (const run of this.runs) if (run.ended_at === null) this.#putRun({ ...run, ...cut });
    this.agents = this.agents.map((row) => {
      const status = row.status === "writing" || row.status === "silent" ? cut.status : row.status;
      return { ...row, can_stream: false, held: 0, note: "", status };
    });
    this.state = "no kernel";
    this.detail = "";
    this.replay = null;
    this.caution = this.notice = why;
    this.stale = true;
    this.#changes.push({ what: "agents" }, { what: "state" }, { what: "notice" });
    this.#tell();
  }

  #take(seq: number): Frame | undefined {
    const frame = this.#held.get(seq);
    this.#held.delete(seq);
    return frame;
  }

  #mismatch(version: number): Outcome {
    this.foreignVersion = version;
    this.notify({ what: "version" });
    return "mismatch";
  }

  #tell(): void {
    const changes = this.#changes;
    if (changes.length === 0) return;
    this.#changes = [];
    for (const listener of [...this.#listeners]) {
      // A listener may belong to another widget: an error in it must not stop the panel.
      try {
        listener(changes);
      } catch (error) {
        console.error("nb_stream: a listener failed.", error);
      }
    }
  }

  /** Apply each operation by itself: if one does not fit, the others are applied all the same. */
  #apply(frame: Frame): boolean {
    this.#seq = frame.seq;
    this.#started = true;
    let sound = true;
    for (const op of frame.ops) {
      let fits = false;
      try {
        fits = this.#operate(op);
      } catch (error) {
        console.error("nb_stream: a frame could not be applied; the panel asks for its state again.", error);
      }
      sound &&= fits;
    }
    if (!sound) this.stale = true;
    return sound;
  }

  #operate(op: Op): boolean {
    switch (op.op) {
      case "agents":
        this.agents = op.agents.map(checkedRow);
        this.#changes.push({ what: "agents" });
        return true;
      case "state":
        this.budget = op.budget ?? [];
        if (op.state === "running" && !isActive(this.state)) this.notice = "";
        this.state = op.state;
        this.detail = op.detail;
        this.#changes.push({ what: "state" });
        return true;
      case "notice":
        this.notice = op.text;
        this.#changes.push({ what: "notice" });
        return true;
      case "run":
        this.#putRun(runOf(op.run));
        return true;
      case "cell":
        return this.#openCell(headOf(op.cell));
      case "append":
        return this.#append(op.id, op.at, op.text);
      case "settle":
        return this.#settle(op);
      case "totals":
        return this.#agrees(op);
      case "replay":
        this.#putReplay(op.replay);
        this.#changes.push({ what: "state" });
        return true;
      case "snapshot":
        this.#restore(op.snapshot);
        this.#restored = this.#seq;
        return true;
    }
    // A newer kernel with the same version may send an operation that this page does not know: it shows nothing.
    return true;
  }

  #putReplay(replay: ReplayRow | null): void {
    this.replay = replay;
    this.replayAt = performance.now();
  }

  #putRun(run: RunInfo): void {
    const at = this.runs.findIndex((other) => other.id === run.id);
    if (at < 0) this.runs.push(run);
    else this.runs[at] = run;
    this.#changes.push({ what: "run" });
  }

  #openCell(head: Cell | LiveCell["head"]): boolean {
    if (this.#index.has(head.id)) return true;
    const live = this.live.get(head.id);
    if (live) live.head = head;
    else this.live.set(head.id, new LiveCell(head));
    this.#changes.push({ what: "opened", id: head.id });
    return true;
  }

  #append(id: string, at: number, text: string): boolean {
    const live = this.live.get(id);
    if (!live) return this.#index.has(id);
    const outcome = live.append(at, text);
    if (outcome === "applied") this.#changes.push({ what: "appended", id });
    return outcome !== "gap";
  }

  #settle(op: SettleOp): boolean {
    const cell = headOf(op.cell);
    const { id } = cell;
    const live = this.live.get(id);
    const known = this.#index.get(id);
    const place = op.index - this.missing;
    if (op.index < this.awaited) this.#late.set(op.index, op);
    if (place < 0) return true; // the cell comes with the earlier ones, and `late` says how it ended
    if (place > this.settled.length || (known ?? place) !== place) return false;
    if (place < this.settled.length && known === undefined) return false;
    let { text } = cell;
    let sound = true;
    if (text === undefined) {
      const had = live ?? settledText(this.settled[place]);
      text = had.text;
      sound = had.length === op.length && had.digest === op.digest;
    }
    this.live.delete(id);
    this.settled[place] = { ...cell, text };
    this.#index.set(id, place);
    this.#changes.push({ what: "settled", id });
    return sound;
  }

  #agrees(op: TotalsOp): boolean {
    const ids = Object.keys(op.live);
    return (
      op.settled === this.missing + this.settled.length &&
      ids.length === this.live.size &&
      ids.every((id) => this.live.get(id)?.length === op.live[id])
    );
  }

  #indexAll(): void {
    this.#index = new Map(this.settled.map((cell, place) => [cell.id, place]));
  }

  /** Take over a snapshot. Cells that did not change stay the same objects, so that views leave them alone. */
  #restore(snapshot: Snapshot): void {
    this.title = snapshot.title;
    this.caution = snapshot.caution;
    this.cannotSay = snapshot.cannot_say;
    this.budget = snapshot.budget;
    this.state = snapshot.state;
    this.detail = snapshot.detail;
    this.agents = snapshot.agents.map(checkedRow);
    this.runs = snapshot.runs.map(runOf);
    this.#putReplay(snapshot.replay ?? null);
    const before = this.settled;
    const first = snapshot.first ?? 0;
    const known = first - this.missing; // how many of the cells before the snapshot's are here, if there is no gap
    const kept = known > 0 && known <= before.length ? before.slice(0, known) : [];
    const fresh = snapshot.settled.map((said, place) => {
      const cell = cellOf(said);
      const old = before[known + place];
      return old && same(old, cell) ? old : cell;
    });
    this.settled = [...kept, ...fresh];
    this.missing = first - kept.length;
    this.awaited = first;
    this.#late.clear();
    this.#indexAll();
    const lives = new Map(this.live);
    this.live.clear();
    for (const { text, ...head } of snapshot.live.map(cellOf)) {
      const live = lives.get(head.id) ?? new LiveCell(head);
      live.head = head;
      live.replace(text);
      this.live.set(head.id, live);
    }
    this.stale = false;
    this.#changes.push({ what: "snapshot" });
  }
}

function settledText(cell: Cell | undefined): LiveCell {
  const copy = new LiveCell(cell ?? { id: "", kind: "other", status: "done" });
  copy.append(0, cell?.text ?? "");
  return copy;
}

function same(a: Cell, b: Cell): boolean {
  return a.id === b.id && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(cell: Cell): [string, unknown][] {
  return Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : 1));
}
