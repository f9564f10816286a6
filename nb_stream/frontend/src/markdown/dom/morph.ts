/** Makes one piece of DOM look like another. Nodes that fit are kept, so that a selection in them survives. */

import { keyOf } from "../../dom/opaque";

/** Make the children of `parent` from number `from` on look like the children of `wanted`, which are used up. */
export function morphChildren(parent: Node, from: number, wanted: Node): void {
  let old = parent.childNodes[from] ?? null;
  let next = wanted.firstChild;
  while (next) {
    const fresh = next;
    next = fresh.nextSibling;
    const following: ChildNode | null = old?.nextSibling ?? null;
    if (old && morph(old, fresh)) old = following;
    else if (old) {
      parent.replaceChild(fresh, old);
      old = following;
    } else parent.appendChild(fresh);
  }
  while (old) {
    const following = old.nextSibling;
    parent.removeChild(old);
    old = following;
  }
}

/** Make `old` look like `fresh`. False if they are of different kinds; then nothing is changed. */
export function morph(old: Node, fresh: Node): boolean {
  if (old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) return false;
  if (keyOf(old) !== undefined) return true;
  if (old instanceof Text && fresh instanceof Text) {
    morphText(old, fresh.data);
  } else if (old instanceof Element && fresh instanceof Element) {
    morphAttributes(old, fresh);
    morphChildren(old, 0, fresh);
  }
  return true;
}

/** Replace only the text between the common beginning and the common end: a selection outside of it stays. */
function morphText(old: Text, wanted: string): void {
  const { data } = old;
  if (data === wanted) return;
  if (wanted.startsWith(data)) {
    old.appendData(wanted.slice(data.length));
    return;
  }
  const shorter = Math.min(data.length, wanted.length);
  let head = 0;
  while (head < shorter && data[head] === wanted[head]) head++;
  let tail = 0;
  while (tail < shorter - head && data.at(-1 - tail) === wanted.at(-1 - tail)) tail++;
  old.replaceData(head, data.length - head - tail, wanted.slice(head, wanted.length - tail));
}

function morphAttributes(old: Element, fresh: Element): void {
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) {
    const value = fresh.getAttribute(name)!;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}
