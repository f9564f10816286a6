/** The dev page: `?scene=two&theme=dark&width=360` shows a scene; with `&stream` the poet goes on writing, and
 * `?scene=essay&stream=6` writes the essay, six characters at a time. */

import { open } from "../src/index";
import { ESSAY } from "./essay";
import { scenes } from "./scenes";

const query = new URLSearchParams(location.search);
document.body.dataset.jpThemeLight = String(query.get("theme") !== "dark");
const el = document.querySelector<HTMLElement>("#panel")!;
if (query.has("width")) el.style.width = `${query.get("width")}px`;

const kernel = (scenes[query.get("scene") ?? "two"] ?? scenes.idle!)();
kernel.moduleSource = async (name) => (await fetch(`${name}.js`)).text();
const signal = new AbortController().signal;
open(kernel.model, signal).show(kernel.model, el, signal);
// For the console, and for programs that drive the page.
Object.assign(globalThis, { kernel });

const essay = kernel.live.get("essay");
if (essay && query.has("stream")) {
  const step = Number(query.get("stream")) || 6;
  let at = essay.text.length;
  const timer = setInterval(() => {
    kernel.write("essay", ESSAY.slice(at, at + step));
    at += step;
    if (at < ESSAY.length) return;
    clearInterval(timer);
    kernel.settle("essay");
  }, 33);
} else if (query.has("stream")) {
  let turn = 0;
  setInterval(() => {
    for (const id of kernel.live.keys()) kernel.write(id, turn % 17 === 16 ? "word.\n" : "word ");
    turn++;
  }, 50);
}
