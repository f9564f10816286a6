import { afterEach, describe, expect, test } from "vitest";
import { isExact } from "../src/dom/format";
import { dataView, holdsMore, parseData, showMore } from "../src/views/transcript/data_view";
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

test.each([1000, 4000, 20_000])("%d levels are no danger, and no more text than they are", (levels) => {
  const deep = parseData("[".repeat(levels) + "]".repeat(levels));
  const el = dataView(deep);
  expect(all(el, "details").length).toBeLessThan(30);
  expect(el.textContent.length).toBeLessThan(2 * levels + 1000);
  expect(one(el, ".nbs-source").textContent).toMatch(levels < 5000 ? /^\[{900}/ : /^\[{900}|Copy button/);
});

test("a column may have the name of something that every object has", () => {
  const el = dataView([{ constructor: 1, a: 2 }, { a: 3 }]);
  expect(texts(el, "td")).toEqual(["1", "2", "", "3"]);
});

describe("whoever asks for more by keyboard", () => {
  afterEach(() => document.body.replaceChildren());

  test.each([
    ["list", Array.from({ length: 450 }, (_, i) => i)],
    ["table", Array.from({ length: 450 }, (_, i) => ({ i }))],
  ])("stays there, and is in the %s when all is shown", (kind, value) => {
    const el = dataView(value);
    document.body.append(el);
    const more = one(el, ".nbs-more");
    more.focus();
    more.click();
    expect(document.activeElement).toBe(more);
    expect(el.lastElementChild!.contains(more)).toBe(true);
    more.click();
    expect(document.activeElement).toBe(el);
    expect(all(el, kind === "list" ? "li" : "tbody tr").length).toBe(450);
  });

  test("and nobody else: a search that opens portions takes no focus", () => {
    const el = dataView(Array.from({ length: 450 }, (_, i) => i));
    document.body.append(el);
    showMore(el, 5);
    expect([holdsMore(el), document.activeElement]).toEqual([false, document.body]);
  });
});

test("a text of 30 MB in JSON is looked at for its numbers without an error", () => {
  const long = (filling: string) => `["${filling.repeat(30_000_000 / filling.length)}", `;
  for (const filling of ["a", '\\"', "1"]) {
    expect(isExact(`${long(filling)}1]`)).toBe(true);
    expect(isExact(`${long(filling)}12345678901234567]`)).toBe(false);
  }
});

test("only lists and objects are taken for data", () => {
  expect(["12", '"x"', "true", "{'a': 1}", "[half", "plain"].map(parseData)).toEqual(
    Array(6).fill(undefined),
  );
  expect(parseData(' {"a": [1]}')).toEqual({ a: [1] });
});
