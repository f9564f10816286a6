/** Shows the cells that agents are writing, side by side if there is room. Their text grows as it comes. */

import type { Connection } from "../../comm/connection";
import type { LiveCell } from "../../comm/live_cell";
import { onAbort } from "../../dom/abort";
import { focusedIn, h, setChildren, setName } from "../../dom/build";
import { colourClass } from "../../dom/colours";
import { Folding, GrowingEnd, type GrowthLimits } from "../../dom/folding";
import { count } from "../../dom/format";
import { PacedWork, portions } from "../../dom/portions";
import { plain, setText } from "../../dom/safe_text";
import { TextWriter } from "../../dom/text_writer";
import type { Services } from "../../markdown/dom/inline_view";
import { MarkdownWriter } from "../../markdown/stream/markdown_writer";
import { checkLater } from "../../markdown/stream/recheck";
import { roleOf, textForm } from "../../protocol/model";
import { depthClass, pathAbove } from "./cell_address";
import { kindWord } from "./summary";

/** Pixels from the end of a box that still count as the end. */
const BOX_END_PX = 24;
/** How much of a text is put on the page in any case, in a small box and in the whole panel. */
const SMALL_LIMITS: GrowthLimits = { elements: 150, chars: 1024 };
export const LARGE_LIMITS: GrowthLimits = { elements: 1200, chars: 4096 };

export interface ViewServices extends Services {
  readonly folding: Folding;
}

/** The view of one live cell; its text element can pass to the view of the finished cell. */
export class LiveView {
  readonly el = h("article", "nbs-live-cell");
  /** Whether the reader can see it. Text is written only then. */
  isInView = true;
  text = h("div", "nbs-text");
  #held = h("p", "nbs-held");
  readonly grow = h("div", "nbs-live-grow", this.text, this.#held);
  #above = h("span", "nbs-above");
  #agent = h("span", "nbs-agent-name");
  #kind = h("span", "nbs-kind");
  #doing = h("span", "nbs-doing");
  #scroll = h("div", "nbs-live-text");
  #writer: MarkdownWriter | TextWriter;
  #painted = 0;
  #work: PacedWork | undefined;
  readonly #end: GrowingEnd;
  #revision: number;

  constructor(
    private readonly cell: LiveCell,
    private readonly connection: Connection,
    private readonly services: ViewServices,
  ) {
    this.#revision = cell.revision;
    this.#end = new GrowingEnd(services.folding, this.text);
    this.#writer = this.#newWriter();
    this.#scroll.append(this.grow);
    const head = h("header", "nbs-live-head", this.#above, this.#agent, this.#kind, this.#doing);
    this.el.setAttribute("aria-busy", "true");
    this.#scroll.setAttribute("role", "group");
    this.el.append(head, this.#scroll);
  }

  /**
   * Paint the text that came. `several` says that other cells grow beside this one: then its box has a fixed height.
   */
  update(several: boolean): void {
    const { head } = this.cell;
    const { agents } = this.connection.store;
    const row = agents.find(({ path }) => path === head.path);
    const gated = row?.can_stream === true && !this.connection.switches.isOn(row);
    this.el.className = `nbs-live-cell ${colourClass(agents, head.path)} ${depthClass(head)}`;
    this.el.classList.toggle("nbs-is-held", gated);
    this.el.dataset.kind = head.kind;
    setText(this.#above, pathAbove(head));
    setText(this.#agent, head.agent ?? "");
    setText(this.#kind, kindWord(head));
    const isThought = roleOf(head) === "thought";
    const doing = isThought ? "thinking" : "writing";
    setText(this.#doing, doing);
    setName(this.#scroll, plain(`${head.agent ?? ""} ${doing}`));
    setText(this.#held, gated ? `writing, ${count(row?.held ?? 0, "character")} held` : "");
    if (several || isThought) this.#scroll.tabIndex = 0;
    else if (!focusedIn(this.#scroll)) this.#scroll.removeAttribute("tabindex");
    this.#end.limits = several ? SMALL_LIMITS : LARGE_LIMITS;
    this.#paint();
  }

  /** Write on up to the end of `text`, which is complete. False if this view shows something else, or nothing. */
  finish(text: string): boolean {
    if (this.#painted === 0 || !text.startsWith(this.cell.text)) return false;
    this.cell.replace(text); // the last words of a message may come with its end
    this.#paint();
    const writer = this.#writer;
    this.#work?.whenDone(() => {
      writer.end();
      if (writer instanceof MarkdownWriter) {
        checkLater(this.text, text, writer.definitions, this.services);
      }
    });
    return true;
  }

  #newWriter(): MarkdownWriter | TextWriter {
    const isRich = textForm(this.cell.head) === "markdown";
    this.text.classList.toggle("nbs-md", isRich);
    if (isRich) return new MarkdownWriter(this.text, { ...this.services, folding: this.#end });
    return new TextWriter(this.text, this.#end);
  }

  #paint(): void {
    const { pieces, revision } = this.cell;
    if (revision !== this.#revision) {
      this.#work?.stop();
      this.#revision = revision;
      this.#painted = 0;
      this.text.replaceChildren();
      this.#writer = this.#newWriter();
    }
    if (this.#painted === pieces.length) return;
    if (!this.#work || this.#work.isDone) this.#work = new PacedWork(this.text, this.#write());
  }

  /** Write the text that has come, and the text that comes meanwhile. */
  *#write(): Generator<number> {
    while (this.#painted < this.cell.pieces.length) {
      const fresh = this.cell.pieces.slice(this.#painted).join("");
      this.#painted = this.cell.pieces.length;
      for (const portion of portions(fresh)) {
        this.#writer.write(portion);
        yield portion.length;
      }
    }
  }
}

/** Owned by one view of the panel. */
export class LiveArea {
  readonly el = h("div", "nbs-live");
  #views = new Map<string, [LiveCell, LiveView]>();

  /** What the texts of this view share. */
  readonly services: ViewServices;
  #observer: IntersectionObserver;
  /** Called when the page is laid out: so measuring costs nothing, if all boxes are measured before one changes. */
  #sizes = new ResizeObserver((entries) => {
    const boxes = entries.map(({ target }) => target.parentElement!);
    const ends = boxes.map((box) => box.scrollHeight - box.clientHeight);
    boxes.forEach((box, index) => {
      box.classList.toggle("nbs-full", ends[index]! > 0);
      if (!this.#left.has(box)) box.scrollTop = ends[index]!;
    });
  });
  /** The boxes in which the reader has scrolled away from the end. */
  #left = new WeakSet<Element>();

  constructor(
    private readonly connection: Connection,
    /** Called when a cell comes into view. */
    repaint: () => void,
    signal: AbortSignal,
  ) {
    this.services = { ...connection.services, folding: new Folding(this.el) };
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        for (const [, view] of this.#views.values()) if (view.el === target) view.isInView = isIntersecting;
      }
      if (entries.some(({ isIntersecting }) => isIntersecting)) repaint();
    });
    onAbort(signal, () => {
      this.#observer.disconnect();
      this.#sizes.disconnect();
    });
  }

  /** The view of the cell `id` while it is shown here. The finished cell may take over its text element. */
  view(id: string): LiveView | undefined {
    return this.#views.get(id)?.[1];
  }

  #scrolled(box: Element): void {
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < BOX_END_PX;
    if (isAtEnd) this.#left.delete(box);
    else this.#left.add(box);
  }

  update(): void {
    const { live } = this.connection.store;
    for (const [id, [cell, view]] of this.#views) {
      if (live.get(id) === cell) continue;
      this.#views.delete(id);
      this.#observer.unobserve(view.el);
      this.#sizes.unobserve(view.grow);
    }
    for (const [id, cell] of live) {
      if (this.#views.has(id)) continue;
      const view = new LiveView(cell, this.connection, this.services);
      this.#views.set(id, [cell, view]);
      this.#observer.observe(view.el);
      this.#sizes.observe(view.grow);
      const box = view.grow.parentElement!;
      box.addEventListener("scroll", () => this.#scrolled(box), { passive: true });
    }
    const views = [...live.keys()].map((id) => this.#views.get(id)![1]);
    this.el.classList.toggle("nbs-many", views.length > 1);
    setChildren(
      this.el,
      views.map(({ el }) => el),
    );
    for (const view of views) if (view.isInView) view.update(views.length > 1);
  }
}
