/**
 * The structure of texts, as the panel shows it and as HTML of the same text has it, for the comparison of the two.
 *
 * Reads `[[markdown, html], …]` from the standard input. Answers `[[tree of the panel, tree of the HTML], …]`. A tree
 * is a text, or `[name, ...trees]`. Each rule below takes away one difference that is intended.
 */

import { readFileSync } from "node:fs";
import "./document_in_node";
import emoji from "../../export/emoji.json";
import { Modules } from "../src/dom/page_modules";
import { Emojis } from "../src/markdown/dom/emoji_view";
import { Formulas } from "../src/markdown/dom/formula_view";
import { safePolicy } from "../src/markdown/dom/policy";
import { MarkdownWriter } from "../src/markdown/stream/markdown_writer";

type Tree = string | Branch;
interface Branch extends Array<Tree> {
  0: string;
}

/** Elements that say nothing by themselves. */
const TRANSPARENT: Record<string, string> = {
  "the panel puts long texts, lists and codes into boxes that the browser can skip":
    ".nbs-bundle, .nbs-blocks, .nbs-part, .nbs-lines, .nbs-partial",
  "each side colours code with a library of its own": "[class^=nbs-t-]",
  "the panel replaces the names of emoji when the table comes": ".nbs-emoji",
  "the target of a link stands in smaller letters": ".nbs-target, .nbs-host",
  "the panel marks hidden characters": ".nbs-mark",
  "a table scrolls in a box": ".nbs-table",
  "what stands for an image without an address is of another colour": ".nbs-no-image",
};
const transparent = Object.values(TRANSPARENT).join(", ");
/** Places where a long word may break, and what belongs to a reader of a live page. */
const LEFT_OUT = "wbr, .nbs-code-head > :not(.nbs-code-language)";

const modules = new Modules(
  () => {},
  async () => ({ emoji }),
);
const services = {
  policy: safePolicy,
  // The two sides have two renderers. The source of a formula is compared, so no renderer comes here.
  formulas: new Formulas(new Modules(() => {})),
  emojis: new Emojis(modules),
};

function panelOf(markdown: string): HTMLElement {
  const el = document.createElement("div");
  const writer = new MarkdownWriter(el, services);
  writer.write(markdown);
  writer.end();
  return el;
}

function htmlOf(html: string): HTMLElement {
  const el = document.createElement("div");
  el.innerHTML = html;
  return el;
}

function treesOf(parent: Element): Tree[] {
  const found: Tree[] = [];
  for (const node of parent.childNodes) {
    for (const tree of treeOf(node)) {
      const last = found.at(-1);
      if (typeof tree === "string" && typeof last === "string") found[found.length - 1] = last + tree;
      else if (isContinued(node) && Array.isArray(last) && Array.isArray(tree)) last.push(...partOf(tree));
      else found.push(tree);
    }
  }
  return found;
}

/** Whether `node` goes on with the list or the table before it, which had become too long for one element. */
function isContinued(node: Node): boolean {
  if (!(node instanceof HTMLElement)) return false;
  return node.matches(".nbs-continued") || (node.previousElementSibling?.matches(".nbs-fixed") ?? false);
}

/** The items or rows of a part: not the attributes, and not the header, which stand in the first part, too. */
function partOf(tree: Branch): Tree[] {
  return tree.slice(1).filter(([name]) => name !== "thead");
}

function treeOf(node: Node): Tree[] {
  if (node instanceof Text) return textOrNone(node);
  if (!(node instanceof HTMLElement) || node.matches(LEFT_OUT)) return [];
  if (node.matches(transparent)) return treesOf(node);
  if (node.matches("tbody:empty")) return [];
  if (node.matches(".nbs-code")) {
    const language = node.querySelector(".nbs-code-language")?.textContent ?? "";
    return [["code block", language, textOf(node.querySelector("code")!)]];
  }
  if (node.matches(".nbs-math")) {
    const tex = node.textContent.replace(/\s+/g, " ").trim();
    return [[node.matches(".nbs-math-display") ? "display formula" : "formula", tex]];
  }
  const image = imageOf(node);
  if (image) return [image];
  const name = [
    node.localName,
    node.matches(".nbs-alert") && node.className,
    node.matches(".nbs-notes") && "notes",
    node.matches("ul, ol:not(.nbs-notes)") &&
      node.querySelector(":scope > li > p") &&
      (node.matches(".nbs-tight") ? "tight" : "loose"),
    ...["href", "start", "align", "checked", "alt"].map(
      (each) => node.hasAttribute(each) && attributeOf(node, each),
    ),
  ];
  const trees = treesOf(node);
  return [
    [
      name.filter(Boolean).join(" "),
      ...(node.matches("p, h1, h2, h3, h4, h5, h6, th, td") ? trimmed(trees) : trees),
    ],
  ];
}

/** White space between blocks is not shown. The export puts brackets around the numbers of hidden characters. */
function textOrNone({ data, parentElement }: Text): Tree[] {
  const isBetweenBlocks =
    parentElement?.matches("div, blockquote, ul, ol, li, table, thead, tbody, tr") ?? false;
  return isBetweenBlocks && data.trim() === "" ? [] : [data.replace(/⟦(U\+[0-9A-F]+)⟧/g, "$1")];
}

function attributeOf(el: HTMLElement, name: string): string {
  return `${name}=${el.getAttribute(name)}`;
}

function textOf(el: Element): string {
  return treesOf(el).join("");
}

/** An image is loaded by a button in the panel, and by a link from the export; in a link, the export only names it. */
function imageOf(el: HTMLElement): string | null {
  if (el.matches(".nbs-image-link")) return el.textContent;
  const [, alt, host] =
    (el.matches(".nbs-load-image") && /^Load image(?: «(.*)»)? from (.*)$/s.exec(el.textContent)) || [];
  return host === undefined ? null : `[image${alt ? `: ${alt.replace(/\s+/g, " ")}` : ""}] (${host})`;
}

/** White space at the ends of a block and of its lines is not shown. */
function trimmed(trees: Tree[]): Tree[] {
  const inside = trees.map((tree) =>
    typeof tree === "string" ? tree.replace(/[ \t]*\n[ \t]*/g, "\n") : tree,
  );
  if (typeof inside[0] === "string") inside[0] = inside[0].trimStart();
  const last = inside.length - 1;
  if (typeof inside[last] === "string") inside[last] = (inside[last] as string).trimEnd();
  return inside.filter((tree) => tree !== "");
}

modules.receive({ op: "module", name: "extras.test", source: "" });
await new Promise((resolve) => setTimeout(resolve));

const pairs: [string, string][] = JSON.parse(readFileSync(0, "utf8"));
console.log(
  JSON.stringify(pairs.map(([markdown, html]) => [treesOf(panelOf(markdown)), treesOf(htmlOf(html))])),
);
