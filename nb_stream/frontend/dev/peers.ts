/** Other ways to show Markdown that grows, for the benchmark. None of them reads what is hostile as text. */

import { createIncremarkParser, type IncrementalUpdate } from "@incremark/core";
import MarkdownIt from "markdown-it";
import { marked } from "marked";
import * as smd from "streaming-markdown";
import { h } from "../src/dom/build";

export interface Engine {
  write(piece: string): void;
  end(): void;
}

export const PEERS: Record<string, (el: HTMLElement) => Engine> = {
  "streaming-markdown": (el) => {
    const parser = smd.parser(smd.default_renderer(el));
    return { write: (piece) => smd.parser_write(parser, piece), end: () => smd.parser_end(parser) };
  },
  incremark: (el) => new Incremark(el),
  marked: (el) => new ReadAnew(el, (text) => marked.parse(text, { async: false })),
  "markdown-it": (el) => {
    const md = new MarkdownIt();
    return new ReadAnew(el, (text) => md.render(text));
  },
};

/** Reads the whole text again for each piece of it. */
class ReadAnew implements Engine {
  #text = "";

  constructor(
    private readonly el: HTMLElement,
    private readonly render: (text: string) => string,
  ) {}

  write(piece: string): void {
    this.#text += piece;
    this.end();
  }

  end(): void {
    this.el.innerHTML = this.render(this.#text);
  }
}

/** What incremark reads. It has no view without a framework: here, what is complete stays, and the rest is made anew. */
class Incremark implements Engine {
  readonly #parser = createIncremarkParser({ gfm: true, math: true });
  #pending: Node[] = [];

  constructor(private readonly el: HTMLElement) {}

  write(piece: string): void {
    this.#show(this.#parser.append(piece));
  }

  end(): void {
    this.#show(this.#parser.finalize());
  }

  #show({ completed, pending }: IncrementalUpdate): void {
    for (const node of this.#pending) node.parentNode?.removeChild(node);
    this.#pending = pending.map(({ node }) => nodeOf(node as Tree));
    this.el.append(...completed.map(({ node }) => nodeOf(node as Tree)), ...this.#pending);
  }
}

/** The parts of incremark's trees that are shown. */
interface Tree {
  readonly type: string;
  readonly value?: string;
  readonly url?: string;
  readonly depth?: number;
  readonly ordered?: boolean | null;
  readonly children?: readonly Tree[];
}

const TAGS: Record<string, keyof HTMLElementTagNameMap> = {
  paragraph: "p",
  emphasis: "em",
  strong: "strong",
  delete: "del",
  inlineCode: "code",
  inlineMath: "code",
  code: "pre",
  math: "pre",
  listItem: "li",
  blockquote: "blockquote",
  table: "table",
  tableRow: "tr",
  tableCell: "td",
  thematicBreak: "hr",
  break: "br",
};

function nodeOf(tree: Tree): Node {
  const { type, value, children = [] } = tree;
  if (type === "text") return document.createTextNode(value ?? "");
  const el = elementOf(tree);
  if (value !== undefined) el.append(value);
  el.append(...children.map(nodeOf));
  return el;
}

function elementOf({ type, depth, ordered, url }: Tree): HTMLElement {
  if (type === "heading") return document.createElement(`h${depth ?? 1}`);
  if (type === "list") return h(ordered ? "ol" : "ul");
  if (type !== "link") return h(TAGS[type] ?? "span");
  const link = h("a");
  link.href = url ?? "";
  return link;
}
