/** Formulas: their source until the renderer has come from the kernel, MathML from then on. */

import type { Chunks } from "../chunks";
import type { MathNode } from "../chunks/math";
import { h } from "../dom";
import { mathElement } from "./mathml";
import { opaque } from "./opaque";

interface Renderer {
  /** The formula as a tree; null where it cannot be read. */
  render(tex: string, display: boolean): MathNode | null;
}

interface Waiting {
  readonly el: HTMLElement;
  readonly tex: string;
  readonly display: boolean;
}

export class Formulas {
  #renderer: Renderer | undefined;
  #waiting: Waiting[] = [];

  constructor(private readonly chunks: Chunks) {}

  /** An element for a formula; one whose end has not come `isOpen` and stays source. */
  element(tex: string, display: boolean, isOpen: boolean): HTMLElement {
    const el = h("span", display ? "nbs-math nbs-math-display" : "nbs-math");
    if (display) {
      el.tabIndex = 0;
      el.setAttribute("role", "group");
      el.setAttribute("aria-label", "Formula");
    }
    if (isOpen) {
      el.append(h("code", "nbs-tex", tex));
      return el;
    }
    if (!this.#render({ el, tex, display })) {
      el.append(h("code", "nbs-tex", tex));
      this.#waiting.push({ el, tex, display });
      if (this.#waiting.length === 1) this.#ask();
    }
    return opaque(el, `formula ${display} ${tex}`);
  }

  #ask(): void {
    this.chunks.want("math", (module) => {
      this.#renderer = module as Renderer;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const formula of waiting) this.#render(formula);
    });
  }

  /** False while there is no renderer; a formula that it cannot read stays source. */
  #render({ el, tex, display }: Waiting): boolean {
    if (!this.#renderer) return false;
    const tree = this.#renderer.render(tex, display);
    el.replaceChildren(tree ? mathElement(tree) : h("code", "nbs-tex", tex));
    return true;
  }
}
