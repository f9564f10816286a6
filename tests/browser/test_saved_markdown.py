"""What stays in a saved notebook is written with as few bytes as HTML allows: without classes, and without the end tags
that browsers know to add. Read by a browser, it has the structure and the words of the exported page all the same."""

from __future__ import annotations

import difflib

from playwright.sync_api import Browser

from nb_stream.export.rendered_markdown import Detail, rendered_markdown
from tests.support.markdown_documents import documents

EXPORTED = Detail(highlight=False, formulas=False)
SAVED = Detail(highlight=False, formulas=False, compact=True)

TREES = r"""pairs => {
  // A part is a text, or an array for a tag. What is no element of its own in the saved form: boxes, and parts of tables that browsers add.
  const transparent = "span, div, thead, tbody";
  const leftOut = ".nbs-code-head";

  function partsOf(el, isSaved) {
    return [...el.childNodes].flatMap(node => node instanceof Text ? [node.data] : partOf(node, isSaved));
  }

  function partOf(el, isSaved) {
    const inside = () => partsOf(el, isSaved);
    if (el.matches(leftOut)) return [];
    // A box that is ticked or not is a sign.
    if (el.matches("input")) return [el.hasAttribute("checked") ? "☑ " : "☐ "];
    // An alert is a quote with its title in bold type.
    if (el.matches(".nbs-alert")) {
      const [title, ...blocks] = el.children;
      const shown = blocks.flatMap(block => partOf(block, isSaved));
      return [["blockquote"], ["strong"], title.textContent, ["/strong"], "\n", ...shown, ["/blockquote"]];
    }
    if (el.matches(transparent)) return inside();
    // Items of tight lists hold no paragraphs.
    if (el.matches("p")) return ["\n", ...inside(), "\n"];
    // Headings are lower, because a notebook has headings of its own.
    const level = Number(/^h([1-6])$/.exec(el.localName)?.[1] ?? 0);
    const name = level ? `h${isSaved ? level : Math.min(level + 3, 6)}` : el.localName;
    const more = ["href", "start", "align"].map(name => el.getAttribute(name)).filter(Boolean);
    return [[name, ...more], ...inside(), [`/${name}`]];
  }

  function linesOf(html, isSaved) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const lines = [];
    let words = "";
    for (const part of [...partsOf(template.content, isSaved), []]) {
      if (typeof part === "string") words += part;
      else {
        if (words.trim()) lines.push(words.replace(/\s+/g, " ").trim());
        words = "";
        lines.push(`<${part.join(" ")}>`);
      }
    }
    return lines;
  }

  return pairs.map(([exported, saved]) => [linesOf(exported, false), linesOf(saved, true)]);
}"""


def test_a_saved_message_has_the_structure_of_the_exported_one(browser: Browser) -> None:
    page = browser.new_page()
    texts = documents()
    pairs = [[rendered_markdown(text, detail) for detail in (EXPORTED, SAVED)] for _, text in texts]
    found = []
    for (name, _), (exported, saved) in zip(texts, page.evaluate(TREES, pairs), strict=True):
        if exported != saved:
            lines = difflib.unified_diff(exported, saved, "exported", "saved", lineterm="", n=2)
            found.append(f"{name}:\n" + "\n".join(lines))
    assert found == [], "\n\n".join(found[:10])
    # A difference would be found.
    one, other = page.evaluate(TREES, [["<ul><li><p>a</p></li></ul>", "<ol><li>a</ol>"]])[0]
    assert one != other
    page.close()
