/** Text that is not prose: code, output, results, with a word that says which. */

import { renderOutput } from "../../ansi/terminal_view";
import { h, setScrollBox } from "../../dom/build";
import { renderText } from "../../dom/text_writer";

/** Text in a box of its own that scrolls; `what` names it for those who cannot see it. */
export function source(text: string, what = "source"): HTMLElement {
  const el = box(what);
  renderText(el, text);
  return el;
}

/** What a program printed, with the colours that it printed it in. */
export function output(text: string, what: string): HTMLElement {
  const el = box(what);
  renderOutput(el, text);
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

/** A word and what it stands for, on one line. */
export function field(word: string, value: string): HTMLElement {
  return h("p", "nbs-field", h("span", "nbs-label", word), " ", value);
}
