/** Puts the panel's style sheets on the page. */

import { h } from "./build";

/** A style sheet. Its name is its digest, so that sheets of two versions differ. */
export interface Sheet {
  name: string;
  text: string;
}

/** Put a style sheet into the document of `el`, or into the shadow tree in which `el` stands, unless it is there. */
export function dress(el: Element, { name, text }: Sheet): void {
  const root = el.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (text === "" || place.querySelector(`style[data-nb-stream="${name}"]`)) return;
  const sheet = h("style");
  sheet.dataset.nbStream = name;
  sheet.textContent = text;
  place.append(sheet);
}
