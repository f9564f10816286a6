/**
 * Parts of the front end that most panels never need: the kernel sends their source when one is asked for.
 *
 * They come over the widget's own line, so that they are there offline, on Binder and in VS Code. A module that came is
 * shared by all panels of the page.
 */

import type { Command, ModuleOp } from "../protocol/protocol";

export type ModuleName = ModuleOp["name"];

/** Milliseconds after which a module that did not come may be asked for again. */
export const RETRY_MODULE_MS = 10_000;

type Use = (module: unknown) => void;

interface Known {
  readonly coming: Promise<unknown>;
  /** Once it is evaluated. */
  module?: unknown;
}

type Shared = Map<string, Known>;
const MODULES_KEY = Symbol.for("nb_stream.modules.2");

function shared(): Shared {
  const page = globalThis as { [MODULES_KEY]?: Shared };
  page[MODULES_KEY] ??= new Map();
  return page[MODULES_KEY];
}

/** Evaluate the source of a module of ours. */
export function importSource(source: string): Promise<unknown> {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(/* @vite-ignore */ url).finally(() => URL.revokeObjectURL(url));
}

export class Modules {
  #asked = new Map<ModuleName, number>();
  #waiting = new Map<ModuleName, Set<Use>>();

  constructor(
    private readonly send: (command: Command) => void,
    private readonly load = importSource,
  ) {}

  /**
   * Call `use` with the module `name`: at once if the page has it, else when it comes, which can be never. Who wants it
   * again and again is called once, and has it asked for anew where it did not come.
   */
  want(name: ModuleName, use: Use): void {
    const known = shared().get(name);
    if (known?.module) {
      use(known.module);
      return;
    }
    this.#waiting.set(name, (this.#waiting.get(name) ?? new Set()).add(use));
    if (known) {
      this.#await(name, known);
      return;
    }
    const now = Date.now();
    if (now - (this.#asked.get(name) ?? Number.NEGATIVE_INFINITY) < RETRY_MODULE_MS) return;
    this.#asked.set(name, now);
    this.send({ type: "module", name });
  }

  /** A module has come. */
  receive({ name, source }: ModuleOp): void {
    let known = shared().get(name);
    if (!known) {
      const coming = this.load(source);
      const fresh: Known = { coming };
      known = fresh;
      shared().set(name, known);
      coming.then(
        (module) => {
          fresh.module = module;
        },
        (error) => {
          shared().delete(name);
          console.error(`nb_stream: the part "${name}" could not be loaded.`, error);
        },
      );
    }
    this.#await(name, known);
  }

  /** Those who wait still do where the part cannot be loaded: it can come once more. */
  #await(name: ModuleName, known: Known): void {
    known.coming.then(
      (module) => {
        const waiting = this.#waiting.get(name) ?? [];
        this.#waiting.delete(name);
        for (const use of waiting) use(module);
      },
      () => {},
    );
  }
}
