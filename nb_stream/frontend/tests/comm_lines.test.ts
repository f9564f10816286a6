import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CommLines, LAG_MS, SILENCE_MS } from "../src/comm/comm_lines";
import type { Command } from "../src/protocol/protocol";

/** The messages of a model of ipywidgets. */
class Channel {
  listeners = new Set<(content: unknown) => void>();
  on = (_: string, callback: (content: unknown) => void) => this.listeners.add(callback);
  off = (_: string, callback: (content: unknown) => void) => this.listeners.delete(callback);
  bring(content: unknown): void {
    for (const listener of this.listeners) listener(content);
  }
}

function open(layout: unknown = new Channel()) {
  const own = new Channel();
  const heard: unknown[] = [];
  const sent: string[] = [];
  const controller = new AbortController();
  const model = { ...own, get: (key: string) => ({ layout, line: "mine" })[key], send: () => {} };
  new CommLines(
    model,
    controller.signal,
    (content) => heard.push(content),
    (command: Command) => sent.push(command.type),
  );
  return { own, layout: layout as Channel, heard, sent, controller };
}

const SIGN = { hello: true };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a panel that hears its kernel asks for nothing", () => {
  const { own, heard, sent } = open();
  own.bring("a frame");
  vi.advanceTimersByTime(10 * SILENCE_MS);
  expect([heard, sent]).toEqual([["a frame"], []]);
});

test("a panel whose own line brings the sign of life stays on it", () => {
  const { own, layout, heard, sent } = open();
  vi.advanceTimersByTime(SILENCE_MS);
  layout.bring({ line: "mine", content: SIGN });
  vi.advanceTimersByTime(LAG_MS - 1);
  own.bring(SIGN);
  vi.advanceTimersByTime(10 * SILENCE_MS);
  expect([heard, sent]).toEqual([[], ["hello"]]);
});

test("a panel whose own line is dead takes the other one, and only what is meant for it", () => {
  const { layout, heard, sent } = open();
  vi.advanceTimersByTime(SILENCE_MS);
  layout.bring({ line: "mine", content: SIGN });
  vi.advanceTimersByTime(LAG_MS);
  expect(sent).toEqual(["hello", "detour"]);
  layout.bring({ line: "mine", content: "a frame" });
  layout.bring({ line: "another panel's", content: "not ours" });
  layout.bring(null);
  expect(heard).toEqual(["a frame"]);
});

test("a kernel that is busy is not mistaken for a dead line", () => {
  const { own, layout, sent } = open();
  vi.advanceTimersByTime(100 * SILENCE_MS);
  own.bring(SIGN);
  layout.bring({ line: "mine", content: SIGN });
  vi.advanceTimersByTime(100 * SILENCE_MS);
  expect(sent).toEqual(["hello"]);
});

test("a host whose layouts are no models is left alone, and a panel that is closed listens no more", () => {
  const bare = open("IPY_MODEL_1");
  vi.advanceTimersByTime(10 * SILENCE_MS);
  expect(bare.sent).toEqual([]);
  const { own, layout, controller, sent } = open();
  controller.abort();
  vi.advanceTimersByTime(10 * SILENCE_MS);
  expect([own.listeners.size, layout.listeners.size, sent]).toEqual([0, 0, []]);
});
