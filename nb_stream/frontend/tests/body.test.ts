import { expect, test, vi } from "vitest";
import type { Cell } from "../src/protocol/model";
import { renderBody } from "../src/views/transcript/body";
import { asMarkdown } from "../src/views/transcript/cell_text";
import { services } from "./markdown/write";

test("a message that cannot be shown as usual is shown as its text", () => {
  const told = vi.spyOn(console, "error").mockReturnValue();
  const deep: unknown = JSON.parse("[".repeat(50_000) + "]".repeat(50_000));
  const cell = {
    id: "c1",
    kind: "approval",
    status: "done",
    text: "May I?",
    run: "r1",
    started_at: 1,
  } as Cell;
  const el = document.createElement("div");
  renderBody(el, { ...cell, data: { what: { tool: "list", arguments: deep } } }, services());
  expect(el.textContent).toContain("could not be shown as usual");
  expect(el.textContent).toContain("May I?");
  expect(told).toHaveBeenCalledOnce();
});

test("what no model wrote is shown as it was printed, with its colours, and copied as a code block", () => {
  const plain = "d = a*b*c, __init__\n3. third\n# params: 12\n  col   col\n";
  const text = `${plain}\u001b[31mred\u001b[0m`;
  const el = document.createElement("div");
  const printed: Cell = { id: "c1", kind: "text", status: "done", text, data: { preformatted: true } };
  renderBody(el, printed, services());
  const [block] = el.querySelectorAll("pre");
  expect(block?.textContent).toBe(`${plain}red`);
  expect(el.querySelectorAll(".nbs-md, em, strong, ol, h1, h2, h3, h4, h5, h6")).toHaveLength(0);
  expect([...block!.querySelectorAll("span")].map((span) => span.textContent)).toContain("red");
  expect(asMarkdown(printed)).toBe(`\`\`\`\n${text}\n\`\`\``);
  renderBody(el, { ...printed, data: {} }, services());
  expect(el.querySelectorAll("h1, h2, h3, h4, h5, h6")).not.toHaveLength(0);
});
