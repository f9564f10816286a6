/** Hides the panel's saved output while the panel is on the page, because both show the same transcript. */

import type { Model } from "../../comm/host_model";
import type { Store } from "../../comm/store";
import { onAbort } from "../../dom/abort";
import { h } from "../../dom/build";

/** Hide the saved output of `model`'s panel until `signal` aborts. */
export function hideSavedOutput(model: Model, store: Store, signal: AbortSignal): void {
  const mark = String(model.get("static_mark") ?? "");
  if (!/^[\w-]+$/.test(mark)) return;
  const sheet = h("style");
  const rules = `.${mark}, .jp-OutputArea-child:has(.${mark}) { display: none }`;
  const update = () => {
    // A panel without cells hides nothing: one with another version of the protocol has none.
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
