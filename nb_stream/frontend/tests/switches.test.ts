import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { CONFIRM_TIMEOUT_MS, IN_FLIGHT_MS } from "../src/comm/switches";
import { all, type Mounted, mount, one, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  vi.useFakeTimers();
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.agent("critic");
  panel = mount(kernel);
});
afterEach(() => {
  panel.close();
  vi.useRealTimers();
});

function boxes(el = panel.el): HTMLInputElement[] {
  return all<HTMLInputElement>(el, ".nbs-agent .nbs-check");
}

function repaint(): void {
  vi.advanceTimersByTime(20);
}

test("a click is sent as a toggle with its path and time, and shows at once in every view", () => {
  const second = panel.view();
  const at = Date.now();
  boxes()[1]!.click();
  repaint();
  expect(kernel.commands).toEqual([
    { type: "toggle", path: "critic", on: false, at_ms: at, page: expect.any(String) },
  ]);
  expect(boxes().map(({ checked }) => checked)).toEqual([true, false]);
  expect(boxes(second).map(({ checked }) => checked)).toEqual([true, false]);
});

test("agents that were sent before the click arrived do not undo it", () => {
  boxes()[0]!.click();
  kernel.sendAgents();
  repaint();
  expect(boxes()[0]!.checked).toBe(false);
  kernel.agents[0]!.on = false;
  kernel.sendAgents();
  vi.advanceTimersByTime(10 * CONFIRM_TIMEOUT_MS);
  expect(boxes()[0]!.checked).toBe(false);
  expect(texts(panel.el, ".nbs-pending").join("")).toBe("");
});

test("a box that is clicked again and again does not jump when the older clicks are confirmed", () => {
  const [box] = boxes();
  for (let i = 0; i < 3; i++) box!.click();
  const seen = [false, true, false].map((on) => {
    kernel.agents[0]!.on = on;
    kernel.sendAgents();
    repaint();
    return box!.checked;
  });
  expect(seen).toEqual([false, false, false]);
  vi.advanceTimersByTime(CONFIRM_TIMEOUT_MS);
  expect([box!.checked, ...texts(panel.el, ".nbs-pending")]).toEqual([false, "", ""]);
});

test("the kernel's word corrects a click that it did not take", () => {
  boxes()[0]!.click();
  kernel.sendAgents();
  vi.advanceTimersByTime(IN_FLIGHT_MS + 20);
  expect(boxes()[0]!.checked).toBe(true);
});

test("after two seconds without an answer the panel says so, until the kernel speaks", () => {
  boxes()[0]!.click();
  vi.advanceTimersByTime(CONFIRM_TIMEOUT_MS - 20);
  expect(texts(panel.el, ".nbs-pending")).toEqual(["", ""]);
  vi.advanceTimersByTime(40);
  expect(texts(panel.el, ".nbs-pending")).toEqual(["not confirmed yet", ""]);
  expect(boxes()[0]!.checked).toBe(false);
  kernel.agents[0]!.on = false;
  kernel.sendAgents();
  repaint();
  expect(texts(panel.el, ".nbs-pending")).toEqual(["", ""]);
});

test("the box for all has three states and switches every agent that can stream", () => {
  kernel.agent("tool", { can_stream: false, on: false, note: "Cannot stream: it calls no model." });
  kernel.sendAgents();
  repaint();
  const every = one<HTMLInputElement>(panel.el, ".nbs-all .nbs-check");
  expect([every.checked, every.indeterminate]).toEqual([true, false]);
  boxes()[0]!.click();
  repaint();
  expect([every.checked, every.indeterminate]).toEqual([false, true]);
  every.click();
  repaint();
  expect(kernel.commands.at(-1)).toMatchObject({ type: "toggle_all", on: true });
  expect(boxes().map(({ checked }) => checked)).toEqual([true, true, false]);
});

test("an agent that cannot stream shows a disabled box and says why", () => {
  kernel.agent("tool", { can_stream: false, note: "Cannot stream: it calls no model." });
  kernel.sendAgents();
  repaint();
  const box = boxes()[2]!;
  expect([box.disabled, box.checked]).toEqual([true, false]);
  const note = one(panel.el, `#${box.getAttribute("aria-describedby")}`);
  expect(note.textContent).toBe("Cannot stream: it calls no model.");
  expect(note.hidden).toBe(false);
});

test("nested agents stand under the label of their team, or under the agent that holds them", () => {
  kernel.agent("writer", { path: "research/writer", parent: "research" });
  kernel.agent("intern", { path: "research/writer/intern", parent: "research/writer" });
  kernel.sendAgents();
  repaint();
  const team = one(panel.el, ".nbs-subteam");
  expect(one(team, ".nbs-subteam-name").textContent).toBe("research");
  expect(texts(team, ".nbs-agent-name")).toEqual(["writer", "intern"]);
  expect(texts(one(team, ".nbs-agent > .nbs-agents"), ".nbs-agent-name")).toEqual(["intern"]);
  expect(boxes().length).toBe(4);
});

test("a closed gate says how much it holds", () => {
  Object.assign(kernel.agents[0]!, { on: false, held: 1234, status: "writing" });
  kernel.sendAgents();
  repaint();
  expect(texts(panel.el, ".nbs-agent-status")).toEqual(["1,234 characters held", "idle"]);
});

test("a box keeps its element, and with it the focus, while agents are updated", () => {
  const [box] = boxes();
  box!.focus();
  kernel.agents[0]!.status = "writing";
  kernel.sendAgents();
  repaint();
  expect(boxes()[0]).toBe(box);
  expect(document.activeElement).toBe(box);
});
