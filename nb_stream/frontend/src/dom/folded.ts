/**
 * Turns the content of an element into data, and back into the same nodes. The element stays, with its height and its
 * plain text, so that the browser's own search and screen readers find it. `folding.ts` decides what is folded when.
 */

import { holdsSelection } from "./build";
import { keyOf } from "./opaque";
import { keepingPlaces } from "./selection";

const FOLDED = "nbs-folded";
/** A folded element with a height of its own. */
const SIZED = "nbs-sized";
/** Code without its colours is as high and as wide as with them. */
const SAME_SIZE = ".nbs-lines, .nbs-long";
/** Elements that are never made again, because they hear clicks or show what the reader asked for. */
const LASTING = "button, img";
/** Elements whose height is that of the elements in them. */
const BOXES = "p, h1, h2, h3, h4, h5, h6, ul, ol, li, blockquote, div, pre, code, table, tbody, tr";
/** Characters of a line, and pixels of a line and of the space below a block, for heights that nobody has measured. */
const LINE = { chars: 80, height: 22, space: 9 };

/** How to make an element again, and what it stands for. */
interface Recipe {
  readonly key: string | undefined;
  readonly make: () => Element;
}

/** The content of an element: its nodes in JSON, and those things in it that JSON cannot hold. */
interface Content {
  readonly json: string;
  readonly parts: readonly Part[];
  /** The plain text, without that of buttons. */
  readonly text: string;
}

type Part = Element | Content | Recipe;
type Attributes = Record<string, string>;
/** A text, the number of a part, or an element. `content` is the number of the part with its content, or -1. */
type Packed = string | number | PackedElement;
type PackedElement = [tag: string, attributes: Attributes, isUnit: 0 | 1, content: number, ...Packed[]];

const contents = new WeakMap<Element, Content>();
const kept = new WeakSet<Element>();
const makers = new WeakMap<Element, () => Element>();
const units = new WeakSet<Element>();

/** Let `el` stay the same element when something around it is folded; only its content becomes data. */
export function keep(el: Element): void {
  kept.add(el);
}

/** Let `make` make `el` again when it is needed. */
export function remade(el: Element, make: () => Element): void {
  makers.set(el, make);
}

/** Note that `el` can be folded by itself; it says so again when it is made again. False if that was known. */
export function markUnit(el: Element): boolean {
  const isNew = !units.has(el);
  units.add(el);
  return isNew;
}

export function unitsIn(el: Element): Element[] {
  const found: Element[] = [];
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_ELEMENT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (units.has(node as Element)) found.push(node as Element);
  }
  return found;
}

export function isFolded(el: Element): boolean {
  return el.classList.contains(FOLDED);
}

export function foldedIn(el: Element): HTMLElement[] {
  return [...el.querySelectorAll<HTMLElement>(`.${FOLDED}`)];
}

/** The innermost folded element around `node`. */
export function foldedAround(node: Node): HTMLElement | null {
  return node.parentElement?.closest<HTMLElement>(`.${FOLDED}`) ?? null;
}

/** Fold `el`, unless it has no text. Without a `height` in pixels, it is estimated. */
export function fold(el: HTMLElement, height: number | null): void {
  if (isFolded(el) || textOf(el).trim() === "") return;
  const size = height ?? estimate(el);
  const content = pack(el);
  contents.set(el, content);
  el.replaceChildren(...stub(el, content));
  el.classList.add(FOLDED);
  if (el.matches(SAME_SIZE)) return;
  el.classList.add(SIZED);
  el.style.blockSize = `${size}px`;
}

/** Make the content of `el` again, if it is data. A selection in it stays. */
export function unfold(el: HTMLElement): void {
  const content = contents.get(el);
  if (!content) return;
  contents.delete(el);
  const fill = () => el.replaceChildren(...unpack(content));
  if (!isFolded(el)) {
    fill();
    return;
  }
  el.classList.remove(FOLDED, SIZED);
  if (el.classList.length === 0) el.removeAttribute("class");
  el.removeAttribute("style");
  if (holdsSelection(el)) keepingPlaces(el, fill);
  else fill();
}

/**
 * Whether `old` is as `fresh`, with what is folded in it. What is folded is put right without being made again, so that
 * only elements on the page are left to differ.
 */
export function accords(old: Element, fresh: Element): boolean {
  const key = keyOf(old);
  if (key !== undefined || keyOf(fresh) !== undefined) return key === keyOf(fresh);
  if (old.localName !== fresh.localName || !hasAttributes(fresh, attributesOf(old))) return false;
  if (isFolded(old)) {
    correct(old, fresh);
    return true;
  }
  const nodes = [...old.childNodes];
  if (nodes.length !== fresh.childNodes.length) return false;
  return nodes.every((node, index) => {
    const other = fresh.childNodes[index]!;
    if (node instanceof Element) return other instanceof Element && accords(node, other);
    return node.nodeName === other.nodeName && node.textContent === other.textContent;
  });
}

/** Let the folded content of `el` be that of `fresh`. */
function correct(el: Element, fresh: Element): void {
  const content = contents.get(el);
  const right = content && corrected(content, fresh);
  if (!right || right === content) return;
  contents.set(el, right);
  if (isFolded(el)) el.replaceChildren(...stub(el, right));
}

/** `content`, if it is that of `fresh`; else what it should be. */
function corrected(content: Content, fresh: Element): Content {
  const parts = [...content.parts];
  const isRight = (packed: Packed, node: Node): boolean => {
    if (typeof packed === "string") return node instanceof Text && node.data === packed;
    if (!(node instanceof Element)) return false;
    if (typeof packed === "number") {
      const part = parts[packed] as Element | Recipe;
      if (!(part instanceof Element)) return part.key === keyOf(node);
      if (keyOf(part) === undefined && contents.has(part)) correct(part, node);
      return keyOf(part) === keyOf(node) && part.localName === node.localName;
    }
    const [tag, attributes, , inner, ...children] = packed;
    if (tag !== node.localName || !hasAttributes(node, attributes)) return false;
    if (inner >= 0) {
      parts[inner] = corrected(parts[inner] as Content, node);
      return true;
    }
    return areRight(children, node);
  };
  const areRight = (children: readonly Packed[], el: Element) =>
    children.length === el.childNodes.length &&
    children.every((child, index) => isRight(child, el.childNodes[index]!));
  if (!areRight(JSON.parse(content.json), fresh)) return pack(fresh);
  return parts.some((part, index) => part !== content.parts[index])
    ? { json: content.json, parts, text: textOf(fresh) }
    : content;
}

/** Whether `el` has these attributes and no others, apart from what folding adds. */
function hasAttributes(el: Element, attributes: Attributes): boolean {
  const { class: names = "", style: _, ...others } = attributes;
  const classes = names.split(" ").filter((name) => name !== FOLDED && name !== SIZED);
  const { class: own = "", style: __, ...ownOthers } = attributesOf(el);
  return classes.join(" ") === own && JSON.stringify(others) === JSON.stringify(ownOthers);
}

function attributesOf(el: Element): Attributes {
  return Object.fromEntries([...el.attributes].map(({ name, value }) => [name, value]));
}

/** What a folded element shows. A row of a table shows nothing, because each text in it would be a cell. */
function stub(el: Element, { text }: Content): string[] {
  return el.matches("tr") ? [] : [text];
}

function textOf(el: Element): string {
  let text = "";
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement?.tagName !== "BUTTON") text += (node as Text).data;
  }
  return text;
}

function estimate(el: Element): number {
  if (isFolded(el)) return Number.parseFloat((el as HTMLElement).style.blockSize) || 0;
  if (el.matches("code")) return (el.textContent.split("\n").length + 1) * LINE.height;
  const boxes = [...el.children].filter((child) => child.matches(BOXES));
  if (boxes.length > 0) return boxes.reduce((sum, box) => sum + estimate(box), 0);
  return Math.ceil((el.textContent.length + 1) / LINE.chars) * LINE.height + LINE.space;
}

/** The content of `el` as data. What cannot be made again is taken out of `el`. */
function pack(el: Element): Content {
  const text = textOf(el);
  const parts: Part[] = [];
  const part = (thing: Part) => parts.push(thing) - 1;
  const packNode = (node: Node): Packed => {
    if (!(node instanceof Element)) return node.textContent ?? "";
    const make = makers.get(node);
    if (make) return part({ key: keyOf(node), make });
    if (node.matches(LASTING)) return part(node);
    if (kept.has(node)) {
      if (!contents.has(node)) {
        contents.set(node, pack(node));
        node.replaceChildren();
      }
      return part(node);
    }
    const content = contents.get(node);
    const unit = units.has(node) ? 1 : 0;
    const children = content ? [] : [...node.childNodes].map(packNode);
    return [node.localName, attributesOf(node), unit, content ? part(content) : -1, ...children];
  };
  const json = JSON.stringify([...el.childNodes].map(packNode));
  return { json, parts, text };
}

function unpack({ json, parts }: Content): Node[] {
  const unpackNode = (packed: Packed): Node => {
    if (typeof packed === "string") return document.createTextNode(packed);
    if (typeof packed === "number") {
      const part = parts[packed] as HTMLElement | Recipe;
      if (!(part instanceof Element)) return part.make();
      if (!isFolded(part)) unfold(part);
      return part;
    }
    const [tag, attributes, isUnit, content, ...children] = packed;
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
    if (isUnit) markUnit(el);
    el.append(...children.map(unpackNode));
    if (content >= 0) {
      const inner = parts[content] as Content;
      contents.set(el, inner);
      el.append(...stub(el, inner));
    }
    return el;
  };
  return (JSON.parse(json) as Packed[]).map(unpackNode);
}
