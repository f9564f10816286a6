import { expect, test } from "vitest";
import { dataView, parseData } from "../src/views/data_view";
import { all, one, texts } from "./helpers";

test("rows of the same fields are a table, with a name for the heads", () => {
  const el = dataView([
    { city: "Lisbon", high: 21 },
    { city: "Oslo", rain: true, high: null },
  ]);
  expect(texts(el, "th")).toEqual(["city", "high", "rain"]);
  expect(all(el, "tbody tr").map((row) => texts(row, "td"))).toEqual([
    ["Lisbon", "21", ""],
    ["Oslo", "null", "true"],
  ]);
  expect([el.tabIndex, el.getAttribute("aria-label")]).toEqual([0, "Table, 2 rows"]);
});

test("everything else is a tree that folds below its second level", () => {
  const el = dataView({ plan: { days: [{ city: "Lisbon" }], empty: [] }, done: false });
  const branches = all<HTMLDetailsElement>(el, "details");
  expect(branches.map(({ open }) => open)).toEqual([true, false, false]);
  expect(branches.map((branch) => one(branch, "summary").textContent)).toEqual([
    "plan 2 fields",
    "days 1 item",
    "0 1 field",
  ]);
  expect(el.textContent).toContain("empty no items");
  expect(el.textContent).toContain("done false");
});

test("a text that looks like something else keeps its quotes", () => {
  const el = dataView({ a: "8", b: 8, c: "null", d: null, e: "", f: "8 days", g: " x" });
  expect(texts(el, ".nbs-value")).toEqual(['"8"', "8", '"null"', "null", '""', "8 days", '" x"']);
});

test("a long list comes in portions, and all of it can be reached", () => {
  const el = dataView(Array.from({ length: 450 }, (_, i) => i));
  expect(texts(el, ".nbs-value").length).toBe(200);
  expect(one(el, "button").textContent).toBe("Show more (250 entries left)");
  one(el, "button").click();
  one(el, "button").click();
  expect(texts(el, ".nbs-value")).toEqual(Array.from({ length: 450 }, (_, i) => String(i)));
  expect(el.querySelector("button")).toBeNull();
});

test("a thousand levels are no danger", () => {
  const deep = parseData("[".repeat(1000) + "]".repeat(1000));
  expect(all(dataView(deep), "details").length).toBeLessThan(30);
});

test("only lists and objects are taken for data", () => {
  expect(["12", '"x"', "true", "{'a': 1}", "[half", "plain"].map(parseData)).toEqual(
    Array(6).fill(undefined),
  );
  expect(parseData(' {"a": [1]}')).toEqual({ a: [1] });
});
