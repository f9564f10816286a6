/**
 * Tells screen readers which agent writes, which agent has finished and how a run ended. The log of the transcript does
 * not speak, because it would read each piece of a text; here, a few sentences come at a time.
 */

import { EndedRuns } from "../../comm/ended_runs";
import type { Change, Store } from "../../comm/store";
import { onAbort } from "../../dom/abort";
import { h, setPolite } from "../../dom/build";
import { plain } from "../../dom/safe_text";
import { firstWords } from "../../protocol/code_points";
import { USER } from "../../protocol/model";
import { isAsking } from "../transcript/input";
import { headline } from "../transcript/summary";

/** Milliseconds in which announcements are gathered into one. */
export const ANNOUNCE_AFTER_MS = 1500;
const MAX_SENTENCES = 4;

/** Owned by one view of the panel. */
export class Announcer {
  readonly el = h("div", "nbs-hidden");
  #waiting: string[] = [];
  #timer = 0;
  #ended: EndedRuns;

  constructor(
    private readonly store: Store,
    signal: AbortSignal,
  ) {
    this.el.setAttribute("role", "status");
    setPolite(this.el);
    onAbort(signal, () => clearTimeout(this.#timer));
    this.#ended = new EndedRuns(store);
  }

  hear(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.what === "opened") {
        const head = this.store.live.get(change.id)?.head;
        if (head?.kind === "text") this.#say(`${head.agent} is writing`);
      } else if (change.what === "settled") {
        const cell = this.store.settled.findLast(({ id }) => id === change.id);
        if (!cell || cell.agent === USER) continue;
        const words = firstWords(headline(cell), 200);
        if (isAsking(cell)) this.#say(`${cell.agent} asks: ${words}`);
        else if (cell.kind === "text" || cell.kind === "structured output")
          this.#say(`${cell.agent} finished: ${words}`);
        else if (cell.kind === "error") this.#say(`Error: ${words}`);
      } else if (change.what === "snapshot" || change.what === "run") {
        for (const { status } of this.#ended.take()) this.#say(`The run has ended: ${status}`);
      }
    }
  }

  #say(sentence: string): void {
    if (!this.#waiting.includes(sentence)) this.#waiting.push(plain(sentence));
    this.#timer ||= window.setTimeout(() => {
      const more = this.#waiting.length - MAX_SENTENCES;
      const said = this.#waiting.slice(-MAX_SENTENCES);
      if (more > 0) said.unshift(`${more} earlier`);
      this.el.textContent = said.map((words) => (/[.!?…]$/.test(words) ? words : `${words}.`)).join(" ");
      this.#waiting = [];
      this.#timer = 0;
    }, ANNOUNCE_AFTER_MS);
  }
}
