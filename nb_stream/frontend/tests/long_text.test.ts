/** No text may hold the page, whatever its characters: the elements that it becomes are few, and come in portions. */

import { describe, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { finishIn, isPartlyWritten, portions, WRITTEN } from "../src/dom/portions";
import { appendText, hides, plain, setText } from "../src/dom/safe_text";
import { renderText } from "../src/dom/text_writer";
import { cellOf } from "../src/protocol/checked";
import { CELL_KINDS, type Cell } from "../src/protocol/model";
import { renderBody } from "../src/views/transcript/body";
import { searchText } from "../src/views/transcript/cell_text";
import { headline } from "../src/views/transcript/summary";
import { mount, painted } from "./helpers";
import { services } from "./markdown/write";

const HIDDEN = {
  "escape characters": "\x1b[",
  "zero-width spaces": "\u200b",
  "directional overrides": "a\u202eb\u200f",
  tags: "\u{e0041}",
};

test.each(Object.entries(HIDDEN))("%s in a row share a mark", (_, unit) => {
  const el = document.createElement("div");
  appendText(el, unit.repeat(5000));
  expect(el.querySelectorAll(".nbs-mark").length).toBe(16);
  const shown = document.createElement("div");
  for (let round = 0; round < 5000; round++) appendText(shown, unit);
  expect(shown.isEqualNode(el)).toBe(true);
});

test("hidden characters that stand apart have marks of their own", () => {
  const el = document.createElement("div");
  appendText(el, "some words\u200b".repeat(40));
  expect(el.querySelectorAll(".nbs-mark").length).toBe(40);
});

describe("a word without an end may break", () => {
  test.each(["a", "ü", "漢字", "مرحبا", "👩‍💻", "e\u0301", "=+/"])("%s", (unit) => {
    const text = unit.repeat(Math.ceil(4000 / unit.length));
    const el = document.createElement("div");
    appendText(el, text);
    expect(el.textContent).toBe(text);
    const pieces = [...el.childNodes].filter((node) => node instanceof Text).map(({ data }) => data);
    const isIdeograph = unit === "漢字";
    expect(pieces.length > 10).toBe(!isIdeograph);
    if (!isIdeograph) for (const { length } of pieces) expect(length).toBeLessThan(300);
    // No character is torn from its accents or joiners.
    for (const piece of pieces) expect(piece).not.toMatch(/^(?:[\udc00-\udfff]|\u200d|\u0301)|\u200d$/);
    const characters = [...text]; // a pair of surrogates comes whole
    for (const step of [1, 7, 256, 1000]) {
      const cut = document.createElement("div");
      for (let at = 0; at < characters.length; at += step) {
        appendText(cut, characters.slice(at, at + step).join(""));
      }
      expect(cut.isEqualNode(el)).toBe(true);
    }
  });
});

test("a label is cut, and what hides in a text is found", () => {
  const el = document.createElement("div");
  setText(el, "x".repeat(1_000_000));
  expect(el.textContent.length).toBeLessThan(1100);
  expect(plain("x".repeat(1_000_000)).length).toBeLessThan(1100);
  expect(hides("a\u200bb")).toBe(true);
  expect(hides("a b")).toBe(false);
});

test("portions tear no pair of surrogates apart and lose nothing", () => {
  const text = `x${"😀".repeat(10_000)}`;
  const parts = [...portions(text)];
  expect(parts.length).toBeGreaterThan(3);
  expect(parts.join("")).toBe(text);
  for (const part of parts) expect(part).not.toMatch(/[\ud800-\udbff]$/);
});

test("a long text comes in portions, and at once if somebody needs it", async () => {
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 5)); // each look takes a while
  try {
    const el = document.createElement("div");
    const root = document.createElement("div");
    root.append(el);
    const text = "some words of a text\n".repeat(10_000);
    renderText(el, text);
    expect(isPartlyWritten(root)).toBe(true);
    expect(el.textContent.length).toBeLessThan(50_000);
    const written = vi.fn();
    root.addEventListener(WRITTEN, written);
    finishIn(root);
    expect(el.textContent).toBe(text);
    expect(isPartlyWritten(root)).toBe(false);
    expect(written).toHaveBeenCalledOnce();
  } finally {
    clock.mockRestore();
  }
});

describe("one odd value hides nothing else", () => {
  const ODD = [1e18, -1e300, true, "x".repeat(10), [1], { a: 1 }, null] as unknown[];
  const FIELDS = [
    "kind",
    "status",
    "run",
    "agent",
    "path",
    "type",
    "message_id",
    "started_at",
    "ended_at",
    "ttft",
    "tokens_per_s",
    "estimated",
    "usage",
    "cost",
    "tool_calls",
    "data",
  ] as const;
  test.each(FIELDS)("%s of every type", async (field) => {
    const kernel = new ScriptedKernel();
    kernel.agent("poet");
    const panel = mount(kernel);
    kernel.put("good", "poet", "text", "a good message");
    ODD.forEach((value, index) => {
      kernel.put(`odd${index}`, "poet", "text", "an odd message", { [field]: value } as Partial<Cell>);
    });
    for (const kind of ["hasOwnProperty", "constructor", "__proto__"]) {
      kernel.put(`kind ${kind}`, "poet", kind as "text", "of an odd kind");
    }
    kernel.put("last", "poet", "text", "another good message");
    await painted();
    expect(panel.el.querySelectorAll(".nbs-cell").length).toBe(ODD.length + 5);
    expect(panel.el.textContent).toContain("a good message");
    expect(panel.el.textContent).toContain("another good message");
    for (const open of panel.el.querySelectorAll<HTMLElement>(".nbs-line")) open.click();
    panel.close();
  });

  const MEMBERS = ["preformatted", "target", "what", "code_blocks", "output", "exit_code", "how", "answer"];
  test.each([...MEMBERS, "traceback", "images", "request_id", "value"])("data.%s of every type", (member) => {
    for (const kind of CELL_KINDS) {
      for (const value of [...ODD, [{ a: 1 }]]) {
        const said = { id: "c1", kind, status: "waiting", text: "an odd message", data: { [member]: value } };
        const cell = cellOf(said as Cell);
        const el = document.createElement("div");
        renderBody(el, cell, services());
        expect(el.textContent, JSON.stringify(said)).not.toContain("could not be shown as usual");
        expect(searchText(cell)).toContain("an odd message");
        expect(headline(cell)).toContain(member === "what" ? "" : "odd message");
      }
    }
  });
});
