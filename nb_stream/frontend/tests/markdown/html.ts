/** Turns the writer's elements into the HTML of the specifications, to compare it with their examples. */

import { h } from "../../src/dom/build";
import type { Services } from "../../src/markdown/dom/inline_view";
import type { Policy } from "../../src/markdown/dom/policy";
import { MarkdownWriter } from "../../src/markdown/stream/markdown_writer";
import { services } from "./write";

const BLOCKS = "p|h[1-6]|ul|ol|li|blockquote|pre|hr|table|thead|tbody|tr|th|td|div|section|br";
const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Links and images as the specifications have them, wherever they lead. */
const plainPolicy: Policy = {
  link({ href, title }) {
    const el = h("a");
    el.setAttribute("href", encode(href));
    if (title) el.setAttribute("title", title);
    return el;
  },
  endLink() {},
  image({ href, title }, alt) {
    const el = document.createElement("x-img");
    el.setAttribute("src", encode(href));
    el.setAttribute("alt", alt);
    if (title) el.setAttribute("title", title);
    return el;
  },
};

function encode(href: string): string {
  return encodeURI(href).replace(/%25([0-9a-f]{2})/gi, "%$1");
}

export const plainServices: Services = {
  ...services(),
  policy: plainPolicy,
};

/** The HTML for `markdown`, written in one piece. */
export function htmlOf(markdown: string): string {
  const el = document.createElement("div");
  const writer = new MarkdownWriter(el, plainServices);
  writer.write(markdown);
  writer.end();
  return normalize([...el.childNodes].map(serialize).join(""));
}

/** HTML without its differences that do not count: white space between blocks, and other ways to write the same. */
export function normalize(html: string): string {
  const parts = html.split(/(<pre[\s\S]*?<\/pre>)/);
  return parts
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part
            .replace(new RegExp(`\\s*(</?(?:${BLOCKS})(?:\\s[^>]*)?/?>)\\s*`, "g"), "$1")
            .replace(/<tbody><\/tbody>/g, ""),
    )
    .join("")
    .replace(/ \/>/g, ">")
    .replace(/&#39;/g, "'")
    .replace(/<input (?:checked="" )?disabled="" type="checkbox"/g, (tag) => tag)
    .trim();
}

function serialize(node: Node): string {
  if (node instanceof Text) return node.data.replace(/[&<>"]/g, (character) => ESCAPES[character]!);
  if (!(node instanceof HTMLElement)) return "";
  if (node.matches(".nbs-mark")) return String.fromCodePoint(Number.parseInt(node.textContent.slice(2), 16));
  if (node.matches(".nbs-bundle, .nbs-blocks, .nbs-lines, .nbs-partial, [class^=nbs-t-]")) return inner(node);
  if (node.matches(".nbs-code")) return serialize(node.querySelector("pre")!);
  if (node.matches(".nbs-table")) return serialize(node.firstElementChild!);
  if (node.matches(".nbs-math")) return node.textContent;
  if (node.matches("p") && node.closest("li, blockquote")?.matches("li")) {
    const list = node.closest("ul, ol")!;
    const direct =
      node.parentElement!.matches("li") || node.parentElement!.matches("li > .nbs-bundle > .nbs-blocks");
    if (direct && list.matches(".nbs-tight:not(.nbs-notes)")) return `${inner(node)}\n`;
  }
  if (node.matches("br")) return "<br>\n";
  if (node.matches("input")) {
    return `<input type="checkbox"${node.hasAttribute("checked") ? ' checked=""' : ""} disabled=""> `;
  }
  const tag = node.localName === "x-img" ? "img" : node.localName;
  const attributes = ["href", "src", "alt", "title", "start", "align"]
    .filter((name) => node.hasAttribute(name) && !(tag === "a" && name === "src"))
    .map((name) => ` ${name}="${node.getAttribute(name)!.replace(/[&<>"]/g, (c) => ESCAPES[c]!)}"`);
  const language =
    tag === "code" && node.className.startsWith("language-") ? ` class="${node.className}"` : "";
  const open = `<${tag}${language}${attributes.join("")}>`;
  return ["hr", "img", "br"].includes(tag) ? open : `${open}${inner(node)}</${tag}>`;
}

function inner(node: Node): string {
  return [...node.childNodes].map(serialize).join("");
}
