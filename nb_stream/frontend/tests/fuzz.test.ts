import { afterEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { CELL_KINDS, type Cell } from "../src/protocol/model";
import type { Frame } from "../src/protocol/protocol";
import { all, type Mounted, mount, one, painted, random } from "./helpers";

/*
 * Long sessions on a bad connection, with a reader who does this and that. In the end, the panel must show the same as a
 * panel that is opened then. Three sessions are the same each time, and one is new; its seed is in the test's name.
 */

const STEPS = 250;
const SEEDS = [1, 2, 3, Math.floor(Math.random() * 1e6)];

const AGENTS = ["poet", "critic", "user", "planner"];
const WORDS = [
  "The tide ",
  "**comes** ",
  "\n\n",
  "`x = 1` ",
  "```py\nx\n",
  "```\n",
  "| a | b |\n|---|---|\n",
  "$x^2$ ",
  "😀 ",
  "[l](https://e.org) ",
  "- item\n",
];
const CALL = { id: "1", name: "look", arguments: '{"at": [1, {"b": 2}]}' };

const panels: Mounted[] = [];
afterEach(() => {
  for (const panel of panels.splice(0)) panel.close();
  vi.restoreAllMocks();
});

function shown(kernel: ScriptedKernel): HTMLElement {
  const panel = mount(kernel);
  panels.push(panel);
  return panel.el;
}

class Session {
  #count = 0;
  #late: Frame[] = [];

  constructor(
    readonly kernel: ScriptedKernel,
    readonly chance: () => number,
  ) {
    kernel.deliver = (frame) => this.#deliver(frame);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.chance() * list.length)]!;
  }

  /** The connection loses frames, and brings some twice and some late. */
  #deliver(frame: Frame): void {
    const fate = this.chance();
    if (fate < 0.04) return;
    if (fate < 0.08) {
      this.#late.push(frame);
      return;
    }
    this.kernel.emit(frame);
    if (fate < 0.12) this.kernel.emit(frame);
    if (this.#late.length > 0 && this.chance() < 0.5) this.kernel.emit(this.#late.shift()!);
  }

  /** Bring the late frames. From now on, the connection is good. */
  mend(): void {
    for (const frame of this.#late) this.kernel.emit(frame);
    this.kernel.deliver = (frame) => this.kernel.emit(frame);
    this.kernel.sendSnapshot();
  }

  /** Let something happen in the team. */
  happen(): void {
    const { kernel, chance } = this;
    kernel.now += 0.5;
    const writing = [...kernel.live.keys()];
    const what = chance();
    if (what < 0.15 && writing.length < 4) {
      kernel.begin(`c${this.#count++}`, this.pick(AGENTS), chance() < 0.8 ? "text" : "thought");
    } else if (what < 0.6 && writing.length > 0) kernel.write(this.pick(writing), this.pick(WORDS));
    else if (what < 0.75 && writing.length > 0) this.#settle(this.pick(writing));
    else if (what < 0.87) this.#put();
    else if (what < 0.94 && kernel.settled.length > 0) this.#end(this.pick(kernel.settled));
    else if (what < 0.96) {
      kernel.endRun({});
      kernel.run(`r${kernel.runs.length + 1}`, `Task ${kernel.runs.length}`);
    } else if (what < 0.98) this.#rewind();
    else {
      kernel.agent(`new${this.#count++}`);
      kernel.sendAgents();
    }
  }

  #settle(id: string): void {
    const { text } = this.kernel.live.get(id)!;
    const last = this.chance();
    this.kernel.settle(
      id,
      last < 0.4 ? { text: text + this.pick(WORDS) } : last < 0.45 ? { text: "else" } : {},
    );
  }

  #put(): void {
    const id = `c${this.#count++}`;
    const kind = this.pick(CELL_KINDS);
    const text = kind === "structured output" ? '{"a": [1, 2]}' : this.pick(WORDS) + this.pick(WORDS);
    let more: Partial<Cell> = {};
    if (kind === "human input" || kind === "approval") more = { status: "waiting", data: { request_id: id } };
    if (kind === "tool call") more = { status: "running", tool_calls: [CALL] };
    if (kind === "code") more = { data: { code_blocks: [{ code: "print(1)", language: "python" }] } };
    this.kernel.put(id, this.pick(AGENTS), kind, text, more);
  }

  #end(cell: Cell): void {
    let more: Partial<Cell> | undefined;
    if (cell.status === "waiting") more = { data: { ...cell.data, how: "answered", answer: "yes" } };
    if (cell.status === "running") more = { tool_calls: [{ ...CALL, result: "out" }] };
    if (more)
      this.kernel.put(cell.id, cell.agent!, cell.kind, cell.text, { ...cell, status: "done", ...more });
  }

  /** Take off the last messages, as a replay does. The first of them may be written again. */
  #rewind(): void {
    const { kernel } = this;
    const [first] = kernel.settled.splice(Math.floor(this.chance() * kernel.settled.length));
    kernel.live.clear();
    if (first && this.chance() < 0.5) {
      kernel.live.set(first.id, { ...first, kind: "text", status: "writing", text: first.text.slice(0, 3) });
    }
    kernel.sendSnapshot();
  }

  /** Do something in the panel `el`, as a reader would. */
  act(el: HTMLElement): void {
    const what = this.chance();
    if (what < 0.2) one(el, `[aria-label="${this.pick(["Expand all", "Collapse all"])}"]`).click();
    else if (what < 0.4) this.pick(all(el, ".nbs-chip"))?.click();
    else if (what < 0.7) {
      const line = this.pick(all(el, ".nbs-cell summary"));
      line?.click();
      line?.focus();
    } else if (what < 0.85) {
      if (one(el, ".nbs-search").hidden) one(el, '[aria-label="Search"]').click();
      const box = one<HTMLInputElement>(el, ".nbs-search input");
      box.value = this.pick(["tide", "x", "a", ""]);
      box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    } else {
      if (one(el, ".nbs-timeline").hidden) one(el, '[aria-label^="Timeline"]').click();
      const bar = this.pick([...el.querySelectorAll(".nbs-timeline rect")]);
      bar?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    }
  }
}

/** The lines that `el` shows, without the marks of a search. */
function lines(el: Element): unknown[] {
  return all(el, ".nbs-history :is(.nbs-run, .nbs-cell)").map((row) => [
    row.hidden,
    row.id,
    row.className.replace(/ ?nbs-has-hit/, ""),
    { ...row.dataset },
    row.matches(".nbs-cell") ? one(row, "summary").textContent : row.textContent,
  ]);
}

/** The bodies that are made, with nothing unfolded in them. */
function bodies(el: Element): (string | undefined)[] {
  return all(el, ".nbs-history .nbs-cell").map((cell) => {
    const copy = cell.querySelector(".nbs-content")?.cloneNode(true) as HTMLElement | undefined;
    for (const fold of copy?.querySelectorAll("details") ?? []) fold.open = false;
    return copy?.innerHTML;
  });
}

function live(el: Element): unknown[] {
  return all(el, ".nbs-live-cell").map((cell) => [cell.dataset.kind, one(cell, ".nbs-text").innerHTML]);
}

test.each(SEEDS)("session %i", async (seed) => {
  const errors = vi.spyOn(console, "error");
  const kernel = new ScriptedKernel();
  for (const name of AGENTS.slice(0, 2)) kernel.agent(name);
  const session = new Session(kernel, random(seed));
  const el = shown(kernel);
  kernel.run("r1", "Task one");
  for (let step = 0; step < STEPS; step++) {
    if (session.chance() < 0.9) session.happen();
    else session.act(el);
    if (session.chance() < 0.3) await painted();
  }
  session.mend();
  await painted();
  one(el, ".nbs-filter .nbs-quiet").click();

  const anew = shown(kernel);
  expect(lines(el)).toEqual(lines(anew));
  for (const panel of [el, anew]) one(panel, '[aria-label="Expand all"]').click();
  await expect.poll(() => bodies(anew).includes(undefined)).toBe(false);
  await expect.poll(() => bodies(el)).toEqual(bodies(anew));
  expect(live(el)).toEqual(live(anew));
  expect(errors).not.toHaveBeenCalled();
});
