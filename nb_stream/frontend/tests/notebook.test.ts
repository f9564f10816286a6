import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import { type Mounted, mount } from "./helpers";

const MARK = "nbs-static-1234";
const TITLE = "Transcript of TeamPanel(ann)\n";

interface Output {
  output_type: string;
  data: Record<string, string>;
  metadata: object;
}

/** What JupyterLab's model of a notebook does, with an output of somebody else's, ours, and a cell without outputs. */
function notebook(text: string, metadata: object = { nb_stream: MARK, place: 2 }, earlier = "42") {
  const outputs: Output[] = [
    {
      output_type: "display_data",
      data: { "text/plain": earlier },
      metadata: earlier === "42" ? {} : { nb_stream: MARK, place: 1 },
    },
    { output_type: "display_data", data: { "text/plain": text }, metadata },
  ];
  const list = {
    length: outputs.length,
    get: (index: number) => outputs[index]!,
    set: (index: number, output: Output) => {
      outputs[index] = output;
    },
  };
  const cells = [{}, { outputs: list }];
  return { outputs, model: { cells: { length: cells.length, get: (index: number) => cells[index]! } } };
}

let kernel: ScriptedKernel;
let panel: Mounted | undefined;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  kernel = new ScriptedKernel();
  kernel.traits = { static_mark: MARK };
});
afterEach(() => {
  panel?.close();
  vi.useRealTimers();
});

function open(model: unknown): void {
  Object.assign(kernel.model, { widget_manager: { context: { model } } });
  panel = mount(kernel);
}

const asked = () => kernel.commands.filter(({ type }) => type === "left").length;
const elsewhere = { "text/plain": "It stands elsewhere." };
const answer = (data: Record<string, string>) =>
  kernel.emit({ v: 1, seq: -1, ops: [{ op: "left", place: 2, data, elsewhere }] });

function said(): void {
  kernel.run("r1", "Say hello.");
  kernel.setState("running");
  kernel.put("c1", "ann", "text", "Hello.\nAnd good-bye.");
}

test("what an update of the kernel did not reach is brought up to date after the run", async () => {
  const { outputs, model } = notebook(TITLE);
  open(model);
  said();
  await vi.advanceTimersByTimeAsync(3000);
  expect(asked()).toBe(0);
  kernel.setState("idle");
  await vi.advanceTimersByTimeAsync(1500);
  expect(asked()).toBe(1);
  const data = { "text/html": "<p>", "text/plain": `${TITLE}--- ann:\nHello.\nAnd good-bye.\n` };
  answer(data);
  expect(outputs[1]).toEqual({ output_type: "display_data", data, metadata: { nb_stream: MARK, place: 2 } });
  expect(outputs[0]!.data).toEqual({ "text/plain": "42" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked()).toBe(1);
});

test("nothing is asked for where the kernel's update came", async () => {
  const { model } = notebook(`${TITLE}--- ann:\nHello.\nAnd good-bye.\n`);
  said();
  kernel.setState("idle");
  open(model);
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked()).toBe(0);
});

test("of several outputs the latest keeps it, and the others say so", async () => {
  const whole = `${TITLE}--- ann:\nHello.\nAnd good-bye.\n`;
  const { outputs, model } = notebook(whole, undefined, whole);
  said();
  kernel.setState("idle");
  open(model);
  await vi.advanceTimersByTimeAsync(1500);
  expect(asked()).toBe(1);
  answer({ "text/plain": whole });
  expect(outputs.map(({ data, metadata }) => [data["text/plain"], metadata])).toEqual([
    ["It stands elsewhere.", {}],
    [whole, { nb_stream: MARK, place: 2 }],
  ]);
});

test("a page that is opened after the run looks, too", async () => {
  said();
  kernel.setState("idle");
  open(notebook(TITLE).model);
  await vi.advanceTimersByTimeAsync(1500);
  expect(asked()).toBe(1);
});

test.each([
  ["nothing was left", notebook("42", {}).model],
  ["it is another panel's", notebook(TITLE, { nb_stream: "nbs-static-5678" }).model],
  ["the host gives no notebook", undefined],
  ["the host's notebook is another thing", { cells: 3 }],
])("nothing is asked for where %s", async (_, model) => {
  said();
  kernel.setState("idle");
  open(model);
  answer({ "text/plain": "new" });
  await vi.advanceTimersByTimeAsync(5000);
  expect(asked()).toBe(0);
});
