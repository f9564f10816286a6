/** The page that the benchmark of the browser drives: engines that show a text as it grows, and texts to show. */

import { h } from "../src/dom/build";
import { Folding, GrowingEnd } from "../src/dom/folding";
import { Modules } from "../src/dom/page_modules";
import { isPartlyWritten } from "../src/dom/portions";
import { Emojis } from "../src/markdown/dom/emoji_view";
import { Formulas } from "../src/markdown/dom/formula_view";
import { safePolicy } from "../src/markdown/dom/policy";
import { MarkdownWriter, renderMarkdown } from "../src/markdown/stream/markdown_writer";
import { LARGE_LIMITS } from "../src/views/transcript/live";
import { ESSAY } from "./essay";
import { type Engine, PEERS } from "./peers";

const modules: Modules = new Modules((command) => {
  if (command.type !== "module") return;
  void fetch("math.js")
    .then((answer) => answer.text())
    .then((source) => modules.receive({ op: "module", name: command.name, source }));
});
const services = { policy: safePolicy, formulas: new Formulas(modules), emojis: new Emojis(modules) };

const engines: Record<string, (el: HTMLElement, folding: Folding) => Engine> = {
  ours: (el, folding) => {
    const end = new GrowingEnd(folding, el);
    end.limits = LARGE_LIMITS;
    return new MarkdownWriter(el, { ...services, folding: end });
  },
  ...PEERS,
};

const repeated = (unit: string, length: number) =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);

const texts: Record<string, (length: number) => string> = {
  mixed: (length) => repeated(ESSAY, length),
  fence: (length) => `\`\`\`python\n${repeated("total = sum(x * 2 for x in values)  # every one\n", length)}`,
  list: (length) => repeated("- an item of the list, with *some* words in it\n", length),
  quote: (length) => repeated("> A sentence that somebody said, and `code` in it.\n>\n", length),
  formulas: (length) =>
    repeated("So $x_1 + y^2 = \\frac{a}{b}$ holds, and the next one follows from it.\n\n", length),
  paragraph: (length) => repeated("Words of a paragraph that does not end, *some* of them strong. ", length),
  "nested list": (length) =>
    repeated("- an item\n  - with another *one*\n    - and one in that\n      - and a last\n", length),
  table: (length) =>
    repeated("| name | value | what it is |\n|---|---:|---|\n", 45) +
    repeated("| alpha | 12.5 | the *first* of them |\n", length),
  // Of 200 kB: 20 levels, 10,000 lines, 5,000 links, 2,000 formulas.
  "list 20 deep": (length) => {
    const item = (depth: number) => `${"  ".repeat(depth)}- an item with *some* words\n`;
    const way = Array.from({ length: 20 }, (_, depth) => item(depth)).join("");
    return way + repeated(item(20), length);
  },
  "lines of code": (length) => `\`\`\`python\n${repeated("x = f(y) + g(z * 2)\n", length)}`,
  links: (length) => repeated("[a link](https://example.org/pages) and ", length),
  "formulas in a row": (length) =>
    repeated(
      "so $x_1 + y^2 = \\frac{a}{b}$ holds, and the next one follows from it, as everybody can see, ",
      length,
    ),
  word: (length) => repeated("Donaudampfschifffahrtsgesellschaft", length),
  "one letter": (length) => repeated("a", length),
  "escape characters": (length) => repeated("\x1b[", length),
  "zero-width": (length) => repeated("\u200b", length),
  "directional marks": (length) => repeated("a\u202eb\u200f", length),
  "combining marks": (length) => repeated("\u0301\u0323", length),
  "emphasized letters": (length) => repeated("*a*", length),
  "open stars": (length) => repeated("*", length),
  "open stars and words": (length) => repeated("*a ", length),
  brackets: (length) => repeated("[", length),
  "code spans": (length) => repeated("`a`", length),
  ticks: (length) => repeated("`", length),
  han: (length) => repeated("\u6f22\u5b57", length),
  arabic: (length) => repeated("\u0645\u0631\u062d\u0628\u0627", length),
  emoji: (length) => repeated("\u{1f469}\u200d\u{1f4bb}", length),
  dots: (length) => repeated(".", length),
  spaces: (length) => `${repeated(" ", length)}x`,
  "empty lines": (length) => repeated("\n", length),
  "short lines": (length) => repeated("a\n", length),
  "short paragraphs": (length) => repeated("a\n\n", length),
  quotes: (length) => repeated("> ", length),
  "code word": (length) => `\`\`\`\n${repeated("x", length)}`,
  "table cell": (length) => `| a |\n|---|\n| ${repeated("x", length)}`,
  "list word": (length) => `- ${repeated("x", length)}`,
  "heading word": (length) => `# ${repeated("x", length)}`,
  "link text": (length) => `[${repeated("x", length)}](https://example.org)`,
  address: (length) => `https://example.org/${repeated("x", length)}`,
  formula: (length) => `$${repeated("x+", length)}x$`,
  backslashes: (length) => repeated("\\", length),
  angles: (length) => repeated("<", length),
  entities: (length) => repeated("&amp;", length),
  surrogates: (length) => repeated("\ud800", length),
};

/** Milliseconds of each frame, and of each long task. */
interface Timing {
  frames: number[];
  tasks: number[];
}

/** Where a text is shown, as the panel shows it: in a scroller of limited height that folds what is far. */
interface Place {
  readonly el: HTMLElement;
  readonly scroller: HTMLElement;
  readonly folding: Folding;
}

function place(isLive: boolean): Place {
  const el = h("div", "nbs-text nbs-md");
  const live = h("div", "nbs-live");
  const history = h("div", "nbs-history");
  if (isLive) {
    const box = h("div", "nbs-live-text", h("div", "nbs-live-grow", el));
    live.append(h("article", "nbs-live-cell", box));
  } else {
    const body = h("div", "nbs-body", h("div", "nbs-content", el));
    const cell = h("details", "nbs-cell", h("summary", "nbs-line"), h("div", "nbs-holder", body));
    cell.open = true;
    history.append(cell);
  }
  const scroller = h("div", "nbs-scroller nbs-follows", history, live);
  document.body.replaceChildren(h("section", "nbs-root", h("div", "nbs-panel", scroller)));
  const folding = new Folding(live);
  folding.watch(scroller, new AbortController().signal);
  return { el, scroller, folding };
}

/** Keep the end of the text in view, as the panel does it: when the browser has laid the page out anyway. */
function follow({ scroller }: Place): void {
  const observer = new ResizeObserver(() => {
    scroller.scrollTop = scroller.scrollHeight;
  });
  for (const child of scroller.children) observer.observe(child);
}

declare global {
  /** The driver's: reads how long the main thread has worked. */
  var quarterEnded: (() => Promise<void>) | undefined;
}

/** Measure the frames and the long tasks of `steps`, of which each yield ends a frame. A quarter has `quarter` of them. */
async function timed(steps: Iterable<unknown>, quarter = Number.POSITIVE_INFINITY): Promise<Timing> {
  const tasks: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) tasks.push(duration);
  });
  await nextFrame();
  await nextFrame();
  observer.observe({ type: "longtask" });
  const frames: number[] = [];
  let last = performance.now();
  for (const _ of steps) {
    await nextFrame();
    const now = performance.now();
    frames.push(now - last);
    last = now;
    if (frames.length % quarter > 0) continue;
    await globalThis.quarterEnded?.();
    last = performance.now();
  }
  await nextFrame();
  await nextFrame();
  observer.disconnect();
  return { frames, tasks };
}

/** Write `length` characters of the text `kind`, one piece of `step` per frame, from the character `from` on. */
async function stream(
  engine: string,
  kind: string,
  length: number,
  step: number,
  from = 0,
): Promise<Timing & { most: number }> {
  const text = texts[kind]!(length);
  const there = place(true);
  follow(there);
  const writer = engines[engine]!(there.el, there.folding);
  if (from > 0) writer.write(text.slice(0, from));
  const elements = there.el.getElementsByTagName("*");
  let most = 0;
  function* pieces() {
    for (let at = from; at < text.length; at += step) {
      writer.write(text.slice(at, at + step));
      yield;
      most = Math.max(most, elements.length);
    }
    writer.end();
  }
  const quarter = Math.floor((text.length - from) / step / 4);
  return { ...(await timed(pieces(), quarter)), most };
}

/** Show a finished message until all of it is there: its frames, its long tasks, and how many elements it has. */
async function whole(kind: string, length: number): Promise<Timing & { elements: number }> {
  const text = texts[kind]!(length);
  const { el, folding, scroller } = place(false);
  function* waiting() {
    renderMarkdown(el, text, { ...services, folding });
    do yield;
    while (isPartlyWritten(scroller));
  }
  return { ...(await timed(waiting())), elements: el.querySelectorAll("*").length };
}

/** How many characters are read for each of `length` characters that come in pieces of `step`. */
function factor(kind: string, length: number, step: number): number {
  const text = texts[kind]!(length);
  const writer = new MarkdownWriter(h("div"), services);
  for (let at = 0; at < text.length; at += step) writer.write(text.slice(at, at + step));
  writer.end();
  return writer.read / text.length;
}

function nextFrame(): Promise<unknown> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

Object.assign(globalThis, {
  bench: { stream, whole, factor, kinds: Object.keys(texts), engines: Object.keys(engines) },
});
