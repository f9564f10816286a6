import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import {
  Connection,
  KERNEL_TIMEOUT_MS,
  QUIET_MS,
  REORDER_MS,
  RETRY_RESYNC_MS,
  UNSEEN_MS,
} from "../src/comm/connection";
import type { Frame } from "../src/protocol/protocol";
import { random, shown, shownBy } from "./helpers";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function connect(kernel: ScriptedKernel) {
  const controller = new AbortController();
  return { connection: new Connection(kernel.model, controller.signal), controller };
}

function resyncs(kernel: ScriptedKernel): number {
  return kernel.commands.filter(({ type }) => type === "resync").length;
}

test("a model without a snapshot is asked for one", () => {
  const kernel = new ScriptedKernel();
  kernel.put("c1", "poet", "text", "before the page");
  const model = { ...kernel.model, get: () => ({}) };
  const { connection } = connect(Object.assign(kernel, { model }));
  expect(shown(connection.store)).toEqual(shownBy(kernel));
});

test("a gap is waited for briefly, then a snapshot is asked for", () => {
  const kernel = new ScriptedKernel();
  const { connection } = connect(kernel);
  kernel.deliver = () => {};
  kernel.put("c1", "poet", "text", "lost");
  kernel.deliver = kernel.emit;
  kernel.put("c2", "poet", "text", "came");
  vi.advanceTimersByTime(REORDER_MS - 1);
  expect(resyncs(kernel)).toBe(0);
  vi.advanceTimersByTime(1);
  expect(resyncs(kernel)).toBe(1);
  expect(shown(connection.store)).toEqual(shownBy(kernel));
});

test("a snapshot is asked for again, with growing pauses, until it comes", () => {
  const kernel = new ScriptedKernel();
  const { connection } = connect(kernel);
  kernel.answers = false;
  kernel.send({ op: "append", id: "nobody", at: 0, text: "x" });
  expect(resyncs(kernel)).toBe(1);
  vi.advanceTimersByTime(RETRY_RESYNC_MS);
  expect(resyncs(kernel)).toBe(2);
  vi.advanceTimersByTime(RETRY_RESYNC_MS);
  expect(resyncs(kernel)).toBe(2);
  vi.advanceTimersByTime(RETRY_RESYNC_MS);
  expect(resyncs(kernel)).toBe(3);
  kernel.sendSnapshot();
  vi.advanceTimersByTime(100 * RETRY_RESYNC_MS);
  expect(resyncs(kernel)).toBe(3);
  expect(connection.store.stale).toBe(false);
});

test("a kernel that is gone is not asked for ever; when it speaks again it is", () => {
  const kernel = new ScriptedKernel();
  connect(kernel);
  kernel.answers = false;
  kernel.send({ op: "append", id: "nobody", at: 0, text: "x" });
  vi.advanceTimersByTime(1000 * RETRY_RESYNC_MS);
  const asked = resyncs(kernel);
  expect(asked).toBeLessThan(10);
  expect(vi.getTimerCount()).toBe(0);
  kernel.setState("idle");
  expect(resyncs(kernel)).toBe(asked + 1);
});

test("a kernel that cannot be reached is named, with the remedy", () => {
  const log = vi.spyOn(console, "error");
  const kernel = new ScriptedKernel();
  const { connection } = connect(kernel);
  kernel.model.send = () => {
    throw new Error("comm is closed");
  };
  connection.send({ type: "stop" });
  vi.advanceTimersByTime(10 * KERNEL_TIMEOUT_MS);
  expect(connection.store.notice).toMatch(/cannot be reached.*run the cell/);
  expect(log).not.toHaveBeenCalled();
  log.mockRestore();
});

test("a kernel that leaves a wish unanswered is named, until it speaks", () => {
  const kernel = new ScriptedKernel();
  const { connection } = connect(kernel);
  connection.send({ type: "start", task: "Go" });
  vi.advanceTimersByTime(KERNEL_TIMEOUT_MS - 1);
  expect(connection.store.notice).toBe("");
  vi.advanceTimersByTime(1);
  expect(connection.store.notice).toMatch(/does not answer.*run the cell/);
  kernel.setState("running");
  expect(connection.store.notice).toBe("");
  connection.send({ type: "stop" });
  kernel.setState("stopping");
  vi.advanceTimersByTime(10 * KERNEL_TIMEOUT_MS);
  expect(connection.store.notice).toBe("");
});

test("after the signal nothing is left: no listener, no timer", () => {
  const kernel = new ScriptedKernel();
  const row = kernel.agent("poet");
  const { connection, controller } = connect(kernel);
  kernel.answers = false;
  kernel.send({ op: "append", id: "nobody", at: 0, text: "x" });
  kernel.seq++;
  kernel.sendAgents();
  connection.switches.toggle(row.path, false);
  connection.send({ type: "stop" });
  expect(vi.getTimerCount()).toBeGreaterThan(0);
  controller.abort();
  expect(vi.getTimerCount()).toBe(0);
  expect(kernel.listenerCount).toBe(0);
});

/** A connection that drops a tenth of the frames, doubles a tenth and delays a tenth. */
function badLine(kernel: ScriptedKernel, chance: () => number) {
  let late: [number, Frame][] = [];
  let healthy = false;
  kernel.deliver = (frame) => {
    late = late.map(([wait, other]) => [wait - 1, other]);
    for (const [wait, other] of late) if (wait <= 0) kernel.emit(other);
    late = late.filter(([wait]) => wait > 0);
    if (healthy) return kernel.emit(frame);
    const fate = chance();
    if (fate < 0.1) return;
    if (fate < 0.2) late.push([1 + Math.floor(3 * chance()), frame]);
    else kernel.emit(frame);
    if (fate > 0.9) kernel.emit(frame);
  };
  return {
    heal() {
      healthy = true;
      for (const [, frame] of late) kernel.emit(frame);
      late = [];
    },
  };
}

/** Let the kernel do one of the things that happen in a run. */
function act(kernel: ScriptedKernel, chance: () => number, step: number): void {
  const words = ["a ", "sea🌊 ", "é", "\n", "𝒳 and ", "中文"];
  const word = words[Math.floor(chance() * words.length)]!;
  const live = [...kernel.live.keys()];
  const some = live[Math.floor(chance() * live.length)];
  const dice = chance();
  if (dice < 0.1 || !some) kernel.begin(`c${step}`, dice < 0.5 ? "poet" : "critic");
  else if (dice < 0.75) kernel.write(some, word);
  else if (dice < 0.83) kernel.settle(some, chance() < 0.5 ? {} : { text: `${word}replaced` });
  else if (dice < 0.9) kernel.put(`c${step}`, "poet", "tool call", word, { status: "running" });
  else if (dice < 0.93 && kernel.settled.length > 0) {
    const old = kernel.settled[Math.floor(chance() * kernel.settled.length)]!;
    kernel.put(old.id, old.agent ?? "", old.kind, old.text, { data: { step } });
  } else if (dice < 0.95) kernel.run(`r${step}`, word);
  else if (dice < 0.97) kernel.setState(chance() < 0.5 ? "running" : "idle", word);
  else {
    kernel.agents[0]!.held = step;
    kernel.sendAgents();
  }
}

describe("a line that drops, doubles and delays frames ends with the kernel's transcript", () => {
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);
  test.each(Array.from({ length: 20 }, (_, hundred) => [hundred]))("seeds from %i00", (hundred) => {
    for (const seed of seeds) play(100 * hundred + seed);
  });
});

function play(seed: number): void {
  const chance = random(seed);
  const kernel = new ScriptedKernel();
  kernel.agent("poet");
  const { connection, controller } = connect(kernel);
  const line = badLine(kernel, chance);
  for (let step = 0; step < 100; step++) {
    act(kernel, chance, step);
    if (chance() < 0.3) vi.advanceTimersByTime(200 * chance());
  }
  line.heal();
  kernel.sendTotals();
  vi.advanceTimersByTime(60_000);
  expect(shown(connection.store), `seed ${seed}`).toEqual(shownBy(kernel));
  expect(connection.store.stale).toBe(false);
  controller.abort();
}

describe("a frame that asks whether it is painted", () => {
  function acks(kernel: ScriptedKernel): number[] {
    return kernel.commands.flatMap((command) => (command.type === "ack" ? [command.seq] : []));
  }

  function ask(kernel: ScriptedKernel): number {
    const frame = { v: 2, seq: ++kernel.seq, ops: [], ack: true };
    kernel.emit(frame);
    return frame.seq;
  }

  function hide(hidden: boolean): void {
    vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  }

  afterEach(() => {
    vi.restoreAllMocks();
  });

  test("is answered when it is, once for all that were painted with it", () => {
    const kernel = new ScriptedKernel();
    const { controller } = connect(kernel);
    ask(kernel);
    const last = ask(kernel);
    expect(acks(kernel)).toEqual([]);
    vi.advanceTimersByTime(UNSEEN_MS / 10);
    expect(acks(kernel)).toEqual([last]);
    vi.advanceTimersByTime(10 * UNSEEN_MS);
    expect(acks(kernel)).toEqual([last]);
    controller.abort();
  });

  test("is answered at once by a page that nobody sees, where nothing is painted", () => {
    hide(true);
    const kernel = new ScriptedKernel();
    connect(kernel);
    expect([ask(kernel)]).toEqual(acks(kernel));
  });

  test("is answered in the end where the browser paints nothing", () => {
    vi.stubGlobal("requestAnimationFrame", () => 1);
    const kernel = new ScriptedKernel();
    connect(kernel);
    const seq = ask(kernel);
    vi.advanceTimersByTime(UNSEEN_MS);
    expect(acks(kernel)).toEqual([seq]);
    vi.unstubAllGlobals();
  });

  test("is not answered by a panel that is gone", () => {
    const kernel = new ScriptedKernel();
    const { controller } = connect(kernel);
    ask(kernel);
    controller.abort();
    vi.advanceTimersByTime(10 * UNSEEN_MS);
    expect(acks(kernel)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("a page that hears nothing more of a run asks, ever more rarely, and so learns of an end that it missed", () => {
  const kernel = new ScriptedKernel();
  const { connection, controller } = connect(kernel);
  vi.advanceTimersByTime(100 * QUIET_MS);
  expect(resyncs(kernel)).toBe(0);
  kernel.setState("running", "");
  kernel.begin("c1", "poet");
  kernel.write("c1", "half");
  kernel.answers = false;
  kernel.deliver = () => {};
  kernel.settle("c1", { text: "half of it and the rest" });
  kernel.setState("idle", "");
  vi.advanceTimersByTime(QUIET_MS - 1);
  expect(resyncs(kernel)).toBe(0);
  vi.advanceTimersByTime(1);
  expect(resyncs(kernel)).toBe(1);
  vi.advanceTimersByTime(2 * QUIET_MS - 1);
  expect(resyncs(kernel)).toBe(1);
  kernel.answers = true;
  kernel.deliver = kernel.emit;
  vi.advanceTimersByTime(1);
  expect(resyncs(kernel)).toBe(2);
  expect(connection.store.state).toBe("idle");
  expect(shown(connection.store)).toEqual(shownBy(kernel));
  vi.advanceTimersByTime(100 * QUIET_MS);
  expect(resyncs(kernel)).toBe(2);
  controller.abort();
});
