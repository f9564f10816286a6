/**
 * Shows formulas. The renderer comes from the kernel when the first formula needs it. Until then, a formula is shown as
 * its source; from then on, as MathML.
 */

import { h, setScrollBox } from "../../dom/build";
import { remade } from "../../dom/folded";
import { opaque } from "../../dom/opaque";
import { type Modules, RETRY_MODULE_MS } from "../../dom/page_modules";
import type * as Renderer from "../../modules/math";

interface Waiting {
  readonly el: HTMLElement;
  readonly tex: string;
  readonly display: boolean;
}

/** Milliseconds after which the renderer is asked for again: the first pause, and the longest. */
const RETRY_FORMULA_MS = 1.1 * RETRY_MODULE_MS;
const RETRY_FORMULA_MAX_MS = 64 * RETRY_MODULE_MS;

/** Owned by the connection, and shared by all texts of its panels. */
export class Formulas {
  #renderer: typeof Renderer | undefined;
  #waiting: Waiting[] = [];
  #retry = RETRY_FORMULA_MS;
  #timer = 0;

  constructor(private readonly modules: Modules) {}

  /** An element for a formula. If the formula `isOpen`, its end has not come, and the source is shown. */
  element(tex: string, display: boolean, isOpen: boolean): HTMLElement {
    const el = h("span", display ? "nbs-math nbs-math-display" : "nbs-math");
    if (display) {
      setScrollBox(el, "Formula");
    }
    if (isOpen) {
      el.append(h("code", "nbs-tex", tex));
      return el;
    }
    if (!this.#render({ el, tex, display })) {
      el.append(h("code", "nbs-tex", tex));
      this.#waiting.push({ el, tex, display });
      this.#ask();
    }
    remade(el, () => this.element(tex, display, false));
    return opaque(el, `formula ${display} ${tex}`);
  }

  /**
   * Ask for the renderer. While a formula on the page waits for it, ask again with growing pauses: an answer can be
   * lost.
   */
  #ask(): void {
    this.modules.want("math", this.#use);
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      const waits = this.#waiting.some(({ el }) => el.isConnected);
      this.#retry = waits ? Math.min(2 * this.#retry, RETRY_FORMULA_MAX_MS) : RETRY_FORMULA_MS;
      if (waits) this.#ask();
    }, this.#retry);
  }

  readonly #use = (module: unknown): void => {
    clearTimeout(this.#timer);
    this.#renderer = module as typeof Renderer;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const formula of waiting) this.#render(formula);
  };

  /** Show a formula as MathML, or as source if the renderer cannot read it. False if there is no renderer yet. */
  #render({ el, tex, display }: Waiting): boolean {
    if (!this.#renderer) return false;
    el.replaceChildren(this.#renderer.element(tex, display) ?? h("code", "nbs-tex", tex));
    return true;
  }
}
