import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import * as panel from "../src/index";

const NAME = "panel.test";
const load = vi.hoisted(() => vi.fn());
vi.mock("../src/dom/page_modules", async (original) => ({
  ...(await original<object>()),
  importSource: load,
}));

/** anywidget evaluates the module once for each widget. */
async function evaluated() {
  vi.resetModules();
  return (await import("../src/loader")).default;
}

const source = (kernel: ScriptedKernel) =>
  kernel.emit({ v: 2, seq: -1, ops: [{ op: "module", name: NAME, source: "the panel" }] });
const asked = (kernel: ScriptedKernel) =>
  kernel.commands.flatMap((command) =>
    command.type === "module" && command.name.startsWith("panel.") ? [command.name] : [],
  );

let controller: AbortController;

async function shown(kernel: ScriptedKernel): Promise<HTMLElement> {
  const widget = await evaluated();
  const el = document.createElement("div");
  document.body.append(el);
  widget.initialize({ model: kernel.model, signal: controller.signal });
  widget.render({ model: kernel.model, el, signal: controller.signal });
  return el;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  load.mockReset().mockResolvedValue(panel);
  controller = new AbortController();
});
afterEach(() => {
  controller.abort();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  delete (globalThis as Record<symbol, unknown>)[Symbol.for(`nb_stream.${NAME}`)];
  document.body.replaceChildren();
});

test("the panel comes once for all widgets of a page, and nobody asks where it comes unasked", async () => {
  const [one, two, three] = [new ScriptedKernel(), new ScriptedKernel(), new ScriptedKernel()];
  const kernels = [one, two, three];
  const els = await Promise.all([shown(one), shown(two)]);
  source(one);
  await vi.advanceTimersByTimeAsync(1000);
  els.push(await shown(three));
  await vi.advanceTimersByTimeAsync(1000);
  for (const el of els) expect(el.querySelector(".nbs-panel")).not.toBeNull();
  expect(load.mock.calls).toEqual([["the panel"]]);
  expect(kernels.flatMap(asked)).toEqual([]);
});

test("a page that missed it asks once for all, then each panel in its turn where nothing comes", async () => {
  const [one, two] = [new ScriptedKernel(), new ScriptedKernel()];
  const kernels = [one, two];
  const els = await Promise.all(kernels.map(shown));
  await vi.advanceTimersByTimeAsync(400);
  expect(kernels.map(asked)).toEqual([[NAME], []]);
  await vi.advanceTimersByTimeAsync(600);
  expect(kernels.map(asked)).toEqual([[NAME], [NAME]]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(kernels.map(asked)).toEqual([
    [NAME, NAME],
    [NAME, NAME],
  ]);
  source(two);
  await vi.advanceTimersByTimeAsync(0);
  for (const el of els) expect(el.querySelector(".nbs-panel")).not.toBeNull();
});

test("panels of kernels that do not answer keep the module from no other panel of the page", async () => {
  const kernels = Array.from({ length: 9 }, () => new ScriptedKernel());
  await Promise.all(kernels.map(shown));
  const dead = kernels.slice(0, 8);
  for (const { model } of dead.slice(0, 3)) {
    model.send = () => {
      throw new Error("no kernel");
    };
  }
  for (let turn = 0; turn < 12; turn++) {
    const before = kernels.flatMap(asked).length;
    await vi.advanceTimersByTimeAsync(500);
    expect(kernels.flatMap(asked).length - before).toBeLessThanOrEqual(1);
  }
  for (const kernel of kernels.slice(3)) expect(asked(kernel).length).toBeGreaterThan(0);
});

test("what the kernel says before the panel is there is shown once it is", async () => {
  const kernel = new ScriptedKernel();
  const first = kernel.snapshot();
  const model = { ...kernel.model, get: (key: string) => (key === "snapshot" ? first : undefined) };
  const widget = await evaluated();
  const exports = widget.initialize({ model, signal: controller.signal });
  const heard = vi.fn();
  exports.subscribe(heard);
  expect([exports.cells, exports.runs, exports.state]).toEqual([[], [], "idle"]);
  kernel.run("r1", "Say hello.");
  kernel.put("c1", "ann", "text", "Hello.");
  source(kernel);
  await vi.advanceTimersByTimeAsync(0);
  expect(exports.cells.map(({ text }) => text)).toEqual(["Hello."]);
  kernel.put("c2", "ben", "text", "Good-bye.");
  expect(heard).toHaveBeenCalled();
  expect(exports.cells.map(({ text }) => text)).toEqual(["Hello.", "Good-bye."]);
});

test("the snapshot is not kept for a notebook to save", async () => {
  const kernel = new ScriptedKernel();
  const set = vi.fn();
  (await evaluated()).initialize({ model: { ...kernel.model, set }, signal: controller.signal });
  source(kernel);
  await vi.advanceTimersByTimeAsync(0);
  expect(set.mock.calls).toEqual([
    ["snapshot", {}, { silent: true }],
    ["_esm", "export default {}", { silent: true }],
  ]);
});

test("a widget that was saved without its kernel shows nothing and asks nobody", async () => {
  const kernel = new ScriptedKernel();
  const widget = await evaluated();
  const el = document.createElement("div");
  const model = { ...kernel.model, get: () => ({}) };
  widget.initialize({ model, signal: controller.signal });
  widget.render({ model, el, signal: controller.signal });
  await vi.advanceTimersByTimeAsync(5000);
  expect(el.childNodes.length).toBe(0);
  expect(kernel.commands).toEqual([]);
});

test("a panel that cannot be loaded is told of, and asked for again", async () => {
  const kernel = new ScriptedKernel();
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  load.mockRejectedValueOnce(new SyntaxError("cut off"));
  const el = await shown(kernel);
  source(kernel);
  await vi.advanceTimersByTimeAsync(300);
  expect(error).toHaveBeenCalled();
  expect(asked(kernel)).toEqual([NAME]);
  source(kernel);
  await vi.advanceTimersByTimeAsync(0);
  expect(el.querySelector(".nbs-panel")).not.toBeNull();
  error.mockRestore();
});

test("a widget that is closed before the panel came is never shown", async () => {
  const kernel = new ScriptedKernel();
  const el = await shown(kernel);
  controller.abort();
  source(kernel);
  await vi.advanceTimersByTimeAsync(3000);
  expect(el.childNodes.length).toBe(0);
  expect(asked(kernel)).toEqual([]);
});
