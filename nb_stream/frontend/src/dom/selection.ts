/** Keeps the reader's selection when the nodes in which it lies are replaced. */

/** Do `change` inside `el`. If an end of the selection loses its node, it goes back to the same place of the text. */
export function keepingPlaces(el: HTMLElement, change: () => void): void {
  const selection = document.getSelection();
  const { anchorNode, anchorOffset = 0, focusNode, focusOffset = 0 } = selection ?? {};
  const anchor = anchorNode && offsetIn(el, anchorNode, anchorOffset);
  const focus = focusNode && offsetIn(el, focusNode, focusOffset);
  change();
  if (!selection || !anchorNode || !focusNode || (anchor == null && focus == null)) return;
  if (el.contains(anchorNode) && el.contains(focusNode) && selection.anchorNode === anchorNode) return;
  const [from, to] = [anchor == null ? null : nodeAt(el, anchor), focus == null ? null : nodeAt(el, focus)];
  selection.setBaseAndExtent(
    from?.node ?? anchorNode,
    from?.offset ?? anchorOffset,
    to?.node ?? focusNode,
    to?.offset ?? focusOffset,
  );
}

/** How many characters of `el` stand before a place; null if the place is not in `el`. */
function offsetIn(el: HTMLElement, node: Node, offset: number): number | null {
  if (!el.contains(node)) return null;
  const range = document.createRange();
  range.setStart(el, 0);
  range.setEnd(node, offset);
  return range.toString().length;
}

function nodeAt(el: HTMLElement, place: number): { node: Node; offset: number } | null {
  const walker = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
  let left = place;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const { length } = node as Text;
    if (left <= length) return { node, offset: left };
    left -= length;
  }
  return null;
}
