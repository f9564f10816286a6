/** Which beginnings of a line are better not shown yet: what they will be is not what they look like. */

import type { Block } from "../parse/block";

/** Marks of containers, which come before what a line is. */
const CONTAINERS = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])(?=[ \t])))*[ \t]*/;
/** Bullets, rules, underlines, fences, lines of tables, boxes, numbers and formulas before they say what they are. */
const UNDECIDED_LINE = /^(?:[-=*_#+|~`:$\s]*|(?:`{3,}|~{3,})[^`]*|\d{1,9}[.)]?|\[[ xX]?\]?\s*|\\\[?)$/;

/** Marks of quotes, in which a fence can stand. */
const QUOTES = /^[ \t>]*/;

/** Whether the beginning of a line, coming after `tip`, is kept back until more of it comes. */
export function holdsBack(line: string, tip: Block): boolean {
  if (line.length > 200) return false;
  if (tip.kind === "code" && tip.fence) {
    const text = line.replace(QUOTES, "").trim();
    return text === "" || text === tip.fence.mark.repeat(text.length);
  }
  return UNDECIDED_LINE.test(line.replace(CONTAINERS, ""));
}
