/** Buttons that copy a source to the clipboard, hidden characters included. */

import { button, focusOn, h } from "./build";
import { hides } from "./safe_text";

/** A button that copies the text that `source` returns. The button says in words whether that worked. */
export function copyButton(label: string, hint: string, source: () => string): HTMLButtonElement {
  const el = button("nbs-quiet", label, hint, async () => {
    const text = source();
    const done = await copy(text, el);
    el.textContent = done ? (hides(text) ? "Copied, with hidden characters" : "Copied") : "Could not copy";
  });
  for (const leave of ["blur", "pointerleave"]) {
    el.addEventListener(leave, () => {
      el.textContent = label;
    });
  }
  return el;
}

async function copy(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text, near);
  }
}

/** The way to copy on pages without the clipboard interface, such as a hub that is reached by plain HTTP. */
function copyBySelection(text: string, near: HTMLElement): boolean {
  const box = h("textarea", "nbs-hidden");
  box.value = text;
  near.after(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  focusOn(near);
  return done;
}
