import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedKernel } from "../dev/kernel";
import type { SavedOutputOp } from "../src/protocol/protocol";
import { type Mounted, mount } from "./helpers";

const MARK = "nbs-static-1234";

interface Output {
  output_type: string;
  data: Record<string, string>;
  metadata: Record<string, unknown>;
}

const output = (text: string, metadata: Record<string, unknown> = {}): Output => ({
  output_type: "display_data",
  data: { "text/plain": text },
  metadata,
});

/**
 * JupyterLab's model of a notebook: a cell without outputs, and a cell with a foreign output and outputs with `stamps`.
 */
function notebook(...stamps: string[]) {
  const outputs = [output("42"), ...stamps.map((stamp) => output(stamp, { nb_stream: stamp }))];
  const list = {
    length: outputs.length,
    get: (index: number) => outputs[index]!,
    set: (index: number, now: Output) => {
      outputs[index] = now;
    },
  };
  const cells = [{}, { outputs: list }];
  return { outputs, model: { cells: { length: cells.length, get: (index: number) => cells[index]! } } };
}

let kernel: ScriptedKernel;
let panel: Mounted | undefined;

beforeEach(() => {
  kernel = new ScriptedKernel();
  kernel.traits = { static_mark: MARK, left: "2.4.1.7" };
});
afterEach(() => panel?.close());

function open(model: unknown): void {
  Object.assign(kernel.model, { widget_manager: { context: { model } } });
  panel = mount(kernel);
}

/** Tell that the kernel has written, and where. */
function writes(left: string): void {
  kernel.traits.left = left;
  kernel.trigger("change:left");
}

const asked = () =>
  kernel.commands.flatMap((command) => (command.type === "saved_output" ? [command.parts] : []));
const part = (stamp: string, text: string) => ({ stamp, data: { "text/plain": text } });
const elsewhere = ["It stands elsewhere.", "", ""].map((text) => ({ "text/plain": text }));
const answer = (parts: SavedOutputOp["parts"]) =>
  kernel.emit({ v: 2, seq: -1, ops: [{ op: "saved_output", place: 2, parts, elsewhere }] });

test("what an update of the kernel did not reach is asked for and put in, whatever it says", () => {
  const { outputs, model } = notebook(`${MARK} 2.0.4`, `${MARK} 2.1.1`, `${MARK} 2.2.7`);
  open(model);
  writes("2.4.1.7");
  expect(asked()).toEqual([]);
  writes("2.4.2.9");
  expect(asked()).toEqual([[1, 2]]);
  const [second, third] = [part(`${MARK} 2.1.2`, "TERMINATE"), part(`${MARK} 2.2.9`, "TERMINATE")];
  answer({ 1: second, 2: third });
  expect(outputs.map(({ data }) => data["text/plain"])).toEqual([
    "42",
    `${MARK} 2.0.4`,
    "TERMINATE",
    "TERMINATE",
  ]);
  expect(outputs[3]).toEqual({
    output_type: "display_data",
    data: third.data,
    metadata: { nb_stream: third.stamp },
  });
  writes("2.4.2.9");
  expect(asked().length).toBe(1);
});

test("a page that is opened behind a run asks, if only to hear of what is written later", () => {
  kernel.run("r1", "Say hello.");
  open(notebook(`${MARK} 2.0.4`, `${MARK} 2.1.1`, `${MARK} 2.2.7`).model);
  expect(asked()).toEqual([[]]);
});

test("of several places the latest keeps it, and the others say so", () => {
  const { outputs, model } = notebook(`${MARK} 1.0.9`, `${MARK} 1.2.7`, `${MARK} 2.0.4`);
  open(model);
  writes("2.4.1.7");
  expect(asked()).toEqual([[0, 2]]);
  answer({ 0: part(`${MARK} 2.0.4`, "new"), 2: part(`${MARK} 2.2.7`, "new") });
  expect(outputs.slice(1).map(({ data, metadata }) => [data["text/plain"], metadata])).toEqual([
    ["It stands elsewhere.", {}],
    ["", {}],
    [`${MARK} 2.0.4`, { nb_stream: `${MARK} 2.0.4` }],
  ]);
});

test.each([
  ["nothing was left", notebook().model],
  ["it is another panel's", notebook("nbs-static-5678 2.0.1", "nbs-static-1234 no stamp").model],
  ["the host gives no notebook", undefined],
  ["the host's notebook is another thing", { cells: 3 }],
])("nothing is asked for where %s", (_, model) => {
  open(model);
  writes("2.5.5.5");
  answer({ 0: part(`${MARK} 2.0.5`, "new") });
  expect(asked()).toEqual([]);
});
