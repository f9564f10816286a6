/** Shows a finished cell: one line that opens to the cell's body. The body is made when the cell is first opened. */

import type { Connection } from "../../comm/connection";
import { focusedIn, focusOn, focusTranscript, h, isInUse, takePlace } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { copyButton } from "../../dom/copy";
import { appendText } from "../../dom/safe_text";
import type { Services } from "../../markdown/dom/inline_view";
import { asName, inRow } from "../../protocol/code_points";
import { type Cell, roleOf } from "../../protocol/model";
import { renderBody } from "./body";
import { anchorOf, depthClass, linkTo, pathAbove } from "./cell_address";
import { asMarkdown, searchText } from "./cell_text";
import { contextPart } from "./context_view";
import type { IdleQueue } from "./idle_queue";
import { inputForm, isAsking, lateAnswer } from "./input";
import type { LiveView } from "./live";
import { label } from "./source_box";
import { figures, headline, kindWord, meta, statusOf, statusWord } from "./summary";
import type { VirtualItem } from "./virtual_list";

/** The parts of a line, in their order. */
const LINE_PARTS = ["nbs-above", "nbs-agent-name", "nbs-kind", "nbs-end", "nbs-first", "nbs-meta"];

// Copied for each cell. For ten thousand cells, this costs a tenth of building them part by part.
const BLANK = h(
  "details",
  "",
  h("summary", "nbs-line", ...LINE_PARTS.map((name) => h("span", name))),
  h("div", "nbs-holder"),
);
BLANK.querySelector("summary")!.tabIndex = -1;

const views = new WeakMap<Element, CellView>();

/** Owned by the history of one view. */
export class CellView implements VirtualItem {
  /** Whether the reader opened or closed the cell. Then nothing else opens or closes it. */
  touched = false;
  #el: HTMLDetailsElement | undefined;
  /** The light element that stands for the cell while it is not built. */
  #light: HTMLElement | undefined;
  #content: HTMLElement | undefined;
  #hasText = false;
  #open = false;
  #hidden = false;
  #hasHit = false;
  #isStop = false;

  constructor(
    public cell: Cell,
    private readonly connection: Connection,
    private readonly later: IdleQueue,
    private readonly services: Services,
  ) {}

  /** The view whose line or light element is `el`. */
  static of(el: EventTarget | null): CellView | undefined {
    return el instanceof Element ? views.get(el) : undefined;
  }

  /** The element of the cell, made when it is first read. */
  get el(): HTMLDetailsElement {
    if (this.#el) return this.#el;
    this.#el = BLANK.cloneNode(true) as HTMLDetailsElement;
    this.#el.hidden = this.#hidden;
    this.#el.open = this.#open;
    this.#light = undefined;
    views.set(this.line, this);
    if (this.#isStop) this.line.tabIndex = 0;
    this.#holder.id = anchorOf(this.cell);
    this.#show();
    if (!this.#open) this.later.add(() => this.#keepText());
    return this.#el;
  }

  /** The line of the cell. It takes the focus, and a click on it opens and closes the cell. */
  get line(): HTMLElement {
    return this.el.firstElementChild as HTMLElement;
  }

  get isOpen(): boolean {
    return this.#el?.open ?? this.#open;
  }

  /** Whether the cell is built and on the page. */
  get isOnPage(): boolean {
    return this.#el?.isConnected ?? false;
  }

  get isBusy(): boolean {
    return this.#content !== undefined && isAsking(this.cell);
  }

  light(): HTMLElement {
    this.release(); // the cell may have been built before
    const el = h("div", "nbs-light", lightText(this.cell));
    this.#light = el;
    el.hidden = this.#hidden;
    el.id = anchorOf(this.cell);
    views.set(el, this);
    return el;
  }

  release(): void {
    this.#open = this.isOpen;
    this.#el = this.#content = undefined;
    this.#hasText = false;
  }

  get hidden(): boolean {
    return this.#hidden;
  }

  set hidden(hidden: boolean) {
    if (hidden === this.#hidden) return;
    this.#hidden = hidden;
    const el = this.#el ?? this.#light;
    if (el) el.hidden = hidden;
  }

  /** Whether a search has hits in the cell. */
  set hasHit(hit: boolean) {
    this.#hasHit = hit;
    this.#el?.classList.toggle("nbs-has-hit", hit);
  }

  /** Whether the Tab key stops at the line of the cell. */
  set isStop(stop: boolean) {
    this.#isStop = stop;
    if (this.#el) this.line.tabIndex = stop ? 0 : -1;
  }

  get hasFocus(): boolean {
    return this.#el !== undefined && focusedIn(this.#el) !== null;
  }

  get inUse(): boolean {
    return isInUse(this.el);
  }

  /** Whether the cell is open on the page, but its body is not made yet. */
  get isBare(): boolean {
    return this.isOpen && this.isOnPage && this.#content === undefined;
  }

  /** The element with the content of the open cell; undefined until it is made. */
  get content(): HTMLElement | undefined {
    return this.#content;
  }

  /** The element with the cell's address and body. A closed cell keeps its text in it, for the browser's own search. */
  get #holder(): HTMLElement {
    return this.el.lastElementChild as HTMLElement;
  }

  /**
   * Open or close the cell for the reader. The body is made now if `fill` is true; off the screen, it can come later.
   */
  setOpen(open: boolean, fill = open): void {
    this.#open = open;
    // No element in a closed cell can keep the focus.
    if (!open && this.#el && focusedIn(this.#holder)) focusOn(this.line);
    if (fill) this.fill();
    if (this.#el) this.#el.open = open;
  }

  update(cell: Cell): void {
    if (cell === this.cell) return;
    const old = this.cell;
    const wasAsking = isAsking(old);
    this.cell = cell;
    if (this.#light && lightText(old) !== lightText(cell)) {
      this.#light.replaceChildren();
      appendText(this.#light, lightText(cell));
    }
    if (!this.#el) return;
    this.#show();
    if (this.#content && wasAsking && isAsking(cell)) {
      // The form stays, with the answer that the reader has begun.
      renderBody(this.#content, cell, this.services);
      return;
    }
    const focused = focusedIn(this.#holder);
    if (this.#content && roleOf(old) === "tool call" && roleOf(cell) === "tool call") {
      adopt(this.#holder.firstElementChild!, this.#newBody());
    } else {
      this.#holder.replaceChildren();
      this.#content = undefined;
      this.#hasText = false;
      if (this.el.open) this.fill();
      else this.later.add(() => this.#keepText());
    }
    if (!focused || focused.isConnected) return;
    const draft = wasAsking ? lateAnswer(focused, cell) : undefined;
    if (draft && this.#content) {
      this.#content.append(label("your answer, too late"), draft);
      focusOn(draft);
    } else focusTranscript(this.el);
  }

  /**
   * Open the cell, with the text element in which the reader saw the text grow. Call it when the cell is on the page.
   */
  inherit(live: LiveView): void {
    const focused = focusedIn(live.el) !== null;
    this.setOpen(true);
    const text = this.#content?.querySelector(".nbs-text");
    if (text && live.finish(this.cell.text)) takePlace(text, live.text);
    if (focused && !focusedIn(this.el)) focusOn(this.line);
  }

  /** Make the body, if it is not there yet. */
  fill(): void {
    if (this.#content) return;
    const body = this.#newBody();
    this.#holder.replaceChildren(body);
    this.#content = body.firstElementChild as HTMLElement;
  }

  #newBody(): HTMLElement {
    const { cell } = this;
    const content = h("div", "nbs-content");
    renderBody(content, cell, this.services);
    if (isAsking(cell) && this.connection.hasKernel) {
      const form = inputForm(cell, (command) => this.connection.send(command));
      return h("div", "nbs-body", content, form);
    }
    const foot = this.#foot();
    const body = h("div", "nbs-body", content, foot);
    if (cell.has_context && this.connection.hasKernel) {
      const [toggle, context] = contextPart(cell, this.connection);
      foot.append(toggle);
      body.append(context);
    }
    return body;
  }

  /** Let the browser's own search find the text while there is no body: browsers search in closed cells, too. */
  #keepText(): void {
    if (this.#hasText || this.#content || !this.#el) return;
    this.#hasText = true;
    appendText(this.#holder, searchText(this.cell));
  }

  #show(): void {
    try {
      this.#showLine();
    } catch (error) {
      // If one line cannot be shown, the other cells must be shown all the same.
      console.error("nb_stream: a message's line is shown without its figures.", error);
      this.line.replaceChildren(h("span", "nbs-first", asName(this.cell.text)));
    }
  }

  #showLine(): void {
    const { cell } = this;
    const colour = colourClass(this.connection.store.agents, cell.path);
    const { el, line } = this;
    el.className = `nbs-cell ${colour} ${depthClass(cell)}`;
    el.classList.toggle("nbs-has-hit", this.#hasHit);
    el.dataset.kind = cell.kind;
    el.dataset.status = statusOf(cell);
    const texts = [
      asName(pathAbove(cell)),
      asName(cell.agent ?? ""),
      asName(kindWord(cell)),
      statusWord(cell),
      headline(cell),
      inRow(meta(cell)),
    ];
    texts.forEach((text, index) => {
      const part = line.children[index]!;
      part.replaceChildren();
      appendText(part, text);
    });
  }

  #foot(): HTMLElement {
    const text = figures(this.cell);
    return h(
      "div",
      "nbs-foot",
      copyButton("Copy", "Copy as Markdown, as it was written", () => asMarkdown(this.cell)),
      copyButton("Copy link", "Copy the address of this message", () => linkTo(this.cell)),
      ...(text ? [h("span", "nbs-figures", text)] : []),
    );
  }
}

/** The parts of a tool call's body that are compared child by child. */
const NESTS = [".nbs-content", ".nbs-call", ".nbs-foot"];

/**
 * Make the body `el` of a tool call like `fresh`. Parts that say the same stay, and so do folds, selection and focus.
 */
function adopt(el: Element, fresh: Element): void {
  const wanted = [...fresh.children];
  wanted.forEach((child, index) => {
    const old = el.children[index];
    if (!old) el.append(child);
    else if (NESTS.some((nest) => old.matches(nest) && child.matches(nest))) {
      for (const { name, value } of child.attributes) old.setAttribute(name, value);
      adopt(old, child);
    } else if (!saysSame(old, child)) old.replaceWith(child);
  });
  while (el.childElementCount > wanted.length) el.lastElementChild!.remove();
}

/** Whether two elements say the same. Buttons always do: for a while after a click, they show what became of it. */
function saysSame(old: Element, fresh: Element): boolean {
  if (old.className !== fresh.className) return false;
  return old.textContent === fresh.textContent || old.matches("button");
}

function lightText(cell: Cell): string {
  return `${cell.agent ?? ""}\n${searchText(cell)}`;
}
