/** Shows the body of a finished cell: each of its sections in an element of its own. */

import { h } from "../../dom/build";
import { isExact } from "../../dom/format";
import { renderText } from "../../dom/text_writer";
import { codeBlock } from "../../markdown/dom/code_view";
import type { Services } from "../../markdown/dom/inline_view";
import { renderMarkdown } from "../../markdown/stream/markdown_writer";
import { codeOf, type Section, sectionsOf } from "../../protocol/cell_content";
import { asName } from "../../protocol/code_points";
import { type ApprovalSubject, type Cell, type TextForm, unreachable } from "../../protocol/model";
import { searchText } from "./cell_text";
import { dataView, parseData } from "./data_view";
import { imageView } from "./images";
import { askedArguments, isAsking } from "./input";
import { field, label, output, source } from "./source_box";
import { toolArguments, toolCall } from "./tool_call";
import { tracebackFold } from "./traceback";

/** Fill `el` with the content of `cell`. If that fails, fill it with the cell's plain text, so that nothing is lost. */
export function renderBody(el: HTMLElement, cell: Cell, services: Services): void {
  el.replaceChildren();
  try {
    for (const section of sectionsOf(cell)) el.append(...parts(section, cell, services));
  } catch (error) {
    console.error("nb_stream: a message is shown as plain text.", error);
    el.replaceChildren(label("could not be shown as usual", true), source(searchText(cell)));
  }
}

function parts(section: Section, cell: Cell, services: Services): Iterable<HTMLElement> {
  switch (section.type) {
    case "handoff target":
      return [field("hands over to", section.target)];
    case "text":
      return [said(section.text, section.form, cell, services)];
    case "approval":
      return asked(section.text, section.what, isAsking(cell), services);
    case "code":
      return [codeBlock(section.code, section.language, services.folding)];
    case "tool use":
      return [toolCall(section.call, cell, cell.tool_calls?.length === 1, services.folding)];
    case "output":
      return printed(section.text, section.exit_code, services);
    case "ending":
      return [ending(section.how, section.answer)];
    case "traceback":
      return [tracebackFold(section.text)];
    case "image":
      return [imageView(section.number, section.source, cell.agent ?? "")];
    default:
      return unreachable(section);
  }
}

function said(text: string, form: TextForm, { data }: Cell, services: Services): HTMLElement {
  switch (form) {
    case "markdown":
      return rich(text, services);
    case "plain":
    case "error":
      return prose(text, services);
    case "preformatted":
      return output(text, "Output", services.folding);
    case "json":
      return structured(text, data?.value, services);
    default:
      return unreachable(form);
  }
}

function prose(text: string, { folding }: Services): HTMLElement {
  const el = h("div", "nbs-text");
  renderText(el, text, folding);
  return el;
}

function rich(text: string, services: Services): HTMLElement {
  const el = h("div", "nbs-text nbs-md");
  renderMarkdown(el, text, services);
  return el;
}

/** JSON as data: the value that the kernel `parsed`, unless its numbers have lost digits on the way to the page. */
function structured(text: string, parsed: unknown, { folding }: Services): HTMLElement {
  const value = isExact(text) ? (parsed ?? parseData(text)) : undefined;
  return typeof value === "object" && value !== null
    ? dataView(value)
    : source(text, "Structured output", folding);
}

/**
 * A question for approval, and its subject: code, or a tool with its arguments. The question repeats them as text. While
 * it waits, its form has the arguments.
 */
function* asked(
  text: string,
  what: ApprovalSubject,
  waits: boolean,
  services: Services,
): Generator<HTMLElement> {
  const { tool, arguments: given } = what;
  const blocks = codeOf(what);
  const isKnown = tool !== undefined || blocks.length > 0;
  const question = isKnown ? (text.split("\n\n", 1)[0] ?? "") : text;
  if (question) yield prose(question, services);
  for (const { code, language } of blocks) yield codeBlock(code, language, services.folding);
  if (tool !== undefined) {
    yield h("p", "nbs-call-head", h("code", "nbs-call-name", asName(tool)));
    if (!waits) yield* toolArguments(askedArguments(text, given), services.folding);
  }
}

function ending(how: string, answer: string | null): HTMLElement {
  return answer === null ? h("p", "nbs-field", h("span", "nbs-label", how)) : field(`${how}:`, answer);
}

function* printed(text: string, exitCode: number | null, services: Services): Generator<HTMLElement> {
  yield label(exitCode ? `output, exit code ${exitCode}` : "output", Boolean(exitCode));
  yield output(text, "Output", services.folding);
}
