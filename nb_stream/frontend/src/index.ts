/**
 * The panel's module: `open` connects a model to its kernel and shows the panel. anywidget calls `loader.ts`, and the
 * loader calls `open`.
 *
 * Other widgets of the page can read the transcript: `(await host.getWidget(ref)).exports` is `Exports`.
 */

import { Connection } from "./comm/connection";
import type { Model } from "./comm/host_model";
import { offer } from "./dom/page_modules";
import { dress, type Sheet } from "./dom/style_sheets";
import type { Cell, RunInfo, RunState } from "./protocol/model";
import { hideSavedOutput } from "./views/host/hide_saved_output";
import { updateSavedOutput } from "./views/host/saved_output";
import { showPanel } from "./views/panel";

declare const __CSS__: Sheet;

export interface Exports {
  /** The transcript as far as the page has it: the finished cells, then the cells that agents are writing. */
  readonly cells: readonly Cell[];
  readonly runs: readonly RunInfo[];
  readonly state: RunState;
  /** Call `heard` after each change, until the function is called that this returns. */
  subscribe(heard: () => void): () => void;
}

/**
 * Connect `model`, which has received the messages `early` already. `show` of the result can be called for many views.
 */
export function open(model: Model, signal: AbortSignal, early: readonly unknown[] = []) {
  const connection = new Connection(model, signal, early);
  const { store } = connection;
  const exports: Exports = {
    get cells() {
      return store.cells;
    },
    get runs() {
      return store.runs;
    },
    get state() {
      return store.state;
    },
    subscribe: (heard) => store.subscribe(() => heard()),
  };
  const show = (view: Model, el: HTMLElement, ofView: AbortSignal) => {
    dress(el, __CSS__);
    showPanel(connection, el, ofView);
    hideSavedOutput(view, store, ofView);
    updateSavedOutput(view, connection, ofView);
  };
  return { exports, show };
}

offer({ open });
