/**
 * A part of the panel that comes with the module "extras". The place of the part is there from the start.
 *
 * A panel asks for the module as soon as it is shown, and not when the reader opens the part: by then the kernel may
 * have gone.
 */

import type { Connection } from "../../comm/connection";
import { dress } from "../../dom/style_sheets";
import type * as Extras from "../../modules/extras";

declare const __EXTRAS__: `extras.${string}`;

/** Owned by one view of the panel. */
export class PartOnDemand<Part> {
  #part: Part | undefined;

  constructor(
    readonly el: HTMLElement,
    private readonly connection: Connection,
    private readonly signal: AbortSignal,
    private readonly make: (extras: typeof Extras) => Part,
  ) {}

  /**
   * The part, if its module has come; else undefined, and the module is asked for. Read it only while `el` is on the
   * page: the place of `el` decides where the style sheet goes.
   */
  get part(): Part | undefined {
    if (!this.#part) this.connection.modules.want(__EXTRAS__, this.#use);
    return this.#part;
  }

  readonly #use = (module: unknown): void => {
    if (this.#part || this.signal.aborted) return;
    const extras = module as typeof Extras;
    dress(this.el, extras.css);
    this.#part = this.make(extras);
  };
}
