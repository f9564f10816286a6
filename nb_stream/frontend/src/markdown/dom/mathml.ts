/**
 * Builds MathML from a tree of nodes. Elements, attributes and classes come from allow-lists; none of them can load
 * anything or lead anywhere.
 */

import { appendText } from "../../dom/safe_text";

/** A node of MathML as the module "math" makes it. */
export interface MathNode {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly classes: readonly string[];
  readonly children: readonly (MathNode | string)[];
}

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";

const TAGS = new Set(
  (
    "math mrow mi mn mo mtext ms mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose " +
    "msub msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd"
  ).split(" "),
);
const MATHML_ATTRIBUTES = new Set(
  (
    "display displaystyle scriptlevel mathvariant mathsize mathcolor mathbackground width height depth voffset " +
    "lspace rspace minsize maxsize stretchy symmetric fence separator form largeop movablelimits accent " +
    "accentunder linethickness columnalign columnspan rowspan rowspacing columnspacing notation"
  ).split(" "),
);
const VALUE = /^[\w#.,% +-]{0,60}$/;
const CLASSES = new Set(
  (
    "tml-left tml-right tml-jot tml-small tml-overline tml-underline tml-tag tml-tageqn tml-prime tml-sml-pad " +
    "tml-med-pad tml-lrg-pad nbs-m-left-0 nbs-m-right-0 nbs-m-left-1 nbs-m-box nbs-m-half nbs-m-full"
  ).split(" "),
);
/** The invisible characters for "applied to" and "times". The renderer makes them, and not the text. */
const INVISIBLE_OPERATOR = /^[\u2061-\u2064]$/;
const MAX_MATHML_DEPTH = 100;

/** The element for `node`. Elements and attributes that are not allowed are left out; the text in them stays. */
export function mathElement(node: MathNode): Node {
  return build(node, 0);
}

function build({ tag, attributes, classes, children }: MathNode, depth: number): Node {
  const isAllowed = TAGS.has(tag) && depth < MAX_MATHML_DEPTH;
  const el = isAllowed ? document.createElementNS(NAMESPACE, tag) : document.createDocumentFragment();
  if (el instanceof Element) {
    for (const [name, value] of Object.entries(attributes)) {
      if (MATHML_ATTRIBUTES.has(name) && VALUE.test(value)) el.setAttribute(name, value);
    }
    const known = classes.filter((name) => CLASSES.has(name));
    if (known.length > 0) el.setAttribute("class", known.join(" "));
  }
  for (const child of children) {
    if (typeof child !== "string") el.append(build(child, depth + 1));
    else if (INVISIBLE_OPERATOR.test(child)) el.append(child);
    else appendText(el, child);
  }
  return el;
}
