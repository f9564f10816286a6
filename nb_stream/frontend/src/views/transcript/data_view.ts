/** Shows JSON values: a list of flat objects as a table, any other value as a tree that folds. */

import { button, focusedIn, focusOn, h, setScrollBox } from "../../dom/build";
import { count, isExact } from "../../dom/format";
import { finishIn, isPartlyWritten } from "../../dom/portions";
import { source } from "./source_box";

/** Entries of a list, or rows of a table, that are shown each time the reader asks for more. */
const ENTRIES_PER_PORTION = 200;
const MAX_TABLE_COLUMNS = 12;
/** Levels of a tree that are open from the start. */
const OPEN_LEVELS = 2;
/** Levels of a tree; deeper values are shown as JSON. */
const MAX_TREE_LEVELS = 24;

type Fields = Record<string, unknown>;

/**
 * The list or object that the JSON `text` holds. Undefined if it is something else, or if a number would lose digits.
 */
export function parseData(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text) || !isExact(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

export function dataView(value: unknown): HTMLElement {
  const columns = columnsOf(value);
  return columns.length > 0 ? recordTable(value as Fields[], columns) : tree(value, 0);
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The names of the fields of a list of flat objects; none if `value` is anything else. */
function columnsOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length < 2) return [];
  const columns = new Set<string>();
  for (const row of value as unknown[]) {
    if (!isNested(row) || Array.isArray(row)) return [];
    for (const [name, field] of Object.entries(row)) {
      if (isNested(field)) return [];
      columns.add(name);
    }
    if (columns.size > MAX_TABLE_COLUMNS) return [];
  }
  return [...columns];
}

function recordTable(rows: readonly Fields[], columns: readonly string[]): HTMLElement {
  const body = h("tbody");
  const head = h("tr", "", ...columns.map((name) => h("th", "", name)));
  for (const th of head.children) th.setAttribute("scope", "col");
  const el = h("div", "nbs-data", h("table", "", h("thead", "", head), body));
  setScrollBox(el, `Table, ${count(rows.length, "row")}`);
  const cell = (row: Fields, name: string) =>
    h("td", "", ...(Object.hasOwn(row, name) ? [scalar(row[name])] : []));
  inPortions(rows, el, body, (row) => h("tr", "", ...columns.map((name) => cell(row, name))));
  return el;
}

function tree(value: unknown, depth: number): HTMLElement {
  if (!isNested(value)) return h("p", "nbs-field", scalar(value));
  if (depth > MAX_TREE_LEVELS) return source(compact(value));
  const list = h("ul", "nbs-tree");
  const isList = Array.isArray(value);
  inPortions(Object.entries(value), list, list, ([name, entry]) => {
    const key = h("span", isList ? "nbs-key nbs-is-index" : "nbs-key", name);
    return h("li", "", ...(isNested(entry) ? [branch(key, entry, depth)] : [key, " ", scalar(entry)]));
  });
  return list;
}

/** JSON without indentation, which would grow with the square of the depth. If it is too deep for that, a sentence. */
function compact(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "Nested too deeply to be shown here: the message's Copy button has all of it.";
  }
}

function branch(key: HTMLElement, value: object, depth: number): HTMLElement {
  const size = Object.keys(value).length;
  const noun = Array.isArray(value) ? "item" : "field";
  if (size === 0) return h("span", "", key, " ", h("span", "nbs-size", `no ${noun}s`));
  const el = h("details", "nbs-branch", h("summary", "", key, " ", h("span", "nbs-size", count(size, noun))));
  el.append(tree(value, depth + 1));
  el.open = depth + 1 < OPEN_LEVELS;
  return el;
}

function scalar(value: unknown): HTMLElement {
  const el = h("span", "nbs-value");
  el.dataset.type = value === null ? "null" : typeof value;
  // A text that looks like a number or another value keeps its quotes.
  const isPlain = typeof value === "string" && !/^(|true|false|null|[-\d.][\d.eE+-]*|\s.*|.*\s)$/.test(value);
  el.append(...h("span", "", isPlain ? value : JSON.stringify(value)).childNodes);
  return el;
}

/** Whether `el` has data that is not on the page: the reader has not asked for it, or it is still being written. */
export function holdsMore(el: Element): boolean {
  return el.querySelector(".nbs-more") !== null || isPartlyWritten(el);
}

/** Show at most `portions` more portions of the data in `el`. */
export function showMore(el: Element, portions: number): void {
  finishIn(el);
  for (let left = portions; left > 0; left--) el.querySelector<HTMLButtonElement>(".nbs-more")?.click();
}

/** Make elements of the first entries and put them into `into`. A button at the end of `el` adds one more portion. */
function inPortions<T>(
  entries: readonly T[],
  el: HTMLElement,
  into: HTMLElement,
  make: (entry: T) => HTMLElement,
): void {
  let next = 0;
  const more = button("nbs-quiet nbs-more", "", "", () => portion());
  const foot = el === into ? h("li", "", more) : more;
  const portion = () => {
    const fresh = entries.slice(next, next + ENTRIES_PER_PORTION).map(make);
    // The button is not moved, because an element that is moved loses the focus.
    if (foot.parentNode === into) foot.before(...fresh);
    else into.append(...fresh);
    next += ENTRIES_PER_PORTION;
    if (next < entries.length) {
      more.textContent = `Show more (${count(entries.length - next, "entry", "entries")} left)`;
      if (!foot.parentNode) el.append(foot);
    } else {
      const focused = focusedIn(foot) !== null;
      foot.remove();
      if (!focused) return;
      if (!el.hasAttribute("tabindex")) el.tabIndex = -1;
      focusOn(el);
    }
  };
  portion();
}
