/** Gives what a finished cell says as one text: as Markdown for the clipboard, and as it is read for the search. */

import { type Section, sectionsOf } from "../../protocol/cell_content";
import { type Cell, unreachable } from "../../protocol/model";

/** All words that a reader finds in the body of `cell`. */
export function searchText(cell: Cell): string {
  if (!cell.data && !cell.tool_calls) return cell.text; // fast for most cells, for each letter of a search
  return sectionsOf(cell).flatMap(words).filter(Boolean).join("\n");
}

function words(section: Section): (string | null | undefined)[] {
  switch (section.type) {
    case "text":
    case "approval":
    case "output":
    case "traceback":
      return [section.text];
    case "handoff target":
      return [section.target];
    case "code":
      return [section.code];
    case "tool use":
      return [section.call.name, section.call.arguments, section.call.result];
    case "ending":
      return [section.answer];
    case "image":
      return [];
    default:
      return unreachable(section);
  }
}

/** The source of `cell` as Markdown: a message as it was written, other sections in fences below their names. */
export function asMarkdown(cell: Cell): string {
  return sectionsOf(cell).flatMap(markdown).join("\n\n");
}

function markdown(section: Section): string[] {
  switch (section.type) {
    case "text":
      if (section.form === "json") return [fence(section.text, "json")];
      return [section.form === "preformatted" ? fence(section.text) : section.text];
    case "approval":
      return [section.text];
    case "tool use": {
      const { name, arguments: given, result, is_error } = section.call;
      const came = result == null ? [] : [is_error ? "Error:" : "Result:", fence(result)];
      return [`**${name}**`, fence(given, "json"), ...came];
    }
    case "code":
      return [fence(section.code, section.language)];
    case "output":
      return ["Output:", fence(section.text)];
    case "ending":
      return section.answer === null ? [] : ["Answer:", fence(section.answer)];
    case "traceback":
      return ["Traceback:", fence(section.text)];
    case "handoff target":
    case "image":
      return []; // the text names them
    default:
      return unreachable(section);
  }
}

/** `text` between fences that are longer than any row of backticks in `text`. */
export function fence(text: string, language = ""): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const ticks = "`".repeat(longest + 1);
  return `${ticks}${language.replace(/[^\w+#.-]/g, "")}\n${text.replace(/\n$/, "")}\n${ticks}`;
}
