import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { exactly, findRanges } from "../src/dom/highlights";
import { all, type Mounted, mount, one, painted } from "./helpers";

let kernel: ScriptedKernel;
let panel: Mounted;

beforeEach(async () => {
  kernel = new ScriptedKernel();
  kernel.run("r1", "Write.");
  kernel.put("c1", "poet", "text", "The tide comes.\n\nThe **ti**de goes, and the TIDE stays.");
  kernel.put("c2", "critic", "text", "Nothing to see.");
  kernel.put("c3", "poet", "tool call", "", {
    tool_calls: [{ id: "1", name: "look", arguments: '{"at": "tides"}', result: "high tide" }],
  });
  kernel.put("c4", "critic", "notice", "Done.");
  panel = mount(kernel);
  one(panel.el, '[aria-label="Search"]').click();
  await painted();
});
afterEach(() => {
  panel.close();
  vi.unstubAllGlobals();
});

const box = () => one<HTMLInputElement>(panel.el, ".nbs-search input");
const status = () => one(panel.el, ".nbs-search .nbs-count").textContent;
const open = () =>
  all<HTMLDetailsElement>(panel.el, ".nbs-cell")
    .filter((cell) => cell.open)
    .map((cell) => cell.querySelector(".nbs-agent-name")!.textContent + cell.dataset.kind);

function press(key: string, shiftKey = false): void {
  box().dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
}

/** The highlights of the page, which the test environment lacks. */
function highlights(): Map<string, Set<Range>> {
  class Marks extends Set<Range> {}
  const marks = new Map<string, Marks>();
  vi.stubGlobal("Highlight", Marks);
  vi.stubGlobal("CSS", { highlights: marks });
  return marks;
}

function look(words: string): void {
  box().value = words;
  press("Enter");
}

test("hits are counted and walked, also in closed messages, which open on the way", () => {
  one(panel.el, '[aria-label="Collapse all"]').click();
  look("tide");
  // The source of the first message has "ti**de", which a reader sees as one more hit.
  expect(status()).toBe("1 of 5");
  expect(open()).toEqual(["poettext"]);
  for (const number of [2, 3, 4, 5]) {
    press("Enter");
    expect(status()).toBe(`${number} of 5`);
  }
  expect(open()).toEqual(["poettext", "poettool call"]);
  press("Enter");
  expect(status()).toBe("1 of 5");
  press("Enter", true);
  expect(status()).toBe("5 of 5");
});

test("hits are marked where all messages are open and the one in question was never on the screen", async () => {
  const marks = highlights();
  for (let i = 0; i < 400; i++)
    kernel.settled.push({ ...kernel.settled[1]!, id: `d${i}`, text: "A tide, a tide." });
  kernel.sendSnapshot();
  await painted();
  one(panel.el, '[aria-label="Expand all"]').click();
  look("a tide");
  expect(status()).toBe("1 of 800");
  const [current] = marks.get("nbs-hit-now")!;
  const body = current!.startContainer.parentElement!.closest(".nbs-body");
  const marked = [...marks.get("nbs-hit")!].filter(({ startContainer }) => body!.contains(startContainer));
  expect(marked.length).toBe(2);
});

test("a hit that only the source has is passed over", () => {
  kernel.put("c5", "poet", "text", "See [the map](https://example.org/zebra).");
  kernel.put("c6", "poet", "text", "A zebra.");
  return painted().then(() => {
    look("zebra");
    expect(status()).toMatch(/^\d of \d$/);
    press("Enter");
    press("Enter");
    expect(one(panel.el, ".nbs-cell[open]:last-child .nbs-text").textContent).toBe("A zebra.");
  });
});

test("a row of a long table is found that was not shown yet", async () => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    name: `row ${i}`,
    wet: i === 900 ? "zebra" : "no",
  }));
  kernel.put("c5", "poet", "structured output", JSON.stringify(rows));
  await painted();
  look("zebra");
  expect(status()).toBe("1 of 1");
  expect(all(panel.el, ".nbs-cell[open] tbody tr").length).toBe(1000);
});

test("messages that come are counted too", async () => {
  look("tide");
  kernel.put("c5", "poet", "text", "One more tide.");
  await painted();
  await expect.poll(status).toMatch(/of 6$/);
});

test("the hit at which the reader stands stays marked as such when a message comes", async () => {
  const marks = highlights();
  look("tide");
  const before = [...marks.get("nbs-hit-now")!].map(String);
  kernel.put("c5", "poet", "text", "One more tide.");
  await painted();
  await expect.poll(status).toBe("1 of 6");
  expect([...marks.get("nbs-hit-now")!].map(String)).toEqual(before);
});

test("messages that never cease to come are counted all the same", async () => {
  look("tide");
  const stream = setInterval(
    () => kernel.put(`d${kernel.settled.length}`, "poet", "text", "One more tide."),
    50,
  );
  await expect.poll(() => Number(/of (\d+)/.exec(status())?.[1])).toBeGreaterThan(5);
  clearInterval(stream);
});

test("what is filtered out is not found", async () => {
  one(panel.el, '[aria-label^="Filter"]').click();
  all(panel.el, ".nbs-chip")
    .find(({ textContent }) => textContent === "critic")!
    .click();
  look("tide");
  expect(status()).toBe("no hits");
});

test("the words are words and no pattern, and any space between them will do", () => {
  const el = document.createElement("div");
  el.append("a.c abc a(b", document.createElement("b"), "c A(B\n C");
  expect(findRanges(el, exactly("a.c")).length).toBe(1);
  expect(findRanges(el, exactly("a(b c")).length).toBe(1);
});

test("places are found across elements, and not on buttons", () => {
  const el = document.createElement("div");
  const bold = document.createElement("b");
  bold.append("ti");
  const copy = document.createElement("button");
  copy.append("tide");
  el.append("the ", bold, "de, ", copy, "tide");
  expect(findRanges(el, exactly("tide")).map(String)).toEqual(["tide", "tide"]);
  const [first] = findRanges(el, exactly("tide"));
  expect([first!.startContainer.parentElement, first!.endContainer.textContent]).toEqual([bold, "de, "]);
});

test("closing the search takes the marks away and gives the focus back", () => {
  look("tide");
  expect(all(panel.el, ".nbs-has-hit").length).toBe(2);
  press("Escape");
  expect(all(panel.el, ".nbs-has-hit")).toEqual([]);
  expect(document.activeElement).toBe(one(panel.el, '[aria-label="Search"]'));
});

test("a search that is closed right after the last key does not begin after all", () => {
  vi.useFakeTimers();
  box().value = "tide";
  box().dispatchEvent(new Event("input"));
  press("Escape");
  vi.advanceTimersByTime(1000);
  expect(all(panel.el, ".nbs-has-hit")).toEqual([]);
  vi.useRealTimers();
});

test("a view that goes during a search takes its marks along", () => {
  const marks = highlights();
  look("tide");
  expect([marks.get("nbs-hit")!.size > 0, marks.get("nbs-hit-now")!.size]).toEqual([true, 1]);
  panel.close();
  expect([marks.get("nbs-hit")!.size, marks.get("nbs-hit-now")!.size]).toEqual([0, 0]);
});
