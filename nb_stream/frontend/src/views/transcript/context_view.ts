/** Shows what the model saw for a message: the messages of its call, the new ones open, and the tools and options. */

import type { Connection } from "../../comm/connection";
import { button, h, setShortcut } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { count } from "../../dom/format";
import type { Services } from "../../markdown/dom/inline_view";
import { renderMarkdown } from "../../markdown/stream/markdown_writer";
import { asName, firstWords, inRow } from "../../protocol/code_points";
import type { CallContext, Cell, GivenMessage, ToolCall } from "../../protocol/model";
import { dataView } from "./data_view";
import { imageView } from "./images";
import { label, source } from "./source_box";
import { toolArguments } from "./tool_call";

/** The key that opens what the model saw for the message with the focus. */
const KEY = "x";

/** A button that opens and closes what the model saw for `cell`, and the element in which it is shown. */
export function contextPart(cell: Cell, connection: Connection): [HTMLButtonElement, HTMLElement] {
  const el = h("section", "nbs-context");
  el.hidden = true;
  let leave = () => {};
  const toggle = button("nbs-quiet", "Context", `What the model saw for this message (${KEY})`, () => {
    el.hidden = !el.hidden;
    toggle.setAttribute("aria-expanded", String(!el.hidden));
    leave();
    leave = () => {};
    if (el.hidden) {
      el.replaceChildren();
      return;
    }
    const view = new ContextView(el, connection);
    leave = connection.contexts.follow(cell.id, (context) => view.update(context));
  });
  toggle.setAttribute("aria-expanded", "false");
  setShortcut(toggle, KEY);
  return [toggle, el];
}

/** Owned by an open context. It grows with each piece that comes. */
class ContextView {
  #shown = 0;
  #head = label("This comes from the kernel, as soon as it answers.");
  #list = h("div", "nbs-context-messages");
  /** The fold of the messages that the model knew already, while such messages follow each other. */
  #fold: Fold | undefined;

  constructor(
    el: HTMLElement,
    private readonly connection: Connection,
  ) {
    el.replaceChildren(this.#head, this.#list);
  }

  update(context: CallContext): void {
    const { messages, isWhole, tools } = context;
    this.#head.textContent = summary(context);
    if (this.#list.childElementCount === 0 && tools.length > 0) this.#list.append(toolFold(tools));
    // The last message may still grow, so it waits for the next piece or the end.
    const whole = isWhole ? messages.length : messages.length - 1;
    for (const message of messages.slice(this.#shown, Math.max(this.#shown, whole))) this.#add(message);
    this.#shown = Math.max(this.#shown, whole);
  }

  #add(message: GivenMessage): void {
    if (message.is_new) {
      this.#fold = undefined;
      this.#list.append(this.#row(message, true));
      return;
    }
    if (!this.#fold) {
      this.#fold = new Fold((old) => this.#row(old, false));
      this.#list.append(this.#fold.el);
    }
    this.#fold.add(message);
  }

  #row(message: GivenMessage, open: boolean): HTMLDetailsElement {
    const colour = colourClass(this.connection.store.agents, message.source ?? "");
    const words = h("span", "nbs-context-words", firstWords(said(message)));
    const name = h("span", "nbs-agent-name", asName(message.source ?? ""));
    const line = h("summary", "nbs-context-line", h("span", "nbs-kind", message.role), name, words);
    return onDemand(h("details", `nbs-context-message ${colour}`, line), open, (body) =>
      fill(body, message, this.connection.services),
    );
  }
}

/** Messages that the model knew already, behind one line. Owned by the view of a context. */
class Fold {
  readonly el: HTMLDetailsElement;
  #messages: GivenMessage[] = [];
  #line = h("summary", "nbs-context-line");

  constructor(row: (message: GivenMessage) => HTMLElement) {
    this.el = onDemand(h("details", "nbs-context-known", this.#line), false, (body) =>
      body.append(...this.#messages.map(row)),
    );
  }

  add(message: GivenMessage): void {
    this.#messages.push(message);
    this.#line.textContent = `${count(this.#messages.length, "message")} that it was given before`;
  }
}

/** Let `details` have its body when it is first opened. */
function onDemand(
  details: HTMLDetailsElement,
  open: boolean,
  make: (body: HTMLElement) => void,
): HTMLDetailsElement {
  const body = h("div", "nbs-context-body");
  details.append(body);
  const once = () => {
    if (body.childElementCount === 0) make(body);
  };
  details.addEventListener("toggle", () => details.open && once());
  details.open = open;
  if (open) once();
  return details;
}

function fill(body: HTMLElement, message: GivenMessage, services: Services): void {
  const { text, thought, tool_calls = [], images = [], source: who = "" } = message;
  if (thought) body.append(label("thought"), rich(thought, services));
  if (text) body.append(rich(text, services));
  for (const call of tool_calls) body.append(...callParts(call));
  body.append(...images.map((image, at) => imageView(at + 1, image, who)));
}

function rich(text: string, services: Services): HTMLElement {
  const el = h("div", "nbs-text nbs-md");
  renderMarkdown(el, text, services);
  return el;
}

function callParts({ name, arguments: given, result, is_error }: ToolCall): HTMLElement[] {
  const head = h("p", "nbs-call-head", h("code", "nbs-call-name", asName(name)));
  const parts = [head, ...toolArguments(given ?? "")];
  if (result != null) parts.push(label(is_error ? "error" : "result", is_error), source(result, "Result"));
  return parts;
}

function toolFold(tools: CallContext["tools"]): HTMLElement {
  const line = h("summary", "nbs-context-line", count(tools.length, "tool"));
  return onDemand(h("details", "nbs-context-known", line), false, (body) => {
    for (const tool of tools) {
      const name = asName(String(tool.name ?? ""));
      body.append(h("p", "nbs-call-head", h("code", "nbs-call-name", name)), dataView(tool));
    }
  });
}

function said({ text, tool_calls = [] }: GivenMessage): string {
  return (
    text || tool_calls.map(({ name, result }) => (result == null ? name : `${name} → ${result}`)).join(" · ")
  );
}

function summary({ messages, total, options, prompt_tokens }: CallContext): string {
  const fresh = messages.filter(({ is_new }) => is_new).length;
  const parts = [count(total, "message"), `${fresh} new since its last call`];
  if (prompt_tokens !== null) parts.push(count(prompt_tokens, "prompt token"));
  for (const [name, value] of Object.entries(options)) {
    parts.push(`${name} ${firstWords(typeof value === "string" ? value : JSON.stringify(value), 60)}`);
  }
  return inRow(parts.map(asName));
}
