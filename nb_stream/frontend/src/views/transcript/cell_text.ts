/** What a finished cell says, as one text: for the clipboard as Markdown, for searching as it is read. */

import type { Cell } from "../../protocol/model";
import { unshown } from "./code";

/** All that a reader finds in the body of `cell`. */
export function searchText(cell: Cell): string {
  const data = cell.data;
  const calls = cell.tool_calls;
  if (!data && !calls) return cell.text;
  const parts: unknown[] = [cell.text];
  for (const { name, arguments: given, result } of calls ?? []) parts.push(name, given, result);
  if (data) {
    for (const { code } of unshown(cell)) parts.push(code);
    parts.push(data.target, data.output, data.answer, data.traceback);
  }
  return parts.filter((part) => part != null && part !== "").join("\n");
}

/** The source of `cell` as Markdown: a message as it was written, everything else in fences under a word. */
export function asMarkdown(cell: Cell): string {
  const data = cell.data ?? {};
  const parts: string[] = [];
  if (cell.kind === "structured output") parts.push(fence(cell.text, "json"));
  else if (cell.text) parts.push(data.preformatted ? fence(cell.text) : cell.text);
  for (const call of cell.tool_calls ?? []) {
    parts.push(`**${call.name}**`, fence(call.arguments, "json"));
    if (call.result != null) parts.push(call.is_error ? "Error:" : "Result:", fence(call.result));
  }
  for (const { code, language } of unshown(cell)) parts.push(fence(code, language));
  for (const [name, title] of [
    ["output", "Output:"],
    ["answer", "Answer:"],
    ["traceback", "Traceback:"],
  ] as const) {
    if (data[name] != null) parts.push(title, fence(String(data[name])));
  }
  return parts.join("\n\n");
}

/** `text` between fences that are longer than any row of backticks in it. */
export function fence(text: string, language = ""): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const ticks = "`".repeat(longest + 1);
  return `${ticks}${language.replace(/[^\w+#.-]/g, "")}\n${text.replace(/\n$/, "")}\n${ticks}`;
}
