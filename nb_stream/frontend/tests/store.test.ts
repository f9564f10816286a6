import { beforeEach, describe, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { type Change, Store } from "../src/comm/store";
import type { Frame } from "../src/protocol/protocol";
import { shown, shownBy } from "./helpers";

let kernel: ScriptedKernel;
let store: Store;
let sent: Frame[];

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.agent("poet");
  sent = [];
  kernel.deliver = (frame) => sent.push(structuredClone(frame));
  store = new Store();
  store.open(kernel.snapshot());
});

/** The frames that the kernel made since the last call. */
function frames(): Frame[] {
  return sent.splice(0);
}

function receiveAll(): string[] {
  return frames().map((frame) => store.receive(frame));
}

test("frames in order make the kernel's transcript", () => {
  kernel.run("r1", "Write.");
  kernel.begin("c1", "poet");
  kernel.write("c1", "Sea 🌊 ");
  kernel.write("c1", "and sky.");
  kernel.settle("c1");
  kernel.put("c2", "poet", "tool call", "", {
    status: "running",
    tool_calls: [{ id: "1", name: "f", arguments: "" }],
  });
  kernel.put("c2", "poet", "tool call", "", {
    tool_calls: [{ id: "1", name: "f", arguments: "", result: "3" }],
  });
  kernel.sendTotals();
  expect(new Set(receiveAll())).toEqual(new Set(["applied"]));
  expect(shown(store)).toEqual(shownBy(kernel));
  expect(store.stale).toBe(false);
});

test("a frame that comes twice changes nothing", () => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "once");
  const [open, append] = frames();
  store.receive(open!);
  store.receive(append!);
  expect(store.receive(append!)).toBe("duplicate");
  expect(store.receive(open!)).toBe("duplicate");
  expect(shown(store)).toEqual(shownBy(kernel));
});

test("an overtaken frame is waited for, and the order is put right", () => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "a");
  kernel.write("c1", "b");
  const [open, a, b] = frames();
  expect(store.receive(b!)).toBe("held");
  expect(store.receive(a!)).toBe("held");
  expect(store.hasGap).toBe(true);
  expect(store.receive(open!)).toBe("applied");
  expect(store.hasGap).toBe(false);
  expect(shown(store)).toEqual(shownBy(kernel));
});

test("behind a lost frame the rest is shown as far as it fits, and a snapshot heals it", () => {
  kernel.begin("c1", "poet");
  kernel.write("c1", "lost ");
  kernel.write("c1", "tail");
  kernel.put("c2", "poet", "text", "whole");
  const [open, , tail, whole] = frames();
  store.receive(open!);
  store.receive(tail!);
  store.receive(whole!);
  store.skipGap();
  expect(store.settled.map(({ text }) => text)).toEqual(["whole"]);
  expect(store.live.get("c1")?.text).toBe("");
  expect(store.stale).toBe(true);
  kernel.sendSnapshot();
  expect(receiveAll()).toEqual(["applied"]);
  expect(shown(store)).toEqual(shownBy(kernel));
  expect(store.stale).toBe(false);
});

describe("a finished cell without its text", () => {
  beforeEach(() => {
    kernel.begin("c1", "poet");
    kernel.write("c1", "Sea 🌊");
  });

  test("keeps the streamed text where length and digest agree", () => {
    kernel.settle("c1");
    expect(receiveAll()).toEqual(["applied", "applied", "applied"]);
    expect(store.settled[0]?.text).toBe("Sea 🌊");
  });

  test.each([
    ["length", { length: 6 }],
    ["digest", { digest: 1 }],
  ])("shows that something was lost where the %s differs", (_, wrong) => {
    kernel.settle("c1");
    const [open, append, settle] = frames();
    Object.assign(settle!.ops[0]!, wrong);
    store.receive(open!);
    store.receive(append!);
    expect(store.receive(settle!)).toBe("broken");
    expect(store.settled[0]?.text).toBe("Sea 🌊");
    expect(store.stale).toBe(true);
  });

  test("takes the text it had when it is completed later", () => {
    kernel.settle("c1", { status: "running" });
    receiveAll();
    kernel.live.set("c1", { ...kernel.settled[0]! });
    kernel.settle("c1", { status: "done" });
    expect(receiveAll()).toEqual(["applied"]);
    expect(shown(store)).toEqual(shownBy(kernel));
  });
});

test("totals that do not fit show a lost cell", () => {
  kernel.put("c1", "poet", "text", "never came");
  frames();
  kernel.seq--;
  kernel.sendTotals();
  expect(receiveAll()).toEqual(["broken"]);
});

test("totals that do not fit show a lost tail", () => {
  kernel.begin("c1", "poet");
  receiveAll();
  kernel.write("c1", "never came");
  frames();
  kernel.seq--;
  kernel.sendTotals();
  expect(receiveAll()).toEqual(["broken"]);
});

test("a snapshot leaves equal cells untouched", () => {
  kernel.put("c1", "poet", "text", "same");
  kernel.put("c2", "poet", "text", "old");
  receiveAll();
  const [first, second] = store.settled;
  kernel.settled[1] = { ...kernel.settled[1]!, text: "new" };
  kernel.sendSnapshot();
  receiveAll();
  expect(store.settled[0]).toBe(first);
  expect(store.settled[1]).not.toBe(second);
});

test("an operation that cannot be applied does not take the others with it", () => {
  const log = vi.spyOn(console, "error").mockImplementation(() => {});
  const broken = { op: "settle", index: 0 } as never;
  kernel.send(broken, { op: "state", state: "running", detail: "" });
  expect(receiveAll()).toEqual(["broken"]);
  expect(store.state).toBe("running");
  expect(store.stale).toBe(true);
  expect(log).toHaveBeenCalled();
  log.mockRestore();
});

test("another version of the protocol is seen and not applied", () => {
  kernel.put("c1", "poet", "text", "x");
  const [frame] = frames();
  expect(store.receive({ ...frame!, v: 3 })).toBe("mismatch");
  expect(store.settled).toEqual([]);
  expect(store.foreignVersion).toBe(3);
});

test("listeners hear which cells changed", () => {
  const heard: Change[] = [];
  const unsubscribe = store.subscribe((changes) => heard.push(...changes));
  kernel.begin("c1", "poet");
  kernel.write("c1", "x");
  kernel.settle("c1");
  receiveAll();
  expect(heard).toEqual([
    { what: "opened", id: "c1" },
    { what: "appended", id: "c1" },
    { what: "settled", id: "c1" },
  ]);
  unsubscribe();
  kernel.setState("running");
  receiveAll();
  expect(heard.length).toBe(3);
});

test("a listener that fails keeps nothing from the others", () => {
  const report = vi.spyOn(console, "error").mockImplementation(() => {});
  const told: Change[] = [];
  store.subscribe(() => {
    throw new Error("theirs");
  });
  store.subscribe((changes) => told.push(...changes));
  kernel.begin("c1", "poet");
  expect(receiveAll()).toEqual(["applied"]);
  expect(told).toEqual([{ what: "opened", id: "c1" }]);
  expect(report).toHaveBeenCalledOnce();
  report.mockRestore();
});
