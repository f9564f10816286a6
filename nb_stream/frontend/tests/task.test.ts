import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import type { RunState } from "../src/protocol/model";
import { all, type Mounted, mount, one, painted } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  panel = mount(kernel);
});
afterEach(() => panel.close());

const box = () => one<HTMLTextAreaElement>(panel.el, ".nbs-task textarea");
const named = (name: string) =>
  all<HTMLButtonElement>(panel.el, ".nbs-task button").find(({ textContent }) => textContent === name)!;

function press(key: string, more: KeyboardEventInit = {}): boolean {
  return box().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}

test("Enter runs the task, Shift+Enter and a key of an input method do not", () => {
  box().value = "Write a poem.";
  expect(press("Enter", { shiftKey: true })).toBe(true);
  expect(press("Enter", { isComposing: true })).toBe(true);
  expect(press("Enter", { keyCode: 229 })).toBe(true); // Safari's Enter comes after the composition
  expect(kernel.commands).toEqual([]);
  expect(press("Enter")).toBe(false);
  expect(kernel.commands).toEqual([{ type: "start", task: "Write a poem." }]);
});

test("a double click runs the task once, even where that run is over at once", () => {
  const { send } = kernel.model;
  kernel.model.send = (command) => {
    send(command);
    kernel.setState("running");
    kernel.run(`r${kernel.runs.length}`, "Write a poem.");
    kernel.endRun({});
    kernel.setState("idle");
  };
  box().value = "Write a poem.";
  named("Run").click();
  named("Run").click();
  press("Enter", { repeat: true });
  expect(kernel.commands.length).toBe(1);
});

test("the box is cleared only when the run runs", async () => {
  box().value = "Write a poem.";
  named("Run").click();
  await painted();
  expect(box().value).toBe("Write a poem.");
  kernel.setState("running");
  await painted();
  expect(box().value).toBe("");
});

test("the box is cleared also where the run is over before it was painted", async () => {
  box().value = "Write a poem.";
  named("Run").click();
  kernel.setState("running");
  kernel.run("r1", "Write a poem.");
  kernel.endRun({});
  kernel.setState("idle");
  await painted();
  expect(box().value).toBe("");
});

test("a refused task stays in the box, and the sentence of the kernel is shown", async () => {
  box().value = "Write a poem.";
  named("Run").click();
  kernel.send({ op: "notice", text: "The team is busy: wait for its run to end." });
  await painted();
  expect(one(panel.el, "[role=alert]").textContent).toContain("The team is busy: wait for its run to end.");
  kernel.setState("running");
  await painted();
  expect(box().value).toBe("Write a poem.");
});

test("what was written while the task was sent is not lost", async () => {
  box().value = "Write a poem.";
  named("Run").click();
  box().value = "Write a poem. And another.";
  kernel.setState("running");
  await painted();
  expect(box().value).toBe("Write a poem. And another.");
});

test("a notice goes when it is dismissed, and leaves the focus in the panel", async () => {
  kernel.send({ op: "notice", text: "Nothing to stop." });
  await painted();
  one(panel.el, "[role=alert] button").focus();
  one(panel.el, "[role=alert] button").click();
  await painted();
  expect(one(panel.el, ".nbs-notice-text").textContent).toBe("");
  expect(document.activeElement).toBe(one(panel.el, ".nbs-scroller"));
});

const ENABLED: [RunState, string[]][] = [
  ["idle", ["Run", "Reset"]],
  ["running", ["Tell", "Now", "Stop", "Cancel"]],
  ["stopping", ["Tell", "Now", "Cancel"]],
  ["waiting for input", ["Tell", "Now", "Stop", "Cancel"]],
  ["failed", ["Run", "Reset"]],
  ["cancelled", ["Run", "Reset"]],
];

test.each(ENABLED)("in the state %s only what makes sense can be pressed", async (state, names) => {
  kernel.setState(state, "a sentence");
  await painted();
  const enabled = all<HTMLButtonElement>(panel.el, ".nbs-task .nbs-button").filter(
    ({ disabled, hidden }) => !disabled && !hidden,
  );
  expect(enabled.map(({ textContent }) => textContent)).toEqual(names);
  expect(one(panel.el, ".nbs-state-word").textContent).toBe(state);
  expect(one(panel.el, ".nbs-cue").textContent).not.toBe("");
  expect(one(panel.el, ".nbs-detail").textContent).toBe("a sentence");
});

test("stop, cancel and reset are sent as they are", async () => {
  kernel.setState("running");
  await painted();
  named("Stop").click();
  named("Cancel").click();
  kernel.setState("cancelled");
  await painted();
  named("Reset").click();
  expect(kernel.commands).toEqual([{ type: "stop" }, { type: "cancel" }, { type: "reset" }]);
});

test("stop and cancel say which run they mean, once the page knows it", async () => {
  kernel.run("r1", "Write a poem.");
  kernel.endRun({});
  kernel.setState("running");
  await painted();
  named("Stop").click();
  kernel.run("r2", "Write another.");
  named("Cancel").click();
  expect(kernel.commands).toEqual([
    { type: "stop", run: undefined },
    { type: "cancel", run: "r2" },
  ]);
});

test("cancel can be pressed until the kernel has heard of it, and again in the next run", async () => {
  const canCancel = async () => {
    await painted();
    return !named("Cancel").disabled;
  };
  kernel.setState("running");
  await painted();
  named("Stop").click();
  kernel.setState("stopping", "The run ends after the current turn.");
  expect(await canCancel()).toBe(true);
  named("Cancel").click();
  kernel.sendAgents();
  expect(await canCancel()).toBe(true);
  kernel.setState("stopping", "The run is being cancelled.");
  expect(await canCancel()).toBe(false);
  kernel.setState("cancelled");
  kernel.setState("running");
  kernel.setState("stopping", "The run ends after the current turn.");
  expect(await canCancel()).toBe(true);
});

test("another version of the kernel is named with the remedy", async () => {
  kernel.emit({ v: 7, seq: 1, ops: [] });
  await painted();
  expect(one(panel.el, ".nbs-notice-text").textContent).toBe(
    "This page shows nb_stream protocol 2, the kernel speaks 7: reload the page.",
  );
});

test("a recording without a team says so in the place of controls that would do nothing", () => {
  const recorded = new ScriptedKernel();
  recorded.traits = { has_team: false };
  const shown = mount(recorded);
  expect(all(shown.el, ".nbs-task :is(button, textarea)")).toEqual([]);
  expect(one(shown.el, ".nbs-task").textContent).toContain("there is no team to run");
  shown.close();
});

const hint = () => one(panel.el, ".nbs-hint").textContent;

test("while a run is under way Enter tells the team after its turn, and Ctrl+Enter at once", async () => {
  kernel.setState("running");
  await painted();
  expect(box().placeholder).toBe("Tell the team…");
  for (const [text, keys] of [
    ["Look at whales.", {}],
    ["Now!", { ctrlKey: true }],
    ["And now!", { metaKey: true }],
    ["  ", {}],
  ] as const) {
    box().value = text;
    press("Enter", keys);
  }
  box().value = "By hand.";
  named("Tell").click();
  box().value = "By hand, now.";
  named("Now").click();
  expect(kernel.commands).toEqual([
    { type: "say", text: "Look at whales.", now: false },
    { type: "say", text: "Now!", now: true },
    { type: "say", text: "And now!", now: true },
    { type: "say", text: "By hand.", now: false },
    { type: "say", text: "By hand, now.", now: true },
  ]);
  expect(box().value).toBe("");
  kernel.setState("idle");
  await painted();
  expect([box().placeholder, named("Tell"), named("Now").hidden]).toEqual([
    "A task for the team",
    undefined,
    true,
  ]);
  box().value = "A task.";
  press("Enter", { ctrlKey: true });
  expect(kernel.commands.at(-1)).toEqual({ type: "start", task: "A task." });
});

test("words that the kernel refuses come back, unless the reader has gone on writing", async () => {
  kernel.setState("running");
  await painted();
  box().value = "Whales.";
  press("Enter");
  kernel.send({ op: "notice", text: "There is no team." });
  await painted();
  expect(box().value).toBe("Whales.");
  press("Enter");
  box().value = "Dolphins.";
  kernel.send({ op: "notice", text: "There is no team." });
  await painted();
  expect(box().value).toBe("Dolphins.");
});

test("a team that takes no words in mid-run says why while the reader writes", async () => {
  kernel.cannotSay = "It has one turn in a run.";
  kernel.sendSnapshot();
  kernel.setState("running");
  await painted();
  expect(hint()).toBe("");
  box().value = "Whales.";
  box().dispatchEvent(new Event("input"));
  expect(hint()).toBe("It has one turn in a run.");
  kernel.setState("idle");
  await painted();
  expect(hint()).toBe("");
});

test("a replay has no team that could be told something", async () => {
  kernel.setReplay();
  kernel.setState("running");
  await painted();
  expect([named("Run").disabled, named("Now").hidden]).toEqual([true, true]);
});

test("a reset is asked about, because nothing brings back what the team forgot", async () => {
  kernel.run("r1", "Write.");
  kernel.put("c1", "poet", "text", "one");
  kernel.endRun({});
  await painted();
  named("Reset").click();
  expect(document.activeElement).toBe(named("Keep"));
  named("Keep").click();
  expect([named("Keep"), document.activeElement]).toEqual([undefined, named("Reset")]);
  named("Reset").click();
  named("Keep").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect([named("Keep"), kernel.commands]).toEqual([undefined, []]);
  named("Reset").click();
  named("Reset the team").click();
  expect([named("Keep"), kernel.commands]).toEqual([undefined, [{ type: "reset" }]]);
  named("Reset").click();
  kernel.setState("running");
  await painted();
  expect([named("Keep"), document.activeElement]).toEqual([undefined, box()]);
});
