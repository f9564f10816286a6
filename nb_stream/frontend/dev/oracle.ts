/** Checks that a panel consists of allowed elements, attributes and values only, whatever the texts in it say. */

const XHTML = "http://www.w3.org/1999/xhtml";
const MATHML = "http://www.w3.org/1998/Math/MathML";
const SVG = "http://www.w3.org/2000/svg";
const WORD = /^[\w#.,% +-]{0,60}$/;
const ANY = /^/;

const words = (text: string) => new Set(text.split(" "));

const TAGS: Record<string, ReadonlySet<string>> = {
  [XHTML]: words(
    "a article aside blockquote br button code dd del details div dl dt em figure footer form h1 h2 h3 h4 h5 h6 header hr img " +
      "input kbd label li ol option output p pre section select span strong summary sup table tbody td textarea tfoot th thead time " +
      "tr ul wbr",
  ),
  [MATHML]: words(
    "math mrow mi mn mo mtext ms mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub msup msubsup " +
      "munder mover munderover mmultiscripts mprescripts none mtable mtr mtd",
  ),
  [SVG]: words("svg g line path rect text title"),
};

/** Attributes of HTML elements and the values that they may have. Any value is harmless in those that allow any. */
const ATTRIBUTES: Record<string, RegExp> = {
  align: /^(?:left|center|right)$/,
  alt: ANY,
  autocomplete: /^off$/,
  checked: /^$/,
  class: /^(?:(?:nbs-[\w-]+|language-[\w+#.-]{1,20})(?: |$))*$/,
  decoding: /^async$/,
  dir: /^(?:auto|ltr|rtl)$/,
  disabled: /^$/,
  draggable: /^(?:true|false)$/,
  enterkeyhint: /^\w+$/,
  for: /^nbs-[\w-]+$/,
  hidden: /^(?:|until-found)$/,
  href: /^(?:https?:\/\/|mailto:)/,
  id: /^nbs-[\w-]+$/,
  max: /^[\d.]+$/,
  min: /^[\d.]+$/,
  name: /^nbs-[\w-]+$/,
  open: /^$/,
  placeholder: ANY,
  referrerpolicy: /^no-referrer$/,
  rel: /^noopener noreferrer nofollow$/,
  role: /^[a-z]+$/,
  rows: /^\d+$/,
  scope: /^(?:col|row)$/,
  spellcheck: /^(?:true|false)$/,
  src: /^blob:/,
  start: /^\d{1,9}$/,
  step: /^any$/,
  style: /^(?:(?:--nbs-[\w-]+|height|block-size): ?[\w.%]+;? ?)*$/,
  tabindex: /^(?:0|-1)$/,
  target: /^_blank$/,
  title: ANY,
  type: /^(?:button|checkbox|range|search|submit|text)$/,
  value: ANY,
};

/** The elements and attributes in `root` that must not be there. */
export function faults(root: Element): string[] {
  const found: string[] = [];
  for (const el of root.querySelectorAll("*")) {
    const { localName, namespaceURI } = el;
    if (!TAGS[namespaceURI ?? ""]?.has(localName)) found.push(`<${localName}> of ${namespaceURI}`);
    for (const { name, value } of el.attributes) {
      if (!isAllowed(el, name, value)) found.push(`<${localName} ${name}="${value.slice(0, 80)}">`);
    }
    if (el instanceof HTMLAnchorElement && (el.relList.length !== 3 || el.target !== "_blank")) {
      found.push(`a link without its guards: ${el.href}`);
    }
    if (el instanceof HTMLFormElement && !el.matches(".nbs-input, .nbs-task")) found.push("a form");
  }
  return found;
}

function isAllowed(el: Element, name: string, value: string): boolean {
  if (name.startsWith("on")) return false;
  if (name.startsWith("aria-")) return true;
  if (name.startsWith("data-"))
    return el.matches("[class*=nbs-]") && /^data-(?!commandlinker)[a-z-]+$/.test(name);
  if (el.namespaceURI === MATHML)
    return !/^(?:href|src|style|id|name|xlink:href)$/.test(name) && isWord(name, value);
  if (el.namespaceURI === SVG) return !/^(?:href|src|style|id|xlink:href)$/.test(name);
  return ATTRIBUTES[name]?.test(value) ?? false;
}

function isWord(name: string, value: string): boolean {
  return name === "class" ? /^(?:(?:tml|nbs)-[\w-]+(?: |$))*$/.test(value) : WORD.test(value);
}
