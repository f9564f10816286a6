import { describe, expect, test } from "vitest";
import { ESSAY } from "../../dev/essay";
import { all } from "../helpers";
import { ANSWER } from "./documents";
import { htmlOf } from "./html";
import { begin, shownOf, write } from "./write";

describe("what is half there looks as it will look", () => {
  test.each([
    ["**bol", "strong", "bol"],
    ["a *b **c", "em strong", "c"],
    ["`np.ar", "code", "np.ar"],
    ["~~go", "del", "go"],
    ["***both", "em strong", "both"],
    ["# Tit", "h1", "Tit"],
    ["- ite", "li p", "ite"],
    ["1. ite", "ol li p", "ite"],
    ["> sai", "blockquote p", "sai"],
    ["- [x] don", "li input[checked]", ""],
    ["```python\nprint(1", "pre code", "print(1"],
    ["$$\n\\frac{a", ".nbs-math-display .nbs-tex", "\\frac{a"],
    ["so \\(a + b", ".nbs-math .nbs-tex", "a + b"],
    ["| a | b", "th:nth-child(2)", "b"],
    ["| a | b |\n|---|---|\n| c | d", "td:nth-child(2)", "d"],
    ["> ```\n> x\n> ``", "pre code", "x\n"],
    ["call `__init__`", "code", "__init__"],
  ])("%j", (text, selector, content) => {
    const found = all(shownOf(text), selector);
    expect(found.map((el) => el.textContent)).toEqual([content]);
  });

  test("a line that may be a header is held back behind a long text, too", () => {
    const words = `${"word ".repeat(2000)}end`;
    expect(shownOf(`${words}\n| name | va`).textContent).toBe(words);
  });

  test.each([
    ["[docs](https://exa", "docs"],
    ["[docs]", "docs"],
    ["[docs", "docs"],
    ["see [docs][re", "see docs"],
    ["a[0", "a[0"],
    ["a[docs](https://exa", "adocs"],
    ["![A cat](https://ca", "Load image «A cat"],
    ["a **", "a"],
    ["a **b**", "a b"],
    ["a & b &am", "a & b"],
    ["Questions & answers: Q&A\n", "Questions & answers: Q&A"],
    ["**done**\n", "done"],
    ["Title\n-", "Title"],
    ["Title\n==", "Title"],
    ["text\n- ", "text"],
    ["text\n1", "text"],
    ["text\n12.", "text"],
    ["text\n```", "text"],
    ["| a | b |\n|--", "ab"],
    ["text\n| a | b |", "text"],
    ["||\n--", "||"],
    ["[docs]: ", ""],
    ["[docs]: https://exa", ""],
    ["[docs]: <a b", ""],
    ["[docs]:\n/u ", ""],
    ["[docs]: /u 'a title\nof two li", ""],
    ["[docs]: /u 'a title'  ", ""],
    ["[Alice]: Hello there", "[Alice]: Hello there"],
    ["[Alice]: Hello (waving) the", "[Alice]: Hello (waving) the"],
    ["[Alice]: <b> is", "[Alice]: <b> is"],
    ["[docs]: /u\n[Bob]: Hello the", "[Bob]: Hello the"],
    ["[ ]: /u", "[ ]: /u"],
    ["text\n| a | b |\n|--", "text"],
    ["text\n| a | b |\nmore", "text\n| a | b |\nmore"],
    ["- [", ""],
    ["**[", ""],
    ["a \\[", "a"],
    ["a\\\n", "a"],
    ["- [ ]", ""],
    ["see https://a.exam", "see https://a.exam"],
    ["It costs $5", "It costs $5"],
    ["about ~5 minutes", "about ~5 minutes"],
    ["2*3 is", "2*3 is"],
  ])("%j shows %j", (text, content) => {
    expect(shownOf(text).textContent).toBe(content);
  });

  test("nobody can click the half of an address", () => {
    for (const text of ["see https://a.exam", "[docs](https://exa", "write to me@a.exam"]) {
      expect(all(shownOf(text), "a"), text).toEqual([]);
    }
  });

  test("nothing of a long image inside the text is seen while it comes", () => {
    const { el, writer } = begin();
    writer.write("![dot](data:image/png;base64,");
    for (let i = 0; i < 300; i++) writer.write("iVBORw0KGgo".repeat(10));
    expect(el.textContent).toBe("Load image «dot");
  });
});

describe("nothing that was shown is taken back while a text comes in pieces of", () => {
  const words = (el: Element) => el.textContent.replace(/\s+/g, " ").trim();
  const blocks = (el: Element) =>
    all(el, "p, li, h1, h2, h3, h4, pre, tr, blockquote, hr").map((b) => b.tagName);

  test.each([1, 2, 3, 5, 17, 64])("%d", (length) => {
    for (const text of [ESSAY, ANSWER]) {
      const whole = write([text]).el;
      const { el, writer } = begin();
      for (let at = 0; at < text.length; at += length) {
        writer.write(text.slice(at, at + length));
        const place = JSON.stringify(text.slice(Math.max(0, at - 60), at + length));
        expect(words(whole).startsWith(words(el)), `${place} shows ${words(el).slice(-60)}`).toBe(true);
        expect(blocks(whole).join(" "), place).toMatch(new RegExp(`^${blocks(el).join(" ")}`));
      }
      writer.end();
      expect(el.isEqualNode(whole)).toBe(true);
    }
  });
});

describe("a text that ends is what it says, and not what it could have become", () => {
  test.each([
    ["**bol", "<p>**bol</p>"],
    ["[docs](relative", "<p>[docs](relative</p>"],
    ["$$\nx", "<p>$$\nx</p>"],
    ["| a | b", "<p>| a | b</p>"],
    ["Title\n-", "<h2>Title</h2>"],
    ["a &am", "<p>a &amp;am</p>"],
  ])("%j", (text, html) => {
    expect(htmlOf(text)).toBe(html);
  });
});

test("a display formula may hold lines that look like something else", () => {
  const formula = "$$\na\n- b\n+ c\n= d\n# e\n$$";
  expect(htmlOf(`text\n${formula}\n\nmore`)).toBe("<p>text\na\n- b\n+ c\n= d\n# e</p><p>more</p>");
  expect(htmlOf("$$\na\n\n- b")).toBe("<p>$$\na</p><ul><li>b</li></ul>");
});

test.each([
  ["$5 and $6", false],
  ["US$5 and CA$6", false],
  ["$HOME/$USER", false],
  ["$ x $", false],
  ["`$x$`", false],
  ["\\$x\\$", false],
  ["$x$", true],
  ["$x_1$, and", true],
  ["($a^2$)", true],
  ["\\(x\\)", true],
  ["$$x$$", true],
  ["\\[x\\]", true],
  ["\\(\\)", false],
])("dollars of prices and of shells are no formulas: %j", (text, isFormula) => {
  expect(all(shownOf(`${text} `), ".nbs-math").length > 0).toBe(isFormula);
});
