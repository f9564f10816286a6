import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import type { RunInfo } from "../src/protocol/model";
import { all, type Mounted, mount, one, painted } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  for (const [id, task, status] of [
    ["r1", "Write of cats.", "done"],
    ["r2", "Write of dogs.", "failed"],
  ] as const) {
    kernel.run(id, task);
    kernel.put(`${id}c1`, "poet", "text", `On ${task}`);
    kernel.put(`${id}c2`, "poet", "text", `More on ${task}`);
    kernel.endRun({ status, parent: id === "r2" ? "r1" : "" });
  }
  panel = mount(kernel);
});
afterEach(() => panel.close());

const line = (number: number) => all(panel.el, ".nbs-run")[number - 1]!;
const buttons = (number: number) =>
  all<HTMLButtonElement>(line(number), ".nbs-run-actions button").map(({ textContent }) => textContent);
const press = (number: number, name: string) =>
  all<HTMLButtonElement>(line(number), "button")
    .find(({ textContent }) => textContent === name)!
    .click();
const shown = () =>
  all(panel.el, ".nbs-cell")
    .filter((cell) => !cell.hidden)
    .map((cell) => one(cell, ".nbs-first").textContent);
const change = (number: number, changes: Partial<RunInfo>) => {
  const run = { ...kernel.runs[number - 1]!, ...changes };
  kernel.runs[number - 1] = run;
  kernel.send({ op: "run", run });
};

test("each run that has ended can be edited, and one that failed can be tried again", async () => {
  await painted();
  expect([buttons(1), buttons(2)]).toEqual([["Edit and run again"], ["Try again", "Edit and run again"]]);
  const box = one<HTMLTextAreaElement>(panel.el, ".nbs-task textarea");
  press(1, "Edit and run again");
  expect(box.value).toBe("Write of cats.");
  expect(document.activeElement).toBe(box);
  box.value = "A draft.";
  press(1, "Edit and run again");
  expect(box.value).toBe("Write of cats.\nA draft.");
  press(2, "Try again");
  expect(kernel.commands).toEqual([
    { type: "rewind", run: "r1" },
    { type: "rewind", run: "r1" },
    { type: "rewind", run: "r2", again: true },
  ]);
  kernel.run("r3", "Write of foxes.");
  await painted();
  expect(buttons(3)).toEqual([]);
});

test("a run that is set aside is marked and folded, can be unfolded, and can be taken up again", async () => {
  await painted();
  expect(shown().length).toBe(4);
  change(2, { set_aside: true });
  await painted();
  expect(one(line(2), ".nbs-run-end").textContent).toContain("set aside");
  expect(shown().length).toBe(2);
  expect(buttons(2)).toEqual(["Show", "Take up again", "Try again", "Edit and run again"]);
  expect(one(line(2), ".nbs-run-actions button").getAttribute("aria-expanded")).toBe("false");
  press(2, "Show");
  expect(shown().length).toBe(4);
  press(2, "Hide");
  expect(shown().length).toBe(2);
  press(2, "Take up again");
  expect(kernel.commands).toEqual([{ type: "rewind", run: "r2", to_end: true }]);
  change(2, { set_aside: false });
  await painted();
  expect(shown().length).toBe(4);
  expect(buttons(2)).toEqual(["Try again", "Edit and run again"]);
});

test("a page that opens folds what is set aside, and takes up only the end of a branch", async () => {
  kernel.runs = kernel.runs.map((run) => ({ ...run, set_aside: true }));
  const opened = mount(kernel);
  await painted();
  expect(all(opened.el, ".nbs-cell").filter((cell) => !cell.hidden)).toEqual([]);
  const names = all(opened.el, ".nbs-run").map((el) =>
    all(el, "button").map(({ textContent }) => textContent),
  );
  expect(names).toEqual([
    ["Show", "Edit and run again"],
    ["Show", "Take up again", "Try again", "Edit and run again"],
  ]);
  opened.close();
});

test("a recording has nothing to go back to", async () => {
  kernel.traits = { has_team: false };
  const recorded = mount(kernel);
  await painted();
  expect(all(recorded.el, ".nbs-run-actions button")).toEqual([]);
  recorded.close();
});
