/** The task box, and the buttons that start and end a run. */

import type { Connection } from "../connection";
import { button, focusedIn, h, once } from "../dom";
import { isActive } from "../model";

const RECORDED = "A recording: there is no team to run. TeamPanel.load(path, team=team) goes on with one.";

export class TaskBox {
  readonly el = h("form", "nbs-task");
  #box = h("textarea", "nbs-box");
  #run = h("button", "nbs-button nbs-primary", "Run");
  #stop: HTMLButtonElement;
  #cancel: HTMLButtonElement;
  #reset: HTMLButtonElement;
  /** The task that was sent and that the kernel has not taken yet. */
  #sent: string | null = null;
  #runs = 0;
  /** What the kernel had said of the run when it was cancelled here; once it says otherwise, it has heard of it. */
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
    this.#stop = button("nbs-button", "Stop", "Stop after the current turn", end("stop"));
    this.#cancel = button("nbs-button", "Cancel", "Cancel now, in the middle of the turn", end("cancel"));
    this.#reset = button("nbs-button", "Reset", "Let the team forget what was said", () =>
      connection.send({ type: "reset" }),
    );
    this.#run.title = "Give the team this task (Enter)";
    this.#box.rows = 1;
    this.#box.setAttribute("aria-label", "Task");
    this.#box.title = "Enter runs the task, Shift+Enter begins a new line";
    this.#box.addEventListener("input", () => this.#grow());
    this.#box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.#run.disabled) this.el.requestSubmit();
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
  }

  update(): void {
    const { state, detail, notice, replay, runs } = this.connection.store;
    const active = isActive(state);
    this.#box.placeholder =
      replay === null ? "A task for the team" : "A recording: Run plays it, with its own task";
    // A short run is over before it could be painted.
    if (this.#sent !== null && (active || runs.length > this.#runs)) {
      if (this.#box.value === this.#sent) this.#box.value = "";
      this.#sent = null;
      this.#grow();
    } else if (notice !== "") this.#sent = null;
    this.#enable(this.#run, !active);
    this.#enable(this.#stop, active && state !== "stopping");
    if (!active) this.#cancelled = null;
    const isCancelled = state === "stopping" && this.#cancelled !== null && this.#cancelled !== detail;
    this.#enable(this.#cancel, active && !isCancelled);
    this.#enable(this.#reset, !active);
  }

  /** A button that is shut while it has the focus would drop it; the box beside it takes it. */
  #enable(el: HTMLButtonElement, enabled: boolean): void {
    if (el.disabled === !enabled) return;
    if (!enabled && focusedIn(el)) this.#box.focus({ preventScroll: true });
    el.disabled = !enabled;
  }

  #grow(): void {
    this.#box.style.height = "auto";
    if (this.#box.value !== "") this.#box.style.height = `${this.#box.scrollHeight + 2}px`;
  }
}
