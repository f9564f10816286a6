/**
 * Shows the text of one element while it grows. Text that is settled is never read or touched again.
 *
 * A long text is cut into parts. Each part stands in a box that the browser lays out by itself. The places of the cuts
 * depend on the text alone. A text that offers no place for a cut, such as a word of 20 kB, is cut where it is too
 * long.
 *
 * A text may be read again and again while it grows. How much is read is bounded for any text by a credit, which grows
 * with each character that comes in. If the credit does not suffice, new text is shown as it is until it does.
 */

import { h } from "../../dom/build";
import { keep } from "../../dom/folded";
import { keyOf } from "../../dom/opaque";
import { appendText } from "../../dom/safe_text";
import { appendItems, type Services } from "../dom/inline_view";
import { morphChildren } from "../dom/morph";
import { endWithout, type TailKind, WHITE } from "../parse/idempotent_tail";
import { type InlineText, readInline } from "../parse/inline";
import type { Definitions } from "../parse/link_targets";
import { type Cut, cutAfter, lastCut } from "../parse/split_points";
import { reach, weigh } from "./part_weight";
import { isPlainContinuation, mayStayUnread } from "./plain_continuation";

/** What the text in one box weighs: as much as so many characters without marks. */
export const CHARS_PER_PART = 4096;
/** A text without a place for a cut is cut all the same when it is so many parts long. */
const MAX_UNCUT_PARTS = 2;
/** Characters that may be read for each character that comes in. */
const READ_PER_CHAR = 8;
const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]|[\ud802\ud803\ud83a\ud83b]/;
/** Elements in which a text may go on. */
const RUNNING = "em, strong, del, code, .nbs-math, .nbs-coming-image";

/** The state that all texts of a message share: how much was read, and which texts wait for a definition. */
export class Reading {
  /** Characters that were read so far. */
  read = 0;
  /** The elements of texts whose labels have no definition so far, by label. */
  readonly waiting = new Map<string, Set<HTMLElement>>();
  readonly sources = new Map<HTMLElement, string>();
  /** Whether what is written now is far from what the reader sees. */
  isFar = false;
  #received = 0;

  constructor(
    readonly services: Services,
    readonly definitions: Definitions,
    readonly part = CHARS_PER_PART,
  ) {}

  receive(length: number): void {
    this.#received += length;
    this.read += length;
  }

  /** Take `length` off the credit. False if the credit does not suffice; then nothing is taken. */
  spend(length: number): boolean {
    if (this.read + length > READ_PER_CHAR * this.#received) return false;
    this.read += length;
    return true;
  }

  /** Note that `el` is final, and may be taken off the page while it is far from what the reader sees. */
  readonly settle = (el: HTMLElement): void => this.services.folding?.add(el, this.isFar);

  wait(labels: Iterable<string>, el: HTMLElement, source: string): void {
    keep(el);
    for (const label of labels) {
      const els = this.waiting.get(label) ?? new Set();
      this.waiting.set(label, els.add(el));
      this.sources.set(el, source);
    }
  }
}

/** Owned by the view of blocks; one for each element whose text grows. */
export class InlineStream {
  /** The text that is shown now. */
  #text = "";
  /** The settled beginning of the text. It is cut from the text, because to put it together would copy all of it. */
  #settled = "";
  /** The box that grows. */
  #box: HTMLElement;
  /** Characters of the source that stand settled in the box. */
  #length = 0;
  /** What those characters weigh. */
  #weight = 0;
  /** How many nodes in the box are settled. */
  #nodes: number;
  /** The settled text behind the last settled node. */
  #carry = "";
  /** The text as it was shown last. */
  #shown = "";
  /** The end of that text that was left out. */
  #rest = "";
  /** The length of the text when it was read last. */
  #readTo = 0;
  #tail: TailKind = "other";
  /** The direction of the text, as its first box has it: to find it by itself, the browser would read all boxes. */
  #direction = "";
  #missing = new Set<string>();
  readonly #isCell: boolean;

  /** `fixed` nodes at the beginning of `el` are left alone. */
  constructor(
    private readonly el: HTMLElement,
    private readonly reading: Reading,
    private readonly fixed = 0,
  ) {
    this.#isCell = el.matches("th, td");
    this.#box = el;
    this.#nodes = fixed;
    if (el.dir !== "auto") this.#setDirection(""); // another text may have stood here
  }

  /** Show `text`, of which more may follow unless it is `final`. */
  update(text: string, final: boolean): void {
    if (!text.startsWith(this.#settled)) this.#reset();
    this.#text = text;
    if (!final && text === this.#shown) return;
    this.#cutTooLong(text);
    const rest = text.slice(this.#settled.length);
    if (final) this.reading.read += rest.length;
    else if (this.#isQuiet(text, rest.length) || !this.reading.spend(rest.length)) {
      this.#append(text);
      return;
    }
    const inline = readInline(rest, this.reading.definitions, this.#missing, !final, this.#isCell);
    this.#show(inline);
    this.#shown = text;
    this.#readTo = text.length;
    this.#tail = inline.tail;
    this.#rest = inline.tail === "hidden" ? "" : inline.source.slice(inline.end);
    if (final && this.#missing.size > 0) this.reading.wait(this.#missing, this.el, text);
  }

  #reset(): void {
    this.#box = this.el;
    this.#settled = this.#carry = this.#shown = this.#rest = "";
    this.#tail = "other";
    if (this.#direction !== "") this.#setDirection("");
    this.#length = this.#weight = 0;
    this.#nodes = this.fixed;
  }

  /**
   * Fill all boxes but the last one. For a box, no text is read that lies beyond the greatest length of a box, unless
   * the text lies in the data of an image: that is not shown as text.
   */
  #cutTooLong(text: string): void {
    for (;;) {
      const begin = this.#settled.length - this.#length;
      const end = reach(text, begin, MAX_UNCUT_PARTS * this.reading.part);
      if (text.length <= end + 1) return; // one more, for the second half of a surrogate pair
      const box = this.#box;
      const inline = this.#read(text.slice(this.#settled.length, end), true);
      if (inline.tail === "hidden" && 2 * inline.settled < inline.source.length) return;
      this.#show(inline);
      if (this.#box !== box) continue;
      const low = text.charCodeAt(end);
      const cut = low >= 0xdc00 && low < 0xe000 ? end + 1 : end;
      const rest = text.slice(this.#settled.length, cut);
      morphChildren(this.#box, this.#nodes, this.#fragment(this.#read(rest, false), null, null));
      this.#next();
      this.#settle(rest.length);
      this.#shown = this.#settled;
      this.#rest = "";
    }
  }

  #read(text: string, isOpen: boolean): InlineText {
    this.reading.read += text.length;
    return readInline(text, this.reading.definitions, this.#missing, isOpen, this.#isCell);
  }

  /** Go on in a new box. */
  #next(): void {
    const box = h("span", "nbs-part");
    if (this.#direction === "") this.#setDirection(directionOf(this.el.textContent ?? ""));
    box.dir = this.#direction;
    if (this.#box !== this.el) this.reading.settle(this.#box);
    this.#box = this.el.appendChild(box);
    this.#nodes = this.#length = this.#weight = 0;
    this.#carry = "";
  }

  /** Let the text go in `direction`, or let the browser find it. It would look for it again with each change. */
  #setDirection(direction: string): void {
    this.#direction = direction;
    if (this.el.dir !== "") this.el.dir = direction || "auto";
  }

  /** Whether the new end of `text` can be added without being read. */
  #isQuiet(text: string, open: number): boolean {
    const added = text.length - this.#shown.length;
    if (!mayStayUnread(text.length - this.#readTo, open)) return false;
    return isPlainContinuation(text, added, this.#tail) && text.startsWith(this.#shown);
  }

  #show(inline: InlineText): void {
    let from: Cut | null = null;
    for (let cut = this.#partEnd(inline, from); cut; cut = this.#partEnd(inline, cut)) {
      morphChildren(this.#box, this.#nodes, this.#fragment(inline, from, cut));
      this.#next();
      from = cut;
    }
    const begin: number = from?.at ?? 0;
    const settled = lastCut(inline, begin);
    const fragment = settled ? this.#fragment(inline, from, settled) : this.#fragment(inline, from, null);
    const nodes = this.#nodes;
    if (settled) {
      const last = fragment.lastChild;
      this.#carry = last instanceof Text ? last.data : "";
      this.#nodes += fragment.childNodes.length - (last instanceof Text ? 1 : 0);
      this.#length += settled.at - begin;
      this.#weight += weigh(inline.source, begin, settled.at);
      appendItems(fragment, inline, settled, null, this.reading.services);
    }
    morphChildren(this.#box, nodes, fragment);
    this.#settle(settled?.at ?? begin);
  }

  /** Take `length` more characters of the text as settled. */
  #settle(length: number): void {
    this.#settled = this.#text.slice(0, this.#settled.length + length);
  }

  /** The cut at which the present box is full, or null. */
  #partEnd(inline: InlineText, from: Cut | null): Cut | null {
    const { part } = this.reading;
    if (from) return cutAfter(inline, reach(inline.source, from.at, part));
    const left = part - this.#weight;
    return cutAfter(inline, left > 0 ? reach(inline.source, 0, left) : 1);
  }

  #fragment(inline: InlineText, from: Cut | null, to: Cut | null): DocumentFragment {
    const fragment = document.createDocumentFragment();
    if (from === null && this.#carry !== "") fragment.append(this.#carry);
    appendItems(fragment, inline, from, to, this.reading.services);
    return fragment;
  }

  /** Show the new end of `text` without reading it. */
  #append(text: string): void {
    if (!text.startsWith(this.#shown)) return;
    const fresh = this.#rest + text.slice(this.#shown.length);
    const seen = fresh.slice(
      0,
      endWithout(fresh, fresh.length, this.#tail === "formula" ? `${WHITE}\\` : WHITE),
    );
    this.#shown = text;
    if (this.#tail === "hidden") return;
    this.#rest = fresh.slice(seen.length);
    let el: Node = this.#box;
    while (isRunning(el.lastChild)) el = el.lastChild;
    appendText(el, seen);
  }
}

/** The direction of a text by its first letter, as `dir="auto"` finds it. */
function directionOf(text: string): "ltr" | "rtl" {
  const letter = LETTER.exec(text)?.[0] ?? "";
  return RIGHT_TO_LEFT.test(letter) ? "rtl" : "ltr";
}

function isRunning(node: Node | null): node is HTMLElement {
  return node instanceof HTMLElement && node.matches(RUNNING) && keyOf(node) === undefined;
}
