import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.run("r1", "Write.");
  kernel.put("c1", "poet", "text", "The sea", { has_context: true });
  kernel.put("c2", "critic", "text", "Fine.");
  kernel.contexts.c1 = {
    messages: [
      { role: "system", text: "You are *brief*." },
      { role: "user", source: "user", text: "Write." },
      {
        role: "tool",
        tool_calls: [{ id: "1", name: "look", arguments: "", result: "<b>blue</b>" }],
        is_new: true,
      },
      { role: "user", source: "critic", text: "More **salt**.\u202e", is_new: true },
    ],
    total: 4,
    isWhole: true,
    tools: [{ name: "look", description: "Look.", parameters: { at: "string" } }],
    options: { temperature: 0.5 },
    prompt_tokens: 311,
  };
  panel = mount(kernel);
  for (const line of all(panel.el, ".nbs-line")) line.click();
});
afterEach(() => panel.close());

const asked = () => kernel.commands.filter(({ type }) => type === "context");
const toggle = () => one(panel.el, ".nbs-foot [aria-keyshortcuts=x]");
const lines = () => texts(panel.el, ".nbs-context-messages > details > summary");

test("nothing is asked before somebody asks, and only a message of a model has something to ask for", () => {
  expect(asked()).toEqual([]);
  expect(all(panel.el, ".nbs-foot [aria-keyshortcuts=x]").length).toBe(1);
});

test("what is new stands open, the rest is folded, and pieces are joined", () => {
  toggle().click();
  expect(asked()).toEqual([{ type: "context", cell: "c1" }]);
  expect(one(panel.el, ".nbs-context > .nbs-label").textContent).toMatch(
    /^4 messages.* 2 new since its last call.* 311 prompt tokens.* temperature 0.5$/,
  );
  expect(lines()).toEqual([
    "1 tool",
    "2 messages that it was given before",
    "toollook → <b>blue</b>",
    expect.stringMatching(/^usercriticMore \*\*salt\*\*\./),
  ]);
  const open = all<HTMLDetailsElement>(panel.el, ".nbs-context-messages > details").map((el) => el.open);
  expect(open).toEqual([false, false, true, true]);
  expect(one(panel.el, ".nbs-context-message strong").textContent).toBe("salt");
  expect(one(panel.el, ".nbs-context").textContent).toContain("<b>blue</b>");
  expect(one(panel.el, ".nbs-context").textContent).not.toContain("\u202e");
});

test("a fold is filled when it is opened", () => {
  toggle().click();
  const fold = all<HTMLDetailsElement>(panel.el, ".nbs-context-known")[1]!;
  expect(fold.querySelectorAll("details").length).toBe(0);
  fold.open = true;
  fold.dispatchEvent(new Event("toggle"));
  expect(fold.querySelectorAll("details").length).toBe(2);
});

test("the key opens it, a second look asks nothing, and a closed one has no elements", () => {
  const line = one(panel.el, ".nbs-line");
  const press = () => line.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
  press();
  expect(toggle().getAttribute("aria-expanded")).toBe("true");
  press();
  expect(one(panel.el, ".nbs-context").childElementCount).toBe(0);
  press();
  expect([asked().length, lines().length]).toEqual([1, 4]);
});

test("another page's context is left alone", () => {
  kernel.sendContext("c1");
  toggle().click();
  expect([asked().length, lines().length]).toEqual([1, 4]);
});
