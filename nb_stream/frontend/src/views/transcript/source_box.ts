/** Shows text that is not prose, such as code, output and results, below a word that says which. */

import { h, setScrollBox } from "../../dom/build";
import type { Units } from "../../dom/folding";
import { renderOutput } from "../../dom/terminal_view";
import { renderText } from "../../dom/text_writer";

/** Text in a box that scrolls by itself. `what` names the box for readers who cannot see it. */
export function source(text: string, what = "source", folding?: Units): HTMLElement {
  const el = box(what);
  renderText(el, text, folding);
  return el;
}

/** The output of a program in such a box, with the colours in which the program printed it. */
export function output(text: string, what: string, folding?: Units): HTMLElement {
  const el = box(what);
  renderOutput(el, text, folding);
  return el;
}

function box(what: string): HTMLElement {
  const el = h("pre", "nbs-source");
  setScrollBox(el, what);
  return el;
}

export function label(text: string, isError = false): HTMLElement {
  return h("p", isError ? "nbs-label nbs-is-error" : "nbs-label", text);
}

/** A word and its value, on one line. */
export function field(word: string, value: string): HTMLElement {
  return h("p", "nbs-field", h("span", "nbs-label", word), " ", value);
}
