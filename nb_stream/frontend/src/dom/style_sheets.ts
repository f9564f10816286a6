/** Style sheets of ours on the page. */

import { h } from "./build";

/** A style sheet; its name has its digest. */
export interface Sheet {
  name: string;
  text: string;
}

/** A style sheet stands once in each document, or in the shadow tree that a host puts its widgets in. */
export function dress(el: Element, { name, text }: Sheet): void {
  const root = el.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (text === "" || place.querySelector(`style[data-nb-stream="${name}"]`)) return;
  const sheet = h("style");
  sheet.dataset.nbStream = name;
  sheet.textContent = text;
  place.append(sheet);
}
