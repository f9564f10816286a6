/**
 * Builds elements and asks what the reader does in them. Tags and classes come from this code; text, which can be
 * foreign, goes through `safe_text.ts`.
 */

import { appendText } from "./safe_text";

/** An element with a class and children. Strings become text. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  if (className !== "") el.className = className;
  for (const child of children) {
    if (typeof child === "string") appendText(el, child);
    else el.append(child);
  }
  return el;
}

/** A button that does not submit a form. `hint` is its tooltip, and says more than the label. */
export function button(className: string, label: string, hint: string, click: () => void): HTMLButtonElement {
  const el = h("button", className, label);
  el.type = "button";
  if (hint !== "") el.title = hint;
  el.addEventListener("click", click);
  return el;
}

/**
 * Whether a key composes a word, as in Japanese. Safari tells of the word's Enter after the composition, with code 229.
 */
export function isComposed({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}

/** Whether the reader holds Control, Meta or Alt: then the key is a command to the browser or the notebook. */
export function hasModifier({ ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  return ctrlKey || metaKey || altKey;
}

/** Call `act` for the Enter key in `field`, but not for Shift+Enter or for the Enter that ends a composed word. */
export function onEnter(field: HTMLElement, act: (event: KeyboardEvent) => void): void {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposed(event)) return;
    event.preventDefault();
    act(event);
  });
}

/** Milliseconds in which a second call is taken for a double click, or for a key that is held down. */
const DOUBLE_CLICK_MS = 1000;

/** `act`, except that a call with the same argument right after the last one does nothing. */
export function once<T>(act: (given: T) => void): (given: T) => void {
  let last: string | undefined = "";
  let at = 0;
  return (given) => {
    const now = performance.now();
    const key = JSON.stringify(given);
    if (key === last && now - at < DOUBLE_CLICK_MS) return;
    last = key;
    at = now;
    act(given);
  };
}

/** Give `el` a name for readers who cannot see it. */
export function setName(el: Element, name: string): void {
  el.setAttribute("aria-label", name);
}

/** Make `el` a group with a name. */
export function setGroup(el: Element, name: string): void {
  el.setAttribute("role", "group");
  setName(el, name);
}

/** Let the Tab key stop at `el`, a box with a name that scrolls by itself, so that the arrow keys move it. */
export function setScrollBox(el: HTMLElement, name: string): void {
  el.tabIndex = 0;
  setGroup(el, name);
}

/** Tell readers, and the panel's keyboard, that `key` presses the control `el`. */
export function setShortcut(el: Element, key: string): void {
  el.setAttribute("aria-keyshortcuts", key);
}

/** Show whether the button `el` is pressed. */
export function setPressed(el: Element, isOn: boolean): void {
  el.setAttribute("aria-pressed", String(isOn));
}

/** Have a change of the text in `el` read out when the reader is idle. */
export function setPolite(el: Element): void {
  el.setAttribute("aria-live", "polite");
}

/** An id that no other element of the page has, not even an element of another panel. */
export function uniqueId(prefix: string): string {
  return `${prefix}-${ids++}-${Math.random().toString(36).slice(2)}`;
}

let ids = 0;

/** Make `wanted` the children of `parent`, moving and removing as little as possible. */
export function setChildren(parent: Element, wanted: readonly Element[]): void {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

/** The element inside `el` that has the focus, or null. `el` may stand in a shadow root. */
export function focusedIn(el: Element): Element | null {
  const { activeElement } = el.getRootNode() as Document | ShadowRoot;
  return activeElement && el.contains(activeElement) ? activeElement : null;
}

/** Put the focus on `el`, if there is one. The notebook is not scrolled. */
export function focusOn(el: HTMLElement | SVGElement | null | undefined): void {
  el?.focus({ preventScroll: true });
}

/** Put the focus on the transcript of the panel that holds `el`. Called when the element with the focus goes: else the
 * focus would fall to the page's body, where no key of the panel works. */
export function focusTranscript(el: Element): void {
  focusOn(el.closest(".nbs-root")?.querySelector<HTMLElement>(".nbs-scroller"));
}

/** Whether text may be selected; undefined until the page's changes of the selection are heard. */
let mayBeSelected: boolean | undefined;

/** The selection, if text is selected. To look at it, the browser lays the page out: so it is looked at if it changed. */
export function selected(): Selection | undefined {
  if (mayBeSelected === undefined) {
    document.addEventListener("selectionchange", () => {
      mayBeSelected = true;
    });
  }
  if (mayBeSelected === false) return undefined;
  const selection = document.getSelection();
  mayBeSelected = selection?.type === "Range";
  return mayBeSelected ? selection! : undefined;
}

/** Whether a part of the selected text lies inside `el`. */
export function holdsSelection(el: Element): boolean {
  const selection = selected();
  return selection !== undefined && (el.contains(selection.anchorNode) || el.contains(selection.focusNode));
}

/** Whether the reader works inside `el`: it holds the focus or a part of the selection. */
export function isInUse(el: Element): boolean {
  return focusedIn(el) !== null || holdsSelection(el);
}

/**
 * Put `el`, which is on the page, into the place of `old`. The selection and the scrolled boxes in `el` stay as they
 * are.
 */
export function takePlace(old: Element, el: Element): void {
  const selection = selected();
  const { anchorNode, anchorOffset = 0, focusNode, focusOffset = 0 } = selection ?? {};
  const parent = old.parentElement as
    | (Element & { moveBefore?: (el: Element, next: Element) => void })
    | null;
  if (parent?.moveBefore && parent.isConnected && el.isConnected) {
    parent.moveBefore(el, old);
    old.remove();
  } else {
    const scrolled = [...el.querySelectorAll("[tabindex]")]
      .map((box) => [box, box.scrollLeft] as const)
      .filter(([, left]) => left > 0);
    old.replaceWith(el);
    for (const [box, left] of scrolled) box.scrollLeft = left;
  }
  if (anchorNode?.isConnected && focusNode?.isConnected) {
    selection?.setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  }
}
