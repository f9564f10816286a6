/**
 * The cells that need no click, all of the run that spoke last: what was said last while nobody is writing, failures
 * and open questions. Kept as cells come, so that a new one costs the same in a long run as in a short one.
 */

import { type Cell, USER } from "../../protocol/model";
import { isAsking } from "./input";

export class AutoOpen {
  #run: string | undefined;
  #urgent = new Set<string>();
  #said: { id: string; index: number } | undefined;

  /** Cells must be seen in order; `index` is the cell's place, `isOfLast` whether it is of the run that spoke last. */
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
