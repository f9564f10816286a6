import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.agent("critic");
  kernel.run("r1", "Write a poem.");
  panel = mount(kernel);
});
afterEach(() => panel.close());

const cells = (el = panel.el) => all<HTMLDetailsElement>(el, ".nbs-history .nbs-cell");
const open = () => cells().filter(({ open }) => open);
const bodies = (el: Element) => texts(el, ".nbs-body .nbs-text");

function select(node: Node): void {
  document.getSelection()!.setBaseAndExtent(node, 0, node, 3);
}

function textNode(el: Element): Text {
  return document.createTreeWalker(el, NodeFilter.SHOW_TEXT).nextNode() as Text;
}

test("a live cell grows, and becomes a finished cell in the order of the messages", async () => {
  kernel.begin("c1", "poet");
  kernel.begin("c2", "critic");
  kernel.write("c1", "The sea ");
  await painted();
  kernel.write("c2", "Good");
  kernel.write("c1", "sleeps.");
  await painted();
  expect(texts(panel.el, ".nbs-live .nbs-text")).toEqual(["The sea sleeps.", "Good"]);
  kernel.settle("c2");
  kernel.settle("c1");
  await painted();
  expect(all(panel.el, ".nbs-live-cell")).toEqual([]);
  expect(texts(panel.el, ".nbs-line .nbs-agent-name")).toEqual(["critic", "poet"]);
  expect(texts(panel.el, ".nbs-first")).toEqual(["Good", "The sea sleeps."]);
});

test("a live cell behind a closed gate says how much is held", async () => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "seen");
  Object.assign(kernel.agents[0]!, { on: false, held: 312 });
  kernel.sendAgents();
  await painted();
  expect(one(panel.el, ".nbs-live .nbs-text").textContent).toBe("seen");
  expect(one(panel.el, ".nbs-held").textContent).toBe("writing, 312 characters held");
  Object.assign(kernel.agents[0]!, { on: true, held: 0 });
  kernel.sendAgents();
  kernel.write("c1", " and more");
  await painted();
  expect(one(panel.el, ".nbs-held").textContent).toBe("");
  expect(one(panel.el, ".nbs-live .nbs-text").textContent).toBe("seen and more");
});

test("the line before a run's cells tells its task and how it ended", async () => {
  kernel.put("c1", "poet", "text", "one");
  kernel.now += 8;
  kernel.endRun({ stop_reason: "Maximum number of turns 4 reached" });
  kernel.run("r2", "Another.");
  kernel.put("c2", "poet", "text", "two");
  await painted();
  const rows = [...one(panel.el, ".nbs-group").children].map(({ textContent }) => textContent);
  expect(rows[0]).toBe(
    "Run 1Write a poem.Edit and run againdone: Maximum number of turns 4 reached\u00a0· 8.0 s",
  );
  expect(rows[2]).toBe("Run 2Another.running");
  expect(rows.length).toBe(4);
});

test("the body of a cell is made when it is first opened", async () => {
  kernel.put("c1", "poet", "text", "first");
  kernel.put("c2", "poet", "text", "second");
  await painted();
  const [first] = cells();
  expect(first!.querySelector(".nbs-body")).toBeNull();
  one(first!, "summary").click();
  expect(bodies(first!)).toEqual(["first"]);
});

describe("the last message stays open", () => {
  test("and collapses when somebody else writes", async () => {
    kernel.put("c1", "poet", "text", "first");
    await painted();
    expect(open()).toEqual([cells()[0]]);
    kernel.begin("c2", "critic");
    await painted();
    expect(open()).toEqual([]);
    kernel.settle("c2", { text: "second" });
    await painted();
    expect(open()).toEqual([cells()[1]]);
  });

  test("through the end of its run, until the next run speaks", async () => {
    kernel.put("c1", "poet", "text", "first");
    kernel.endRun({});
    kernel.run("r2", "Another.");
    await painted();
    expect(open()).toEqual([cells()[0]]);
    kernel.put("c2", "user", "text", "Another.");
    await painted();
    expect(open()).toEqual([]);
  });

  test("and is open again after a reload", async () => {
    kernel.put("c1", "poet", "text", "first");
    kernel.put("c2", "poet", "text", "second");
    panel.close();
    panel = mount(kernel);
    expect(cells().map(({ open }) => open)).toEqual([false, true]);
  });

  test("unless the reader closed it", async () => {
    kernel.put("c1", "poet", "text", "first");
    await painted();
    one(cells()[0]!, "summary").click();
    kernel.put("c2", "poet", "tool call", "");
    await painted();
    expect(open()).toEqual([]);
  });
});

describe("a cell that the reader uses is not collapsed", () => {
  beforeEach(async () => {
    kernel.put("c1", "poet", "text", "first");
    await painted();
  });

  test("when it holds the selection", async () => {
    const node = textNode(one(cells()[0]!, ".nbs-text"));
    select(node);
    kernel.put("c2", "poet", "text", "second");
    await painted();
    expect(cells()[0]!.open).toBe(true);
    expect(document.getSelection()!.toString()).toBe("fir");
    document.getSelection()!.removeAllRanges();
  });

  test("when it holds the focus", async () => {
    const summary = one(cells()[0]!, "summary");
    summary.tabIndex = 0;
    summary.focus();
    kernel.put("c2", "poet", "text", "second");
    await painted();
    expect(cells()[0]!.open).toBe(true);
    expect(document.activeElement).toBe(summary);
  });

  test("when the reader opened it", async () => {
    one(cells()[0]!, "summary").click();
    one(cells()[0]!, "summary").click();
    kernel.put("c2", "poet", "text", "second");
    await painted();
    expect(cells()[0]!.open).toBe(true);
  });
});

test("a selection in a live cell survives the end of its message", async () => {
  kernel.begin("c1", "poet");
  kernel.begin("c2", "critic");
  kernel.write("c1", "The sea sleeps.");
  await painted();
  const node = textNode(one(panel.el, ".nbs-live .nbs-text"));
  select(node);
  kernel.settle("c1");
  await painted();
  expect(document.getSelection()!.toString()).toBe("The");
  expect(cells()[0]!.open).toBe(true);
  expect(cells()[0]!.contains(node)).toBe(true);
  document.getSelection()!.removeAllRanges();
});

test("a selection in a live cell survives also where the last words come with the end", async () => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "The sea ");
  await painted();
  const node = textNode(one(panel.el, ".nbs-live .nbs-text"));
  select(node);
  kernel.settle("c1", { text: "The sea sleeps." });
  await painted();
  expect(document.getSelection()!.toString()).toBe("The");
  expect(cells()[0]!.contains(node)).toBe(true);
  expect(bodies(cells()[0]!)).toEqual(["The sea sleeps."]);
  document.getSelection()!.removeAllRanges();
});

test("two views of a model show one truth, and each keeps its own open cells", async () => {
  const second = panel.view();
  kernel.begin("c1", "poet");
  kernel.write("c1", "The sea.");
  kernel.settle("c1");
  kernel.put("c2", "poet", "text", "The sky.");
  await painted();
  one(cells(second)[0]!, "summary").click();
  expect(texts(second, ".nbs-first")).toEqual(texts(panel.el, ".nbs-first"));
  expect(cells(second).map(({ open }) => open)).toEqual([true, true]);
  expect(cells().map(({ open }) => open)).toEqual([false, true]);
});

test("a tool call shows its result when it comes, in its place", async () => {
  const call = { id: "1", name: "add", arguments: '{"a": 1}' };
  kernel.put("c1", "poet", "tool call", "", { status: "running", tool_calls: [call] });
  kernel.put("c2", "poet", "text", "later");
  await painted();
  one(cells()[0]!, "summary").click();
  expect(one(cells()[0]!, ".nbs-end").textContent).toBe("running");
  kernel.put("c1", "poet", "tool call", "", { tool_calls: [{ ...call, result: "boom", is_error: true }] });
  await painted();
  expect(texts(panel.el, ".nbs-first")[0]).toBe('add({"a": 1}) → boom');
  expect(one(cells()[0]!, ".nbs-end").textContent).toBe("error");
  expect(texts(cells()[0]!, ".nbs-tree li")).toEqual(["a 1"]);
  expect(texts(cells()[0]!, ".nbs-source")).toEqual(["boom"]);
  expect(texts(cells()[0]!, ".nbs-label")).toEqual(["arguments", "error"]);
});

test("what the reader does in a tool call goes on when its result comes", async () => {
  const call = { id: "1", name: "look", arguments: '{"at": {"tides": 1, "moons": 2}}' };
  kernel.put("c1", "poet", "tool call", "", { status: "running", tool_calls: [call] });
  await painted();
  const [cell] = cells();
  one(cell!, "summary").click();
  const branch = one<HTMLDetailsElement>(cell!, ".nbs-branch");
  branch.open = true;
  const copy = one(cell!, ".nbs-foot button");
  copy.focus();
  select(textNode(one(branch, ".nbs-size")));
  const selected = document.getSelection()!.toString();
  kernel.put("c1", "poet", "tool call", "", { tool_calls: [{ ...call, result: "high" }] });
  await painted();
  expect([one(cell!, ".nbs-branch"), branch.open, document.activeElement]).toEqual([branch, true, copy]);
  expect(document.getSelection()!.toString()).toBe(selected);
  expect(texts(cell!, ".nbs-outcome")).toEqual(["done"]);
  expect(texts(cell!, ".nbs-source")).toEqual(["high"]);
  document.getSelection()!.removeAllRanges();
});

test("the page's own search finds a result that came while its cell was closed", async () => {
  const call = { id: "1", name: "look", arguments: "{}" };
  kernel.put("c1", "poet", "tool call", "", { status: "running", tool_calls: [call] });
  kernel.put("c2", "poet", "text", "later");
  await painted();
  const holder = one(cells()[0]!, ".nbs-holder");
  await expect.poll(() => holder.textContent).toBe("look\n{}");
  kernel.put("c1", "poet", "tool call", "", { tool_calls: [{ ...call, result: "a needle" }] });
  await expect.poll(() => holder.textContent).toBe("look\n{}\na needle");
  expect(cells()[0]!.open).toBe(false);
});

test.each([
  ["failed", "failed, partial"],
  ["cancelled", "cancelled, partial"],
] as const)("text that was %s says so in words", async (status, words) => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "half");
  kernel.settle("c1", { status });
  await painted();
  expect(one(cells()[0]!, ".nbs-end").textContent).toBe(words);
});

test("an error is open, with its traceback folded", async () => {
  kernel.put("c1", "", "error", "ValueError: no", { status: "failed", data: { traceback: "line 1" } });
  await painted();
  expect(cells()[0]!.open).toBe(true);
  const fold = one<HTMLDetailsElement>(cells()[0]!, ".nbs-fold");
  expect([fold.open, fold.textContent]).toEqual([false, "Tracebackline 1"]);
});

test("the line of a message has its words without the marks of Markdown", async () => {
  kernel.put(
    "c1",
    "poet",
    "text",
    "## A map\n\n- **Bees** dance *here*, `x = a * b * c` and 2 * 3\n> quoted",
  );
  kernel.put("c2", "poet", "tool call", "", {
    tool_calls: [{ id: "1", name: "__init__", arguments: "`a`" }],
  });
  await painted();
  expect(texts(panel.el, ".nbs-first")).toEqual([
    "A map Bees dance here, x = a * b * c and 2 * 3 quoted",
    "__init__(`a`)",
  ]);
});

test("what a tool or a piece of code failed in is told on the line", async () => {
  kernel.put("c1", "poet", "code", "", {
    data: { code_blocks: [{ code: "ls /no", language: "sh" }], output: "none", exit_code: 2 },
  });
  kernel.put("c2", "poet", "code", "", { data: { output: "fine", exit_code: 0 } });
  await painted();
  expect(texts(panel.el, ".nbs-end")).toEqual(["exit code 2", ""]);
  expect(cells().map(({ dataset }) => dataset.status)).toEqual(["failed", "done"]);
});

test("a traceback is whole, with the reader's own frames apart from those of libraries", async () => {
  const traceback = [
    "Traceback (most recent call last):",
    '  File "/home/ann/trip.py", line 3, in run',
    "    await team.run()",
    '  File "/opt/lib/python3.12/site-packages/x.py", line 9, in run',
    "    raise ValueError('no')",
    "ValueError: no",
  ].join("\n");
  kernel.put("c1", "", "error", "ValueError: no", { status: "failed", data: { traceback } });
  await painted();
  expect(one(cells()[0]!, ".nbs-traceback").textContent).toBe(traceback);
  expect(texts(cells()[0]!, ".nbs-raised")).toEqual(["\nValueError: no"]);
  expect(texts(cells()[0]!, ".nbs-frame").length).toBe(1);
  expect(texts(cells()[0]!, ".nbs-library").length).toBe(2);
});

test("nested agents stand indented under the path of those who run them, live and finished", async () => {
  kernel.put("c1", "writer", "text", "Notes.", { path: "research/writer" });
  kernel.put("c2", "writer", "text", "Article.");
  await painted();
  expect(texts(panel.el, ".nbs-above")).toEqual(["research/", ""]);
  expect(cells().map(({ classList }) => classList.contains("nbs-d1"))).toEqual([true, false]);
  kernel.begin("c3", "writer");
  kernel.live.get("c3")!.path = "research/writer";
  kernel.send({ op: "cell", cell: kernel.live.get("c3")! });
  await painted();
  expect(one(panel.el, ".nbs-live-cell").classList.contains("nbs-d1")).toBe(true);
});

test("a reset empties the transcript", async () => {
  kernel.put("c1", "poet", "text", "first");
  await painted();
  kernel.settled = [];
  kernel.runs = [];
  kernel.sendSnapshot();
  await painted();
  expect(cells()).toEqual([]);
  expect(one(panel.el, ".nbs-empty").hidden).toBe(false);
  kernel.put("c1", "critic", "text", "anew", { started_at: 5 });
  await painted();
  expect(texts(panel.el, ".nbs-first")).toEqual(["anew"]);
});

test("behind the line of a run that comes late stays what is open, and what is being answered", async () => {
  const { deliver } = kernel;
  kernel.deliver = () => {};
  kernel.run("r2", "Late.");
  kernel.deliver = deliver;
  kernel.seq--; // only this line is missing
  kernel.put("c1", "poet", "notice", "first");
  kernel.put("c2", "editor", "human input", "Well?", { status: "waiting", data: { request_id: "q" } });
  await painted();
  one(cells()[0]!, "summary").click();
  const box = one<HTMLTextAreaElement>(panel.el, ".nbs-input textarea");
  box.focus();
  box.value = "half an ans";
  kernel.sendSnapshot();
  await painted();
  expect(one(panel.el, ".nbs-run:nth-child(2)").textContent).toContain("Late.");
  expect(cells().map(({ open }) => open)).toEqual([true, true]);
  expect([box.value, document.activeElement]).toEqual(["half an ans", box]);
});

test("many cells stand in groups of fifty, in order", async () => {
  for (let i = 0; i < 1000; i++) kernel.put(`c${i}`, "poet", "notice", `line ${i}`);
  await painted();
  expect(all(panel.el, ".nbs-group").length).toBe(21);
  expect(texts(panel.el, ".nbs-first")).toEqual(Array.from({ length: 1000 }, (_, i) => `line ${i}`));
});
