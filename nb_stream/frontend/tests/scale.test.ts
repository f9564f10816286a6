import { afterEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import type { Connection } from "../src/comm/connection";
import { Bodies } from "../src/views/transcript/bodies";
import { CellView } from "../src/views/transcript/cell_view";
import { IdleQueue } from "../src/views/transcript/idle_queue";
import { all, type Mounted, mount, one, painted } from "./helpers";
import { services } from "./markdown/write";

let panel: Mounted | undefined;
afterEach(() => panel?.close());

function long(length: number): ScriptedKernel {
  const kernel = new ScriptedKernel();
  kernel.agent("poet");
  kernel.run("r1", "Talk.");
  for (let i = 0; i < length; i++) {
    const cell = {
      id: `m${i}`,
      run: "r1",
      agent: "poet",
      path: "poet",
      kind: "text",
      status: "done",
    } as const;
    kernel.settled.push({ ...cell, text: `Message ${i} says: needle${i}.`, started_at: i, ended_at: i + 1 });
  }
  return kernel;
}

/** Leave the page alone for a while. */
async function calm(el: Element): Promise<void> {
  while ((await changes(el, () => {}, 60)) > 0);
}

/** How many changes of the page `act` and the paint after it make, and how many more come in `wait` milliseconds. */
async function changes(el: Element, act: () => void, wait = 0): Promise<number> {
  let records = 0;
  const observer = new MutationObserver((list) => {
    records += list.length;
  });
  observer.observe(el, { subtree: true, childList: true, attributes: true, characterData: true });
  act();
  await painted();
  await new Promise((resolve) => setTimeout(resolve, wait));
  records += observer.takeRecords().length;
  observer.disconnect();
  return records;
}

test("a token and a message change as much of the page at 5,000 messages as at 10", async () => {
  const costs: number[][] = [];
  for (const length of [10, 5000]) {
    const kernel = long(length);
    panel = mount(kernel);
    await painted();
    const created = vi.spyOn(document, "createElement");
    kernel.begin("x", "poet");
    kernel.write("x", "word ");
    await calm(panel.el);
    const token = await changes(panel.el, () => kernel.write("x", "word "));
    kernel.settle("x");
    await calm(panel.el);
    created.mockClear();
    const message = await changes(panel.el, () => kernel.put("y", "poet", "text", "More."));
    costs.push([token, message, created.mock.calls.length]);
    created.mockRestore();
    panel.close();
  }
  costs[1]!.forEach((cost, index) => {
    expect(cost).toBeLessThanOrEqual(1.5 * costs[0]![index]!);
  });
});

test("of a long history only the end is built, and the text of all of it is on the page", async () => {
  panel = mount(long(2000));
  expect(all(panel.el, ".nbs-cell").length).toBeLessThanOrEqual(150);
  await expect.poll(() => one(panel!.el, ".nbs-history").textContent).toContain("needle0.");
  const text = one(panel.el, ".nbs-history").textContent;
  for (let i = 0; i < 2000; i++) expect(text).toContain(`needle${i}.`);
});

test("the text that stands for a message far up changes with it", async () => {
  const kernel = long(2000);
  panel = mount(kernel);
  const text = () => one(panel!.el, ".nbs-history").textContent;
  await expect.poll(text).toContain("needle7.");
  kernel.put("m7", "poet", "text", "Found.", { started_at: 7, ended_at: 8 });
  await painted();
  expect(text()).toContain("poet\nFound.");
  expect(text()).not.toContain("needle7.");
});

test("a message far up is built when a link, a search or the timeline leads there", async () => {
  panel = mount(long(2000));
  one(panel.el, '[aria-label="Search"]').click();
  const box = one<HTMLInputElement>(panel.el, ".nbs-search input");
  box.value = "needle7.";
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  expect(one(panel.el, ".nbs-search .nbs-count").textContent).toBe("1 of 1");
  expect(one(panel.el, ".nbs-cell[open] .nbs-text").textContent).toBe("Message 7 says: needle7.");
});

test("the Tab key reaches one message, also when that which had the focus is taken off the page and comes again", async () => {
  const kernel = long(2000);
  panel = mount(kernel);
  const { el } = panel;
  const stops = () => all(el, ".nbs-line[tabindex='0']");
  const seek = () => {
    const box = one<HTMLInputElement>(el, ".nbs-search input");
    box.value = "needle7.";
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    return one(el, '.nbs-holder[id^="nbs-r1-m7-"]').parentElement!.firstElementChild as HTMLElement;
  };
  one(el, '[aria-label="Search"]').click();
  const line = seek();
  line.focus();
  expect(stops()).toEqual([line]);
  line.blur();
  kernel.put("new", "poet", "text", "More.");
  await expect.poll(() => line.isConnected).toBe(false);
  expect(stops()).toEqual([all(el, ".nbs-line").at(-1)]);
  const again = seek();
  expect([again === line, stops().length]).toEqual([false, 1]);
});

test("the bodies of long messages are made a few in a frame, the nearest first", async () => {
  const kernel = long(0);
  for (let i = 0; i < 60; i++) kernel.put(`c${i}`, "poet", "text", `Message ${i}.`);
  panel = mount(kernel);
  const connection = { store: { agents: [] } } as unknown as Connection;
  const signal = new AbortController().signal;
  const views = kernel.settled.map(
    (cell) => new CellView(cell, connection, new IdleQueue(signal), services()),
  );
  const scroller = document.createElement("div");
  for (const [place, view] of views.entries()) {
    view.setOpen(true, false);
    scroller.append(view.el);
    view.el.getBoundingClientRect = () => new DOMRect(0, 100 * place - 2500, 100, 100);
  }
  document.body.append(scroller);
  const made: number[] = [];
  const clock = vi.spyOn(performance, "now").mockImplementation(() => 4 * made.length); // 4 ms each
  new Bodies((view) => made.push(views.indexOf(view)), signal).make(views, scroller);
  expect(made).toEqual([25, 24]);
  await expect.poll(() => made.length).toBe(60);
  clock.mockRestore();
  scroller.remove();
});

test("a page that is opened at a message's address shows it", () => {
  document.location.hash = "#nbs-r1-m7-7000";
  panel = mount(long(2000));
  expect(one(panel.el, ".nbs-cell[open] .nbs-text").textContent).toBe("Message 7 says: needle7.");
  document.location.hash = "";
});
