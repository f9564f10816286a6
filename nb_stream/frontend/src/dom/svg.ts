/** Builds small pictures: SVG elements from an allow-list of tags and attributes. Text in them stays text. */

import { plain } from "./safe_text";

const SVG_ATTRIBUTES = [
  "aria-hidden",
  "aria-label",
  "class",
  "d",
  "height",
  "preserveAspectRatio",
  "role",
  "rx",
  "tabindex",
  "text-anchor",
  "viewBox",
  "width",
  "x",
  "x1",
  "x2",
  "y",
  "y1",
  "y2",
] as const;

export type SvgAttribute = (typeof SVG_ATTRIBUTES)[number];
type SvgTag = "g" | "line" | "path" | "rect" | "svg" | "text" | "title";

const ALLOWED_ATTRIBUTES = new Set<string>(SVG_ATTRIBUTES);

/** An SVG element; strings become text. Throws for an attribute that is not on the list. */
export function svg(
  tag: SvgTag,
  attributes: Partial<Record<SvgAttribute, string | number>> = {},
  ...children: (Node | string)[]
): SVGElement {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (!ALLOWED_ATTRIBUTES.has(name))
      throw new Error(`A picture has no attribute ${name}: add it to svg.ts first.`);
    el.setAttribute(name, String(value));
  }
  for (const child of children) el.append(typeof child === "string" ? plain(child) : child);
  return el;
}
