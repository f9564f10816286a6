/**
 * Brings what the panel left in the notebook up to date from the page.
 *
 * The kernel writes it under a display id, and a page forgets display ids when it is reloaded: what the kernel writes
 * then reaches no page. JupyterLab and Notebook 7 give widgets the notebook's model, so there the page asks the kernel
 * for it once a run has ended, and puts it in. Other hosts keep display ids, or go without.
 */

import type { Connection, Model } from "../connection";
import { isActive } from "../model";
import type { LeftOp, Op } from "../protocol";

/** Milliseconds that the kernel's own update may take. */
const PATIENCE = 1000;

interface Output {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

interface Outputs {
  readonly length: number;
  get(index: number): Output;
  set(index: number, output: unknown): void;
}

interface List<T> {
  readonly length: number;
  get(index: number): T;
}

/** The part of JupyterLab's model of a notebook that is used here. */
interface Notebook {
  readonly cells: List<{ readonly outputs?: Outputs }>;
}

/** An output of the panel's; `place` counts how often the panel was shown before. */
interface Left {
  outputs: Outputs;
  index: number;
  place: unknown;
  text: string;
}

export function keepLeft(model: Model, connection: Connection, signal: AbortSignal): void {
  const { store } = connection;
  const mark = String(model.get("static_mark") ?? "");
  const notebook = notebookOf(model);
  if (mark === "" || notebook === undefined) return;
  let timer = 0;
  const look = () => {
    timer = 0;
    const last = store.settled.at(-1);
    if (!last || isActive(store.state)) return;
    const line = last.text.trimEnd().split("\n").at(-1) ?? "";
    const whole = leftIn(notebook, mark).map(({ text }) => line !== "" && text.includes(line));
    if (whole.length > 1 || whole[0] === false) connection.send({ type: "left" });
  };
  const wait = () => {
    if (isActive(store.state) || timer !== 0) return;
    timer = window.setTimeout(look, PATIENCE);
  };
  const receive = (ops: readonly Op[]) => {
    const left = ops.find((op): op is LeftOp => op.op === "left");
    if (!left) return;
    for (const { outputs, index, place, text } of leftIn(notebook, mark)) {
      const data = place === left.place ? left.data : left.elsewhere;
      const metadata = place === left.place ? { nb_stream: mark, place } : {};
      if (data["text/plain"] !== text) outputs.set(index, { output_type: "display_data", data, metadata });
    }
  };
  connection.beside.add(receive);
  const unsubscribe = store.subscribe((changes) => {
    if (changes.some(({ what }) => what === "settled" || what === "state" || what === "snapshot")) wait();
  });
  signal.addEventListener(
    "abort",
    () => {
      window.clearTimeout(timer);
      unsubscribe();
      connection.beside.delete(receive);
    },
    { once: true },
  );
  wait();
}

function notebookOf(model: Model): Notebook | undefined {
  const manager = (model as { widget_manager?: { context?: { model?: Partial<Notebook> } } }).widget_manager;
  const notebook = manager?.context?.model;
  return typeof notebook?.cells?.get === "function" ? (notebook as Notebook) : undefined;
}

/** Where the transcript stands, or stood: an output says in its metadata whose it is. */
function leftIn(notebook: Notebook, mark: string): Left[] {
  const found: Left[] = [];
  for (let at = 0; at < notebook.cells.length; at++) {
    const { outputs } = notebook.cells.get(at);
    for (let index = 0; index < (outputs?.length ?? 0); index++) {
      const { data, metadata } = outputs!.get(index);
      if (metadata.nb_stream !== mark) continue;
      found.push({ outputs: outputs!, index, place: metadata.place, text: plain(data["text/plain"]) });
    }
  }
  return found;
}

function plain(value: unknown): string {
  return Array.isArray(value) ? value.join("") : typeof value === "string" ? value : "";
}
