/** Shows what the team took, as a table: a row for each agent and its model, over all runs. */

import type { Connection } from "../../comm/connection";
import { h, setScrollBox } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { duration } from "../../dom/format";
import { Redraw } from "../../dom/redraw";
import { asName } from "../../protocol/code_points";
import { type CellHead, USER } from "../../protocol/model";
import { costOf, emptyRow, paceOf, plus, presentOf, type RowFacts, rowsOf, timesOf } from "./timeline_row";

const FIGURE_COLUMNS = [
  "Agent",
  "Model",
  "Calls",
  "Prompt tokens",
  "Completion tokens",
  "First token",
  "Pace",
  "Time",
  "Waited for a person",
  "Cost",
];
const FIGURE_FORMAT = new Intl.NumberFormat("en");
const NONE = "–";

/** Owned by the tools of one view; made when the module "extras" has come. */
export class FiguresTable {
  #redraw: Redraw;
  #drawn = "";

  constructor(
    private readonly el: HTMLElement,
    private readonly connection: Connection,
    signal: AbortSignal,
  ) {
    this.#redraw = new Redraw(el, signal, () => this.draw());
  }

  update(): void {
    this.#redraw.soon();
  }

  draw(): void {
    const { store } = this.connection;
    const live: CellHead[] = [...store.live.values()].map(({ head }) => head);
    const cells = [...store.settled, ...live];
    const found = rowsOf(cells, presentOf(cells, 0, store.replay !== null), store.runs);
    const rows = found.filter(({ path }) => path !== USER);
    const models = new Map(store.agents.map(({ path, model }) => [path, model]));
    const lines = rows.map((row) => [
      asName(row.path),
      asName(models.get(row.path) ?? "") || NONE,
      ...figuresOf(row),
    ]);
    const sum = rows.length > 1 ? ["All", "", ...figuresOf(together(rows))] : undefined;
    const now = JSON.stringify([lines, sum]);
    if (now === this.#drawn) return; // so that the reader's selection in it stays
    this.#drawn = now;
    if (rows.length === 0) {
      this.el.replaceChildren(h("p", "nbs-label", "No figures yet: they come with the first message."));
      return;
    }
    const line = ([name = "", ...values]: string[], colour: string) => {
      const head = h("th", colour && "nbs-agent-name", name);
      head.scope = "row";
      return h("tr", colour, head, ...values.map((value) => h("td", "", value)));
    };
    const heads = FIGURE_COLUMNS.map((name) => {
      const head = h("th", "", name);
      head.scope = "col";
      return head;
    });
    const table = h(
      "table",
      "",
      h("thead", "", h("tr", "", ...heads)),
      h("tbody", "", ...lines.map((row, index) => line(row, colourClass(store.agents, rows[index]!.path)))),
    );
    if (sum) table.append(h("tfoot", "", line(sum, "")));
    const scrolled = this.el.firstElementChild?.scrollLeft ?? 0;
    const box = h("div", "nbs-data", table);
    setScrollBox(box, "Figures of all runs, by agent and model");
    this.el.replaceChildren(box);
    box.scrollLeft = scrolled;
  }
}

function figuresOf(row: RowFacts): string[] {
  const { ttft, perSecond } = paceOf(row);
  const [seconds, waited] = timesOf(row);
  const calls = row.began.size + row.unseen;
  const least = row.usage.about ? "at least " : "";
  const number = (amount: number) => (amount > 0 ? least + FIGURE_FORMAT.format(amount) : NONE);
  return [
    calls > 0 ? FIGURE_FORMAT.format(calls) : NONE,
    number(row.usage.prompt_tokens),
    number(row.usage.completion_tokens),
    ttft || NONE,
    perSecond || NONE,
    seconds > 0 ? duration(seconds) : NONE,
    waited > 0 ? duration(waited) : NONE,
    costOf(row) || NONE,
  ];
}

/** The sums of all agents. Calls of two agents that began at the same moment count as two. */
function together(rows: RowFacts[]): RowFacts {
  const calls = rows.flatMap((row) => [...row.calls.values()]);
  const began = rows.flatMap((row) => [...row.began]);
  const sum = (of: (row: RowFacts) => number) => rows.reduce((total, row) => total + of(row), 0);
  return {
    ...emptyRow("", ""),
    bars: rows.flatMap(({ bars }) => bars),
    waits: rows.flatMap(({ waits }) => waits),
    usage: rows.map(({ usage }) => usage).reduce(plus),
    cost: sum(({ cost }) => cost),
    unpriced: rows.some(({ unpriced }) => unpriced),
    unseen: sum(({ unseen }) => unseen),
    calls: new Map(calls.entries()),
    began: new Set(began.keys()),
  };
}
