/** Elements with a life of their own, such as a formula that waits for its renderer: kept whole where they stay the same. */

type Key = string | (() => string);

const keys = new WeakMap<Node, Key>();

/** Mark `el` as one that stands for `key`: it replaces and is replaced only as a whole. */
export function opaque<T extends Node>(el: T, key: Key): T {
  keys.set(el, key);
  return el;
}

export function keyOf(node: Node): string | undefined {
  const key = keys.get(node);
  return typeof key === "function" ? key() : key;
}
