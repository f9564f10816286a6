/**
 * The panel: `open` opens the line to the kernel and shows it. `loader.ts` is what anywidget calls.
 *
 * Other widgets of the page can read along: `(await host.getWidget(ref)).exports` is `Exports`.
 */

import { Connection, type Model } from "./comm/connection";
import { dress, type Sheet } from "./dom/style_sheets";
import type { Cell, RunInfo, RunState } from "./protocol/model";
import { hideSavedOutput } from "./views/host/hide_saved_output";
import { updateSavedOutput } from "./views/host/saved_output";
import { showPanel } from "./views/panel";

declare const __CSS__: Sheet;

export interface Exports {
  /** What the page has of the transcript: the finished cells, then those that are being written. */
  readonly cells: readonly Cell[];
  readonly runs: readonly RunInfo[];
  readonly state: RunState;
  /** Call `heard` after each change; returns what ends that. */
  subscribe(heard: () => void): () => void;
}

/** Open the line of a model that has heard `early` already, and show it in as many places as are asked for. */
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
