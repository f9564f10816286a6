/** Formulas: their source until the renderer has come from the kernel, MathML from then on. */

import { type Modules, RETRY_MODULE_MS } from "../../comm/modules";
import { h, setScrollBox } from "../../dom/build";
import type * as Renderer from "../../modules/math";
import { opaque } from "./opaque";

interface Waiting {
  readonly el: HTMLElement;
  readonly tex: string;
  readonly display: boolean;
}

/** Milliseconds after which the renderer is asked for again: at first, and at the longest. */
const RETRY_FORMULA_MS = 1.1 * RETRY_MODULE_MS;
const RETRY_FORMULA_MAX_MS = 64 * RETRY_MODULE_MS;

export class Formulas {
  #renderer: typeof Renderer | undefined;
  #waiting: Waiting[] = [];
  #retry = RETRY_FORMULA_MS;
  #timer = 0;

  constructor(private readonly modules: Modules) {}

  /** An element for a formula; one whose end has not come `isOpen` and stays source. */
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
    return opaque(el, `formula ${display} ${tex}`);
  }

  /** Ask for the renderer; ever more rarely again while a formula on the page waits for it: an answer can be lost. */
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

  /** False while there is no renderer; a formula that it cannot read stays source. */
  #render({ el, tex, display }: Waiting): boolean {
    if (!this.#renderer) return false;
    el.replaceChildren(this.#renderer.element(tex, display) ?? h("code", "nbs-tex", tex));
    return true;
  }
}
