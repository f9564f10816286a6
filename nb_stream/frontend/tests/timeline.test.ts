import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { duration } from "../src/dom/format";
import { svg } from "../src/dom/svg";
import type { CellHead } from "../src/protocol/model";
import { rowsOf } from "../src/views/tools/timeline_row";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  const at = kernel.now;
  kernel.run("r1", "Write.");
  const usage = { prompt_tokens: 30, completion_tokens: 12 };
  kernel.put("c1", "poet", "text", "<b>one</b>", {
    started_at: at,
    ended_at: at + 4,
    usage,
    cost: 0.002,
    ttft: 0.5,
    tokens_per_s: 3,
    estimated: true,
  });
  kernel.put("c2", "poet", "tool call", "", { started_at: at + 4, ended_at: at + 5 });
  kernel.put("c3", "editor", "human input", "Well?", { started_at: at + 5, ended_at: at + 9 });
  kernel.now += 10;
  kernel.endRun({});
  kernel.run("r2", "Again.");
  kernel.put("c4", "critic", "text", "four");
  kernel.now += 2;
  kernel.endRun({});
  panel = mount(kernel);
  one(panel.el, '[aria-label^="Timeline"]').click();
});
afterEach(() => panel.close());

const title = () => one(panel.el, ".nbs-timeline-title").textContent;
const press = (name: string) => one<HTMLButtonElement>(panel.el, `[aria-label="${name}"]`).click();

test("each agent has a row with what it did, and the sums beside it", () => {
  expect(title()).toBe("Run 2, 2.0 s");
  press("Earlier run");
  expect(title()).toBe("Run 1, 10 s");
  expect(texts(panel.el, ".nbs-timeline-row .nbs-agent-name")).toEqual(["poet", "editor"]);
  expect(texts(panel.el, ".nbs-timeline-facts")).toEqual([
    "5.0 s\u00a0· 1 message\u00a0· 30 prompt + 12 completion tokens\u00a0· $0.0020\u00a0· first token after 0.5 s\u00a0· about 3.0 tokens/s",
    "waited 4.0 s for a person",
  ]);
  const bars = all<HTMLElement>(panel.el, ".nbs-timeline-rows rect");
  expect(bars.map((bar) => bar.getAttribute("class"))).toEqual([
    "nbs-bar-writing",
    "nbs-bar-working",
    "nbs-bar-waiting",
  ]);
  expect(bars.map((bar) => Number(bar.getAttribute("width")))).toEqual([400, 100, 400]);
  expect(bars[0]!.textContent).toBe("poet, writing, 4.0 s: <b>one</b>");
  press("Later run");
  expect(title()).toBe("Run 2, 2.0 s");
});

test("a thought and its answer count as one call, and long calls more than short ones", () => {
  const call = { ttft: 1, tokens_per_s: 10, started_at: kernel.now, ended_at: kernel.now + 9 };
  const short = { ttft: 3, tokens_per_s: 20, started_at: kernel.now + 20, ended_at: kernel.now + 21 };
  kernel.run("r3", "Think.");
  kernel.put("d1", "poet", "thought", "Hm", call);
  kernel.put("d2", "poet", "text", "One", call);
  kernel.put("d3", "poet", "text", "Two", short);
  press("Earlier run");
  press("Later run");
  expect(one(panel.el, ".nbs-timeline-facts").textContent).toMatch(
    /^10 s\u00a0· 2 messages\u00a0· first token after 2\.0 s\u00a0· 11 tokens\/s$/,
  );
});

test("what a person took is nobody's work, and what no message tells of is in the sums", async () => {
  const at = kernel.now;
  const whole = { started_at: at, ended_at: at + 10 };
  kernel.run("r3", "Ask.");
  kernel.put("d1", "lead", "tool call", "", whole);
  kernel.put("d2", "lead/ann", "approval", "May I?", { started_at: at + 2, ended_at: at + 6 });
  kernel.put("d3", "lead/ann", "human input", "And?", { started_at: at + 4, ended_at: at + 8 });
  kernel.now += 10;
  const usage = { prompt_tokens: 1, completion_tokens: 2, about: true };
  const calls = [{ path: "chooser", agent: "chooser", count: 3, usage }] as unknown as CellHead[];
  kernel.endRun({ waited: 6, usage, cost: 0.5, unpriced: true, calls });
  await painted();
  press("Earlier run");
  press("Later run");
  expect(texts(panel.el, ".nbs-timeline-facts")).toEqual([
    "4.0 s\u00a0· waited 6.0 s for a person",
    "waited 6.0 s for a person",
    "at least 1 prompt + 2 completion tokens",
  ]);
  expect(texts(panel.el, ".nbs-run-end").at(-1)).toBe(
    "done\u00a0· at least 1 prompt + 2 completion tokens\u00a0· at least $0.50\u00a0· 4.0 s\u00a0· waited 6.0 s for a person",
  );
  one(panel.el, '[aria-label="Times and token figures"]').click();
  const rows = all(panel.el, ".nbs-figures-table tr").map((row) => texts(row, "th, td"));
  expect(rows.find(([name]) => name === "chooser")!.slice(2, 5)).toEqual(["3", "at least 1", "at least 2"]);
});

test("what is played again ends with the latest time that was told, and not today", async () => {
  kernel.now = Date.now() / 1000 - 600;
  kernel.setReplay();
  kernel.run("r3", "Play.");
  kernel.put("d1", "poet", "text", "One", { started_at: kernel.now, ended_at: kernel.now + 5 });
  kernel.now += 8;
  kernel.begin("d2", "poet");
  await painted();
  press("Earlier run");
  press("Later run");
  expect(title()).toBe("Run 3, 8.0 s");
  one(panel.el, '[aria-label="Times and token figures"]').click();
  const rows = all(panel.el, ".nbs-figures-table tr").map((row) => texts(row, "th, td"));
  expect(rows.find(([name]) => name === "poet")![7]).toBe("10 s"); // five of each run
});

test("a bar leads to its message", () => {
  press("Earlier run");
  const bar = one(panel.el, ".nbs-timeline-rows rect");
  bar.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  const cell = one<HTMLDetailsElement>(panel.el, ".nbs-cell");
  expect([cell.open, document.activeElement]).toEqual([true, one(cell, "summary")]);
});

describe("keys", () => {
  const bars = () => all<HTMLElement>(panel.el, ".nbs-timeline-rows rect");
  const key = (name: string) =>
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const at = () => bars().indexOf(document.activeElement as HTMLElement);

  test("go from bar to bar, which are one stop for Tab, and to their messages", () => {
    press("Earlier run");
    expect(bars().map((bar) => bar.getAttribute("tabindex"))).toEqual(["0", "-1", "-1"]);
    bars()[0]!.focus();
    const places = ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "Home", "End"].map((name) => {
      key(name);
      return at();
    });
    expect(places).toEqual([1, 1, 2, 1, 0, 1]);
    expect(bars().map((bar) => bar.getAttribute("tabindex"))).toEqual(["-1", "0", "-1"]);
    key("Enter");
    const cell = all<HTMLDetailsElement>(panel.el, ".nbs-cell")[1]!;
    expect([cell.open, document.activeElement]).toEqual([true, one(cell, "summary")]);
  });

  test("have the focus where they left it when the picture is drawn anew, and in the drawer when a button is shut", async () => {
    const button = one<HTMLButtonElement>(panel.el, '[aria-label="Earlier run"]');
    button.focus();
    button.click();
    expect(document.activeElement).toBe(one(panel.el, '[aria-label="Later run"]'));
    press("Later run");
    bars()[0]!.focus();
    const bar = document.activeElement;
    kernel.put("c5", "critic", "text", "five", { started_at: kernel.now - 1, ended_at: kernel.now - 0.5 });
    kernel.begin("c6", "critic");
    await expect.poll(() => bars().length).toBe(3);
    expect(document.activeElement).toBe(bar);
    expect(bars()[2]!.textContent).toBe("critic, writing, going on");
    key("Escape");
    expect(document.activeElement).toBe(one(panel.el, '[aria-label^="Timeline"]'));
  });
});

test("rows stay in the order in which their agents began, whoever finishes first", async () => {
  const names = () => texts(panel.el, ".nbs-timeline-row .nbs-agent-name");
  kernel.run("r3", "Both.");
  kernel.begin("d1", "poet");
  kernel.now += 1;
  kernel.begin("d2", "critic");
  await expect.poll(names).toEqual(["poet", "critic"]);
  one(panel.el, ".nbs-timeline-row:last-child rect").focus();
  const bar = document.activeElement;
  kernel.now += 1;
  kernel.settle("d2");
  await expect.poll(() => bar!.textContent).toBe("critic, writing, 1.0 s");
  expect(document.activeElement).toBe(bar);
  kernel.settle("d1");
  await expect.poll(() => texts(panel.el, ".nbs-timeline-rows rect")[0]).toBe("poet, writing, 2.0 s");
  expect([names(), document.activeElement]).toEqual([["poet", "critic"], bar]);
});

test("what still goes on lasts until now", () => {
  const live = { id: "c9", kind: "text" as const, status: "writing" as const, path: "poet", started_at: 100 };
  expect(rowsOf([live], 130)[0]!.bars).toEqual([{ what: "writing", from: 100, to: 130, cell: live }]);
});

test("a run of ten thousand messages is still a small picture", () => {
  const begin = kernel.now;
  kernel.run("r3", "Long.");
  for (let i = 0; i < 10_000; i++) {
    const times = { started_at: begin + i, ended_at: begin + i + 0.9 };
    kernel.settled.push({
      id: `m${i}`,
      run: "r3",
      agent: "poet",
      path: "poet",
      kind: "text",
      status: "done",
      text: "",
      ...times,
    });
  }
  kernel.now += 10_000;
  kernel.endRun({});
  kernel.sendSnapshot();
  press("Earlier run");
  press("Later run");
  expect(title()).toBe("Run 3, 166 min 40 s");
  expect(all(panel.el, ".nbs-timeline-rows rect").length).toBeLessThanOrEqual(250);
});

test("a picture takes no attribute that is not on the list", () => {
  expect(() => svg("rect", { onclick: "alert(1)" } as never)).toThrow(/no attribute onclick/);
  expect(() => svg("rect", { href: "javascript:alert(1)" } as never)).toThrow(/no attribute href/);
});

test("the figures are a table of all runs, with a row for each agent and its model, and a sum", async () => {
  kernel.agent("poet", { model: "gpt-4o-mini" });
  kernel.sendAgents();
  kernel.run("r3", "Once more.");
  kernel.put("c5", "critic", "text", "five", {
    started_at: kernel.now,
    ended_at: kernel.now + 2,
    usage: { prompt_tokens: 1000, completion_tokens: 8 },
  });
  await painted();
  one(panel.el, '[aria-label="Times and token figures"]').click();
  const rows = () => all(panel.el, ".nbs-figures-table tr").map((row) => texts(row, "th, td"));
  const heads = ["Agent", "Model", "Calls", "Prompt tokens", "Completion tokens"];
  expect(rows()).toEqual([
    [...heads, "First token", "Pace", "Time", "Waited for a person", "Cost"],
    ["poet", "gpt-4o-mini", "1", "30", "12", "0.5 s", "about 3.0 tokens/s", "5.0 s", "–", "$0.0020"],
    ["editor", "–", "–", "–", "–", "–", "–", "–", "4.0 s", "–"],
    ["critic", "–", "1", "1,000", "8", "–", "–", "2.0 s", "–", "no price"],
    ["All", "", "2", "1,030", "20", "0.5 s", "about 3.0 tokens/s", "7.0 s", "4.0 s", "at least $0.0020"],
  ]);
  const table = one(panel.el, ".nbs-figures-table table");
  kernel.put("c6", "critic", "text", "six", { usage: { prompt_tokens: 1, completion_tokens: 1 } });
  await expect.poll(() => rows()[3]![3]).toBe("1,001");
  expect(table.isConnected).toBe(false);
});

test.each([
  [0, "0.0 s"],
  [0.0004, "1 ms"],
  [0.042, "42 ms"],
  [0.0994, "99 ms"],
  [0.0996, "0.1 s"],
  [12.3, "12 s"],
])("%d seconds are %s", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});
