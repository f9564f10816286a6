/**
 * Pages without a browser, for a kernel in another process: real connections and real stores, driven by lines of JSON.
 * Each line is answered by one line, with the commands that the pages sent meanwhile.
 *
 * `["open", id, snapshot]`, `["frame", id, frame]`, `["advance", milliseconds]`, `["close", id]`; `["cells", id]` is
 * answered with what the page shows. Pages are hidden, so that they answer frames at once; time passes in `advance`.
 */

import { createInterface } from "node:readline";
import { Connection } from "../src/comm/connection";
import type { Model } from "../src/comm/host_model";
import type { Command, Frame, Snapshot } from "../src/protocol/protocol";

type Line =
  | ["open", number, Snapshot]
  | ["frame", number, Frame]
  | ["advance", number]
  | ["close", number]
  | ["cells", number];

interface Page {
  connection: Connection;
  receive: (content: unknown) => void;
  end: AbortController;
}

let now = 0;
let count = 0;
const timers = new Map<number, { at: number; call: () => void }>();
const clock = {
  setTimeout(call: () => void, after = 0): number {
    timers.set(++count, { at: now + after, call });
    return count;
  },
  clearTimeout(timer: number): void {
    timers.delete(timer);
  },
};
Object.assign(globalThis, {
  window: clock,
  clearTimeout: (timer: number) => clock.clearTimeout(timer), // it is the window's, with or without its name
  document: { hidden: true },
  cancelAnimationFrame: () => {},
});

const pages = new Map<number, Page>();
let sent: [number, Command][] = [];

function open(id: number, snapshot: Snapshot): void {
  const end = new AbortController();
  let receive: Page["receive"] = () => {};
  const model: Model = {
    get: () => snapshot,
    on: (_, callback) => {
      receive = callback;
    },
    off: () => {
      receive = () => {};
    },
    send: (command) => sent.push([id, command as Command]),
  };
  const connection = new Connection(model, end.signal);
  pages.set(id, { connection, receive: (content) => receive(content), end });
}

function advance(milliseconds: number): void {
  const until = now + milliseconds;
  for (;;) {
    const [next] = [...timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at);
    if (!next) break;
    timers.delete(next[0]);
    now = Math.max(now, next[1].at);
    next[1].call();
  }
  now = until;
}

function carryOut(line: Line): unknown {
  if (line[0] === "advance") advance(line[1]);
  else if (line[0] === "open") open(line[1], line[2]);
  else if (line[0] === "frame") pages.get(line[1])!.receive(line[2]);
  else if (line[0] === "cells") {
    const { cells, runs, state, detail, stale } = pages.get(line[1])!.connection.store;
    return { cells, runs, state, detail, stale };
  } else {
    pages.get(line[1])!.end.abort();
    pages.delete(line[1]);
    return timers.size;
  }
  const commands = sent;
  sent = [];
  return commands;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(carryOut(JSON.parse(line) as Line))}\n`);
}
