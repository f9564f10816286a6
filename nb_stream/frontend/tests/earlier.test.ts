/** A long session comes in pieces, the newest first: its end is there at once, and in the end all of it is. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { RETRY_EARLIER_MS } from "../src/comm/connection";
import { codePoints, digest } from "../src/protocol/code_points";
import type { Frame } from "../src/protocol/protocol";
import { all, type Mounted, mount, one, painted, texts } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;
/** The pieces that are on their way; `bring` delivers the next one. */
let pieces: Frame[];

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  for (let run = 1; run <= 4; run++) {
    kernel.run(`r${run}`, `Task ${run}`);
    for (let n = 1; n <= 60; n++) kernel.put(`c${run}-${n}`, "poet", "notice", `Words ${run}-${n}.`);
    kernel.endRun({});
  }
  kernel.newest = 70;
  kernel.piece = 45;
  pieces = [];
  kernel.deliver = (frame) => {
    if (frame.seq < 0) pieces.push(frame);
    else kernel.emit(frame);
  };
  panel = mount(kernel);
});
afterEach(() => {
  panel.close();
  vi.useRealTimers();
});

async function bring(): Promise<void> {
  kernel.emit(pieces.shift()!);
  await new Promise((resolve) => setTimeout(resolve, 5)); // the page asks for the next one
  await painted();
}

async function bringAll(): Promise<void> {
  while (pieces.length > 0) await bring();
}

/** What the lines say, whether they are built or only stand as text. */
function lines(el: HTMLElement): string[] {
  const found = all(el, ".nbs-run, .nbs-cell, .nbs-light");
  return found.map((line) => /Run \d+|Words [\d-]+/.exec(line.textContent)![0]);
}

function wanted(from: number): string[] {
  const shown: string[] = [];
  for (let run = 1; run <= 4; run++) {
    for (let n = 1; n <= 60; n++) {
      const place = (run - 1) * 60 + n - 1;
      if (n === 1 && place > from) shown.push(`Run ${run}`);
      if (place === 0 && from === 0) shown.push("Run 1");
      if (place >= from) shown.push(`Words ${run}-${n}`);
    }
  }
  return shown;
}

test("the newest messages are there at once, and the earlier ones come piece by piece in their places", async () => {
  expect(texts(panel.el, ".nbs-coming")).toEqual(["170 earlier messages to come"]);
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(wanted(170)));
  await bring();
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(wanted(125)));
  await bringAll();
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(wanted(0)), 20_000);
  expect(one(panel.el, ".nbs-coming").hidden).toBe(true);
  expect(
    kernel.commands.filter(({ type }) => type === "earlier").map((command) => Object(command).before),
  ).toEqual([170, 125, 80, 35]);
});

test("messages that come meanwhile stand at the end, and those that change again are shown as they are", async () => {
  kernel.put("c4-61", "poet", "notice", "Words 4-61.");
  const cell = { ...kernel.settled[150]!, text: "Words 9-9." };
  // The piece with this message is made after that, or before: the page shows the end in both cases.
  kernel.send({ op: "settle", index: 150, cell, length: codePoints(cell.text), digest: digest(cell.text) });
  await bringAll();
  const want = [...wanted(0), "Words 4-61"];
  want[want.indexOf("Words 3-31")] = "Words 9-9";
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(want), 20_000);
});

test("a piece that is lost is asked for again, and one that comes twice or late does no harm", async () => {
  panel.close();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  pieces = [];
  panel = mount(kernel);
  const [lost] = pieces.splice(0);
  vi.advanceTimersByTime(RETRY_EARLIER_MS - 1);
  expect(pieces).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(pieces.splice(0)).toEqual([lost]);
  vi.useRealTimers();
  kernel.emit(lost!);
  kernel.emit(lost!);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await bringAll();
  kernel.emit(lost!);
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(wanted(0)), 20_000);
});

test("a piece that was made before a snapshot and comes behind it is not taken", async () => {
  const [old] = pieces.splice(0);
  kernel.settled[150] = { ...kernel.settled[150]!, text: "Words 9-9." };
  kernel.sendSnapshot(); // the page may have lost the frame that told of the change
  kernel.emit(old!);
  kernel.sendEarlier(170);
  await bringAll();
  const want = wanted(0);
  want[want.indexOf("Words 3-31")] = "Words 9-9";
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(want), 20_000);
});

test("a page that asks for everything anew keeps what it has, and what changed in it meanwhile is put right", async () => {
  await bringAll();
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(wanted(0)), 20_000);
  const first = one(panel.el, ".nbs-history").firstElementChild;
  kernel.settled[3] = { ...kernel.settled[3]!, text: "Words 8-8." };
  kernel.sendSnapshot();
  await bringAll();
  const want = wanted(0);
  want[want.indexOf("Words 1-4")] = "Words 8-8";
  await vi.waitFor(() => expect(lines(panel.el)).toEqual(want), 20_000);
  expect(one(panel.el, ".nbs-history").firstElementChild).toBe(first);
});
