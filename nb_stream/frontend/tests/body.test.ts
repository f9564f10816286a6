import { expect, test, vi } from "vitest";
import type { Cell } from "../src/model";
import { renderBody } from "../src/views/body";
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
