/**
 * The module "math": Temml turns TeX into a tree of MathML nodes. `markdown/dom/mathml.ts` decides which of them become
 * DOM.
 */

import temml from "temml";
import { offer } from "../dom/page_modules";
import { type MathNode, mathElement } from "../markdown/dom/mathml";

/** A node of Temml's: an element of MathML, a text, or a fragment. */
interface TemmlNode {
  type?: string;
  text?: string;
  attributes?: Record<string, unknown>;
  classes?: string[];
  style?: Record<string, string>;
  children?: TemmlNode[];
}

/** `trust: false` refuses links, images, classes and styles. The limits end formulas that would never end. */
const SAFE = { trust: false, throwOnError: true, maxExpand: 200, maxSize: [20, 500] as [number, number] };
const MAX_RENDERED_CHARS = 10_000;
const MAX_NODES = 20_000;

/** The styles that a formula needs, as class names. */
const STYLES = new Map([
  ["paddingLeft:0em", "nbs-m-left-0"],
  ["paddingRight:0em", "nbs-m-right-0"],
  ["paddingLeft:1em", "nbs-m-left-1"],
  ["border:1px solid", "nbs-m-box"],
  ["width:50%", "nbs-m-half"],
  ["width:100%", "nbs-m-full"],
]);

/** The formula as elements; null if Temml cannot read it. */
export function element(tex: string, display: boolean): Node | null {
  const tree = render(tex, display);
  return tree && mathElement(tree);
}

/** The formula as a tree; null if Temml cannot read it. */
export function render(tex: string, display: boolean): MathNode | null {
  if (tex.length > MAX_RENDERED_CHARS) return null;
  try {
    const tree: TemmlNode = temml.__renderToMathMLTree(tex, { ...SAFE, displayMode: display });
    const budget = { left: MAX_NODES };
    const [node] = convert(tree, budget);
    return typeof node === "object" && budget.left > 0 ? node : null;
  } catch {
    // Temml throws errors of its own, TypeErrors and, on deep nesting, RangeErrors.
    return null;
  }
}

function convert(node: TemmlNode, budget: { left: number }): (MathNode | string)[] {
  if (budget.left-- <= 0) return [];
  if (node.text !== undefined && node.children === undefined) return [node.text];
  const children = (node.children ?? []).flatMap((child) => convert(child, budget));
  if (node.type === undefined) return children;
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(node.attributes ?? {})) attributes[name] = String(value);
  const classes = (node.classes ?? []).filter((name) => name !== "");
  for (const [name, value] of Object.entries(node.style ?? {})) {
    const known = STYLES.get(`${name}:${value}`);
    if (known) classes.push(known);
    if (name === "color") attributes.mathcolor = String(value);
  }
  return [{ tag: node.type, attributes, classes, children }];
}

offer({ element, render });
