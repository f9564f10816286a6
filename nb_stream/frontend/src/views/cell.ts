/** A finished cell: one line that opens to its body, which is made when it is first opened. */

import type { Connection } from "../connection";
import { focusedIn, h, isInUse, keepingSelection } from "../dom";
import { dateAndTime } from "../format";
import { setText } from "../marks";
import type { Cell } from "../model";
import { renderBody } from "./body";
import { codeBlocks } from "./code";
import { colourClass } from "./colours";
import { copyButton } from "./copy";
import { inputForm, isAsking } from "./input";
import type { LiveView } from "./live";
import { headline, kindWord, meta, pace, statusWord } from "./summary";

export class CellView {
  readonly el = h("details", "nbs-cell");
  /** Whether the reader opened or closed it: then it stays as it is. */
  touched = false;
  #summary = h("summary", "nbs-line");
  #agent = h("span", "nbs-agent-name");
  #kind = h("span", "nbs-kind");
  #status = h("span", "nbs-end");
  #first = h("span", "nbs-first");
  #meta = h("span", "nbs-meta");
  #content = h("div", "nbs-content");
  #body: HTMLElement | undefined;

  constructor(
    public cell: Cell,
    private readonly connection: Connection,
  ) {
    this.#summary.append(this.#agent, this.#kind, this.#status, this.#first, this.#meta);
    this.el.append(this.#summary);
    this.#summary.addEventListener("click", () => {
      this.touched = true;
      this.#fill();
    });
    this.el.addEventListener("toggle", () => this.el.open && this.#fill());
    this.#show();
  }

  get inUse(): boolean {
    return isInUse(this.el);
  }

  /** Open or close it without the reader. */
  setOpen(open: boolean): void {
    if (open) this.#fill();
    this.el.open = open;
  }

  update(cell: Cell): void {
    if (cell === this.cell) return;
    const wasAsking = isAsking(this.cell);
    this.cell = cell;
    this.#show();
    if (!this.#body) return;
    if (wasAsking && isAsking(cell)) {
      // What the reader has begun to answer stays.
      renderBody(this.#content, cell);
      return;
    }
    const focused = focusedIn(this.#body) !== null;
    this.#body.remove();
    this.#body = undefined;
    if (this.el.open) this.#fill();
    if (focused) this.el.closest<HTMLElement>(".nbs-scroller")?.focus({ preventScroll: true });
  }

  /** Stay open with the text that the reader saw being written; call when the cell is on the page. */
  inherit(live: LiveView): void {
    const focused = focusedIn(live.el) !== null;
    this.setOpen(true);
    const text = this.#body?.querySelector(".nbs-text");
    if (text && live.isWhole(this.cell.text)) keepingSelection(() => text.replaceWith(live.text));
    if (focused) this.#summary.focus({ preventScroll: true });
  }

  #show(): void {
    const { cell } = this;
    this.el.className = `nbs-cell ${colourClass(this.connection.store.agents, cell.path)}`;
    this.el.dataset.kind = cell.kind;
    this.el.dataset.status = cell.status;
    setText(this.#agent, cell.agent ?? "");
    setText(this.#kind, kindWord(cell));
    setText(this.#status, statusWord(cell));
    setText(this.#first, headline(cell));
    setText(this.#meta, meta(cell).join(" · "));
    const at = cell.ended_at ?? cell.started_at;
    if (at !== undefined) this.#meta.title = dateAndTime(at);
  }

  #fill(): void {
    if (this.#body) return;
    const { cell } = this;
    renderBody(this.#content, cell);
    this.#body = h("div", "nbs-body", this.#content);
    if (isAsking(cell)) this.#body.append(inputForm(cell, (command) => this.connection.send(command)));
    else this.#body.append(this.#foot());
    this.el.append(this.#body);
  }

  #foot(): HTMLElement {
    return h(
      "div",
      "nbs-foot",
      h("span", "nbs-pace", pace(this.cell)),
      copyButton(() => sourceOf(this.cell)),
    );
  }
}

/** What a reader wants on the clipboard: the text, or the calls with their results. */
function sourceOf(cell: Cell): string {
  const calls = (cell.tool_calls ?? []).map(
    (call) => `${call.name}(${call.arguments})\n${call.result ?? ""}`,
  );
  const { code_blocks, output, traceback } = cell.data ?? {};
  const code = codeBlocks(code_blocks).map((block) => block.code);
  const rest = [output, traceback].filter((part) => part !== undefined).map(String);
  return [code.length > 0 ? "" : cell.text, ...code, ...calls, ...rest]
    .filter((part) => part !== "")
    .join("\n\n");
}
