/** The dev page: `?scene=two&theme=dark&width=360` shows a scene; with `&stream` the poet goes on writing. */

import widget from "../src/index";
import { scenes } from "./scenes";

const query = new URLSearchParams(location.search);
document.body.dataset.jpThemeLight = String(query.get("theme") !== "dark");
const el = document.querySelector<HTMLElement>("#panel")!;
if (query.has("width")) el.style.width = `${query.get("width")}px`;

const kernel = (scenes[query.get("scene") ?? "two"] ?? scenes.idle!)();
const signal = new AbortController().signal;
widget.initialize({ model: kernel.model, signal });
widget.render({ model: kernel.model, el, signal });
// For the console, and for whoever drives the page.
Object.assign(globalThis, { kernel });

if (query.has("stream")) {
  let turn = 0;
  setInterval(() => {
    for (const id of kernel.live.keys()) kernel.write(id, turn % 17 === 16 ? "word.\n" : "word ");
    turn++;
  }, 50);
}
