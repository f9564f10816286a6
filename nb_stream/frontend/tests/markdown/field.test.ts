import { nameToEmoji } from "gemoji";
import { describe, expect, test } from "vitest";
import emoji from "../../../export/emoji.json";
import { ESSAY } from "../../dev/essay";
import { Modules } from "../../src/dom/page_modules";
import { Emojis } from "../../src/markdown/dom/emoji_view";
import { CJK } from "../../src/markdown/parse/delimiter_runs";
import { renderMarkdown } from "../../src/markdown/stream/markdown_writer";
import { all, texts } from "../helpers";
import { ANSWER, Chance, FIELD_TEXTS } from "./documents";
import { htmlOf } from "./html";
import { oracleOf } from "./oracle";
import { begin, services, shownOf, write } from "./write";

/** A text that is cut in two at any place, or into single characters, must end as the whole text does. */
function expectSame(text: string): void {
  const whole = write([text]).el;
  for (let at = 0; at <= text.length; at++) {
    const { el } = write([text.slice(0, at), text.slice(at)]);
    if (!el.isEqualNode(whole)) throw new Error(`Cut at ${at}: ${JSON.stringify(text)}`);
  }
  expect(write(new Chance(1).cut(text, 1)).el.isEqualNode(whole)).toBe(true);
}

describe("what markdown-it and its plugins make of a text, the panel makes of it, too", () => {
  test.each(FIELD_TEXTS)("%j", (text) => {
    // Where an alert has no text in its first paragraph, the plugin leaves an empty one.
    expect(htmlOf(text)).toBe(oracleOf(text).replaceAll("<p></p>", ""));
    expectSame(text);
  });

  test("for all characters of East Asian width", async () => {
    const { eastAsianWidthType } = await import("get-east-asian-width");
    const wrong: string[] = [];
    for (let code = 0x80; code < 0x40000; code++) {
      const character = String.fromCodePoint(code);
      if (!/\p{Assigned}/u.test(character)) continue;
      const width = eastAsianWidthType(code);
      const isWide = ["wide", "fullwidth", "halfwidth"].includes(width);
      const isHangul = width === "neutral" && code >= 0x1100 && /\p{sc=Hangul}/u.test(character);
      const expected = (isWide && !/\p{Emoji_Presentation}/u.test(character)) || isHangul;
      if (expected !== CJK.test(character)) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  });
});

describe("short names of emoji", () => {
  const shown = (text: string) => texts(write([text]).el, ".nbs-emoji");

  test.each([
    [
      "done :tada:, :+1: and :white_check_mark::rocket:",
      [":tada:", ":+1:", ":white_check_mark:", ":rocket:"],
    ],
    ["完了:tada:です **:x:** [:link:](https://a.example)", [":tada:", ":x:", ":link:"]],
    ["| a |\n|---|\n| :x: |", [":x:"]],
    ["at 10:100:30, std::key::value and a:b:c", []],
    ["`:tada:` \\:tada: https://a.example/:tada: :_a_: :tada", []],
  ])("are found in %j", (text, names) => {
    expect(shown(text)).toEqual(names);
    expectSame(text);
  });

  test("are emoji once the table has come, in what was shown before, too", () => {
    const load = async () => ({ emoji });
    const modules = new Modules(() => {}, load);
    const each = { ...services(), emojis: new Emojis(modules) };
    const before = document.createElement("div");
    renderMarkdown(before, "a :tada: :nosuch: :constructor:", each);
    modules.receive({ op: "module", name: "extras.test", source: "" });
    return expect
      .poll(() => before.textContent)
      .toBe("a 🎉 :nosuch: :constructor:")
      .then(() => {
        const after = document.createElement("div");
        renderMarkdown(after, ":+1:", each);
        expect(after.textContent).toBe("👍");
      });
  });

  test("are those of gemoji, which the table has by a script", () => {
    expect(emoji).toEqual(nameToEmoji);
  });
});

describe("brackets, dollars and backslashes", () => {
  test.each([
    ["arr\\[0\\] and arr\\[i\\]", "arr[0] and arr[i]"],
    ["cmd \\[optional\\] \\[--force\\]", "cmd [optional] [--force]"],
    ["see \\[1\\] and \\(see below\\)", "see [1] and (see below)"],
    ["\\[[RFC 2616](https://a.example/x_1)\\]", "[RFC 2616 (a.example)]"],
    ["no note: \\[^1] \\[^2\\]", "no note: [^1] [^2]"],
    ["from $5 to 10$", "from $5 to 10$"],
    ["$20 or 30$, and $1,000 for 2$", "$20 or 30$, and $1,000 for 2$"],
  ])("%j holds no formula", (text, shown) => {
    const { el } = write([text]);
    expect([all(el, ".nbs-math").length, el.textContent]).toEqual([0, shown]);
    expectSame(text);
    // Nor did it look like one while it came.
    for (let at = 1; at < text.length; at++) expect(all(shownOf(text.slice(0, at)), ".nbs-math")).toEqual([]);
  });

  test.each([
    ["\\[ E = mc^2 \\]", "E = mc^2"],
    ["so\\[x = 1\\]", "x = 1"],
    ["对于\\(x\\)有", "x"],
    ["\\(f(x)\\)", "f(x)"],
    ["$10^3$", "10^3"],
    ["$3x + 2$", "3x + 2"],
    ["$5$", "5"],
    [
      "\\begin{align}\na &= b \\\\\n- c &= d\n\\end{align}",
      "\\begin{align}\na &= b \\\\\n- c &= d\n\\end{align}",
    ],
    ["so \\begin{pmatrix}1\\end{pmatrix} x", "\\begin{pmatrix}1\\end{pmatrix}"],
    ["> \\begin{align*}\n> a\n> \\end{align*}", "\\begin{align*}\na\n\\end{align*}"],
  ])("%j holds a formula", (text, tex) => {
    expect(texts(write([text]).el, ".nbs-math")).toEqual([tex]);
    expectSame(text);
  });

  test.each(["\\begin{document}\nx\n\\end{document}", "\\begin{align}\nx", "`\\begin{align}x\\end{align}`"])(
    "%j holds no formula",
    (text) => expect(all(write([text]).el, ".nbs-math")).toEqual([]),
  );

  test.each([
    ["C:\\Users\\me\\.config\\_x\\[1]", "C:\\Users\\me\\.config\\_x\\[1]"],
    ["see (C:\\__pycache__\\), or **C:\\my_dir\\a_b**", "see (C:\\__pycache__\\), or C:\\my_dir\\a_b"],
    ["%APPDATA%\\_a and \\\\server\\share$\\_b", "%APPDATA%\\_a and \\\\server\\share$\\_b"],
    ["del C:\\tmp\\*.txt C:\\tmp\\*.log", "del C:\\tmp\\*.txt C:\\tmp\\*.log"],
    ["**C:\\Users\\**", "C:\\Users\\"],
    ["abc:\\_x\\_ and a \\\\ b", "abc:_x_ and a \\ b"],
  ])("%j keeps the backslashes of paths", (text, shown) => {
    expect(write([text]).el.textContent).toBe(shown);
    expectSame(text);
  });
});

describe("tables", () => {
  test("have line breaks where models write them, and nothing else of HTML", () => {
    const text = "| a<br>b |\n|---|\n| c<br/>*d<br />e* `<br>` <b>f</b> |\n\ng<br>h";
    expect(htmlOf(text)).toBe(
      "<table><thead><tr><th>a<br>b</th></tr></thead><tbody><tr><td>c<br><em>d<br>e</em> " +
        "<code>&lt;br&gt;</code> &lt;b&gt;f&lt;/b&gt;</td></tr></tbody></table><p>g&lt;br&gt;h</p>",
    );
    expectSame(text);
  });
});

describe("a fence in a fence", () => {
  test("of the same length closes nothing, if the block is Markdown and the fence names a language", () => {
    const text = "```markdown\n# A\n```python\nx\n```\nmore\n```\n\nend";
    const { el } = write([text]);
    expect(texts(el, "code")).toEqual(["# A\n```python\nx\n```\nmore\n"]);
    expect(texts(el, "p")).toEqual(["end"]);
    expectSame(text);
    expectSame("~~~md\n~~~js\nx\n~~~\n~~~\nend\n> ```md\n> ```a\n> ```\n> ```\nend");
  });

  test("is text in all other blocks", () => {
    for (const text of [
      "```\n```python\nx\n```\nend",
      "```markdown\nx ```python\n```\nend",
      "````md\n```py\n````\nend",
    ]) {
      expect(texts(write([text]).el, "p")).toEqual(["end"]);
    }
  });
});

describe("a link that leads nowhere", () => {
  test.each([
    ["[docs](docs/x.md)", "docs (docs/x.md)"],
    ["[docs/x.md](docs/x.md)", "docs/x.md"],
    ["[*a*](/api)", "a (/api)"],
    ["[a](#b)", "a"],
    ["[a]()", "a"],
    ["[a](<x\u202ey>)", "a (xU+202Ey)"],
    ["[a](data:text/html,x)", "a"],
  ])("%j says %j", (text, said) => {
    const { el } = write([text]);
    expect([el.textContent, all(el, "a").length]).toEqual([said, 0]);
    expectSame(text);
  });
});

describe("while a text grows, it does not become less than it was", () => {
  test.each([
    ["A[^1", "A"],
    ["A[^1]", "A"],
    ["A[^1] x", "A[^1] x"],
    ["[^1]: No", "No"],
    ["[^1]", ""],
    ["> [!NO", ""],
    ["> [!NOTE]", "Note"],
    ["> [!NOTE]\n> Te", "NoteTe"],
    ["so \\beg", "so"],
    ["so \\begin{ali", "so"],
    ["a \\[op", "a"],
    ["a \\[opt", "a [opt"],
  ])("%j is shown as %j", (text, shown) => expect(shownOf(text).textContent.trimEnd()).toBe(shown));

  const KINDS = "strong em del a sup table li br code blockquote .nbs-alert .nbs-math .nbs-emoji".split(" ");

  test("so that what has become an element stays one, whatever comes", () => {
    const less: string[] = [];
    for (const text of [...FIELD_TEXTS, ...MORE_TEXTS, ANSWER, ESSAY]) {
      const { el, writer } = begin();
      let before = KINDS.map(() => 0);
      for (let at = 0; at < text.length; at++) {
        writer.write(text[at]!);
        const now = KINDS.map((kind) => el.querySelectorAll(kind).length);
        if (now.some((count, kind) => count < before[kind]!))
          less.push(text.slice(Math.max(0, at - 40), at + 1));
        before = now;
      }
    }
    expect(less).toEqual([]);
  });
});

const MORE_TEXTS = [
  "\\[ E = mc^2 \\] so \\(f(x)\\) and \\begin{align}\na &= b\\\\\n\\end{align}",
  "arr\\[0\\] \\[optional\\] \\[[RFC 2616](https://a.example/x_1)\\] from $5 to 10$",
  "done :tada:, :+1: and :white_check_mark::rocket: a",
  "| a<br>b |\n|---|\n| c<br/>*d<br />e* `<br>` |",
  "see C:\\__pycache__\\_x **C:\\Users\\**",
  "```markdown\n# A\n```python\nx\n```\nmore\n```\n\nend",
];
