/** Elements with a life of their own, such as a formula that waits for its renderer: kept whole where they stay the same. */

const keys = new WeakMap<Node, string>();

/** Mark `el` as one that stands for `key`: it replaces and is replaced only as a whole. */
export function opaque<T extends Node>(el: T, key: string): T {
  keys.set(el, key);
  return el;
}

export function keyOf(node: Node): string | undefined {
  return keys.get(node);
}
