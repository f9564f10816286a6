/** Shows the box for the task, and the buttons that start and end a run. */

import type { Connection } from "../../comm/connection";
import {
  button,
  focusedIn,
  focusOn,
  h,
  once,
  onEnter,
  setGroup,
  setName,
  setPolite,
  setShortcut,
} from "../../dom/build";
import { setText } from "../../dom/safe_text";
import { isActive, type RunState } from "../../protocol/model";

const RECORDED = "A recording: there is no team to run. TeamPanel.load(path, team=team) goes on with one.";

/** The hint that Enter shows while a run is under way, by the state of the run. */
const BUSY: Partial<Record<RunState, string>> = {
  running:
    "A run is under way. Your text stays here: run it when that has ended, or end it by Stop or Cancel.",
  stopping: "The run is about to end. Your text stays here: run it then.",
  "waiting for input":
    "The team waits for an answer below. Your text stays here: run it when the run has ended.",
};
const ASK = "Shall the team forget what was said? The transcript stays here.";

/** Owned by one view of the panel. */
export class TaskBox {
  readonly el = h("form", "nbs-task");
  #box = h("textarea", "nbs-box");
  #run = h("button", "nbs-button nbs-primary", "Run");
  #stop: HTMLButtonElement;
  #cancel: HTMLButtonElement;
  #reset: HTMLButtonElement;
  #hint = h("p", "nbs-hint");
  #ask = h("div", "nbs-ask");
  /** The task that was sent and that the kernel has not taken yet; null if there is none. */
  #sent: string | null = null;
  /** How many runs there were when it was sent. */
  #runs = 0;
  /**
   * The kernel's words about the run when the reader cancelled it; null without a cancel. Once the words change, the
   * kernel has heard of the cancel.
   */
  #cancelled: string | null = null;

  constructor(private readonly connection: Connection) {
    const { store } = connection;
    const end = (type: "stop" | "cancel") => () => {
      this.#cancelled = type === "cancel" ? store.detail : null;
      connection.send({ type, run: store.run });
    };
    const start = once((task: string) => {
      this.#sent = task;
      this.#runs = store.runs.length;
      store.setNotice("");
      connection.send({ type: "start", task });
    });
    this.#stop = button("nbs-button", "Stop", "Stop after the current turn (Shift+S)", end("stop"));
    this.#cancel = button("nbs-button", "Cancel", "Cancel now, in mid-turn (Shift+X)", end("cancel"));
    setShortcut(this.#stop, "Shift+S");
    setShortcut(this.#cancel, "Shift+X");
    this.#reset = button("nbs-button", "Reset", "Let the team forget what was said", () => {
      if (store.runs.length + store.cells.length > 0) this.#askForReset();
      else connection.send({ type: "reset" });
    });
    setPolite(this.#hint);
    setGroup(this.#ask, ASK);
    this.#ask.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#endAsking();
    });
    this.#run.title = "Give the team this task (Enter)";
    this.#box.rows = 1;
    setName(this.#box, "Task");
    this.#box.title = "Enter runs the task, Shift+Enter begins a new line; the key N leads here";
    setShortcut(this.#box, "n");
    this.#box.addEventListener("input", () => this.#grow());
    onEnter(this.#box, () => {
      if (this.#run.disabled) setText(this.#hint, BUSY[store.state] ?? "");
      else this.el.requestSubmit();
    });
    this.el.addEventListener("submit", (event) => {
      event.preventDefault();
      start(this.#box.value);
    });
    if (!connection.hasTeam) {
      this.el.append(h("span", "nbs-recorded", RECORDED));
      return;
    }
    this.el.append(this.#box, h("div", "nbs-buttons", this.#run, this.#stop, this.#cancel, this.#reset));
    this.el.append(this.#hint);
  }

  update(): void {
    const { state, detail, notice, replay, runs, caution } = this.connection.store;
    const active = isActive(state);
    const why = state === "no kernel" ? caution : "";
    this.#box.readOnly = why !== "";
    this.#box.placeholder =
      why || (replay === null ? "A task for the team" : "A recording: Run plays it, with its own task");
    // A short run may have ended before a running state was painted, so the number of runs is compared, too.
    if (this.#sent !== null && (active || runs.length > this.#runs)) {
      if (this.#box.value === this.#sent) this.#box.value = "";
      this.#sent = null;
      this.#grow();
    } else if (notice !== "") this.#sent = null;
    this.#enable(this.#run, !active, why);
    this.#enable(this.#stop, active && state !== "stopping", why);
    if (!active) {
      this.#cancelled = null;
      setText(this.#hint, "");
    } else this.#endAsking();
    const isCancelled = state === "stopping" && this.#cancelled !== null && this.#cancelled !== detail;
    this.#enable(this.#cancel, active && !isCancelled, why);
    this.#enable(this.#reset, !active, why);
  }

  /**
   * A button tells why it is shut. One that is shut while it has the focus would drop it; the box beside it takes it.
   */
  #enable(el: HTMLButtonElement, could: boolean, why: string): void {
    const enabled = could && why === "";
    el.dataset.title ??= el.title;
    el.title = why || el.dataset.title;
    if (el.disabled === !enabled) return;
    if (!enabled && focusedIn(el)) focusOn(this.#box);
    el.disabled = !enabled;
  }

  /**
   * Ask whether the team shall forget the conversation, because it cannot be brought back. The focus goes to the button
   * that does no harm: the reader may hold a key down.
   */
  #askForReset(): void {
    if (this.#ask.isConnected) return;
    const yes = button("nbs-button", "Reset the team", "", () => {
      this.#endAsking();
      this.connection.send({ type: "reset" });
    });
    const no = button("nbs-button", "Keep", "", () => this.#endAsking());
    this.#ask.replaceChildren(h("span", "", ASK), h("div", "nbs-buttons", yes, no));
    this.#hint.before(this.#ask);
    focusOn(no);
  }

  #endAsking(): void {
    const focused = focusedIn(this.#ask);
    this.#ask.remove();
    if (focused) focusOn(this.#reset.disabled ? this.#box : this.#reset);
  }

  #grow(): void {
    this.#box.style.height = "auto";
    if (this.#box.value !== "") this.#box.style.height = `${this.#box.scrollHeight + 2}px`;
  }
}
