/**
 * The widget for anywidget: `initialize` opens the line to the kernel, `render` shows it.
 *
 * Other widgets of the page can read along: `(await host.getWidget(ref)).exports` is `Exports`.
 */

import { Connection, type Model } from "./connection";
import type { Cell, RunInfo, RunState } from "./model";
import { hideLeft } from "./views/left";
import { showPanel } from "./views/panel";

interface Context {
  model: Model;
  signal: AbortSignal;
}

export interface Exports {
  /** What the page has of the transcript: the finished cells, then those that are being written. */
  readonly cells: readonly Cell[];
  readonly runs: readonly RunInfo[];
  readonly state: RunState;
  /** Call `heard` after each change; returns what ends that. */
  subscribe(heard: () => void): () => void;
}

// anywidget evaluates this module once for each widget, and gives `initialize` and `render` different model objects.
let connection: Connection | undefined;

function initialize({ model, signal }: Context): Exports {
  connection = new Connection(model, signal);
  const { store } = connection;
  return {
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
}

function render({ model, el, signal }: Context & { el: HTMLElement }): void {
  connection ??= new Connection(model, signal);
  hideLeft(model, connection.store, showPanel(connection, el, signal), signal);
}

export default { initialize, render };
