/**
 * What the panel leaves in the notebook says the same as the panel: it is hidden while the panel is on the page.
 *
 * It has a class of its own, `static_mark`, wherever it stands. A long transcript is plain text, to which no class can
 * be given: JupyterLab and Notebook 7 show it in the output before the panel's.
 */

import type { Model } from "../connection";
import { h } from "../dom";
import type { Store } from "../store";

export function hideLeft(model: Model, store: Store, root: HTMLElement, signal: AbortSignal): void {
  const mark = String(model.get("static_mark") ?? "");
  if (!/^[\w-]+$/.test(mark)) return;
  const sheet = h("style");
  const output = ".jp-OutputArea-child";
  const rules = [
    `.nbs-static.${mark}`,
    `${output}:has(.nbs-static.${mark})`,
    `${output}:has(+ ${output} .${mark}-text)`,
  ]
    .map((selector) => `${selector} { display: none }`)
    .join("\n");
  const update = () => {
    root.classList.toggle(`${mark}-text`, model.get("static_is_text") === true);
    // A panel that has nothing to show, as one of another version, hides nothing.
    const wanted = store.settled.length > 0 || store.live.size > 0 ? rules : "";
    if (sheet.textContent !== wanted) sheet.textContent = wanted;
  };
  document.head.append(sheet);
  model.on("change:static_is_text", update);
  const unsubscribe = store.subscribe(update);
  signal.addEventListener(
    "abort",
    () => {
      model.off("change:static_is_text", update);
      unsubscribe();
      sheet.remove();
    },
    { once: true },
  );
  update();
}
