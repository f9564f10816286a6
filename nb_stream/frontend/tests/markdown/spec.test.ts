import MarkdownIt from "markdown-it";
import { expect, test } from "vitest";
import { commonmark, gfm } from "./corpora";
import { ownGfm } from "./gfm";
import { htmlOf, normalize } from "./html";

/** Examples that differ because bare addresses become links (GFM 6.9), and because class names are limited. */
const BARE_ADDRESSES = new Set([602, 608, 611, 612]);
const CLASS_NAMES = new Set([34, 144]);
/** Raw HTML as text, made by other code than the one under test. */
const withoutHtml = new MarkdownIt({ html: false });

test("the examples of CommonMark 0.31.2 come out as the specification has them, with raw HTML as text", () => {
  const differing: Record<string, number[]> = { html: [], address: [], class: [], wrong: [] };
  for (const { number, markdown, html } of commonmark) {
    const shown = htmlOf(markdown);
    if (shown === normalize(html)) continue;
    const isRawHtml = normalize(withoutHtml.render(markdown)) === shown;
    const reason = isRawHtml
      ? "html"
      : BARE_ADDRESSES.has(number)
        ? "address"
        : CLASS_NAMES.has(number)
          ? "class"
          : "wrong";
    differing[reason]!.push(number);
  }
  const { html, address, class: classes, wrong } = differing as Record<string, number[]>;
  const same = commonmark.length - Object.values(differing).flat().length;
  console.log(
    `CommonMark 0.31.2: ${same} of ${commonmark.length} examples as specified. Intended differences: ` +
      `${html!.length} raw HTML shown as text (${html!.join(" ")}); ${address!.length} bare addresses become links ` +
      `(${address!.join(" ")}); ${classes!.length} names of languages are no class (${classes!.join(" ")}). ` +
      `Others: ${wrong!.length}.`,
  );
  expect(wrong).toEqual([]);
  expect(same).toBeGreaterThanOrEqual(574);
});

test("the examples of GFM's extensions come out as the specification has them", () => {
  const intended = new Set(["Embedded HTML", "HTML tag filter", "Footnotes"]);
  const examples = [...ownGfm, ...gfm];
  const differing = examples.filter(({ markdown, html }) => {
    return html !== "<IGNORE>\n" && htmlOf(markdown) !== normalize(html);
  });
  const sections = differing.map(({ section }) => section);
  console.log(
    `GFM extensions: ${examples.length - differing.length} of ${examples.length} examples as specified, ` +
      `${ownGfm.length} of them our own. Intended differences: ${sections.join(", ") || "none"} ` +
      "(raw HTML is text; footnotes are no part of GFM).",
  );
  expect(
    differing
      .filter(({ section }) => !intended.has(section))
      .map(({ markdown }) => [markdown, htmlOf(markdown)]),
  ).toEqual([]);
});
