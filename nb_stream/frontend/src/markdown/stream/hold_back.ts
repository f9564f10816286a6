/** Decides which beginnings of a line are not shown yet, because the line will probably become something else. */

import type { Block } from "../parse/block";

/** The marks of containers at the beginning of a line. */
const CONTAINERS = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t])))*[ \t]*/;
/** Beginnings of bullets, rules, underlines, fences, lines of tables, boxes, numbers, formulas, alerts and footnotes. */
const UNDECIDED_LINE =
  /^(?:[-=*_#+|~`:$\s]*|(?:`{3,}|~{3,})[^`]*|\d{1,9}[.)]?|\[[ xX]?\]?\s*|\\\[?|\[![a-z]*|\[\^[^\s\]]*\]?:?\s*)$/i;

/** The marks of quotes, in which a fence can stand. */
const QUOTES = /^[ \t>]*/;

/** Whether `line`, the beginning of a line behind the block `tip`, is held back until more of the line comes. */
export function holdsBack(line: string, tip: Block): boolean {
  if (line.length > 200) return false;
  if (tip.kind === "code" && tip.fence) {
    const text = line.replace(QUOTES, "").trim();
    return text === "" || text === tip.fence.mark.repeat(text.length);
  }
  return UNDECIDED_LINE.test(line.replace(CONTAINERS, ""));
}
