/**
 * Reads the inline structure of a text: emphasis, code, links, images, formulas, line breaks (CommonMark 0.31.2, 6).
 *
 * The result is a flat row of items with their places in the source. So a text that grows can be cut at a place where
 * nothing is open, and is never read again before that place (`split_points.ts`). An item that has only half come is
 * shown as it will look: `**bol` is bold, and the address of a link waits until it is complete.
 */

import { type Address, BARE, bareAddress, bracketedAddress, isOpenAddress, mailAddress } from "./autolinks";
import { Backticks, runLength } from "./backticks";
import { type Bracket, isUndecided, referenceOf } from "./brackets";
import { type DelimiterRun, DelimiterRuns, openEarly, runAt } from "./delimiter_runs";
import { ESCAPABLE, referenceAt } from "./escapes";
import { isDisplay, isLikely, isOpenBegin, mayBecomeLikely, openerAt, readFormula } from "./formulas";
import { endWithout, shownCodeEnd, shownEnd, type TailKind } from "./idempotent_tail";
import { type InlineItem, wordsOf } from "./inline_items";
import { type Definitions, noteKey, type Target } from "./link_targets";
import { pathLength } from "./windows_paths";

export interface InlineText {
  readonly items: readonly InlineItem[];
  readonly source: string;
  /** The place up to which no later text can change anything. */
  readonly settled: number;
  /** The place behind which nothing is shown: white space, and marks that say nothing yet. */
  readonly end: number;
  readonly tail: TailKind;
}

const PLAIN = /[^\n`[\]\\!<&*_~$@:]+/y;
/** Short names of emoji, one or several in a row. No letter stands beside them, as in the time `10:30:45`. */
const EMOJI = /(?<![A-Za-z0-9_:])(?::(?:[+-]1|[a-z0-9]+(?:[_-][a-z0-9]+)*):)+(?![A-Za-z0-9_])/y;
const OPEN_EMOJI = /^:[a-z0-9_+:-]{0,60}$/;
/** A character behind which a bracket is an index, as in `a[0]`, and no link. */
const INDEXED = /[\w\])]/;
/** Characters after which an item that does not end is shown as its source. */
const OPEN_WITHIN_CHARS = 400;
/** A line break as models write it in the cell of a table, and its beginning. */
const BREAK = /<br\s*\/?>/iy;
const OPEN_BREAK = /^<(?:b(?:r\s{0,9}\/?)?)?$/i;
const NOTE = /\[\^([^\s\]]{1,200})\]/y;
const OPEN_NOTE = /^\[\^[^\s\]]{0,200}\]?$/;

/**
 * Read `source`. If it `isOpen`, more may follow. In a cell of a table, `<br>` is a line break. Labels that have no
 * definition are added to `missing`.
 */
export function readInline(
  source: string,
  definitions: Definitions,
  missing: Set<string>,
  isOpen: boolean,
  isCell = false,
): InlineText {
  return new InlineReader(source, definitions, missing, isOpen, isCell).read();
}

class InlineReader {
  /** The source without the characters at its end that are not shown. */
  #text: string;
  readonly #items: InlineItem[] = [];
  readonly #runs = new DelimiterRuns();
  readonly #brackets: Bracket[] = [];
  #pos = 0;
  #settled: number;
  #tail: TailKind = "other";
  #nextBare = -1;
  #ticks: Backticks | undefined;

  constructor(
    private readonly source: string,
    private readonly definitions: Definitions,
    private readonly missing: Set<string>,
    private readonly isOpen: boolean,
    private readonly isCell: boolean,
  ) {
    this.#text = source.slice(0, shownEnd(source, isOpen));
    this.#settled = this.#text.length;
  }

  read(): InlineText {
    while (this.#pos < this.#text.length) this.#step();
    this.#runs.matchAll(null);
    if (this.isOpen) {
      for (const run of this.#runs.openers()) this.#openEarly(run);
      for (const bracket of this.#brackets) if (this.#leaveOpen(bracket)) break;
    }
    const { length: end } = this.#text;
    return { items: this.#items, source: this.source, settled: this.#settled, end, tail: this.#tailOf(end) };
  }

  /** The kind of item in which the text ends; "other" if more than spaces is left out behind it. */
  #tailOf(end: number): TailKind {
    if (end === this.source.length || this.#tail === "hidden") return this.#tail;
    const isOther = this.#tail === "address" || this.source.slice(end).trim() !== "";
    return isOther || this.source.includes("\n", end) ? "other" : this.#tail;
  }

  #step(): void {
    this.#tail = "other";
    switch (this.#text[this.#pos]) {
      case "\n":
        this.#break();
        break;
      case "`":
        this.#code();
        break;
      case "\\":
        this.#backslash();
        break;
      case "$":
        if (!this.#formula()) this.#literal(1);
        break;
      case "*":
      case "_":
      case "~":
        this.#run();
        break;
      case "[":
        if (!this.#note()) this.#openBracket(false);
        break;
      case "!":
        if (this.#text[this.#pos + 1] === "[" && !this.#noteAt(this.#pos + 1)) this.#openBracket(true);
        else this.#literal(1);
        break;
      case "]":
        this.#closeBracket();
        break;
      case "<":
        this.#angle();
        break;
      case "&":
        this.#reference();
        break;
      case "@":
        this.#mail();
        break;
      case ":":
        this.#colon();
        break;
      default:
        this.#plain();
    }
  }

  #put(text: string, length: number, isOwn = false): void {
    const exact = text.length === length;
    const last = this.#items.at(-1);
    const continues = last?.type === "text" && last.exact && last.at + last.text.length === this.#pos;
    if (exact && !isOwn && continues && this.#brackets.at(-1)?.index !== this.#items.length - 1) {
      last.text += text;
    } else this.#items.push({ type: "text", at: this.#pos, text, exact });
    this.#pos += length;
  }

  #literal(length: number, isOwn = false): void {
    this.#put(this.#text.slice(this.#pos, this.#pos + length), length, isOwn);
  }

  #plain(): void {
    PLAIN.lastIndex = this.#pos;
    PLAIN.test(this.#text);
    let end = PLAIN.lastIndex;
    const bare = this.#bareFrom(this.#pos);
    if (bare === this.#pos) {
      const address = this.#brackets.length > 0 ? null : bareAddress(this.#text, bare);
      if (address) {
        this.#address(address, 0);
        return;
      }
      // The address is no link: it is text, up to the next beginning of an address.
      end = Math.min(end, this.#bareFrom(bare + 1));
    } else end = Math.min(end, bare);
    this.#literal(end - this.#pos);
    this.#tail = "text";
  }

  /** The place at or behind `from` where the next bare address may begin. */
  #bareFrom(from: number): number {
    if (this.#nextBare < from) {
      BARE.lastIndex = from;
      this.#nextBare = BARE.exec(this.#text)?.index ?? Number.POSITIVE_INFINITY;
    }
    return this.#nextBare;
  }

  #address(address: Address, before: number): void {
    const at = this.#pos - before;
    const end = at + address.length;
    if (this.isOpen && end === this.#text.length && this.#text[at] !== "<") {
      // The address may go on: nobody should click on half of it.
      this.#settle(at);
      this.#pos = at;
      this.#literal(end - at);
      this.#tail = "address";
      return;
    }
    this.#pos = end;
    this.#items.push({ type: "link", at, target: address });
    this.#items.push({ type: "text", at, text: address.text, exact: false });
    this.#items.push({ type: "link end", at: this.#pos });
  }

  #mail(): void {
    const last = this.#items.at(-1);
    const before = last?.type === "text" && last.exact ? last : null;
    const free = this.#brackets.length === 0;
    const address = before && free ? mailAddress(this.#text, this.#pos, before.text) : null;
    if (!address || !before) {
      this.#literal(1);
      return;
    }
    const local = address.text.indexOf("@");
    before.text = before.text.slice(0, -local);
    this.#address(address, local);
  }

  #colon(): void {
    EMOJI.lastIndex = this.#pos;
    const [source] = EMOJI.exec(this.#text) ?? [];
    if (source) {
      if (this.isOpen && this.#pos + source.length === this.#text.length) this.#settle(this.#pos);
      for (const [named] of source.matchAll(/:[^:]+:/g)) {
        this.#items.push({ type: "emoji", at: this.#pos, name: named.slice(1, -1) });
        this.#pos += named.length;
      }
    } else if (this.isOpen && this.#mayBecomeEmoji()) this.#holdBack("other");
    else this.#literal(1);
  }

  #mayBecomeEmoji(): boolean {
    const before = this.#text[this.#pos - 1] ?? "";
    return !/[A-Za-z0-9_:]/.test(before) && OPEN_EMOJI.test(this.#text.slice(this.#pos, this.#pos + 62));
  }

  #break(): void {
    const last = this.#items.at(-1);
    let spaces = 0;
    if (last?.type === "text" && last.exact) {
      const end = endWithout(last.text, last.text.length, " ");
      spaces = last.text.length - end;
      last.text = last.text.slice(0, end);
    }
    if (spaces >= 2) {
      this.#items.push({ type: "break", at: this.#pos - spaces });
      this.#pos++;
    } else this.#literal(1, true);
    while (this.#text[this.#pos] === " ") this.#pos++;
  }

  #backslash(): void {
    const path = pathLength(this.#text, this.#pos);
    if (path > 0) {
      this.#literal(path);
      return;
    }
    if (this.#formula()) return;
    if (this.isOpen && isOpenBegin(this.#text, this.#pos)) {
      this.#holdBack("other");
      return;
    }
    const next = this.#text[this.#pos + 1] ?? "";
    if (next === "\n") {
      this.#items.push({ type: "break", at: this.#pos });
      this.#pos += 2;
      while (this.#text[this.#pos] === " ") this.#pos++;
    } else if (ESCAPABLE.test(next)) this.#put(next, 2);
    else this.#literal(1);
  }

  #code(): void {
    const from = this.#pos;
    const length = runLength(this.#text, from);
    this.#ticks ??= new Backticks(this.#text);
    const end = this.#ticks.closing(length, from + length);
    if (end !== undefined) {
      this.#codeItem(from + length, end);
      this.#pos = end + length;
      return;
    }
    if (!this.isOpen) {
      this.#literal(length);
      return;
    }
    this.#settle(from);
    if (this.#text.length - from > OPEN_WITHIN_CHARS) {
      this.#literal(length);
      return;
    }
    this.#text = this.source.slice(0, shownCodeEnd(this.source));
    this.#codeItem(from + length, this.#text.length);
    this.#pos = this.#text.length;
    this.#tail = "code";
  }

  #codeItem(from: number, to: number): void {
    const text = this.#text.slice(from, to).replaceAll("\n", " ");
    const isPadded = text.startsWith(" ") && text.endsWith(" ") && /[^ ]/.test(text);
    this.#items.push({ type: "code", at: this.#pos, text: isPadded ? text.slice(1, -1) : text });
  }

  #formula(): boolean {
    const opener = openerAt(this.#text, this.#pos);
    if (opener === "") return false;
    const formula = readFormula(this.#text, this.#pos, opener);
    const at = this.#pos;
    if (formula === null || (formula === "open" && !this.isOpen)) return false;
    if (formula !== "open") {
      const { tex, display, end } = formula;
      if (this.isOpen && end === this.#text.length) this.#settle(at);
      this.#items.push({ type: "formula", at, tex, display, isOpen: false });
      this.#pos = end;
      return true;
    }
    this.#settle(at);
    const rest = this.#text.slice(at + opener.length);
    if (!isLikely(opener, rest)) {
      if (!mayBecomeLikely(opener, rest)) return false;
      this.#holdBack("other");
      return true;
    }
    const tex = opener.startsWith("\\b") ? opener + rest : rest.trim();
    this.#items.push({ type: "formula", at, tex, display: isDisplay(opener), isOpen: true });
    this.#pos = this.#text.length;
    this.#tail = "formula";
    return true;
  }

  #run(): void {
    const end = this.#pos + runLength(this.#text, this.#pos);
    const run = runAt(this.#text, this.#pos, end);
    if (!run.canOpen && !run.canClose) {
      this.#literal(end - this.#pos);
      return;
    }
    this.#items.push(run);
    this.#runs.push(run);
    this.#pos = end;
  }

  #openEarly(run: DelimiterRun): void {
    this.#settle(run.at);
    const isMarkup = !run.canClose && (run.mark !== "~" || run.length === 2);
    if (isMarkup && this.#text.length - run.at <= OPEN_WITHIN_CHARS) openEarly(run);
  }

  /** The source and the number of the reference to a footnote at `at`, if the footnote is defined. */
  #noteAt(at: number): [source: string, number: number] | null {
    NOTE.lastIndex = at;
    const [source, label] = NOTE.exec(this.#text) ?? [];
    const number = label && this.definitions.note(label);
    if (label && number === undefined) this.missing.add(noteKey(label));
    return source && number ? [source, number] : null;
  }

  /** A reference to a footnote. Without a definition it is a text in brackets. */
  #note(): boolean {
    const note = this.#noteAt(this.#pos);
    if (note) {
      const [source, number] = note;
      this.#items.push({ type: "note", at: this.#pos, number });
      this.#pos += source.length;
      return true;
    }
    if (!this.isOpen || !OPEN_NOTE.test(this.#text.slice(this.#pos, this.#pos + 204))) return false;
    this.#holdBack("other");
    return true;
  }

  #openBracket(isImage: boolean): void {
    const previous = this.#brackets.at(-1);
    if (previous) previous.hasBracketBehind = true;
    const { length: index } = this.#items;
    const bottom = this.#runs.last;
    const at = this.#pos;
    this.#literal(isImage ? 2 : 1, true);
    const state = { isActive: true, hasBracketBehind: false, isWaiting: false };
    this.#brackets.push({ index, at, isImage, bottom, ...state });
  }

  /** Show what a bracket will become when it is closed. True if it takes in all items behind it, as an image does. */
  #leaveOpen({ at, index, isActive, isImage, isWaiting }: Bracket): boolean {
    this.#settle(at);
    const isSoon = this.#text.length - at <= OPEN_WITHIN_CHARS && !INDEXED.test(this.#text[at - 1] ?? "");
    const mayClose = isWaiting || isSoon;
    const item = this.#items[index];
    if (!mayClose || !isActive || item?.type !== "text") return false;
    if (!isImage) item.text = "";
    else this.#items[index] = { type: "image", at, target: null, alt: this.#takeWords(index) };
    return isImage;
  }

  /** Take away the items behind `index`, and return their words. */
  #takeWords(index: number): string {
    return this.#items
      .splice(index + 1)
      .map(wordsOf)
      .join("");
  }

  #closeBracket(): void {
    const bracket = this.#brackets.pop();
    if (!bracket?.isActive) {
      this.#literal(1);
      return;
    }
    const from = this.#pos + 1;
    if (this.isOpen && isUndecided(this.#text, from)) {
      this.#settle(bracket.at);
      this.#brackets.push(bracket);
      bracket.isWaiting = from < this.#text.length;
      if (bracket.isWaiting) this.#tail = "hidden";
      this.#pos = this.#text.length;
      return;
    }
    const target = referenceOf(this.#text, bracket, from, this.definitions, this.missing);
    if (!target) this.#literal(1);
    else if (bracket.isImage) this.#image(bracket, target.value, target.end);
    else this.#link(bracket, target.value, target.end);
  }

  #link(bracket: Bracket, target: Target, end: number): void {
    this.#items[bracket.index] = { type: "link", at: bracket.at, target };
    this.#runs.match(bracket.bottom);
    this.#items.push({ type: "link end", at: this.#pos });
    this.#pos = end;
    // A link holds no other link.
    for (const before of this.#brackets) if (!before.isImage) before.isActive = false;
  }

  #image(bracket: Bracket, target: Target, end: number): void {
    this.#runs.match(bracket.bottom);
    const alt = this.#takeWords(bracket.index);
    this.#items[bracket.index] = { type: "image", at: bracket.at, target, alt };
    this.#pos = end;
  }

  #angle(): void {
    if (this.isCell && this.#cellBreak()) return;
    const address = bracketedAddress(this.#text, this.#pos);
    if (address) this.#address(address, 0);
    else if (this.isOpen && isOpenAddress(this.#text, this.#pos)) this.#holdBack("hidden");
    else this.#literal(1);
  }

  #cellBreak(): boolean {
    BREAK.lastIndex = this.#pos;
    const [source] = BREAK.exec(this.#text) ?? [];
    if (source) {
      this.#items.push({ type: "break", at: this.#pos });
      this.#pos += source.length;
    } else if (this.isOpen && OPEN_BREAK.test(this.#text.slice(this.#pos, this.#pos + 16))) {
      this.#holdBack("other");
    } else return false;
    return true;
  }

  #reference(): void {
    const reference = referenceAt(this.#text, this.#pos);
    if (!reference) {
      this.#literal(1);
      return;
    }
    this.#items.push({ type: "text", at: this.#pos, text: reference.text, exact: false });
    this.#pos += reference.source.length;
  }

  /** Show nothing from here on, because it is not clear yet what the text will be. */
  #holdBack(tail: TailKind): void {
    this.#settle(this.#pos);
    this.#text = this.#text.slice(0, this.#pos);
    this.#tail = tail;
  }

  #settle(limit: number): void {
    this.#settled = Math.min(this.#settled, limit);
  }
}
