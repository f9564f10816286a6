import type { ScriptedKernel } from "../dev/kernel";
import type { Store } from "../src/comm/store";
import { open } from "../src/index";
import * as extras from "../src/modules/extras";

/** A widget with its first view. */
export interface Mounted {
  el: HTMLElement;
  /** One more view of the same model, until `signal` aborts. */
  view(signal?: AbortSignal): HTMLElement;
  /** End the widget, as anywidget does when it is closed. */
  close(): void;
}

/** Let the page have the module "extras", as it has soon after its first panel. */
export function bringExtras(): void {
  const page = globalThis as { [key: symbol]: Map<string, unknown> | undefined };
  const shared = page[CHUNKS] ?? new Map();
  page[CHUNKS] = shared;
  shared.set("extras.test", { coming: Promise.resolve(extras), module: extras });
}

const CHUNKS = Symbol.for("nb_stream.modules.2");

export function mount(kernel: ScriptedKernel): Mounted {
  bringExtras();
  const controller = new AbortController();
  const { signal } = controller;
  const panel = open(kernel.model, signal);
  const view = (ofView = signal) => {
    const el = document.createElement("div");
    document.body.append(el);
    panel.show(kernel.model, el, ofView);
    return el;
  };
  return { el: view(), view, close: () => controller.abort() };
}

/** Wait until all frames that were received are painted. */
export function painted(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()));
}

export function one<T extends HTMLElement = HTMLElement>(el: Element, selector: string): T {
  const found = el.querySelector<T>(selector);
  if (!found) throw new Error(`No ${selector} in ${el.textContent}`);
  return found;
}

export function all<T extends HTMLElement = HTMLElement>(el: Element, selector: string): T[] {
  return [...el.querySelectorAll<T>(selector)];
}

/** The text of each element in `el` that matches `selector`. */
export function texts(el: Element, selector: string): string[] {
  return all(el, selector).map(({ textContent }) => textContent);
}

/** The state of a store, in the form of `shownBy(kernel)`. */
export function shown(store: Store): unknown {
  const { title, caution, cannotSay, budget, state, detail, agents, runs, settled, replay } = store;
  const live = [...store.live.values()].map(({ head, text }) => ({ ...head, text }));
  return plain({
    title,
    caution,
    cannot_say: cannotSay,
    budget,
    state,
    detail,
    agents,
    runs,
    settled,
    live,
    replay,
  });
}

export function shownBy(kernel: ScriptedKernel): unknown {
  const { v: _, seq: __, first: ___, ...rest } = kernel.snapshot();
  return plain(rest);
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
