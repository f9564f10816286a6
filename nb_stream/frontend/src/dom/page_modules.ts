/**
 * Loads the parts of the front end that most panels never need. The kernel sends the source of a part when a panel
 * asks for it.
 *
 * The source comes over the widget's own comm, so that the parts are there offline, on Binder and in VS Code. All
 * panels of a page share a module that has come.
 */

import type { Command, ModuleOp } from "../protocol/protocol";

export type ModuleName = ModuleOp["name"];

/** Milliseconds after which a panel may ask again for a module that did not come. */
export const RETRY_MODULE_MS = 10_000;

type UseModule = (module: unknown) => void;

interface KnownModule {
  readonly coming: Promise<unknown>;
  /** The module, once its source is evaluated. */
  module?: unknown;
}

type SharedModules = Map<string, KnownModule>;
const MODULES_KEY = Symbol.for("nb_stream.modules.2");

function pageModules(): SharedModules {
  const page = globalThis as { [MODULES_KEY]?: SharedModules };
  page[MODULES_KEY] ??= new Map();
  return page[MODULES_KEY];
}

/** Evaluate `source`, which is a module of this front end. */
export function importSource(source: string): Promise<unknown> {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  return import(/* @vite-ignore */ url).finally(() => URL.revokeObjectURL(url));
}

const OFFER_KEY = Symbol.for("nb_stream.offer");
type Offering = { [OFFER_KEY]?: (module: unknown) => void };

/** Hand `module` to a page that cannot import it, because its policy lets scripts run only by their hash. */
export function offer(module: unknown): void {
  (globalThis as Offering)[OFFER_KEY]?.(module);
}

/** The module that is offered next. */
export function awaitOffer(): Promise<unknown> {
  return new Promise((resolve) => {
    (globalThis as Offering)[OFFER_KEY] = resolve;
  });
}

/** Let all panels of the page have `module`, which has come in another way than by a kernel. */
export function putModule(name: string, module: unknown): void {
  pageModules().set(name, { coming: Promise.resolve(module), module });
}

/** Owned by a connection; the modules themselves belong to the page. */
export class Modules {
  #asked = new Map<ModuleName, number>();
  #waiting = new Map<ModuleName, Set<UseModule>>();

  constructor(
    private readonly send: (command: Command) => void,
    private readonly load = importSource,
  ) {}

  /**
   * Call `use` with the module `name`: at once if the page has it, else when it comes, which can be never. If the same
   * `use` wants the module again and again, it is called once, and a module that did not come is asked for anew.
   */
  want(name: ModuleName, use: UseModule): void {
    const known = pageModules().get(name);
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

  /** Take in the source of a module that the kernel sent. */
  receive({ name, source }: ModuleOp): void {
    let known = pageModules().get(name);
    if (!known) {
      const coming = this.load(source);
      const fresh: KnownModule = { coming };
      known = fresh;
      pageModules().set(name, known);
      coming.then(
        (module) => {
          fresh.module = module;
        },
        (error) => {
          pageModules().delete(name);
          console.error(`nb_stream: the part "${name}" could not be loaded.`, error);
        },
      );
    }
    this.#await(name, known);
  }

  /** Call the uses that wait once the module is loaded. If it cannot be loaded, they go on waiting for another one. */
  #await(name: ModuleName, known: KnownModule): void {
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
