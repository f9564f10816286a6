/**
 * The module that anywidget loads for each panel. It is small, because it is sent with every widget and saved with the
 * state of every widget. The panel's own module comes once for each page, over the comm of a widget, as
 * `dom/page_modules.ts` says. Until it is there, the loader keeps what the kernel sends.
 *
 * A widget of a saved notebook has no kernel that answers. It shows nothing: the transcript stands in the output beside
 * it.
 */

import { CommLines } from "./comm/comm_lines";
import type { Model } from "./comm/host_model";
import { importSource } from "./dom/page_modules";
import type { Exports, open } from "./index";
import { type Command, type Frame, isSnapshot } from "./protocol/protocol";

declare const __PANEL__: `panel.${string}`;

/** Milliseconds in which the kernel sends the module by itself. */
const UNASKED_MS = 150;
/** Milliseconds between two requests of a page, whichever of its panels asks. */
const ASK_EVERY_MS = 500;
/** Milliseconds between two requests of one panel. */
const RETRY_PANEL_MS = 2000;

type Panel = ReturnType<typeof open>;

interface WidgetContext {
  model: Model & { set?(key: string, value: unknown, options: { silent: boolean }): void };
  signal: AbortSignal;
}

/** What all panels of a page share: one module, and turns in asking for it. */
interface PageLoader {
  module: Promise<{ open: typeof open }>;
  /** Evaluate the source, which has come from one of the kernels. */
  come(source: string): void;
  /** When a panel asked for the module last, by `Date.now()`; 0 before the first request. */
  asked: number;
  /** The panels that wait. They ask in turn, because the kernel of one of them may be dead or busy for long. */
  waiting: Set<unknown>;
}

const LOADER_KEY = Symbol.for(`nb_stream.${__PANEL__}`);

function pageLoader(): PageLoader {
  const page = globalThis as { [LOADER_KEY]?: PageLoader };
  page[LOADER_KEY] ??= newPage();
  return page[LOADER_KEY];
}

function newPage(): PageLoader {
  let came = false;
  let resolve: (module: { open: typeof open }) => void;
  const module = new Promise<{ open: typeof open }>((done) => {
    resolve = done;
  });
  const come = (source: string) => {
    if (came) return;
    came = true;
    importSource(source).then(
      (now) => resolve(now as { open: typeof open }),
      (error) => {
        came = false;
        console.error("nb_stream: the panel could not be loaded.", error);
      },
    );
  };
  return { module, come, asked: 0, waiting: new Set() };
}

let opened: Promise<Panel> | undefined;

function initialize({ model, signal }: WidgetContext): Exports {
  let panel: Panel | undefined;
  opened = load(model, signal);
  void opened.then((now) => {
    panel = now;
    // Nobody reads these two traits once the panel is there, so a notebook that saves the state of its widgets need not
    // keep them. The kernel takes neither of them from a page.
    model.set?.("snapshot", {}, { silent: true });
    model.set?.("_esm", "export default {}", { silent: true });
  });
  return {
    get cells() {
      return panel?.exports.cells ?? [];
    },
    get runs() {
      return panel?.exports.runs ?? [];
    },
    get state() {
      return panel?.exports.state ?? "idle";
    },
    subscribe(heard) {
      let wanted = true;
      let end = () => {};
      void opened?.then((now) => {
        if (wanted) end = now.exports.subscribe(heard);
      });
      return () => {
        wanted = false;
        end();
      };
    },
  };
}

function load(model: Model, signal: AbortSignal): Promise<Panel> {
  return new Promise((resolve) => {
    if (!isSnapshot(model.get("snapshot"))) return;
    const page = pageLoader();
    const early: unknown[] = [];
    let timer = 0;
    let asked = 0;
    const hear = (content: unknown) => {
      early.push(content);
      const { ops } = content as Partial<Frame>;
      if (!Array.isArray(ops)) return;
      for (const op of ops) if (op.op === "module" && op.name === __PANEL__) page.come(op.source);
    };
    const send = (command: Command) => {
      try {
        model.send(command);
      } catch {
        // There is no kernel yet, or it has gone.
      }
    };
    const loading = new AbortController();
    new CommLines(model, loading.signal, hear, send);
    const stop = () => {
      clearTimeout(timer);
      loading.abort();
      page.waiting.delete(loading);
    };
    const ask = () => {
      timer = window.setTimeout(ask, ASK_EVERY_MS);
      const now = Date.now();
      const [next] = page.waiting;
      if (next !== loading || now - page.asked < ASK_EVERY_MS || now - asked < RETRY_PANEL_MS) return;
      page.waiting.delete(loading);
      page.waiting.add(loading);
      page.asked = asked = now;
      send({ type: "module", name: __PANEL__ });
    };
    signal.addEventListener("abort", stop, { once: true });
    page.waiting.add(loading);
    timer = window.setTimeout(ask, UNASKED_MS);
    void page.module.then((module) => {
      if (signal.aborted) return;
      stop();
      resolve(module.open(model, signal, early));
    });
  });
}

function render({ model, el, signal }: WidgetContext & { el: HTMLElement }): void {
  void opened?.then((panel) => {
    if (!signal.aborted) panel.show(model, el, signal);
  });
}

export default { initialize, render };
