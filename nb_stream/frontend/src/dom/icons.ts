/** The signs on the panel's tools: strokes on a grid of 16 × 16, in the colour of the text. */

import { button, setName } from "./build";
import { svg } from "./svg";

const STROKES = {
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.4 10.4 14 14",
  filter: "M2 3.5h12M4.5 8h7M6.5 12.5h3",
  expand: "M4 6l4-4 4 4M4 10l4 4 4-4",
  collapse: "M4 2l4 4 4-4M4 14l4-4 4 4",
  timeline: "M2 2v12h12M5 5h5M8 8h5M5 11h3",
  figures: "M3 14V9M8 14V2M13 14V6",
  attach: "M13 7.2 7.6 12.6a3 3 0 0 1-4.2-4.2l6-6a2 2 0 0 1 2.8 2.8l-5.8 5.8a1 1 0 0 1-1.4-1.4l5-5",
  bell: "M3 11.5h10M4.3 11.5V7a3.7 3.7 0 0 1 7.4 0v4.5M8 3.3V1.8M6.6 13.8h2.8",
  keys: "M1.5 4h13v8h-13ZM4 7h.1M8 7h.1M12 7h.1M5 9.8h6",
  fullscreen: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  previous: "M4 10l4-4 4 4",
  next: "M4 6l4 4 4-4",
  earlier: "M10 4l-4 4 4 4",
  hide: "M1.5 8C4 3.5 12 3.5 14.5 8 12 12.5 4 12.5 1.5 8ZM2.5 13.5l11-11",
  later: "M6 4l4 4-4 4",
};

export type IconName = keyof typeof STROKES;

/** The sign alone; the element that holds it must have a name in words. */
export function icon(name: IconName): SVGElement {
  return svg(
    "svg",
    { class: "nbs-icon", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d: STROKES[name] }),
  );
}

/** A button that shows the sign `name`; its `label` is said in words, with `hint` as the tooltip. */
export function iconButton(
  name: IconName,
  label: string,
  hint: string,
  click: () => void,
): HTMLButtonElement {
  const el = button("nbs-tool", "", hint, click);
  el.append(icon(name));
  setName(el, label);
  return el;
}
