/** What markdown-it makes of a text with the plugins that this field uses: the oracle of what GFM does not settle. */

import MarkdownIt from "markdown-it";
import cjkFriendly from "markdown-it-cjk-friendly";
import footnotes from "markdown-it-footnote";
import alerts from "markdown-it-github-alerts";
import { normalize } from "./html";

const { escapeHtml } = MarkdownIt().utils;
const markdownIt = new MarkdownIt({ html: false, linkify: true }).use(cjkFriendly).use(footnotes).use(alerts);
// GFM makes a link of `www.`, and of no other name without a scheme.
markdownIt.linkify!.set({ fuzzyLink: false });
markdownIt.renderer.rules.alert_open = (tokens, index) =>
  `<div><p>${escapeHtml(String(tokens[index]!.meta?.title))}</p>`;

/** The HTML of markdown-it, without the anchors, classes and lines that the panel does without. */
export function oracleOf(markdown: string): string {
  return normalize(
    markdownIt
      .render(markdown)
      .replace(/<sup class="footnote-ref"><a [^>]*>\[(\d+)(?::\d+)?\]<\/a><\/sup>/g, "<sup>$1</sup>")
      .replace(/ <a href="#fnref[^>]*>[^<]*<\/a>/g, "")
      .replace(/<hr class="footnotes-sep">|<\/?section[^>]*>/g, "")
      .replace(/<(ol|li)(?: id="fn\d+")? class="footnote[^>]*>/g, "<$1>")
      .replace(/<(\/?)s>/g, "<$1del>")
      .replace(/ style="text-align:(\w+)"/g, ' align="$1"'),
  );
}
