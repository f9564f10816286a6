/** What the panel leaves in the notebook says the same as the panel: it is hidden while the panel is on the page. */

import type { Model } from "../../comm/connection";
import type { Store } from "../../comm/store";
import { onAbort } from "../../dom/abort";
import { h } from "../../dom/build";

export function hideSavedOutput(model: Model, store: Store, signal: AbortSignal): void {
  const mark = String(model.get("static_mark") ?? "");
  if (!/^[\w-]+$/.test(mark)) return;
  const sheet = h("style");
  const rules = `.${mark}, .jp-OutputArea-child:has(.${mark}) { display: none }`;
  const update = () => {
    // A panel that has nothing to show, as one of another version, hides nothing.
    const wanted = store.settled.length > 0 || store.live.size > 0 ? rules : "";
    if (sheet.textContent !== wanted) sheet.textContent = wanted;
  };
  document.head.append(sheet);
  const unsubscribe = store.subscribe(update);
  onAbort(signal, () => {
    unsubscribe();
    sheet.remove();
  });
  update();
}
