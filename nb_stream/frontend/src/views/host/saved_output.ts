/**
 * Keeps the panel's saved output in the notebook up to date from the page.
 *
 * The kernel writes saved output under display ids. A page forgets these ids when it is reloaded, and then the kernel's
 * updates reach no page. JupyterLab and Notebook 7 give widgets the model of the notebook. There the page compares the
 * stamps of the outputs with the revisions that the kernel tells, asks the kernel for the parts that differ, and puts
 * them in. From then on the kernel sends new parts unasked. Other hosts keep display ids, or their output stays old.
 */

import type { Connection } from "../../comm/connection";
import type { Model } from "../../comm/host_model";
import { onAbort } from "../../dom/abort";
import type { Op, SavedOutputOp } from "../../protocol/protocol";

interface Output {
  readonly metadata: Readonly<Record<string, unknown>>;
}

interface Outputs {
  readonly length: number;
  get(index: number): Output;
  set(index: number, output: unknown): void;
}

interface ReadOnlyList<T> {
  readonly length: number;
  get(index: number): T;
}

/** The part of JupyterLab's model of a notebook that this module uses. */
interface Notebook {
  readonly cells: ReadOnlyList<{ readonly outputs?: Outputs }>;
}

/** An output of the panel: its place among the outputs of a cell, and the fields of its stamp. */
interface SavedPart {
  outputs: Outputs;
  index: number;
  stamp: string;
  place: number;
  part: number;
  revision: string;
}

export function updateSavedOutput(model: Model, connection: Connection, signal: AbortSignal): void {
  const mark = String(model.get("static_mark") ?? "");
  const notebook = notebookOf(model);
  if (mark === "" || notebook === undefined) return;
  const look = () => {
    const [place, ...revisions] = String(model.get("left") ?? "").split(".");
    if (place === "") return [];
    const stale = savedParts(notebook, mark).filter(
      (left) => String(left.place) !== place || left.revision !== revisions[left.part],
    );
    return [...new Set(stale.map(({ part }) => part))];
  };
  const ask = () => {
    const parts = look();
    if (parts.length > 0) connection.send({ type: "saved_output", parts });
  };
  const receive = (ops: readonly Op[]) => {
    const op = ops.find((one): one is SavedOutputOp => one.op === "saved_output");
    if (!op) return;
    for (const { outputs, index, stamp, place, part } of savedParts(notebook, mark)) {
      const now = place === op.place ? op.parts[part] : { stamp: "", data: op.elsewhere[part] };
      if (now === undefined || now.stamp === stamp) continue;
      const metadata = now.stamp === "" ? {} : { nb_stream: now.stamp };
      outputs.set(index, { output_type: "display_data", data: now.data, metadata });
    }
  };
  connection.outOfBand.add(receive);
  model.on("change:left", ask);
  onAbort(signal, () => {
    model.off("change:left", ask);
    connection.outOfBand.delete(receive);
  });
  // If there was a run before, the page may be a reloaded one. Then the kernel has to send it each update from now on.
  if (connection.store.runs.length > 0) connection.send({ type: "saved_output", parts: look() });
}

function notebookOf(model: Model): Notebook | undefined {
  const manager = (model as { widget_manager?: { context?: { model?: Partial<Notebook> } } }).widget_manager;
  const notebook = manager?.context?.model;
  return typeof notebook?.cells?.get === "function" ? (notebook as Notebook) : undefined;
}

/**
 * The saved outputs of the panel in `notebook`. The stamp in an output's metadata tells panel, place, part and
 * revision.
 */
function savedParts(notebook: Notebook, mark: string): SavedPart[] {
  const found: SavedPart[] = [];
  for (let at = 0; at < notebook.cells.length; at++) {
    const { outputs } = notebook.cells.get(at);
    for (let index = 0; index < (outputs?.length ?? 0); index++) {
      const stamp = String(outputs!.get(index).metadata.nb_stream);
      const [whose, place, part, revision] = stamp.split(/[ .]/);
      if (whose !== mark || revision === undefined) continue;
      found.push({ outputs: outputs!, index, stamp, place: Number(place), part: Number(part), revision });
    }
  }
  return found;
}
