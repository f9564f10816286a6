import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection } from "../src/comm/connection";
import { RecordedKernel, type TimedFrames, type TimedOp } from "../src/comm/recorded_kernel";
import { digest } from "../src/protocol/code_points";
import type { CellHead, RunInfo } from "../src/protocol/model";
import { type Command, PROTOCOL_VERSION, type Snapshot } from "../src/protocol/protocol";

const row = (name: string) => ({
  ...{ path: name, name, description: "", model: "", parent: null, can_stream: true, on: true },
  ...{ note: "", status: "idle", held: 0, text_only: false, grants: {} },
});
const start = {
  ...{ v: PROTOCOL_VERSION, seq: 0, title: "Poems", caution: "", cannot_say: "", state: "idle", detail: "" },
  ...{ agents: [row("ann"), row("ben")], budget: [], runs: [], settled: [], live: [], replay: null },
} as Snapshot;
const head = (id: string): CellHead => ({ id, kind: "text", status: "writing", agent: "ann", path: "ann" });
const settle = (index: number, id: string, text: string): TimedOp => ({
  op: "settle",
  index,
  cell: { ...head(id), status: "done", text },
  length: [...text].length,
  digest: digest(text),
});
const run = (ended_at: number | null) =>
  ({ id: "r1", task: "go", status: "done", stop_reason: null, started_at: 1, ended_at }) as RunInfo;

/** Two messages, a piece every tenth of a second. The second one has a character of two units. */
const recording: TimedFrames = {
  start,
  frames: [
    [0, { op: "run", run: run(null) }, { op: "state", state: "running", detail: "" }],
    [100, { op: "cell", cell: head("c1") }, ["c1", 3], { statuses: { ann: "writing" } }],
    [100, ["c1", 2], ["c1", 2]],
    [100, settle(0, "c1", "One two"), { statuses: { ann: "done" } }],
    [100, { op: "cell", cell: head("c2") }, ["c2", 4]],
    [100, ["c2", "…"]],
    [100, settle(1, "c2", "A 🎉!")],
    [400, { op: "run", run: run(2) }, { op: "state", state: "idle", detail: "enough" }],
  ],
};

let connection: Connection;
let end: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  end = new AbortController();
  connection = new Connection(new RecordedKernel(recording).model, end.signal);
});
afterEach(() => {
  end.abort();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const said = () => connection.store.cells.map(({ text }) => text);
const place = () => connection.store.replay!;
const send = (command: Command) => connection.send(command);
const replay = (act: "pause" | "resume" | "step") => send({ type: "replay", act });
const seek = (value: number) => send({ type: "replay", act: "seek", value });

test("at first everything is there, and the replay stands at its end", () => {
  expect(said()).toEqual(["One two", "A 🎉!"]);
  expect(connection.store.state).toBe("idle");
  expect(connection.store.detail).toBe("enough");
  expect(place()).toEqual({ run: 1, runs: 1, position: 1, length: 1, paused: false, speed: 1 });
  expect(connection.hasKernel).toBe(false);
  expect(connection.store.stale).toBe(false);
});

test("Play begins anew, and each piece comes at its time", async () => {
  send({ type: "start", task: "" });
  expect(said()).toEqual([]);
  expect(connection.store.state).toBe("running");
  await vi.advanceTimersByTimeAsync(90);
  expect(said()).toEqual([]);
  await vi.advanceTimersByTimeAsync(60);
  expect(said()).toEqual(["One"]);
  expect(connection.store.agents[0]!.status).toBe("writing");
  await vi.advanceTimersByTimeAsync(100);
  expect(said()).toEqual(["One two"]);
  expect(connection.store.live.size).toBe(1);
  await vi.advanceTimersByTimeAsync(100);
  expect(connection.store.live.size).toBe(0);
  await vi.advanceTimersByTimeAsync(700);
  expect(said()).toEqual(["One two", "A 🎉!"]);
  expect(connection.store.state).toBe("idle");
  expect(place()).toEqual({ run: 1, runs: 1, position: 1, length: 1, paused: false, speed: 1 });
  expect(connection.store.stale).toBe(false);
});

test("it plays as fast as the reader wishes, also at once", async () => {
  send({ type: "start", task: "" });
  send({ type: "replay", act: "speed", value: 0.25 });
  await vi.advanceTimersByTimeAsync(390);
  expect(said()).toEqual([]);
  await vi.advanceTimersByTimeAsync(60);
  expect(said()).toEqual(["One"]);
  send({ type: "replay", act: "speed", value: 4 });
  await vi.advanceTimersByTimeAsync(100);
  expect(said()).toEqual(["One two", "A 🎉…"]);
  send({ type: "replay", act: "speed", value: null });
  await vi.advanceTimersByTimeAsync(50);
  expect(connection.store.state).toBe("idle");
  expect(place().speed).toBe(null);
});

test("Pause shows all that was said until then", async () => {
  send({ type: "start", task: "" });
  vi.advanceTimersByTime(33);
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 180); // no timer has fired since
  replay("pause");
  expect(said()).toEqual(["One two"]);
});

test("Pause stands still where it is, and Resume goes on from there", async () => {
  send({ type: "start", task: "" });
  await vi.advanceTimersByTimeAsync(150);
  replay("pause");
  expect(place().paused).toBe(true);
  expect(place().position).toBeCloseTo(0.15, 1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said()).toEqual(["One"]);
  replay("resume");
  await vi.advanceTimersByTimeAsync(100);
  expect(said()).toEqual(["One two"]);
});

test.each([
  [0, []],
  [0.1, ["One"]],
  [0.25, ["One two"]],
  [0.45, ["One two", "A 🎉"]],
  [0.55, ["One two", "A 🎉…"]],
  [0.65, ["One two", "A 🎉!"]],
  [99, ["One two", "A 🎉!"]],
])("the moment %d is shown as it was, from wherever the reader comes", (moment, texts) => {
  for (const before of [0.15, 0.5, 1]) {
    seek(before);
    seek(moment);
    expect(said()).toEqual(texts);
    expect(place().position).toBe(Math.min(1, moment));
    expect(connection.store.stale).toBe(false);
  }
});

test("a jump from the end stands still, and a jump while it plays goes on", async () => {
  seek(0.1);
  expect(place().paused).toBe(true);
  expect(connection.store.state).toBe("running");
  replay("resume");
  seek(0.4);
  await vi.advanceTimersByTimeAsync(150);
  expect(said()).toEqual(["One two", "A 🎉…"]);
});

test("a step ends behind the next message, and the last one at the end", () => {
  replay("step");
  expect(said()).toEqual(["One two"]);
  expect([place().position, place().paused]).toEqual([0.3, true]);
  replay("step");
  expect(said()).toEqual(["One two", "A 🎉!"]);
  expect(connection.store.state).toBe("running");
  replay("step");
  expect(connection.store.state).toBe("idle");
  expect(place()).toEqual({ run: 1, runs: 1, position: 1, length: 1, paused: false, speed: 1 });
});

test("cells that a jump does not change stay the same objects, so that views leave them alone", () => {
  const [first] = connection.store.settled;
  seek(0.5);
  expect(connection.store.settled[0]).toBe(first);
});

test("what only a kernel can do does nothing", async () => {
  const before = JSON.stringify(connection.store.cells);
  for (const type of ["stop", "cancel", "reset", "state", "hello", "detour"] as const) send({ type });
  send({ type: "answer", request_id: "q", text: "yes" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(JSON.stringify(connection.store.cells)).toBe(before);
});

test("a recording without times has no controls", () => {
  const still = { start: { ...start, settled: [{ ...head("c1"), text: "Hi" }] }, frames: [] } as TimedFrames;
  const { store } = new Connection(new RecordedKernel(still).model, end.signal);
  expect(store.replay).toBe(null);
  expect(store.cells.map(({ text }) => text)).toEqual(["Hi"]);
});
