import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.run("r1", "Write.");
  kernel.put("c1", "poet", "text", "one", {
    usage: { prompt_tokens: 311, completion_tokens: 87 },
    cost: 0.00042,
    ttft: 0.4,
  });
  kernel.put("c2", "critic", "text", "two");
  panel = mount(kernel);
});
afterEach(() => panel.close());

const tool = (name: string) => one<HTMLButtonElement>(panel.el, `.nbs-tools [aria-label="${name}"]`);
const open = () => all<HTMLDetailsElement>(panel.el, ".nbs-cell").map(({ open }) => open);

function key(target: Element, name: string, more: KeyboardEventInit = {}): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more }));
}

describe("all messages", () => {
  test("are opened and stay open, as do those that come", async () => {
    tool("Expand all").click();
    expect(open()).toEqual([true, true]);
    expect(texts(panel.el, ".nbs-body .nbs-text")).toEqual(["one", "two"]);
    kernel.put("c3", "poet", "text", "three");
    await painted();
    expect(open()).toEqual([true, true, true]);
  });

  test("are closed, but for a question that waits for an answer", async () => {
    kernel.put("c3", "editor", "human input", "Well?", { status: "waiting", data: { request_id: "q" } });
    await painted();
    tool("Collapse all").click();
    expect(open()).toEqual([false, false, true]);
    kernel.put("c4", "poet", "text", "four");
    await painted();
    expect(open()).toEqual([false, false, true, true]);
  });
});

test("a message that is closed hands the focus to its line", () => {
  tool("Expand all").click();
  one(panel.el, ".nbs-foot button").focus();
  tool("Collapse all").click();
  expect(document.activeElement).toBe(one(panel.el, ".nbs-line"));
});

test("figures are shown where somebody asks for them", () => {
  one(panel.el, ".nbs-line").click();
  expect(one(panel.el, ".nbs-figures").textContent).toMatch(
    /^311 prompt \+ 87 completion tokens\u00a0· \$0\.00042\u00a0· first token after 0\.4 s\u00a0· /,
  );
  const root = one(panel.el, ".nbs-root");
  expect(root.classList.contains("nbs-with-figures")).toBe(false);
  tool("Times and token figures").click();
  expect(root.classList.contains("nbs-with-figures")).toBe(true);
  expect(tool("Times and token figures").getAttribute("aria-expanded")).toBe("true");
});

test("the help lists every key that does something", () => {
  const keys = all(panel.el, ".nbs-tools button").map((el) => el.title.match(/\((.)\)$/)![1]!);
  const listed = texts(panel.el, ".nbs-keys kbd");
  for (const name of [...keys.filter((name) => name !== "?"), "l"]) expect(listed).toContain(name);
  expect(new Set(keys).size).toBe(keys.length);
});

test("a drawer says whether it is open, and which one it is", () => {
  for (const el of all<HTMLButtonElement>(panel.el, ".nbs-tools [aria-controls]")) {
    const drawer = one(panel.el, `#${el.getAttribute("aria-controls")}`);
    expect([el.getAttribute("aria-expanded"), drawer.hidden]).toEqual(["false", true]);
    el.click();
    expect([el.getAttribute("aria-expanded"), drawer.hidden]).toEqual(["true", false]);
    el.click();
    expect(drawer.hidden).toBe(true);
  }
});

describe("keys", () => {
  test("press the tools, but not in a field and not with a modifier", () => {
    const search = one(panel.el, ".nbs-search");
    key(one(panel.el, "textarea"), "/");
    key(one(panel.el, ".nbs-scroller"), "/", { ctrlKey: true });
    expect(search.hidden).toBe(true);
    key(one(panel.el, ".nbs-scroller"), "/");
    expect(search.hidden).toBe(false);
  });

  test("work on a checkbox, which takes no letters", () => {
    kernel.agent("poet");
    kernel.sendAgents();
    return painted().then(() => {
      key(one(panel.el, ".nbs-agent input"), "t");
      expect(one(panel.el, ".nbs-timeline").hidden).toBe(false);
    });
  });

  test("open drawers and say so, and Esc closes them from wherever the focus is, the last one first", () => {
    const line = one(panel.el, ".nbs-line");
    const said = () => one(panel.el, ".nbs-drawers [aria-live]").textContent;
    const open = () =>
      all(panel.el, ".nbs-drawer").flatMap((el) => (el.hidden ? [] : el.className.split("nbs-").at(-1)));
    line.focus();
    for (const name of ["t", "f", "?"]) key(line, name);
    expect(said()).toBe("Keyboard shortcuts: on");
    expect(open()).toEqual(["filter", "timeline", "help"]);
    key(one(panel.el, ".nbs-filter button"), "Escape");
    expect(open()).toEqual(["timeline", "help"]);
    key(line, "Escape", { isComposing: true });
    key(line, "Escape");
    expect(open()).toEqual(["timeline"]);
    key(one(panel.el, "textarea"), "Escape");
    expect([open(), document.activeElement]).toEqual([[], line]);
    expect(said()).toBe("Timeline of a run: off");
    key(line, "e");
    expect(said()).toBe("Expand all");
  });

  test("give the screen back only when no drawer is open any more", async () => {
    const line = one(panel.el, ".nbs-line");
    const isFull = () => one(panel.el, ".nbs-root").classList.contains("nbs-full");
    key(line, "F");
    await expect.poll(isFull).toBe(true);
    key(line, "t");
    key(line, "Escape");
    expect([one(panel.el, ".nbs-timeline").hidden, isFull()]).toEqual([true, true]);
    key(line, "Escape");
    expect(isFull()).toBe(false);
  });

  test("go from tool to tool, which are one stop for Tab", () => {
    const tools = all<HTMLButtonElement>(panel.el, ".nbs-tools button");
    expect(tools.map(({ tabIndex }) => tabIndex)).toEqual([0, ...Array(tools.length - 1).fill(-1)]);
    tools[0]!.focus();
    key(tools[0]!, "ArrowLeft");
    expect(document.activeElement).toBe(tools.at(-1));
    expect(tools.at(-1)!.tabIndex).toBe(0);
  });

  test("go from message to message, which are one stop for Tab", async () => {
    const stops = () => all(panel.el, ".nbs-line").map(({ tabIndex }) => tabIndex);
    expect(stops()).toEqual([-1, 0]);
    const [first, last] = all(panel.el, ".nbs-line");
    last!.scrollIntoView = first!.scrollIntoView = () => {};
    last!.focus();
    key(last!, "ArrowUp");
    expect([document.activeElement, stops()]).toEqual([first, [0, -1]]);
    key(first!, "ArrowRight");
    expect(open()[0]).toBe(true);
    kernel.put("c3", "poet", "text", "three");
    await painted();
    expect([document.activeElement, stops()]).toEqual([first, [0, -1, -1]]);
  });
});

test("two panels of one page have no element name in common", () => {
  const names = (el: Element) => all(el, "[id]").map(({ id }) => id);
  const other = new ScriptedKernel();
  other.now = kernel.now + 9;
  other.run("r1", "Write too.");
  other.put("c1", "poet", "text", "one");
  const second = mount(other);
  const own = new Set(names(panel.el));
  expect(names(second.el).filter((name) => name.startsWith("nbs-r1-")).length).toBe(1);
  expect(names(second.el).filter((name) => own.has(name))).toEqual([]);
  second.close();
});

describe("a key", () => {
  const from = () => one(panel.el, ".nbs-line");
  const approvals = () => all(panel.el, "[data-kind=approval]");
  const request = (id: string) =>
    kernel.put(id, "coder", "approval", "May this run?", { status: "waiting", data: { request_id: id } });

  test("stops, cancels, and leads to the task box", async () => {
    kernel.setState("running");
    await painted();
    key(from(), "S");
    key(from(), "X");
    expect(kernel.commands.map(({ type }) => type)).toEqual(["stop", "cancel"]);
    key(from(), "n");
    const box = one<HTMLTextAreaElement>(panel.el, ".nbs-task textarea");
    expect(document.activeElement).toBe(box);
    key(box, "S");
    key(box, "1");
    expect(kernel.commands.length).toBe(2);
  });

  test("sets the switch of each of nine agents, and leads to those of all", async () => {
    for (let number = 1; number < 12; number++) kernel.agent(`a${number}`, { can_stream: number !== 2 });
    kernel.sendAgents();
    await painted();
    const boxes = all<HTMLInputElement>(panel.el, ".nbs-agent .nbs-check");
    key(from(), "3");
    key(from(), "2");
    expect(boxes.map(({ checked }) => checked).slice(0, 4)).toEqual([true, false, false, true]);
    expect(kernel.commands).toMatchObject([{ type: "toggle", path: "a3", on: false }]);
    expect(one(panel.el, ".nbs-drawers > .nbs-hidden").textContent).toBe("a2: cannot stream");
    key(from(), "b");
    expect(document.activeElement).toBe(one(panel.el, ".nbs-all .nbs-check"));
    key(document.activeElement!, "ArrowDown");
    key(document.activeElement!, "ArrowDown");
    expect(document.activeElement).toBe(boxes[2]);
    key(boxes[2]!, "ArrowUp");
    expect(document.activeElement).toBe(boxes[0]);
  });

  test("approves and rejects; of two requests that in which the focus is, and none where it is elsewhere", async () => {
    request("q1");
    request("q2");
    await painted();
    key(from(), "A");
    expect(kernel.commands).toEqual([]);
    expect(document.activeElement?.textContent).toBe("Approve");
    key(approvals()[1]!.querySelector(".nbs-line")!, "R");
    expect(kernel.commands).toEqual([{ type: "answer", request_id: "q2", text: "reject" }]);
    kernel.put("q2", "coder", "approval", "May this run?", { data: { request_id: "q2", answer: "reject" } });
    await painted();
    key(from(), "A");
    expect(kernel.commands.at(-1)).toEqual({ type: "answer", request_id: "q1", text: "approve" });
  });

  test("leads from the transcript to a message", async () => {
    const scroller = one(panel.el, ".nbs-scroller");
    const lines = all(panel.el, ".nbs-line");
    for (const [name, at] of [
      ["ArrowDown", 0],
      ["ArrowUp", 1],
      ["Home", 0],
      ["End", 1],
    ] as const) {
      scroller.focus();
      key(scroller, name);
      expect(document.activeElement, name).toBe(lines[at]);
    }
  });
});
