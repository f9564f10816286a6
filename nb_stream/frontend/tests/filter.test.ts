import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(async () => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.agent("critic");
  kernel.run("r1", "Write.");
  kernel.put("c1", "poet", "text", "one");
  kernel.put("c2", "critic", "text", "two");
  kernel.put("c3", "poet", "thought", "three");
  panel = mount(kernel);
  one(panel.el, '[aria-label^="Filter"]').click();
});
afterEach(() => panel.close());

const shown = () =>
  all(panel.el, ".nbs-cell")
    .filter(({ hidden }) => !hidden)
    .map((cell) => one(cell, ".nbs-first").textContent);
const chip = (name: string) => all(panel.el, ".nbs-chip").find((el) => el.textContent === name)!;
const status = () => one(panel.el, ".nbs-filter .nbs-count").textContent;

test("agents and kinds that were seen can be chosen; none chosen means all", () => {
  expect(texts(panel.el, ".nbs-chip")).toEqual(["poet", "critic", "message", "thought"]);
  expect([shown(), status()]).toEqual([["one", "two", "three"], "All messages are shown."]);
  chip("poet").click();
  expect([shown(), status()]).toEqual([["one", "three"], "2 of 3 messages shown"]);
  chip("message").click();
  expect(shown()).toEqual(["one"]);
  chip("critic").click();
  expect(shown()).toEqual(["one", "two"]);
  expect(chip("critic").getAttribute("aria-pressed")).toBe("true");
});

test("one agent or kind can be hidden, which ends its being chosen", async () => {
  const hide = (name: string) => one<HTMLButtonElement>(panel.el, `[aria-label="Hide ${name}"]`);
  hide("thought").click();
  expect([shown(), status()]).toEqual([["one", "two"], "2 of 3 messages shown"]);
  expect([hide("thought").getAttribute("aria-pressed"), hide("thought").title]).toEqual([
    "true",
    "Hide thought",
  ]);
  kernel.put("c4", "critic", "thought", "four");
  kernel.put("c5", "critic", "handoff", "five");
  await painted();
  expect(shown()).toEqual(["one", "two", "five"]);
  chip("poet").click();
  expect(shown()).toEqual(["one"]);
  hide("poet").click();
  expect([shown(), chip("poet").getAttribute("aria-pressed")]).toEqual([["two", "five"], "false"]);
  hide("poet").click();
  hide("thought").click();
  expect([shown().length, status()]).toEqual([5, "All messages are shown."]);
});

test("what comes later is filtered too, also while it is written", async () => {
  chip("poet").click();
  kernel.begin("c4", "critic");
  kernel.begin("c5", "poet");
  kernel.write("c4", "four");
  await painted();
  expect(all(panel.el, ".nbs-live-cell").map(({ hidden }) => hidden)).toEqual([true, false]);
  kernel.settle("c4");
  kernel.settle("c5", { text: "five" });
  await painted();
  expect([shown(), status()]).toEqual([["one", "three", "five"], "3 of 5 messages shown"]);
});

test("one button shows all again, and the focus stays", () => {
  chip("poet").click();
  const all = one(panel.el, ".nbs-filter .nbs-quiet");
  all.focus();
  all.click();
  expect(shown()).toEqual(["one", "two", "three"]);
  expect([all.hidden, document.activeElement]).toEqual([true, chip("poet")]);
});

test("the stop of the Tab key is on a message that is shown", () => {
  const stops = () =>
    all(panel.el, ".nbs-line[tabindex='0']").map((line) => one(line, ".nbs-first").textContent);
  expect(stops()).toEqual(["three"]);
  chip("critic").click();
  expect(stops()).toEqual(["two"]);
});

test("a bar of the timeline leads to what is filtered out, and then all is shown", async () => {
  kernel.now += 5;
  kernel.begin("c4", "critic");
  kernel.write("c4", "four");
  await painted();
  one(panel.el, '[aria-label^="Timeline"]').click();
  for (const number of [1, 2]) {
    chip("poet").click();
    const bar = all(panel.el, ".nbs-timeline-row")
      .find((row) => one(row, ".nbs-agent-name").textContent === "critic")!
      .querySelectorAll("rect")
      .item(number - 1);
    bar.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect([shown().length, status()]).toEqual([3, "All messages are shown."]);
    expect(one(panel.el, ".nbs-live-cell").hidden).toBe(false);
  }
});

test("in a long history what is not built is filtered too", async () => {
  panel.close();
  for (let i = 0; i < 300; i++) kernel.put(`d${i}`, i % 2 ? "poet" : "critic", "text", `text ${i}`);
  panel = mount(kernel);
  await expect.poll(() => panel.el.textContent).toContain("text 0");
  one(panel.el, '[aria-label^="Filter"]').click();
  chip("poet").click();
  const words = all(panel.el, ".nbs-history .nbs-light").filter(({ hidden }) => !hidden);
  expect(words.length).toBeGreaterThan(50);
  expect(words.filter(({ textContent }) => !textContent.startsWith("poet"))).toEqual([]);
});

describe("a question that waits for an answer", () => {
  const question = (more: object) => kernel.put("c4", "user_proxy", "human input", "four", more);
  const answered = { data: { request_id: "q", how: "answered", answer: "yes" } };

  beforeEach(async () => {
    chip("poet").click();
    question({ status: "waiting", data: { request_id: "q" } });
    await painted();
  });

  test("is shown whatever is chosen, until it is answered", async () => {
    expect([shown(), status()]).toEqual([["one", "three", "four"], "3 of 4 messages shown"]);
    question(answered);
    await painted();
    expect([shown(), status()]).toEqual([["one", "three"], "2 of 4 messages shown"]);
  });

  test("is not put away under the hands of somebody who stands in it", async () => {
    one(panel.el, ".nbs-cell[data-status=waiting] summary").focus();
    question(answered);
    await painted();
    expect(shown().length).toBe(3);
  });
});

test("what a snapshot changes is filtered anew", async () => {
  chip("message").click();
  expect(shown()).toEqual(["one", "two"]);
  kernel.settled[2] = { ...kernel.settled[2]!, kind: "text" };
  kernel.sendSnapshot();
  await painted();
  expect(shown()).toEqual(["one", "two", "three"]);
});
