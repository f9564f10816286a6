/** Shows the box for the task and for what the team is told in mid-run, and the buttons that start and end a run. */

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
import { asName } from "../../protocol/code_points";
import { isActive } from "../../protocol/model";
import { Attachments } from "./attachments";

const RECORDED = "A recording: there is no team to run. TeamPanel.load(path, team=team) goes on with one.";

const TELL = "Tell the team…";
const AFTER = "after the current turn";
const AT_ONCE = "Tell the team at once: the turn that is being written is cut (Ctrl+Enter)";
const KEYS = "Shift+Enter begins a new line; the key N leads here";
const ASK = "Shall the team forget what was said? The transcript stays here.";

/** Owned by one view of the panel. */
export class TaskBox {
  readonly el = h("form", "nbs-task");
  #box = h("textarea", "nbs-box");
  #run = h("button", "nbs-button nbs-primary", "Run");
  #stop: HTMLButtonElement;
  #cancel: HTMLButtonElement;
  #reset: HTMLButtonElement;
  #now: HTMLButtonElement;
  #hint = h("p", "nbs-hint");
  #files: Attachments;
  #ask = h("div", "nbs-ask");
  /** The task that was sent and that the kernel has not taken yet; null if there is none. */
  #sent: string | null = null;
  /** What the team was told last. It comes back into the box if the kernel refuses it. */
  #told = "";
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
      const { text, images } = this.#files.attached;
      this.#sent = task;
      this.#runs = store.runs.length;
      store.setNotice("");
      connection.send({ type: "start", task: task + text, ...(images.length > 0 && { images }) });
    });
    this.#files = new Attachments(this.el, () => this.#showWhyNot());
    this.#now = button("nbs-button", "Now", AT_ONCE, () => this.#tell(true));
    setName(this.#now, "Tell now");
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
    this.#box.rows = 1;
    setName(this.#box, "Task");
    setShortcut(this.#box, "n");
    this.#box.addEventListener("input", () => {
      this.#grow();
      this.#showWhyNot();
    });
    onEnter(this.#box, ({ ctrlKey, metaKey }) => {
      if ((ctrlKey || metaKey) && !this.#now.hidden) this.#tell(true);
      else if (!this.#run.disabled) this.el.requestSubmit();
    });
    this.el.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#now.hidden) start(this.#box.value);
      else this.#tell(false);
    });
    this.el.hidden = !connection.hasKernel;
    if (!(connection.hasTeam && connection.hasKernel)) {
      this.el.append(h("span", "nbs-recorded", RECORDED));
      return;
    }
    this.el.append(
      this.#box,
      h("div", "nbs-buttons", this.#files.pick, this.#run, this.#now, this.#stop, this.#cancel, this.#reset),
    );
    this.el.append(this.#files.el, this.#hint);
  }

  update(): void {
    const { state, detail, notice, replay, runs, caution } = this.connection.store;
    const active = isActive(state);
    const why = state === "no kernel" ? caution : "";
    const tells = active && replay === null;
    this.#box.readOnly = why !== "";
    this.#box.placeholder =
      why ||
      (tells
        ? TELL
        : replay === null
          ? "A task for the team"
          : "A recording: Run plays it, with its own task");
    this.#box.title = `Enter ${tells ? `tells the team ${AFTER}, Ctrl+Enter at once` : "runs the task"}, ${KEYS}`;
    setText(this.#run, tells ? "Tell" : "Run");
    this.#run.title = this.#run.dataset.title = tells
      ? `Tell the team ${AFTER} (Enter)`
      : "Give the team this task (Enter)";
    this.#now.hidden = !tells;
    this.#reset.hidden = tells;
    // A short run may have ended before a running state was painted, so the number of runs is compared, too.
    if (this.#sent !== null && (active || runs.length > this.#runs)) {
      if (this.#box.value === this.#sent) this.#box.value = "";
      this.#sent = null;
      this.#files.clear();
      this.#grow();
    } else if (notice !== "") {
      this.#sent = null;
      if (this.#box.value === "") this.#box.value = this.#told;
      this.#told = "";
    }
    this.#enable(this.#files.pick, replay === null, why);
    this.#enable(this.#run, !active || tells, why);
    this.#enable(this.#now, tells, why);
    this.#enable(this.#stop, active && state !== "stopping", why);
    if (!active) {
      this.#cancelled = null;
    } else this.#endAsking();
    this.#showWhyNot();
    const isCancelled = state === "stopping" && this.#cancelled !== null && this.#cancelled !== detail;
    this.#enable(this.#cancel, active && !isCancelled, why);
    this.#enable(this.#reset, !active, why);
  }

  /** Put a task into the box, above what the reader has written there, and lead the reader to it. */
  edit(task: string): void {
    const draft = this.#box.value;
    this.#box.value = draft && draft !== task ? `${task}\n${draft}` : task;
    this.#grow();
    focusOn(this.#box);
  }

  /** Tell the team what stands in the box: after its current turn, or now. */
  #tell(now: boolean): void {
    const text = this.#box.value;
    if (text.trim() === "" && this.#files.isEmpty) return;
    const attached = this.#files.attached;
    const { images } = attached;
    this.#told = text;
    this.#box.value = "";
    this.#files.clear();
    this.#grow();
    this.connection.store.setNotice("");
    const said = text + attached.text;
    this.connection.send({ type: "say", text: said, now, ...(images.length > 0 && { images }) });
  }

  /**
   * While the reader writes to a team that takes no words in mid-run, say why, and what becomes of them. If there are
   * images, say whose models take none.
   */
  #showWhyNot(): void {
    const { cannotSay, agents } = this.connection.store;
    const writes = !this.#now.hidden && this.#box.value !== "";
    const blind = agents.filter(({ text_only }) => text_only).map(({ name }) => asName(name));
    const sees =
      this.#files.hasImages && blind.length > 0
        ? `Models without sight get the text alone: ${blind.join(", ")}.`
        : "";
    setText(this.#hint, [writes ? cannotSay : "", sees].filter(Boolean).join(" "));
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
