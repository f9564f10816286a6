/** Shows a Python traceback for reading: the error stands out, and frames of libraries step back. */

import { withoutAnsi } from "../../ansi/ansi";
import { h, setScrollBox } from "../../dom/build";
import { PacedWork } from "../../dom/portions";
import { appendText } from "../../dom/safe_text";

/** The cost of a line besides its characters, counted in characters. */
const LINE_COST_CHARS = 16;
const FRAME = /^\s*File "(.*)", line \d+/;
const LIBRARY = /[\\/](site-packages|dist-packages|lib[\\/]python\d)|^<frozen/;

/** The text of `traceback`, without terminal colours, in a fold that is closed. */
export function tracebackFold(traceback: string): HTMLElement {
  const pre = h("pre", "nbs-source nbs-traceback");
  setScrollBox(pre, "Traceback");
  new PacedWork(pre, lines(pre, withoutAnsi(traceback).trimEnd()));
  return h("details", "nbs-fold", h("summary", "", "Traceback"), pre);
}

function* lines(pre: HTMLElement, text: string): Generator<number> {
  let isLibrary = false;
  for (const [index, line] of text.split("\n").entries()) {
    const file = FRAME.exec(line)?.[1];
    if (file !== undefined) isLibrary = LIBRARY.test(file);
    else if (/^\S/.test(line)) isLibrary = false;
    const raised = /^[\w.]+(Error|Exception|Interrupt|Exit|Warning|Group)\b/.test(line);
    const el = h("span", raised ? "nbs-raised" : isLibrary ? "nbs-library" : file ? "nbs-frame" : "");
    appendText(el, index === 0 ? line : `\n${line}`);
    pre.append(el);
    yield line.length + LINE_COST_CHARS;
  }
}
