import { expect, test } from "vitest";
import { codeBlock } from "../../src/markdown/dom/code_view";
import { payloads } from "./corpora";
import { Chance } from "./documents";
import { begin, write } from "./write";

const TAGS = new Set(
  (
    "P H1 H2 H3 H4 H5 H6 UL OL LI BLOCKQUOTE PRE CODE EM STRONG DEL A TABLE THEAD TBODY TR TH TD BR WBR HR " +
    "SUP DIV SPAN BUTTON INPUT IMG"
  ).split(" "),
);
const ATTRIBUTES: Record<string, RegExp> = {
  class: /^(?:nbs-[\w-]+|language-[\w+#.-]{1,20})(?: nbs-[\w-]+)*$/,
  dir: /^(?:auto|ltr|rtl)$/,
  "data-unfinished": /^$/,
  role: /^group$/,
  tabindex: /^0$/,
  start: /^\d{1,9}$/,
  align: /^(?:left|center|right)$/,
  type: /^(?:button|checkbox)$/,
  "aria-label": /./s,
  "aria-level": /^[3-6]$/,
  "aria-pressed": /^false$/,
  title: /^(?:A hidden character|Break long lines|Copy the code)$/,
  disabled: /^$/,
  checked: /^$/,
  href: /^(?:https?:\/\/|mailto:)/,
  rel: /^noopener noreferrer nofollow$/,
  target: /^_blank$/,
  referrerpolicy: /^no-referrer$/,
  src: /^blob:/,
  alt: /^/,
  decoding: /^async$/,
};

/** Elements and attributes that must not be there. */
function violations(el: Element): string[] {
  const found: string[] = [];
  for (const node of el.querySelectorAll("*")) {
    if (!TAGS.has(node.tagName)) found.push(node.tagName);
    if (node.namespaceURI !== "http://www.w3.org/1999/xhtml") found.push(String(node.namespaceURI));
    for (const name of node.getAttributeNames()) {
      if (!ATTRIBUTES[name]?.test(node.getAttribute(name)!)) found.push(`${name}=${node.getAttribute(name)}`);
    }
    if (node.tagName === "INPUT" && !node.hasAttribute("disabled")) found.push("an input that can be used");
    if (node.tagName === "A" && node.querySelector("a")) found.push("a link in a link");
  }
  return found;
}

/** `NB_STREAM_ALL=1` tries each payload in each place; otherwise it stands alone and in one more place. */
const ALL = process.env.NB_STREAM_ALL === "1";

const placed = (payload: string) => [
  payload,
  `[text](${payload})`,
  `![${payload}](${payload})`,
  `[${payload}]: ${payload} "${payload}"\n\n[${payload}]`,
  `\`\`\`${payload}\n${payload}\n\`\`\``,
  `| ${payload} | b |\n|---|---|\n| ${payload} | <${payload}> |`,
  `> [!NOTE] ${payload}\n> ${payload}`,
  `[^${payload}] [^1]\n\n[^1]: ${payload}\n[^${payload}]: :${payload}: C:\\${payload}\\_`,
  `| ${payload}<br>${payload} |\n|---|\n\n\\begin{align}${payload}\\end{align}`,
  `$${payload}$ \\(${payload}\\) \`${payload}\``,
];

test("no text becomes anything but the allowed elements, after whatever piece of it", () => {
  const seed = Date.now() >>> 0;
  const chance = new Chance(seed);
  const wrong: string[] = [];
  let looks = 0;
  for (const payload of payloads) {
    const [alone, ...others] = placed(payload.slice(0, 2000));
    for (const text of [alone!, ...(ALL ? others : [chance.pick(others)])]) {
      const { el } = write(chance.cut(text, 60), undefined, (growing) => {
        looks++;
        // Only the end is checked, because it holds the new elements: to check all after each piece would be quadratic.
        const last = growing.lastElementChild;
        if (last) wrong.push(...violations(last));
      });
      wrong.push(...violations(el));
      expect(wrong, `seed ${seed}: ${text}`).toEqual([]);
    }
    const { el } = begin();
    el.append(codeBlock(payload, payload.slice(0, 40)));
    expect(violations(el), payload).toEqual([]);
  }
  console.log(`Safety: ${payloads.length} payloads in ${ALL ? 11 : 3} places, ${looks} looks, seed ${seed}.`);
}, 300_000);

test("what is forbidden would be found", () => {
  const el = document.createElement("div");
  for (const [tag, name, value] of [
    ["a", "href", "javascript:alert(1)"],
    ["p", "onclick", "alert(1)"],
    ["img", "src", "https://evil.example/x"],
    ["iframe", "class", "nbs-x"],
    ["p", "style", "background:url(//evil.example)"],
    ["p", "data-commandlinker-command", "x"],
  ] as const) {
    const child = document.createElement(tag);
    child.setAttribute(name, value);
    el.replaceChildren(child);
    expect(violations(el).length, tag + name).toBeGreaterThan(0);
  }
});
