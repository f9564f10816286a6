/**
 * Makes the elements of blocks. Together with `inline_view.ts` and `policy.ts`, this is the allow-list of elements that
 * a text can become.
 */

import { h, setName, setScrollBox } from "../../dom/build";
import { appendText } from "../../dom/safe_text";
import {
  type Alert,
  type Alignment,
  type List,
  type ListItem,
  NOTE_MARKER,
  type Quote,
  type Root,
} from "../parse/block";

/** Added to the level of a heading, so that a message does not compete with the notebook's own headings. */
const HEADING_SHIFT = 2;

/** The shape of each element, in words. A block with another shape needs another element. */
const shapes = new WeakMap<Element, string>();

/** `old`, if it is an element of this shape. */
export function reuse(old: HTMLElement | undefined, shape: string): HTMLElement | undefined {
  return old && shapes.get(old) === shape ? old : undefined;
}

function shaped<T extends HTMLElement>(el: T, shape: string): T {
  shapes.set(el, shape);
  return el;
}

/** Set or take away a class. The attribute goes with the last class. */
export function setClass(el: Element, name: string, isOn: boolean): void {
  el.classList.toggle(name, isOn);
  if (el.classList.length === 0) el.removeAttribute("class");
}

export function rule(): HTMLElement {
  return shaped(h("hr"), "rule");
}

export function heading(level: number): HTMLElement {
  const el = h(`h${level}` as "h1");
  el.dir = "auto";
  el.setAttribute("aria-level", String(Math.min(level + HEADING_SHIFT, 6)));
  return shaped(el, `heading ${level}`);
}

export function paragraphBox(task: boolean | null): HTMLElement {
  const el = h("p");
  el.dir = "auto";
  if (task !== null) {
    const box = h("input", "nbs-task-box");
    box.type = "checkbox";
    box.disabled = true;
    box.toggleAttribute("checked", task);
    setName(box, task ? "done" : "to do");
    el.append(box);
    el.className = "nbs-task-text";
  }
  return shaped(el, `paragraph ${task}`);
}

/** The element of a quote, a list or an item. */
export function container(block: Root | Quote | List | ListItem, old: HTMLElement | undefined): HTMLElement {
  if (block.kind === "list") return listElement(block, old);
  if (block.kind === "quote" && block.alert) return alertElement(block.alert, old);
  const tag = block.kind === "item" ? "li" : "blockquote";
  return reuse(old, tag) ?? shaped(h(tag), tag);
}

/** The box of a quote that draws attention to something, with its title. */
function alertElement({ kind, title }: Alert, old: HTMLElement | undefined): HTMLElement {
  const shape = `alert ${kind} ${title}`;
  const known = reuse(old, shape);
  if (known) return known;
  const head = h("p", "nbs-alert-title");
  head.dir = "auto";
  appendText(head, title);
  return shaped(h("div", `nbs-alert nbs-alert-${kind}`, head), shape);
}

function listElement({ ordered, marker, start, continued }: List, old: HTMLElement | undefined): HTMLElement {
  const isNotes = marker === NOTE_MARKER;
  const shape = `list ${isNotes} ${ordered} ${start} ${continued}`;
  const known = reuse(old, shape);
  if (known) return known;
  const classes = [isNotes ? "nbs-notes" : "", continued ? "nbs-continued" : ""];
  const el = h(ordered ? "ol" : "ul", classes.filter(Boolean).join(" "));
  if (ordered && start !== 1) el.setAttribute("start", String(start));
  return shaped(el, shape);
}

/** A table without rows, in a box in which it can scroll. */
export function table(): HTMLElement {
  const el = h("div", "nbs-table", h("table", "", h("thead", "", h("tr")), h("tbody")));
  setScrollBox(el, "Table");
  return shaped(el, "table");
}

/** The row of a table's header, with a cell for each of `alignments`. */
export function headerOf(el: HTMLElement, alignments: readonly Alignment[]): HTMLElement {
  const row = el.querySelector("tr")!;
  fill(row, "th", alignments);
  return row;
}

export function rowOf(old: HTMLElement | undefined, alignments: readonly Alignment[]): HTMLElement {
  const row = reuse(old, "row") ?? shaped(h("tr"), "row");
  fill(row, "td", alignments);
  return row;
}

function fill(row: HTMLElement, tag: "td" | "th", alignments: readonly Alignment[]): void {
  while (row.childElementCount > alignments.length) row.lastElementChild!.remove();
  alignments.forEach((alignment, column) => {
    const cell = (row.children[column] as HTMLElement | undefined) ?? row.appendChild(h(tag));
    cell.dir ||= "auto";
    if (alignment) cell.setAttribute("align", alignment);
    else cell.removeAttribute("align");
  });
}
