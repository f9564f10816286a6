/** Draws one agent's row in the timeline of a run: a bar for each thing that the agent did, and its sums. */

import { h, setChildren } from "../../dom/build";
import { count, duration, money, pace, tokens } from "../../dom/format";
import { plain, setText } from "../../dom/safe_text";
import { svg } from "../../dom/svg";
import { asName, firstWords, inRow } from "../../protocol/code_points";
import {
  type Cell,
  type CellHead,
  type CellRole,
  type RunInfo,
  roleOf,
  type Usage,
  unreachable,
} from "../../protocol/model";
import { headline, kindWord } from "../transcript/summary";

const PICTURE_WIDTH = 1000;
const PICTURE_HEIGHT = 14;
/** The least width of a bar, so that the reader sees a bar for something that took no time. */
const MIN_BAR_WIDTH = 4;
/** The top and the height of each kind of bar. */
const BAR_PLACES: Record<BarKind, [number, number]> = {
  writing: [1, PICTURE_HEIGHT - 2],
  working: [PICTURE_HEIGHT / 2, PICTURE_HEIGHT / 2 - 1],
  waiting: [3, PICTURE_HEIGHT - 6],
};
export type BarKind = "writing" | "working" | "waiting";

/** A cell; without its text if an agent still writes it. */
type TimelineCell = CellHead & { text?: string };

export interface Bar {
  what: BarKind;
  from: number;
  to: number;
  cell: TimelineCell;
}

export interface RowFacts {
  path: string;
  agent: string;
  bars: Bar[];
  messages: number;
  usage: Usage;
  cost: number;
  /** Whether a call of this agent has no price, while other calls have one. */
  unpriced: boolean;
  /** How many model calls of the agent no message tells of. */
  unseen: number;
  /** The times in which the agent, or an agent inside it, waited for a person. */
  waits: Bar[];
  /** The times at which its model calls began: a thought and its answer are two cells of one call. */
  began: Set<number>;
  /** Its streamed model calls by when they began. */
  calls: Map<number, CellHead>;
}

/** What an agent does in a cell with this role; the look of a bar shows it. */
function whatOf(role: CellRole): BarKind {
  switch (role) {
    case "tool call":
    case "code":
      return "working";
    case "question":
      return "waiting";
    case "message":
    case "thought":
    case "aside":
    case "error":
    case "notice":
      return "writing";
    default:
      return unreachable(role);
  }
}

/**
 * The present, in seconds: where unfinished cells end. What is played again was said long ago, so there it is the latest
 * time that `cells` name, from `begin` on; also if the kernel's clock seems to differ from ours.
 */
export function presentOf(cells: readonly TimelineCell[], begin: number, isReplay: boolean): number {
  const known = cells.reduce((end, cell) => Math.max(end, cell.ended_at ?? cell.started_at ?? 0), begin);
  const now = Date.now() / 1000;
  return !isReplay && now > known && now - known < 3600 ? now : known;
}

/** What the agents of a run did, in the order in which they first did something. Times are in seconds. */
export function rowsOf(cells: Iterable<TimelineCell>, end: number, runs: RunInfo[] = []): RowFacts[] {
  const rows = new Map<string, RowFacts>();
  // Unfinished cells stand behind all others. Sorted by time, a cell keeps its place when it is finished.
  const inTime = [...cells].sort((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0));
  for (const cell of inTime) {
    const { path = "", agent = "", started_at: from } = cell;
    const role = roleOf(cell);
    if (path === "" || from === undefined) continue;
    const row = rows.get(path) ?? emptyRow(path, agent);
    rows.set(path, row);
    row.bars.push({
      what: whatOf(role),
      from,
      to: Math.max(from, cell.ended_at ?? end),
      cell,
    });
    if (role === "message") row.messages++;
    use(row, cell);
    const isStreamed = cell.ttft !== undefined || cell.tokens_per_s !== undefined;
    if (isStreamed) row.calls.set(from, cell);
    if (isStreamed || cell.usage) row.began.add(from);
  }
  for (const call of runs.flatMap((run) => run.calls ?? [])) {
    const { path = "", agent = "" } = call;
    const row = rows.get(path) ?? emptyRow(path, agent);
    rows.set(path, row);
    use(row, call);
    row.unseen += call.count ?? 1;
  }
  const all = [...rows.values()];
  const arePriced = all.some(({ cost }) => cost > 0);
  for (const row of all) {
    row.unpriced &&= arePriced;
    const inside = all.filter(({ path }) => `${path}/`.startsWith(`${row.path}/`));
    row.waits = inside.flatMap(({ bars }) => bars.filter(({ what }) => what === "waiting"));
  }
  return all;
}

export function emptyRow(path: string, agent: string): RowFacts {
  const usage = { prompt_tokens: 0, completion_tokens: 0 };
  const none = { messages: 0, usage, cost: 0, unpriced: false, unseen: 0 };
  return { path, agent, ...none, bars: [], waits: [], began: new Set(), calls: new Map() };
}

function use(row: RowFacts, { usage, cost }: CellHead): void {
  if (!usage) return;
  row.usage = plus(row.usage, usage);
  row.cost += cost ?? 0;
  row.unpriced ||= cost === undefined && usage.prompt_tokens + usage.completion_tokens > 0;
}

export function plus(one: Usage, other: Usage): Usage {
  return {
    prompt_tokens: one.prompt_tokens + other.prompt_tokens,
    completion_tokens: one.completion_tokens + other.completion_tokens,
    about: Boolean(one.about || other.about),
  };
}

/** Owned by the timeline. A bar that stays from one drawing to the next keeps its element, and so its focus. */
export class TimelineRow {
  readonly el: HTMLElement;
  #picture: SVGElement;
  #facts = h("span", "nbs-timeline-facts");
  #bars = new Map<string, SVGElement>();

  constructor(path: string, colour: string) {
    this.#picture = svg("svg", {
      class: "nbs-bars",
      viewBox: `0 0 ${PICTURE_WIDTH} ${PICTURE_HEIGHT}`,
      preserveAspectRatio: "none",
      role: "group",
      "aria-label": plain(path),
    });
    const track = h("span", "nbs-track", this.#picture);
    const name = h("span", "nbs-agent-name", asName(path));
    this.el = h("div", `nbs-timeline-row ${colour}`, name, track, this.#facts);
  }

  /** The bars that are drawn, in the order of time. */
  get bars(): SVGElement[] {
    return [...this.#picture.children] as SVGElement[];
  }

  /** The cell for which `bar` stands. */
  idOf(bar: Element): string | undefined {
    return [...this.#bars].find(([, el]) => el === bar)?.[0];
  }

  /** The last bar that does not begin later than `other`, or the first one. */
  near(other: SVGElement): SVGElement | undefined {
    const { bars } = this;
    return bars.findLast((bar) => beginOf(bar) <= beginOf(other)) ?? bars[0];
  }

  /** Show `facts` between the times `begin` and `end`. The bar `kept` is shown in any case. */
  draw(facts: RowFacts, begin: number, end: number, kept?: Element): void {
    const scale = PICTURE_WIDTH / Math.max(end - begin, 0.1);
    const drawn: SVGElement[] = [];
    const reached: Partial<Record<BarKind, number>> = {};
    for (const bar of facts.bars) {
      const { what, from, to, cell } = bar;
      const x = Math.min(Math.max(0, (from - begin) * scale), PICTURE_WIDTH - MIN_BAR_WIDTH);
      const width = Math.max(MIN_BAR_WIDTH, (to - from) * scale);
      const known = this.#bars.get(cell.id);
      // Bars that nobody could tell apart are drawn once, so that a run of thousands stays a small picture.
      if (x + width < (reached[what] ?? -MIN_BAR_WIDTH) + MIN_BAR_WIDTH && (!known || known !== kept))
        continue;
      reached[what] = x + width;
      const el = known ?? svg("rect", { class: `nbs-bar-${what}`, role: "button", tabindex: -1, rx: 2 });
      this.#bars.set(cell.id, el);
      const [y, height] = BAR_PLACES[what];
      for (const [name, value] of Object.entries({ x, y, width, height }))
        el.setAttribute(name, String(value));
      const words = barTitle(bar);
      if (el.textContent !== words) el.replaceChildren(svg("title", {}, words));
      drawn.push(el);
    }
    setChildren(this.#picture, drawn);
    setText(this.#facts, factsOf(facts));
  }
}

const beginOf = (bar: Element) => Number(bar.getAttribute("x"));

/** What a bar stands for. For a cell that goes on, its duration is left out, because it changes all the time. */
function barTitle({ what, from, to, cell }: Bar): string {
  const parts = [cell.path, cell.kind === "text" ? what : kindWord(cell)];
  if (cell.ended_at === undefined) parts.push("going on");
  else if (to - from >= 0.05) parts.push(duration(to - from));
  const words = firstWords(headline({ text: "", ...cell } as Cell), 80);
  return parts.join(", ") + (words && `: ${words}`);
}

/** What an agent did, in words. `figures_of` in `core/metrics.py` computes the same figures. */
function factsOf(facts: RowFacts): string {
  const { messages } = facts;
  const [seconds, waited] = timesOf(facts);
  const parts: string[] = seconds >= 0.05 ? [duration(seconds)] : [];
  if (waited >= 0.05) parts.push(`waited ${duration(waited)} for a person`);
  if (messages > 0) parts.push(count(messages, "message"));
  const used = tokens(facts.usage, "at least");
  if (used) parts.push(used);
  const cost = costOf(facts);
  if (cost) parts.push(cost);
  const { ttft, perSecond } = paceOf(facts);
  if (ttft) parts.push(`first token after ${ttft}`);
  if (perSecond) parts.push(perSecond);
  return inRow(parts);
}

/** The mean time to the first token of an agent's model calls, and their mean pace, weighted by their duration. */
export function paceOf(facts: RowFacts): { ttft: string; perSecond: string } {
  const calls = [...facts.calls.values()];
  const waits = calls.flatMap(({ ttft }) => ttft ?? []);
  let written = 0;
  let seconds = 0;
  for (const { tokens_per_s, started_at, ended_at } of calls) {
    if (tokens_per_s === undefined || started_at === undefined || ended_at === undefined) continue;
    written += tokens_per_s * (ended_at - started_at);
    seconds += ended_at - started_at;
  }
  const estimated = calls.some((call) => call.estimated);
  return {
    ttft: waits.length > 0 ? duration(sum(waits) / waits.length) : "",
    perSecond: seconds > 0 ? pace(written / seconds, estimated) : "",
  };
}

/** The cost in words, also if a model has no price; nothing if none has. */
export function costOf({ cost, unpriced }: RowFacts): string {
  if (cost > 0) return (unpriced ? "at least " : "") + money(cost);
  return unpriced ? "no price" : "";
}

/** The seconds of work, and the seconds of waiting for a person. Waiting does not count as work. */
export function timesOf({ bars, waits }: RowFacts): [number, number] {
  const waited = covered(waits);
  return [Math.max(0, covered([...bars, ...waits]) - waited), waited];
}

/** The seconds that bars cover. A second that several bars cover counts once. */
function covered(bars: Bar[]): number {
  let until = Number.NEGATIVE_INFINITY;
  let seconds = 0;
  for (const { from, to } of bars.sort((a, b) => a.from - b.from)) {
    seconds += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return seconds;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
