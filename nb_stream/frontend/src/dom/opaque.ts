/**
 * Marks elements that change by themselves, such as a formula that waits for its renderer. Such an element is compared
 * by its key and not by its content, and is kept or replaced as a whole.
 */

type OpaqueKey = string | (() => string);

const keys = new WeakMap<Node, OpaqueKey>();

/** Mark `el` as an element that stands for `key`. */
export function opaque<T extends Node>(el: T, key: OpaqueKey): T {
  keys.set(el, key);
  return el;
}

export function keyOf(node: Node): string | undefined {
  const key = keys.get(node);
  return typeof key === "function" ? key() : key;
}
