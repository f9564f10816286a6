/** A run as a small picture: who wrote when, which tools ran, where the team waited for a person. */

import type { Connection } from "../connection";
import { button, h } from "../dom";
import { count, duration, money, pace } from "../format";
import type { Cell, CellHead, CellKind, RunInfo } from "../model";
import { svg } from "../svg";
import { firstWords } from "../text";
import { colourClass } from "./colours";
import { type Icon, icon } from "./icons";

const WIDTH = 1000;
const HEIGHT = 14;
/** The least width of a bar, so that what took no time is seen. */
const LEAST = 4;
/** Milliseconds between two drawings, at least, and how many times the last one's: a long run costs no more. */
const PAUSE = 500;
const REST = 100;

type What = "writing" | "working" | "waiting";

export interface Bar {
  what: What;
  from: number;
  to: number;
  id: string;
  text: string;
}

export interface Row {
  path: string;
  agent: string;
  bars: Bar[];
  messages: number;
  tokens: number;
  cost: number;
  /** Its streamed model calls by when they began: a thought and its answer are two cells of one call. */
  calls: Map<number, CellHead>;
}

const MESSAGES: CellKind[] = ["text", "structured output", "handoff"];

const WHAT: Partial<Record<CellKind, What>> = {
  "tool call": "working",
  code: "working",
  "human input": "waiting",
  approval: "waiting",
};

/** The agents of a run in the order in which they first did something, with what they did; times in seconds. */
export function rowsOf(cells: Iterable<CellHead & { text?: string }>, end: number): Row[] {
  const rows = new Map<string, Row>();
  for (const cell of cells) {
    const { path = "", agent = "", kind, started_at: from } = cell;
    if (path === "" || from === undefined) continue;
    const row: Row = rows.get(path) ?? {
      path,
      agent,
      bars: [],
      messages: 0,
      tokens: 0,
      cost: 0,
      calls: new Map(),
    };
    rows.set(path, row);
    row.bars.push({
      what: WHAT[kind] ?? "writing",
      from,
      to: Math.max(from, cell.ended_at ?? end),
      id: cell.id,
      text: cell.text ?? "",
    });
    if (MESSAGES.includes(kind)) row.messages++;
    row.tokens += (cell.usage?.prompt_tokens ?? 0) + (cell.usage?.completion_tokens ?? 0);
    row.cost += cell.cost ?? 0;
    if (cell.ttft !== undefined || cell.tokens_per_s !== undefined) row.calls.set(from, cell);
  }
  return [...rows.values()];
}

export class Timeline {
  readonly el = h("div", "nbs-drawer nbs-timeline");
  #rows = h("div", "nbs-timeline-rows");
  #title = h("span", "nbs-timeline-title");
  #back = this.#turn("Earlier run", "earlier", -1);
  #on = this.#turn("Later run", "later", 1);
  #ids = new WeakMap<Element, string>();
  /** The run that is shown; the last one unless the reader went back. */
  #run: string | undefined;
  #timer = 0;
  #pause = PAUSE;

  constructor(
    private readonly connection: Connection,
    /** Take the reader to a cell. */
    private readonly reveal: (id: string) => void,
    private readonly signal: AbortSignal,
  ) {
    this.el.append(
      h("div", "nbs-timeline-head", this.#title, this.#back, this.#on),
      this.#rows,
      h(
        "p",
        "nbs-label",
        legend("writing"),
        legend("working", "tools and code"),
        legend("waiting", "waiting for a person"),
      ),
    );
    this.#rows.addEventListener("click", ({ target }) => {
      const id = target instanceof Element ? this.#ids.get(target) : undefined;
      if (id !== undefined) this.reveal(id);
    });
    signal.addEventListener("abort", () => window.clearTimeout(this.#timer), { once: true });
  }

  /** Draw anew, soon; nothing is done while the drawer is closed. */
  update(): void {
    if (this.el.hidden || this.#timer !== 0 || this.signal.aborted) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      if (this.el.hidden) return;
      const begin = performance.now();
      this.draw();
      this.#pause = Math.max(PAUSE, REST * (performance.now() - begin));
    }, this.#pause);
  }

  draw(): void {
    const { store } = this.connection;
    const runs = store.runs;
    const found = runs.findIndex(({ id }) => id === this.#run);
    const index = found < 0 ? runs.length - 1 : found;
    const run = runs[index];
    this.#back.disabled = index <= 0;
    this.#on.disabled = index >= runs.length - 1;
    if (!run) {
      this.#title.textContent = "No run yet";
      this.#rows.replaceChildren();
      return;
    }
    const cells: (CellHead & { text?: string })[] = cellsOf(store.settled, run.id);
    for (const { head } of store.live.values()) if (head.run === run.id) cells.push(head);
    const begin = run.started_at ?? cells[0]?.started_at ?? 0;
    const end = endOf(run, cells, begin);
    this.#title.textContent = `Run ${index + 1}, ${duration(end - begin)}`;
    this.#rows.replaceChildren(...rowsOf(cells, end).map((row) => this.#row(row, begin, end)));
  }

  #row(row: Row, begin: number, end: number): HTMLElement {
    const scale = WIDTH / Math.max(end - begin, 0.1);
    const picture = svg("svg", {
      class: "nbs-bars",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    const reached: Partial<Record<What, number>> = {};
    for (const { what, from, to, id, text } of row.bars) {
      const x = Math.min(Math.max(0, (from - begin) * scale), WIDTH - LEAST);
      const width = Math.max(LEAST, (to - from) * scale);
      // Bars that nobody could tell apart are drawn once, so that a run of thousands stays a small picture.
      if (x + width < (reached[what] ?? -LEAST) + LEAST) continue;
      reached[what] = x + width;
      const [y, height] =
        what === "writing"
          ? [1, HEIGHT - 2]
          : what === "working"
            ? [HEIGHT / 2, HEIGHT / 2 - 1]
            : [3, HEIGHT - 6];
      const bar = svg("rect", { class: `nbs-bar-${what}`, x, y, width, height, rx: 2 });
      bar.append(svg("title", {}, `${what}, ${duration(to - from)}${text && `: ${firstWords(text, 80)}`}`));
      this.#ids.set(bar, id);
      picture.append(bar);
    }
    const name = h("span", "nbs-agent-name", row.path);
    const facts = h("span", "nbs-timeline-facts", factsOf(row));
    return h(
      "div",
      `nbs-timeline-row ${colourClass(this.connection.store.agents, row.path)}`,
      name,
      wrap(picture),
      facts,
    );
  }

  #turn(label: string, name: Icon, step: number): HTMLButtonElement {
    const el = button("nbs-tool", "", label, () => {
      const { runs } = this.connection.store;
      const at = runs.findIndex(({ id }) => id === this.#run);
      const to = (at < 0 ? runs.length - 1 : at) + step;
      this.#run = to === runs.length - 1 ? undefined : runs[to]?.id;
      this.draw();
    });
    el.append(icon(name));
    el.setAttribute("aria-label", label);
    return el;
  }
}

function wrap(picture: SVGElement): HTMLElement {
  const el = h("span", "nbs-track");
  el.append(picture);
  return el;
}

function legend(what: What, words: string = what): HTMLElement {
  const mark = svg("svg", {
    class: `nbs-legend`,
    viewBox: "0 0 14 14",
    width: 14,
    height: 14,
    "aria-hidden": "true",
  });
  const [y, height] = what === "writing" ? [1, 12] : what === "working" ? [7, 6] : [3, 8];
  mark.append(svg("rect", { class: `nbs-bar-${what}`, x: 1, y, width: 12, height, rx: 2 }));
  const el = h("span", "nbs-legend-entry");
  el.append(mark, words);
  return el;
}

/** The cells of a run, which stand together. */
function cellsOf(settled: readonly Cell[], run: string): Cell[] {
  const last = settled.findLastIndex((cell) => cell.run === run);
  const before = settled.slice(0, last + 1).findLastIndex((cell) => cell.run !== run);
  return settled.slice(before + 1, last + 1);
}

/** When a run ended, or the latest that is known of one that goes on; the kernel's clock may differ from ours. */
function endOf(run: RunInfo, cells: readonly CellHead[], begin: number): number {
  if (run.ended_at !== null) return run.ended_at;
  const known = cells.reduce((end, cell) => Math.max(end, cell.ended_at ?? cell.started_at ?? 0), begin);
  const now = Date.now() / 1000;
  return now > known && now - known < 3600 ? now : known;
}

/** What an agent did, in words. The figures are those of `figures_of` in `metrics.py`. */
function factsOf({ bars, messages, tokens, cost, calls }: Row): string {
  const seconds = together(bars.filter(({ what }) => what !== "waiting"));
  const parts: string[] = seconds >= 0.05 ? [duration(seconds)] : [];
  if (messages > 0) parts.push(count(messages, "message"));
  if (tokens > 0) parts.push(count(tokens, "token"));
  if (cost > 0) parts.push(money(cost));
  return [...parts, ...paceOf([...calls.values()])].join(" · ");
}

/** The mean time to the first token of some model calls, and their pace, where longer ones count more. */
function paceOf(calls: CellHead[]): string[] {
  const waits = calls.flatMap(({ ttft }) => ttft ?? []);
  let written = 0;
  let seconds = 0;
  for (const { tokens_per_s, started_at, ended_at } of calls) {
    if (tokens_per_s === undefined || started_at === undefined || ended_at === undefined) continue;
    written += tokens_per_s * (ended_at - started_at);
    seconds += ended_at - started_at;
  }
  const estimated = calls.some((call) => call.estimated);
  return [
    ...(waits.length > 0 ? [`first token after ${duration(sum(waits) / waits.length)}`] : []),
    ...(seconds > 0 ? [pace(written / seconds, estimated)] : []),
  ];
}

/** The seconds that bars cover; where several do, they count once. */
function together(bars: Bar[]): number {
  let until = Number.NEGATIVE_INFINITY;
  let seconds = 0;
  for (const { from, to } of [...bars].sort((a, b) => a.from - b.from)) {
    seconds += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return seconds;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
