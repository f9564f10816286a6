import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { open } from "../src/index";
import * as extras from "../src/modules/extras";
import { one, painted } from "./helpers";

const load = vi.hoisted(() => vi.fn());
vi.mock("../src/dom/page_modules", async (original) => {
  const { Modules, ...rest } = await original<typeof import("../src/dom/page_modules")>();
  const Loading = class extends Modules {
    constructor(send: ConstructorParameters<typeof Modules>[0]) {
      super(send, load);
    }
  };
  return { ...rest, Modules: Loading };
});

const forget = () => Reflect.deleteProperty(globalThis, Symbol.for("nb_stream.modules.2"));
const asked = (kernel: ScriptedKernel) => kernel.commands.filter(({ type }) => type === "module").length;
let closing: AbortController;

function shown(kernel: ScriptedKernel): HTMLElement {
  const el = document.body.appendChild(document.createElement("div"));
  open(kernel.model, closing.signal).show(kernel.model, el, closing.signal);
  return el;
}

beforeEach(() => {
  forget();
  load.mockReset().mockResolvedValue(extras);
  closing = new AbortController();
});
afterEach(() => {
  closing.abort();
  forget();
  document.body.replaceChildren();
  vi.useRealTimers();
});

test("the timeline and the replay bar come while nobody has asked for them, once for a page", async () => {
  const kernel = new ScriptedKernel();
  kernel.setReplay({ length: 83 });
  kernel.moduleSource = async () => "the extras";
  const el = shown(kernel);
  await vi.waitFor(() => expect(one(el, ".nbs-place").textContent).toBe("0:00 of 1:23"));
  const other = new ScriptedKernel();
  const second = shown(other);
  one(second, '[aria-label^="Timeline"]').click();
  expect(one(second, ".nbs-timeline-title").textContent).toBe("No run yet");
  expect([asked(kernel), asked(other), load.mock.calls.length]).toEqual([1, 0, 1]);
});

test("what has not come says so, is asked for again, and is there as soon as it comes", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const kernel = new ScriptedKernel();
  const el = shown(kernel);
  one(el, '[aria-label^="Timeline"]').click();
  expect(one(el, ".nbs-timeline").textContent).toContain("comes from the kernel");
  expect(one(el, ".nbs-replay").hidden).toBe(true);
  expect(asked(kernel)).toBe(1);
  vi.setSystemTime(Date.now() + 60_000);
  kernel.setState("running");
  await painted();
  expect(asked(kernel)).toBe(2);
  kernel.send({ op: "module", name: "extras.test", source: "the extras" });
  await vi.waitFor(() => expect(one(el, ".nbs-timeline-title").textContent).toBe("No run yet"));
});
