/** Reads the lines of tables (GFM 4.10). */

import type { Alignment } from "./block";

const DELIMITERS = /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
/** Columns of a table. With more of them, a short row could fill the page with empty cells. */
const MAX_COLUMNS = 200;
/** Empty cells that may be added to the rows of a table. */
export const MAX_FILLED_CELLS = 20_000;

/** The cells of a line, without the escapes of their pipes. */
export function cells(line: string): string[] {
  const row = line.trim();
  const parts: string[] = [];
  let cell = "";
  let from = row.startsWith("|") ? 1 : 0;
  for (let at = from; at < row.length; at++) {
    if (row[at] === "\\" && row[at + 1] === "|") {
      cell += row.slice(from, at);
      from = ++at;
    } else if (row[at] === "|") {
      parts.push((cell + row.slice(from, at)).trim());
      cell = "";
      from = at + 1;
    }
  }
  const last = cell + row.slice(from);
  if (last.trim() !== "" || !row.endsWith("|")) parts.push(last.trim());
  return parts;
}

/** The alignments in the line under a header; null if `line` is no such line. */
export function alignments(line: string): Alignment[] | null {
  if (!DELIMITERS.test(line)) return null;
  const columns = cells(line);
  if (columns.length > MAX_COLUMNS) return null;
  return columns.map((dashes) => {
    const left = dashes.startsWith(":");
    const right = dashes.endsWith(":");
    if (left) return right ? "center" : "left";
    return right ? "right" : null;
  });
}
