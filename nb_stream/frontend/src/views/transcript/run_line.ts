/** Shows the line before the cells of a run: its number, its task, and how it ended. */

import type { Connection } from "../../comm/connection";
import { h } from "../../dom/build";
import { duration, money, pace, tokens } from "../../dom/format";
import { setText } from "../../dom/safe_text";
import { firstWords, inRow } from "../../protocol/code_points";
import type { RunInfo } from "../../protocol/model";
import { RunActions } from "./run_actions";
import type { VirtualItem } from "./virtual_list";

/** Owned by the history of one view. */
export class RunLine implements VirtualItem {
  readonly el = h("div", "nbs-run");
  readonly isBusy = false;
  #title = h("span", "nbs-run-title");
  #task = h("span", "nbs-run-task");
  #end = h("span", "nbs-run-end");

  #actions: RunActions;

  /** `refold` is called when the reader folds or unfolds a run that is set aside. */
  constructor(
    run: RunInfo,
    private readonly number: number,
    connection: Connection,
    refold: () => void,
  ) {
    this.#actions = new RunActions(connection, refold);
    this.#title.setAttribute("role", "heading");
    this.#title.setAttribute("aria-level", "3");
    this.el.append(h("div", "nbs-run-head", this.#title, this.#task), this.#actions.el, this.#end);
    this.update(run);
  }

  light(): HTMLElement {
    return this.el;
  }

  release(): void {}

  /** Whether the cells of the run are folded. */
  get isFolded(): boolean {
    return this.#actions.isFolded;
  }

  /** Show `run`. Returns whether its cells are folded or unfolded by this. */
  update(run: RunInfo): boolean {
    this.el.dataset.status = run.status;
    this.el.classList.toggle("nbs-aside", Boolean(run.set_aside));
    setText(this.#title, `Run ${this.number}`);
    setText(this.#task, firstWords(run.task, 200));
    setText(this.#end, howItEnded(run));
    return this.#actions.update(run);
  }
}

function howItEnded(run: RunInfo): string {
  const parts = run.set_aside ? ["set aside"] : [];
  parts.push(run.stop_reason ? `${run.status}: ${firstWords(run.stop_reason)}` : run.status);
  const used = tokens(run.usage, "at least");
  if (used) parts.push(used);
  if (run.cost) parts.push((run.unpriced ? "at least " : "") + money(run.cost));
  if (run.ttft != null) parts.push(`first token after ${duration(run.ttft)}`);
  if (run.tokens_per_s != null) parts.push(pace(run.tokens_per_s, run.estimated));
  const waited = run.waited ?? 0;
  if (run.started_at !== null && run.ended_at !== null) {
    parts.push(duration(Math.max(0, run.ended_at - run.started_at - waited)));
  }
  if (waited >= 0.05) parts.push(`waited ${duration(waited)} for a person`);
  return inRow(parts);
}
