/**
 * The buttons of a run: go back to before it with its task in the task box, try it again, or take it up again where it
 * is set aside. A run that is set aside is folded until the reader unfolds it.
 */

import type { Connection } from "../../comm/connection";
import { button, h, setChildren } from "../../dom/build";
import { setText } from "../../dom/safe_text";
import type { RunInfo } from "../../protocol/model";

/** The event that asks for a text in the task box; `detail` is the text. */
export const EDIT = "nbs-edit";

/** Owned by the line of one run. */
export class RunActions {
  readonly el = h("span", "nbs-run-actions");
  isFolded = false;
  #run!: RunInfo;
  #fold: HTMLButtonElement;
  #edit: HTMLButtonElement;
  #again: HTMLButtonElement;
  #resume: HTMLButtonElement;

  /** `refold` is called when the run is to be folded or unfolded. */
  constructor(
    private readonly connection: Connection,
    refold: () => void,
  ) {
    const rewind = (more: { to_end?: boolean; again?: boolean }) => {
      connection.store.setNotice("");
      connection.send({ type: "rewind", run: this.#run.id, ...more });
    };
    this.#fold = button("nbs-quiet", "", "", () => {
      this.isFolded = !this.isFolded;
      this.#show();
      refold();
    });
    this.#edit = button(
      "nbs-quiet",
      "Edit and run again",
      "Go back to before this run, and change its task",
      () => {
        rewind({});
        this.el.dispatchEvent(new CustomEvent(EDIT, { bubbles: true, detail: this.#run.task }));
      },
    );
    this.#again = button("nbs-quiet", "Try again", "Go back to before this run, and run its task again", () =>
      rewind({ again: true }),
    );
    this.#resume = button("nbs-quiet", "Take up again", "Set the team to the end of this run", () =>
      rewind({ to_end: true }),
    );
  }

  /** Show what can be done with `run`. Returns whether it is folded or unfolded by this. */
  update(run: RunInfo): boolean {
    const was = this.isFolded;
    if (Boolean(run.set_aside) !== Boolean(this.#run?.set_aside)) this.isFolded = Boolean(run.set_aside);
    this.#run = run;
    this.#show();
    return was !== this.isFolded;
  }

  #show(): void {
    const { hasTeam, hasKernel, store } = this.connection;
    const { id, ended_at, set_aside, status } = this.#run;
    const buttons: HTMLElement[] = set_aside ? [this.#fold] : [];
    if (hasTeam && hasKernel && store.replay === null && store.state !== "no kernel" && ended_at !== null) {
      if (set_aside && !store.runs.some(({ parent }) => parent === id)) buttons.push(this.#resume);
      if (status === "failed" || status === "cancelled") buttons.push(this.#again);
      buttons.push(this.#edit);
    }
    setText(this.#fold, this.isFolded ? "Show" : "Hide");
    this.#fold.setAttribute("aria-expanded", String(!this.isFolded));
    setChildren(this.el, buttons);
  }
}
