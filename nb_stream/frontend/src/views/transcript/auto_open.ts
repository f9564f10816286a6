/**
 * Chooses the cells that are open without a click. All of them belong to the run that spoke last: its failures, its
 * open questions, and, while no agent writes, its last message.
 *
 * The choice is kept up to date as cells come, so that a new cell costs the same in a long run as in a short one.
 */

import { type Cell, USER } from "../../protocol/model";
import { isAsking } from "./input";

/** Owned by the history of one view. */
export class AutoOpen {
  #run: string | undefined;
  #urgent = new Set<string>();
  #said: { id: string; index: number } | undefined;

  /** Take a cell in; cells must come in order. `index` is its place, and `isOfLast` says whether its run spoke last. */
  see(cell: Cell, index: number, isOfLast: boolean): void {
    if (isOfLast && cell.run !== this.#run) {
      this.forget();
      this.#run = cell.run;
    }
    if (cell.run !== this.#run) return;
    if (cell.kind === "error" || isAsking(cell)) this.#urgent.add(cell.id);
    else this.#urgent.delete(cell.id);
    const speaks = (cell.kind === "text" || cell.kind === "structured output") && cell.agent !== USER;
    if (speaks && index >= (this.#said?.index ?? 0)) this.#said = { id: cell.id, index };
  }

  forget(): void {
    this.#run = this.#said = undefined;
    this.#urgent.clear();
  }

  wanted(somebodyWrites: boolean): Set<string> {
    const ids = new Set(this.#urgent);
    if (this.#said && !somebodyWrites) ids.add(this.#said.id);
    return ids;
  }
}
