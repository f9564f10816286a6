import { describe, expect, test } from "vitest";
import { hasSequences, styled, withoutAnsi } from "../src/ansi/ansi";
import { finishIn } from "../src/dom/portions";
import { renderOutput } from "../src/dom/terminal_view";
import { renderText } from "../src/dom/text_writer";
import { renderMarkdown } from "../src/markdown/stream/markdown_writer";
import type { Cell } from "../src/protocol/model";
import { toolCall } from "../src/views/transcript/tool_call";
import { tracebackFold } from "../src/views/transcript/traceback";
import { one, texts } from "./helpers";
import { services } from "./markdown/write";

const pieces = (text: string) => [...styled(text)].map(({ text: piece, style }) => [piece, style]);

test.each([
  [
    "\x1b[31mred\x1b[0m plain",
    [
      ["red", "nbs-a-ink-1"],
      [" plain", ""],
    ],
  ],
  [
    "\x1b[1;32mok\x1b[22m \x1b[39mend",
    [
      ["ok", "nbs-a-bold nbs-a-ink-2"],
      [" ", "nbs-a-ink-2"],
      ["end", ""],
    ],
  ],
  ["\x1b[91;44mx", [["x", "nbs-a-ink-1 nbs-a-ground-4"]]],
  ["\x1b[38;5;196mx", [["x", "nbs-a-ink-1"]]],
  [
    "\x1b[38;2;0;200;0mx\x1b[my",
    [
      ["x", "nbs-a-ink-2"],
      ["y", ""],
    ],
  ],
  ["\x1b[7;31mx", [["x", "nbs-a-inverse nbs-a-ground-1"]]],
  ["\x9b31mx", [["x", "nbs-a-ink-1"]]],
])("colours become classes: %j", (text, expected) => {
  expect(pieces(text)).toEqual(expected);
});

test.each([
  ["a\x1b[2Kb\x1b[1;1Hc\x1b[?25l", "abc"],
  ["\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"],
  ["\x1b]0;title\x1b\\x", "x"],
  ["\x1bPdevice\x1b\\x\x1b(B", "x"],
  ["a\x1b]0;title\nb\x1bPdevice\nc\x1b\\d", "a\nbd"],
  ["plain", "plain"],
])("other sequences are left out: %j", (text, expected) => {
  expect(withoutAnsi(text)).toBe(expected);
  expect(
    pieces(text)
      .map(([piece]) => piece)
      .join(""),
  ).toBe(expected);
});

test("what only looks like a sequence is shown as a mark", () => {
  const el = document.createElement("pre");
  renderOutput(el, "a\x1b[31mb\x1b\x07\u202e<b>");
  expect(el.textContent).toBe("abU+001BU+0007U+202E<b>");
  expect(texts(el, ".nbs-a-ink-1")[0]).toMatch(/^b/);
});

test.each([renderText, (el: HTMLElement, text: string) => renderMarkdown(el, text, services())])(
  "a message that passes colours on shows none of them",
  (render) => {
    const el = document.createElement("div");
    render(el, "\x1b[1;31mFAILED\x1b[0m tests/a.py \x9b32mok\x9bm, and \x1b]8;;x\x07");
    expect(el.textContent).toBe("FAILED tests/a.py ok, and U+001B]8;;xU+0007");
  },
);

test("plain output is left to the plain writer", () => {
  expect([hasSequences("a\r\nb"), hasSequences("a\x1b[0m")]).toEqual([false, true]);
  const el = document.createElement("pre");
  const page = document.createElement("div");
  page.append(el);
  renderOutput(el, `\x1b[32m${"line\n".repeat(3000)}`);
  finishIn(page);
  expect(el.children.length).toBe(4);
  expect(el.textContent).toBe("line\n".repeat(3000));
});

test("the output of code shows what was written last over a line", () => {
  const el = document.createElement("pre");
  renderOutput(el, "10%\r50%\r\x1b[32m100%\nnext\r\n");
  expect(el.textContent).toBe("100%\nnext\n");
  // This took a minute when the end of the line was searched for behind each of them.
  const begin = process.cpuUsage();
  renderOutput(el, `a${"\r".repeat(300_000)}b\n`);
  expect(el.textContent).toBe("b\n");
  expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(10);
});

describe("nothing of a tool's result is left out", () => {
  const shown = (result: string) => {
    const call = { id: "1", name: "read", arguments: "{}", result, is_error: false };
    const cell = { id: "c", kind: "tool call", status: "done", text: "", run: "r", started_at: 1 } as Cell;
    return one(toolCall(call, cell, true), "pre").textContent;
  };

  test("UTF-8 that was read as Latin-1", () => {
    const text = "He said \u201cyes\u201d, \u201bno\u201f and \u2018\u00db2J\u2019.\nAnd more.\n";
    const latin = String.fromCharCode(...new TextEncoder().encode(text));
    const marks = latin.replace(/[\x80-\x9f]/g, (c) => `U+00${c.charCodeAt(0).toString(16).toUpperCase()}`);
    expect(shown(latin)).toBe(marks);
  });

  test("lines that end with a carriage return, coloured or not", () => {
    expect(shown("h1,h2\r1,2\r\n3,4\r")).toBe("h1,h2\n1,2\n3,4\n");
    expect(shown("h1,h2\r\x1b[1m1,2\x1b[m\r")).toBe("h1,h2\n1,2\n");
  });

  test("nor of a traceback", () => {
    expect(one(tracebackFold("ValueError: a\rb\r\nc"), "pre").textContent).toBe("ValueError: a\nb\nc");
  });
});
