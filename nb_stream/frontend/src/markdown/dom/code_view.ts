/** Shows a block of code that may still grow. A complete line is coloured once and never touched again. */

import { button, h, setPressed, setScrollBox } from "../../dom/build";
import { copyButton } from "../../dom/copy";
import { PacedWork } from "../../dom/portions";
import { appendText, plain } from "../../dom/safe_text";
import { tokenizerOf } from "../../highlight/languages";
import { type LineState, MAX_LINE_CHARS, NO_SPAN, type Token } from "../../highlight/tokens";
import { opaque } from "./opaque";

/** Lines that the browser lays out as one box. */
const LINES_PER_BOX = 64;
const CLASS_NAME = /^[\w+#.-]{1,20}$/;

export class CodeView {
  readonly el = h("div", "nbs-code");
  readonly #code = h("code");
  readonly #label = h("span", "nbs-code-language");
  readonly #tokenizer;
  readonly #source: string[] = [];
  #box: HTMLElement = this.#code;
  #state: LineState = NO_SPAN;
  #partial: HTMLElement | undefined;
  #partialText = "";

  constructor(info: string) {
    const language = info.split(/\s/, 1)[0]!;
    this.#tokenizer = tokenizerOf(language);
    if (CLASS_NAME.test(language)) this.#code.className = `language-${language}`;
    appendText(this.#label, language);
    const pre = h("pre", "nbs-pre", this.#code);
    setScrollBox(pre, plain(`${language} code`.trim()));
    const copy = copyButton("Copy", "Copy the code", () => this.#source.join("\n"));
    this.el.append(h("div", "nbs-code-head", this.#label, wrapButton(this.el), copy), pre);
    // If the reader wraps the block, its classes change. So its text decides whether two blocks are the same.
    opaque(this.el, () => `code ${info}\n${this.#source.join("\n")}${this.#partialText}`);
  }

  /** Add complete lines. */
  add(lines: readonly string[]): void {
    this.setPartial("");
    for (const line of lines) {
      if (this.#source.length > 0 && this.#source.length % LINES_PER_BOX === 0) {
        this.#box = this.#code.appendChild(h("span", "nbs-lines"));
      }
      this.#source.push(line);
      const fragment = document.createDocumentFragment();
      this.#state = this.#append(fragment, line);
      appendText(fragment, "\n");
      this.#box.append(fragment);
    }
  }

  /** Show the beginning of the next line; without colours if they would cost too much. */
  setPartial(text: string, coloured = true): void {
    const before = this.#partialText;
    this.#partialText = text;
    if (text === "") {
      this.#partial?.remove();
      this.#partial = undefined;
      return;
    }
    if (!this.#partial) this.#partial = this.#box.appendChild(h("span", "nbs-partial"));
    if (before.length > MAX_LINE_CHARS && text.startsWith(before)) {
      appendText(this.#partial, text.slice(before.length));
      return;
    }
    this.#partial.replaceChildren();
    for (const [index, line] of text.split("\n").entries()) {
      if (index > 0) this.#partial.append("\n");
      if (coloured) this.#append(this.#partial, line);
      else appendText(this.#partial, line);
    }
  }

  #append(parent: Node, line: string): LineState {
    if (!this.#tokenizer) {
      appendText(parent, line);
      return NO_SPAN;
    }
    const [tokens, state] = this.#tokenizer.line(line, this.#state);
    for (const token of tokens) appendToken(parent, token);
    return state;
  }
}

function appendToken(parent: Node, { kind, text }: Token): void {
  if (kind === null) appendText(parent, text);
  else parent.appendChild(h("span", `nbs-t-${kind}`, text));
}

function wrapButton(el: HTMLElement): HTMLButtonElement {
  const wrap = button("nbs-quiet", "Wrap", "Break long lines", () =>
    setPressed(wrap, el.classList.toggle("nbs-is-wrapped")),
  );
  setPressed(wrap, false);
  return wrap;
}

/** A block with the whole of `code`. */
export function codeBlock(code: string, language: string): HTMLElement {
  const view = new CodeView(language);
  const lines = code.split("\n");
  if (lines.at(-1) === "") lines.pop();
  function* steps(): Generator<number> {
    for (const line of lines) {
      view.add([line]);
      yield line.length + 1;
    }
  }
  new PacedWork(view.el, steps());
  return view.el;
}
