/**
 * One model's line to its kernel: frames in, commands out, and a resync whenever something is missing.
 *
 * A frame that is overtaken by another is waited for briefly; then the panel asks for a snapshot, again and again
 * with growing pauses, until one comes.
 */

import { onAbort } from "../dom/abort";
import { Formulas } from "../markdown/dom/formula_view";
import type { Services } from "../markdown/dom/inline_view";
import { safePolicy } from "../markdown/dom/policy";
import { isActive } from "../protocol/model";
import { type Command, type Frame, isSnapshot, type Op } from "../protocol/protocol";
import { CommLines } from "./comm_lines";
import { onKernelGone } from "./kernel_liveness";
import { Modules } from "./modules";
import { Store } from "./store";
import { Switches } from "./switches";

/** Milliseconds to wait for a frame that was overtaken. */
export const REORDER_MS = 150;
/** Milliseconds between two requests for a snapshot: the first, and the longest. */
export const RETRY_RESYNC_MS = 1000;
const RETRY_RESYNC_MAX_MS = 16_000;
/** Milliseconds after which a frame counts as painted where the browser paints nothing: what is out of sight. */
export const UNSEEN_MS = 1000;
/** Milliseconds after which the reader is told that the kernel has not answered a wish. */
export const KERNEL_TIMEOUT_MS = 4000;
/** Milliseconds without a frame during a run after which a snapshot is asked for: at first, and at the longest. A page
 * whose line was cut hears of what it missed only when somebody speaks, and behind the run's end nobody does. */
export const QUIET_MS = 15_000;
const QUIET_MAX_MS = 240_000;
const SILENCE_SENTENCE =
  "The kernel does not answer. Where it is not busy but gone, run the cell that shows this panel again.";
const GONE_SENTENCE = "The kernel cannot be reached: run the cell that shows this panel again.";
const WISHES: readonly Command["type"][] = ["start", "stop", "cancel", "reset", "answer", "dismiss"];
/** Requests without an answer after which the panel waits for the kernel to speak first. */
const MAX_RESYNCS = 8;

/** What the panel needs of an anywidget model. */
export interface Model {
  get(key: string): unknown;
  on(event: string, callback: (content: unknown) => void): void;
  off(event: string, callback: (content: unknown) => void): void;
  send(content: unknown): void;
}

export class Connection {
  readonly store = new Store();
  readonly switches = new Switches(this.store, (command) => this.send({ ...command, page: this.#page }));
  readonly modules = new Modules((command) => this.send(command));
  /** What its texts are shown with. */
  readonly services: Services = { policy: safePolicy, formulas: new Formulas(this.modules) };
  /** What the kernel tells this page from others by. */
  readonly #page = Math.random().toString(36).slice(2);
  /** Called with operations outside of the sequence. */
  readonly beside = new Set<(ops: readonly Op[]) => void>();
  /** Whether there is somebody to run: not where a recording is only looked at. */
  readonly hasTeam: boolean;
  #gapTimer = 0;
  #retryTimer = 0;
  #attempts = 0;
  /** The latest frame that asks for an answer, and what waits for its painting. */
  #asked = 0;
  #wishTimer = 0;
  #quietTimer = 0;
  #quiet = QUIET_MS;
  #paintFrame = 0;
  #paintTimer = 0;
  /** Whether the kernel has gone, and has not spoken since. */
  #isLost = false;

  constructor(
    private readonly model: Model,
    signal: AbortSignal,
    early: readonly unknown[] = [],
  ) {
    new CommLines(
      model,
      signal,
      (content) => this.#receive(content as Frame),
      (command) => this.send(command),
    );
    onKernelGone(model, () => this.#lose(), signal);
    onAbort(signal, () => this.#dispose());
    this.hasTeam = model.get("has_team") !== false;
    const snapshot = model.get("snapshot");
    if (isSnapshot(snapshot)) this.store.open(snapshot);
    for (const content of early) this.#receive(content as Frame);
    this.#heal();
    this.#listen();
  }

  send(command: Command): void {
    if (this.#isLost) return;
    if (WISHES.includes(command.type)) {
      clearTimeout(this.#wishTimer);
      this.#wishTimer = window.setTimeout(() => this.store.setNotice(SILENCE_SENTENCE), KERNEL_TIMEOUT_MS);
    }
    try {
      this.model.send(command);
    } catch (error) {
      console.debug(error); // what a restarted kernel leaves on the page is no fault
      this.#lose();
    }
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#rest();
    this.store.lose(GONE_SENTENCE);
  }

  #receive(frame: Frame): void {
    if (!Array.isArray(frame?.ops)) return;
    clearTimeout(this.#wishTimer);
    this.#isLost = false;
    if (this.store.notice === SILENCE_SENTENCE) this.store.setNotice("");
    if (frame.seq < 0) {
      for (const heard of this.beside) heard(frame.ops);
      return;
    }
    // A module is the same whenever it comes, also before a frame that is missing.
    for (const op of frame.ops) if (op.op === "module") this.modules.receive(op);
    const outcome = this.store.receive(frame);
    if (outcome === "mismatch") return;
    if (frame.ops.some(({ op }) => op !== "snapshot")) this.#quiet = QUIET_MS;
    this.#listen();
    if (frame.ack) this.#answer(frame.seq);
    this.#attempts = Math.min(this.#attempts, MAX_RESYNCS / 2);
    if (!this.store.hasGap) {
      clearTimeout(this.#gapTimer);
      this.#gapTimer = 0;
    } else if (this.#gapTimer === 0) {
      this.#gapTimer = window.setTimeout(() => {
        this.#gapTimer = 0;
        this.store.skipGap();
        this.#heal();
      }, REORDER_MS);
    }
    this.#heal();
  }

  /** Ask for a snapshot while the store lacks something; forget the request as soon as it does not. */
  #heal(): void {
    if (!this.store.stale || this.store.foreignVersion !== null) {
      clearTimeout(this.#retryTimer);
      this.#retryTimer = this.#attempts = 0;
    } else if (this.#retryTimer === 0 && this.#attempts < MAX_RESYNCS) {
      const pause = Math.min(RETRY_RESYNC_MS * 2 ** this.#attempts++, RETRY_RESYNC_MAX_MS);
      this.#retryTimer = window.setTimeout(() => {
        this.#retryTimer = 0;
        this.#heal();
      }, pause);
      this.send({ type: "resync" });
    }
  }

  /** Ask for a snapshot where a run is under way and the kernel has fallen silent; ever more rarely. */
  #listen(): void {
    clearTimeout(this.#quietTimer);
    if (!isActive(this.store.state)) return;
    this.#quietTimer = window.setTimeout(() => {
      this.#quiet = Math.min(2 * this.#quiet, QUIET_MAX_MS);
      this.send({ type: "resync" });
      this.#listen();
    }, this.#quiet);
  }

  /** Tell the kernel when everything up to this frame is painted, so that it sends no more than can be shown. */
  #answer(seq: number): void {
    this.#asked = Math.max(this.#asked, seq);
    if (document.hidden) this.#painted();
    else if (this.#paintTimer === 0) {
      this.#paintTimer = window.setTimeout(() => this.#painted(), UNSEEN_MS);
      // Views paint in callbacks that were asked for before this one; layout comes between it and the next task.
      this.#paintFrame = requestAnimationFrame(() => {
        clearTimeout(this.#paintTimer);
        this.#paintTimer = window.setTimeout(() => this.#painted());
      });
    }
  }

  #painted(): void {
    this.#forgetPainting();
    this.send({ type: "ack", page: this.#page, seq: this.#asked });
  }

  #forgetPainting(): void {
    cancelAnimationFrame(this.#paintFrame);
    clearTimeout(this.#paintTimer);
    this.#paintTimer = 0;
  }

  #dispose(): void {
    this.#rest();
    this.switches.dispose();
  }

  #rest(): void {
    clearTimeout(this.#wishTimer);
    clearTimeout(this.#quietTimer);
    this.#forgetPainting();
    clearTimeout(this.#gapTimer);
    clearTimeout(this.#retryTimer);
    this.#gapTimer = this.#retryTimer = 0;
  }
}
