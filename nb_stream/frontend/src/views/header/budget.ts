/** Shows how much of its budget a run has used, and as a bar under each figure. */

import { h, setChildren } from "../../dom/build";
import { money, NUMBER_FORMAT } from "../../dom/format";
import { setText } from "../../dom/safe_text";
import type { BudgetRow } from "../../protocol/protocol";

/** Owned by the header of one view. It is not there if runs have no limits. */
export class Budget {
  readonly el = h("p", "nbs-budget");
  #caption = h("span", "", "Budget");
  #parts = new Map<string, HTMLElement>();

  update(rows: readonly BudgetRow[]): void {
    this.el.hidden = rows.length === 0;
    const parts = rows.map((row) => {
      const part = this.#parts.get(row.unit) ?? h("span", "nbs-budget-part");
      this.#parts.set(row.unit, part);
      setText(part, inWords(row));
      const share = row.limit > 0 ? Math.min(1, row.spent / row.limit) : 1;
      part.style.setProperty("--nbs-share", `${100 * share}%`);
      part.classList.toggle("nbs-used-up", share >= 1);
      return part;
    });
    setChildren(this.el, rows.length > 0 ? [this.#caption, ...parts] : []);
  }
}

function inWords({ unit, spent, limit, about, at_least }: BudgetRow): string {
  const word = at_least ? "at least " : about ? "about " : "";
  if (unit === "usd") return `${word}${money(spent)} of ${money(limit)}`;
  const used = NUMBER_FORMAT.format(Math.floor(spent));
  return `${word}${used} of ${NUMBER_FORMAT.format(limit)} ${unit === "tokens" ? "tokens" : "s"}`;
}
