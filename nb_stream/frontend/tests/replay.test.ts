import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(() => {
  kernel = new ScriptedKernel();
  panel = mount(kernel);
});
afterEach(() => {
  panel.close();
  vi.useRealTimers();
});

const bar = () => one(panel.el, ".nbs-replay");
const named = (name: string) =>
  all<HTMLButtonElement>(bar(), "button").find(({ textContent }) => textContent === name)!;
const slider = () => one<HTMLInputElement>(bar(), "input[type=range]");
const speed = () => one<HTMLSelectElement>(bar(), "select");
const place = () => one(bar(), ".nbs-place").textContent;

test("a team has no such controls, a replay has them, also after a reload", async () => {
  expect(bar().hidden).toBe(true);
  kernel.setReplay({ length: 83, runs: 2 });
  await painted();
  expect(bar().hidden).toBe(false);
  expect(place()).toBe("Run 1 of 2, 0:00 of 1:23");
  const again = mount(kernel);
  expect(one(again.el, ".nbs-replay").hidden).toBe(false);
  again.close();
});

test("Play begins a run, then pauses and resumes it", async () => {
  kernel.setReplay();
  await painted();
  named("Play").click();
  expect(kernel.commands).toEqual([{ type: "start", task: "" }]);
  kernel.setState("running");
  await painted();
  named("Pause").click();
  kernel.setReplay({ paused: true, position: 3 });
  await painted();
  named("Resume").click();
  expect(kernel.commands.slice(1)).toEqual([
    { type: "replay", act: "pause" },
    { type: "replay", act: "resume" },
  ]);
});

test("Play goes on where the last run ended standing still", async () => {
  kernel.setReplay({ paused: true });
  await painted();
  named("Play").click();
  expect(kernel.commands).toEqual([
    { type: "replay", act: "resume" },
    { type: "start", task: "" },
  ]);
});

test("the next message can be asked for before a run and within", async () => {
  kernel.setReplay();
  await painted();
  named("Next message").click();
  kernel.setState("running");
  await painted();
  named("Next message").click();
  expect(kernel.commands).toEqual([
    { type: "replay", act: "step" },
    { type: "start", task: "" },
    { type: "replay", act: "step" },
  ]);
});

test("a double click begins one run", async () => {
  kernel.setReplay();
  await painted();
  for (let i = 0; i < 3; i++) named("Next message").click();
  named("Play").click();
  expect(kernel.commands.filter(({ type }) => type === "start").length).toBe(1);
});

test("the slider stays where it was put until the kernel has heard", async () => {
  kernel.setReplay({ position: 10 });
  kernel.setState("running");
  await painted();
  slider().value = "40";
  for (const type of ["input", "change"]) slider().dispatchEvent(new Event(type));
  kernel.sendAgents();
  await painted();
  expect(Number(slider().value)).toBe(40);
  kernel.setReplay({ position: 41 });
  await painted();
  expect(Number(slider().value)).toBeCloseTo(41, 0);
});

test("the slider goes with the time, and is the reader's while it is moved", async () => {
  kernel.setReplay({ speed: 4 });
  await painted();
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  kernel.setState("running");
  kernel.setReplay({ position: 2 });
  await painted();
  vi.advanceTimersByTime(1000);
  expect(Number(slider().value)).toBeCloseTo(6, 0);
  expect(place()).toMatch(/^0:0[56] of 1:00$/);
  slider().value = "30";
  slider().dispatchEvent(new Event("input"));
  vi.advanceTimersByTime(1000);
  expect(place()).toBe("0:30 of 1:00");
  slider().dispatchEvent(new Event("change"));
  expect(kernel.commands).toEqual([{ type: "replay", act: "seek", value: 30 }]);
  vi.advanceTimersByTime(60_000);
  expect(place()).toBe("1:00 of 1:00");
});

test("the speed can be chosen, and one that the program set is shown", async () => {
  kernel.setReplay({ speed: 3 });
  await painted();
  expect(speed().selectedOptions[0]!.textContent).toBe("3 ×");
  for (const value of ["null", "2"]) {
    speed().value = value;
    speed().dispatchEvent(new Event("change"));
  }
  expect(kernel.commands).toEqual([
    { type: "replay", act: "speed", value: null },
    { type: "replay", act: "speed", value: 2 },
  ]);
});
