import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { all, type Mounted, mount, one, painted as paintedOnce } from "./helpers";

/** The panel's observers of sizes. Browsers call them when the page is laid out; here, each frame does. */
const sizes = new Set<(entries: []) => void>();
vi.stubGlobal(
  "ResizeObserver",
  class {
    constructor(told: (entries: []) => void) {
      sizes.add(told);
    }
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  },
);

async function painted(): Promise<void> {
  await paintedOnce();
  for (const told of sizes) told([]);
}

let kernel: ScriptedKernel;
let panel: Mounted;
let scroller: HTMLElement;
/** The height of the content, because the test environment lays nothing out. */
let height: number;
let visible: number;

beforeEach(async () => {
  kernel = new ScriptedKernel();
  kernel.run("r1", "Write.");
  kernel.begin("c1", "poet");
  panel = mount(kernel);
  scroller = one(panel.el, ".nbs-scroller");
  height = 500;
  visible = 100;
  let top = 0;
  const end = () => Math.max(0, height - visible);
  Object.defineProperties(scroller, {
    scrollHeight: { get: () => Math.max(height, visible) },
    clientHeight: { get: () => visible },
    scrollTop: {
      // As in browsers: nothing is scrolled beyond its end, even if the end comes nearer.
      get: () => {
        top = Math.min(top, end());
        return top;
      },
      set: (value: number) => {
        top = Math.max(0, Math.min(value, end()));
      },
    },
  });
  await grow(500);
});
afterEach(() => {
  panel.close();
  sizes.clear();
});

const jump = () => one(panel.el, ".nbs-jump");

/** Let more text come, so that the content has this height. */
async function grow(to: number): Promise<void> {
  height = to;
  kernel.write("c1", "more ");
  await painted();
}

/** Scroll as the reader does. */
async function scroll(to: number): Promise<void> {
  scroller.scrollTop = to;
  scroller.dispatchEvent(new Event("scroll"));
  await painted();
}

test("the end is followed while text comes", async () => {
  expect(scroller.scrollTop).toBe(400);
  await grow(800);
  expect(scroller.scrollTop).toBe(700);
  expect(jump().hidden).toBe(true);
});

test("a reader who scrolled up is left alone, and told how much is new", async () => {
  await scroll(300);
  await grow(800);
  kernel.put("c2", "critic", "text", "Fine.");
  kernel.endRun({});
  kernel.run("r2", "Again.");
  await painted();
  expect(scroller.scrollTop).toBe(300);
  expect([jump().hidden, jump().textContent]).toEqual([false, "Jump to latest · 1 new message"]);
});

test("what is filtered out does not count as new", async () => {
  kernel.put("c2", "critic", "text", "Fine.");
  await painted();
  one(panel.el, '[aria-label^="Filter"]').click();
  all(panel.el, ".nbs-chip")
    .find(({ textContent }) => textContent === "critic")!
    .click();
  await scroll(300);
  kernel.settle("c1");
  kernel.put("c3", "critic", "text", "Finer.");
  kernel.put("c4", "critic", "text", "Finest.");
  await painted();
  expect(jump().textContent).toBe("Jump to latest · 2 new messages");
});

test("the button and the way down bring back to the end", async () => {
  await scroll(300);
  await grow(800);
  jump().click();
  await painted();
  expect([scroller.scrollTop, jump().hidden]).toEqual([700, true]);
  await scroll(300);
  await scroll(690);
  await grow(900);
  expect(scroller.scrollTop).toBe(800);
});

test("content that shrinks is no reader who scrolls", async () => {
  height = 450;
  await scroll(350);
  await grow(800);
  expect(scroller.scrollTop).toBe(700);
});

test("a scroller that becomes higher is no reader who scrolls", async () => {
  visible = 300;
  await scroll(200);
  await grow(800);
  expect(scroller.scrollTop).toBe(500);
});

test("who was led to a place while all was in sight is at the end too", async () => {
  kernel.put("c2", "critic", "text", "A tide.");
  visible = 600;
  await grow(500);
  one(panel.el, '[aria-label="Search"]').click();
  const box = one<HTMLInputElement>(panel.el, ".nbs-search input");
  box.value = "tide";
  for (const key of ["Enter", "Escape"]) {
    box.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  }
  await grow(590);
  await grow(900);
  expect(scroller.scrollTop).toBe(300);
});

test("what is played anew after a rewind is followed, and counted where it is not", async () => {
  const play = async (id: string, to: number) => {
    for (let i = 0; i < 9; i++) kernel.put(`${id}${i}`, "critic", "notice", "Anew.");
    await grow(to);
  };
  const rewind = async (to: number) => {
    kernel.settled.splice(0);
    kernel.sendSnapshot();
    height = to;
    await scroll(scroller.scrollTop);
  };
  await play("c", 800);
  await scroll(100);
  await rewind(60);
  await play("d", 900);
  expect(scroller.scrollTop).toBe(800);
  await scroll(200);
  await rewind(700);
  await play("e", 900);
  expect(jump().textContent).toBe("Jump to latest · 9 new messages");
});

test("a panel that is not shown for a while leaves the reader in place", async () => {
  await scroll(100);
  [height, visible] = [0, 0];
  kernel.write("c1", "more ");
  await painted();
  [height, visible] = [500, 100];
  scroller.scrollTop = 100; // as browsers do for an element that was hidden
  await grow(800);
  expect(scroller.scrollTop).toBe(100);
});

test("selected text is not scrolled away", async () => {
  const node = one(panel.el, ".nbs-live .nbs-text p").firstChild!;
  document.getSelection()!.setBaseAndExtent(node, 0, node, 3);
  await grow(800);
  expect(scroller.scrollTop).toBe(400);
  jump().click();
  await painted();
  expect(scroller.scrollTop).toBe(700);
  expect(document.getSelection()!.isCollapsed).toBe(true);
});

test("a message that ends while the reader is further up stays open, and collapses at the return", async () => {
  await scroll(300);
  kernel.settle("c1");
  kernel.put("c2", "critic", "text", "Fine.");
  await painted();
  const open = () => all<HTMLDetailsElement>(panel.el, ".nbs-cell").map(({ open }) => open);
  expect(open()).toEqual([true, true]);
  jump().click();
  await painted();
  expect(open()).toEqual([false, true]);
});

test("a reader who opened an older cell is not taken to the end", async () => {
  kernel.put("c2", "critic", "text", "Fine.");
  kernel.put("c3", "critic", "notice", "Later.");
  await painted();
  const summary = one(panel.el, ".nbs-cell summary");
  summary.tabIndex = 0;
  summary.focus();
  await grow(900);
  expect(scroller.scrollTop).toBe(400);
});
