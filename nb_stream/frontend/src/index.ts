/**
 * The panel: `open` opens the line to the kernel and shows it. `loader.ts` is what anywidget calls.
 *
 * Other widgets of the page can read along: `(await host.getWidget(ref)).exports` is `Exports`.
 */

import { Connection, type Model } from "./connection";
import { h } from "./dom";
import type { Cell, RunInfo, RunState } from "./model";
import { hideLeft } from "./views/left";
import { keepLeft } from "./views/notebook";
import { showPanel } from "./views/panel";

declare const __CSS__: { name: string; text: string };
const { name: CSS_NAME, text: CSS_TEXT } = __CSS__;

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
    dress(el);
    hideLeft(view, store, showPanel(connection, el, ofView), ofView);
    keepLeft(view, connection, ofView);
  };
  return { exports, show };
}

/** The style sheet stands once in each document, or in the shadow tree that a host puts its widgets in. */
function dress(el: HTMLElement): void {
  const root = el.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (CSS_TEXT === "" || place.querySelector(`style[data-nb-stream="${CSS_NAME}"]`)) return;
  const sheet = h("style");
  sheet.dataset.nbStream = CSS_NAME;
  sheet.textContent = CSS_TEXT;
  place.append(sheet);
}
