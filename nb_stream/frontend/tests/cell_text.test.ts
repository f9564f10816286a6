import { expect, test } from "vitest";
import type { Cell } from "../src/protocol/model";
import { anchorOf, depthClass, pathAbove } from "../src/views/transcript/cell_address";
import { asMarkdown, fence, searchText } from "../src/views/transcript/cell_text";

const cell = (more: Partial<Cell>): Cell => ({ id: "c1", kind: "text", status: "done", text: "", ...more });

test("a message is copied as it was written", () => {
  expect(asMarkdown(cell({ text: "# Hi\n\n*you*" }))).toBe("# Hi\n\n*you*");
});

test("a tool call is copied with its arguments and result, an error with its traceback", () => {
  const call = { id: "1", name: "add", arguments: '{"a": 1}', result: "2" };
  expect(asMarkdown(cell({ kind: "tool call", tool_calls: [call] }))).toBe(
    '**add**\n\n```json\n{"a": 1}\n```\n\nResult:\n\n```\n2\n```',
  );
  expect(asMarkdown(cell({ kind: "error", text: "It broke.", data: { traceback: "line 1\n" } }))).toBe(
    "It broke.\n\nTraceback:\n\n```\nline 1\n```",
  );
});

test("a fence is longer than any row of backticks in it, and its language is a word", () => {
  expect(fence("a ```` b", "py`thon\n")).toBe("`````python\na ```` b\n`````");
});

test("what is searched is what is read, and nothing twice", () => {
  const data = { code_blocks: [{ code: "print(1)", language: "python" }], output: "1", exit_code: 0 };
  expect(searchText(cell({ text: "plain" }))).toBe("plain");
  expect(searchText(cell({ kind: "code", text: "```\nprint(1)\n```", data }))).toBe("```\nprint(1)\n```\n1");
  expect(searchText(cell({ kind: "code", data }))).toBe("print(1)\n1");
  const word = "I call print(1) now.";
  expect(searchText(cell({ kind: "code", text: word, data }))).toBe(`${word}\nprint(1)\n1`);
});

test("an agent of a team inside the team stands under the path above it", () => {
  expect(pathAbove(cell({ agent: "writer", path: "research/writer" }))).toBe("research/");
  expect(pathAbove(cell({ agent: "writer", path: "writer" }))).toBe("");
  expect(pathAbove(cell({ agent: "a/b", path: "a/b" }))).toBe("");
  expect(depthClass(cell({ agent: "writer", path: "writer" }))).toBe("");
  expect(depthClass(cell({ agent: "x", path: "a/b/x" }))).toBe("nbs-d2");
  expect(depthClass(cell({ agent: "x", path: "a/b/c/d/e/f/x" }))).toBe("nbs-d4");
});

test("the address of a cell is a plain word, whatever its ids are", () => {
  expect(anchorOf(cell({ run: 'r1"><script>', id: "c 7", started_at: 1.5 }))).toBe(
    "nbs-r1---script--c-7-1500",
  );
});
