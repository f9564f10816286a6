/**
 * The connection of one model to its kernel: it takes in frames, sends commands, and asks for a snapshot if something
 * is missing.
 *
 * If a later frame overtakes an earlier one, the connection waits briefly for the earlier one. Then it asks for a
 * snapshot, again and again with growing pauses, until the snapshot comes.
 */

import { onAbort } from "../dom/abort";
import { Modules } from "../dom/page_modules";
import { Emojis } from "../markdown/dom/emoji_view";
import { Formulas } from "../markdown/dom/formula_view";
import type { Services } from "../markdown/dom/inline_view";
import { offlinePolicy, safePolicy } from "../markdown/dom/policy";
import { isActive } from "../protocol/model";
import { type Command, type EarlierOp, type Frame, isSnapshot, type Op } from "../protocol/protocol";
import { CommLines } from "./comm_lines";
import { Contexts } from "./contexts";
import type { Model } from "./host_model";
import { onKernelGone } from "./kernel_liveness";
import { Store } from "./store";
import { Switches } from "./switches";

/** Milliseconds to wait for a frame that a later one overtook. */
export const REORDER_MS = 150;
/** Milliseconds between two requests for a snapshot: the first pause, and the longest. */
export const RETRY_RESYNC_MS = 1000;
const RETRY_RESYNC_MAX_MS = 16_000;
/** Milliseconds after which a frame counts as painted although the browser paints nothing, as it does for a panel that
 * is out of sight. */
export const UNSEEN_MS = 1000;
/** Milliseconds after which the panel tells the reader that the kernel has not answered a wish. */
export const KERNEL_TIMEOUT_MS = 4000;
/** Milliseconds without a frame during a run after which the panel asks for a snapshot: the first pause, and the
 * longest. A page whose connection was cut learns what it missed from the next frame, and after a run there is none. */
export const QUIET_MS = 15_000;
const QUIET_MAX_MS = 240_000;
const SILENCE_SENTENCE =
  "The kernel does not answer. It may be busy; if it has gone, run the cell that shows this panel again.";
const GONE_SENTENCE = "The kernel cannot be reached: run the cell that shows this panel again.";
const WISHES: readonly Command["type"][] = ["start", "stop", "cancel", "reset", "answer", "dismiss"];
/** Milliseconds after which earlier cells that have not come are asked for again: the first pause, and the longest. */
export const RETRY_EARLIER_MS = 3000;
const RETRY_EARLIER_MAX_MS = 24_000;
/** Bytes of earlier cells in a millisecond, at most: Jupyter servers drop messages if more than 1 MB comes in a second. */
const EARLIER_BYTES_PER_MS = 600;
/** Requests for a snapshot without an answer; then the panel waits until the kernel sends something. */
const MAX_RESYNCS = 8;

/** Owned by the widget's model, and shared by all views of it on the page. */
export class Connection {
  readonly store = new Store();
  readonly switches = new Switches(this.store, (command) => this.send({ ...command, page: this.#page }));
  readonly modules = new Modules((command) => this.send(command));
  /** How its texts are shown: what links and images may become, and who renders formulas and emoji. */
  readonly services: Services;
  readonly contexts = new Contexts((command) => this.send(command));
  /** The name by which the kernel tells this page from other pages. */
  readonly #page = Math.random().toString(36).slice(2);
  /** Called with the operations of frames that have no number in the sequence. */
  readonly outOfBand = new Set<(ops: readonly Op[]) => void>();
  /** Whether there is a team to run; false if the reader only looks at a recording. */
  readonly hasTeam: boolean;
  /** Whether a kernel hears what the reader wishes; false in a page that holds a recording. */
  readonly hasKernel: boolean;
  #gapTimer = 0;
  #retryTimer = 0;
  #attempts = 0;
  /** The number of the latest frame that asks to be acknowledged. */
  #asked = 0;
  #wishTimer = 0;
  #quietTimer = 0;
  #quiet = QUIET_MS;
  #earlierTimer = 0;
  #earlierPause = RETRY_EARLIER_MS;
  /** Before which cell earlier ones are asked for now; 0 if none are. */
  #askedBefore = 0;
  #paintFrame = 0;
  #paintTimer = 0;
  /** Whether the kernel has gone and has sent nothing since. */
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
    this.hasKernel = model.get("has_kernel") !== false;
    const policy = this.hasKernel ? safePolicy : offlinePolicy;
    this.services = { policy, formulas: new Formulas(this.modules), emojis: new Emojis(this.modules) };
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
      console.debug(error); // a model whose kernel was restarted cannot send: that is no fault of ours
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
      for (const op of frame.ops) if (op.op === "earlier") this.#receiveEarlier(op);
      this.contexts.receive(frame.ops);
      for (const heard of this.outOfBand) heard(frame.ops);
      return;
    }
    // A module can be used at once, even if an earlier frame is missing.
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

  /** Ask for a snapshot while the store lacks something. Once it lacks nothing, forget the request. */
  #heal(): void {
    this.#fetchEarlier();
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

  #receiveEarlier(piece: EarlierOp): void {
    const { awaited } = this.store;
    this.store.receiveEarlier(piece);
    if (this.store.awaited < awaited) this.#earlierPause = RETRY_EARLIER_MS;
    this.#fetchEarlier(piece.bytes / EARLIER_BYTES_PER_MS);
  }

  /** Ask for the cells that the last snapshot left out, `pause` milliseconds from now, and again if they do not come. */
  #fetchEarlier(pause = 0): void {
    const { awaited } = this.store;
    if (awaited === this.#askedBefore) return;
    this.#askedBefore = awaited;
    clearTimeout(this.#earlierTimer);
    const ask = () => {
      this.#earlierTimer = window.setTimeout(ask, this.#earlierPause);
      this.#earlierPause = Math.min(2 * this.#earlierPause, RETRY_EARLIER_MAX_MS);
      this.send({ type: "earlier", before: this.store.awaited });
    };
    if (awaited > 0 && pause > 0) this.#earlierTimer = window.setTimeout(ask, pause);
    else if (awaited > 0) ask();
  }

  /** Ask for a snapshot if a run is under way and the kernel has fallen silent; the pauses grow. */
  #listen(): void {
    clearTimeout(this.#quietTimer);
    if (!isActive(this.store.state)) return;
    this.#quietTimer = window.setTimeout(() => {
      this.#quiet = Math.min(2 * this.#quiet, QUIET_MAX_MS);
      this.send({ type: "resync" });
      this.#listen();
    }, this.#quiet);
  }

  /** Tell the kernel when everything up to this frame is painted, so that it sends no more than the page can show. */
  #answer(seq: number): void {
    this.#asked = Math.max(this.#asked, seq);
    if (document.hidden) this.#painted();
    else if (this.#paintTimer === 0) {
      this.#paintTimer = window.setTimeout(() => this.#painted(), UNSEEN_MS);
      // Views asked for their callbacks before this one, so they have painted when it is called. The browser lays the
      // page out between this callback and the next task.
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
    clearTimeout(this.#earlierTimer);
    this.#forgetPainting();
    clearTimeout(this.#gapTimer);
    clearTimeout(this.#retryTimer);
    this.#gapTimer = this.#retryTimer = 0;
  }
}
