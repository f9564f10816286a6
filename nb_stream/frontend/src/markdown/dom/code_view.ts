/** Shows a block of code that may still grow. A complete line is coloured once and never touched again. */

import { button, h, setPressed, setScrollBox } from "../../dom/build";
import { copyButton } from "../../dom/copy";
import { keep } from "../../dom/folded";
import type { Units } from "../../dom/folding";
import { opaque } from "../../dom/opaque";
import { NEAR_CHARS, PacedWork } from "../../dom/portions";
import { appendText, plain } from "../../dom/safe_text";
import { tokenizerOf } from "../../highlight/languages";
import { type LineState, MAX_LINE_CHARS, NO_SPAN, type Token } from "../../highlight/tokens";

/** Characters of a part of a line. A longer line stands in several parts, which the browser lays out one by one. */
const PART_CHARS = 4096;
/** Lines that the browser lays out as one box, and lines of a large box with such boxes in it. */
const LINES_PER_BOX = 16;
const LINES_PER_LARGE_BOX = 256;
const CLASS_NAME = /^[\w+#.-]{1,20}$/;

export class CodeView {
  readonly el = h("div", "nbs-code");
  readonly #code = h("code");
  readonly #label = h("span", "nbs-code-language");
  readonly #tokenizer;
  readonly #source: string[] = [];
  #box: HTMLElement = this.#code;
  #largeBox: HTMLElement = this.#code;
  #state: LineState = NO_SPAN;
  #partial: HTMLElement | undefined;
  #partialText = "";
  /** The line that is not complete, if it is very long. */
  #long: LongLine | undefined;

  constructor(
    info: string,
    /** Called for each box that is full. */
    private readonly settled: (el: HTMLElement) => void = () => {},
  ) {
    const language = info.split(/\s/, 1)[0]!;
    this.#tokenizer = tokenizerOf(language);
    if (CLASS_NAME.test(language)) this.#code.className = `language-${language}`;
    appendText(this.#label, language);
    const pre = h("pre", "nbs-pre", this.#code);
    setScrollBox(pre, plain(`${language} code`.trim()));
    const copy = copyButton("Copy", "Copy the code", () => this.#source.join("\n"));
    this.el.append(h("div", "nbs-code-head", this.#label, wrapButton(this.el), copy), pre);
    // If the reader wraps the block, its classes change. So its text decides whether two blocks are the same.
    keep(this.el);
    opaque(this.el, () => `code ${info}\n${this.#source.join("\n")}${this.#partialText}`);
  }

  /** Add complete lines. */
  add(lines: readonly string[]): void {
    if (lines.length === 0) return; // the line that is not complete stays as it stands
    const long = this.#long;
    this.setPartial("");
    for (const [index, line] of lines.entries()) {
      this.#turn();
      this.#source.push(line);
      const fragment = document.createDocumentFragment();
      if (line.length > PART_CHARS) {
        const parts = index === 0 && long?.begins(line) ? long : new LongLine(this.settled);
        parts.write(line);
        fragment.append(parts.el);
      } else this.#state = this.#append(fragment, line);
      appendText(fragment, "\n");
      this.#box.append(fragment);
    }
  }

  /** Go on in a new box, if the present one is full. */
  #turn(): void {
    const { length } = this.#source;
    if (length === 0 || length % LINES_PER_BOX > 0) return;
    if (length > LINES_PER_BOX) this.settled(this.#box);
    if (length % LINES_PER_LARGE_BOX === 0) {
      if (this.#largeBox !== this.#code) this.settled(this.#largeBox);
      this.#largeBox = this.#code.appendChild(h("span", "nbs-lines nbs-many-lines"));
    }
    this.#box = this.#largeBox.appendChild(h("span", "nbs-lines"));
  }

  /** Show the beginning of the next line; without colours if they would cost too much. */
  setPartial(text: string, coloured = true): void {
    const before = this.#partialText;
    this.#partialText = text;
    if (text === "") {
      this.#partial?.remove();
      this.#partial = this.#long = undefined;
      return;
    }
    if (!this.#partial) this.#partial = this.#box.appendChild(h("span", "nbs-partial"));
    if (text.length > PART_CHARS && !text.startsWith("\n")) {
      if (!this.#long?.begins(text)) {
        this.#long = new LongLine(this.settled);
        this.#partial.replaceChildren(this.#long.el);
      }
      this.#long.write(text);
      return;
    }
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

/** A very long line that grows. */
class LongLine {
  readonly el = h("span");
  #text = "";
  #part: HTMLElement | undefined;
  /** Where the present part ends, unless a pair of surrogates stands there. */
  #end = 0;

  constructor(private readonly settled: (el: HTMLElement) => void) {}

  /** Whether `line` goes on with what was written. */
  begins(line: string): boolean {
    return line.startsWith(this.#text);
  }

  /** Write on up to the end of `line`. */
  write(line: string): void {
    for (let at = this.#text.length; at < line.length; ) {
      const limit = isHighSurrogate(line, this.#end - 1) ? this.#end + 1 : this.#end;
      if (at === limit) {
        if (this.#part) this.settled(this.#part);
        this.#part = this.el.appendChild(h("span", "nbs-long"));
        this.#end = limit + PART_CHARS;
        continue;
      }
      const end = Math.min(line.length, limit);
      appendText(this.#part!, line.slice(at, end));
      at = end;
    }
    this.#text = line;
  }
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xd800 && code < 0xdc00;
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
export function codeBlock(code: string, language: string, folding?: Units): HTMLElement {
  let isFar = false;
  const view = new CodeView(language, (box) => {
    if (code.length > NEAR_CHARS) folding?.add(box, isFar);
  });
  const lines = code.split("\n");
  if (lines.at(-1) === "") lines.pop();
  function* steps(): Generator<number> {
    let written = 0;
    for (const line of lines) {
      isFar = written > NEAR_CHARS;
      view.add([line]);
      written += line.length;
      yield line.length + 1;
    }
  }
  new PacedWork(view.el, steps());
  return view.el;
}
