import { describe, expect, test, vi } from "vitest";
import { tokenizerOf } from "../../src/highlight/languages";
import { type LineState, MAX_LINE_CHARS, NO_SPAN } from "../../src/highlight/tokens";
import { codeBlock } from "../../src/markdown/dom/code_view";
import { all, one, texts } from "../helpers";
import { Chance } from "./documents";
import { begin, write } from "./write";

/** The pieces of a text that are coloured, as "kind text". */
function coloured(language: string, text: string): string[] {
  let state: LineState = NO_SPAN;
  const found: string[] = [];
  for (const line of text.split("\n")) {
    const [tokens, next] = tokenizerOf(language)!.line(line, state);
    expect(tokens.map((token) => token.text).join("")).toBe(line);
    for (const token of tokens) if (token.kind) found.push(`${token.kind} ${token.text}`);
    state = next;
  }
  return found;
}

describe("code is coloured by its language", () => {
  test.each([
    ["python", "def f(x): # no", ["keyword def", "name f", "comment # no"]],
    ["python", "a = '''x\ny''' + f\"{z}\"", ["string '''x", "string y'''", 'string f"{z}"']],
    ["py", "@cached\nx = 1_000", ["meta @cached", "number 1_000"]],
    [
      "typescript",
      "const x: number = `a\nb`; // c",
      ["keyword const", "type number", "string `a", "string b`", "comment // c"],
    ],
    ["js", "x = /a[/]b/g / 2", ["string /a[/]b/g", "number 2"]],
    ["json", '{"a": [1, null, "b"]}', ['name "a"', "number 1", "keyword null", 'string "b"']],
    [
      "bash",
      "echo \"$X\" | grep -n 'a' # b",
      ["type echo", 'string "$X"', "type grep", "type -n", "string 'a'", "comment # b"],
    ],
    ["yaml", "a: true # b\n- c: 'd'", ["name a", "keyword true", "comment # b", "name c", "string 'd'"]],
    ["toml", "[a]\nb = 1", ["meta [a]", "name b", "number 1"]],
    ["diff", "@@ -1 @@\n-a\n+b\n c", ["meta @@ -1 @@", "removed -a", "added +b"]],
    [
      "html",
      '<a href="b">c<!-- d\ne --></a>',
      [
        "keyword <a",
        "name href",
        'string "b"',
        "keyword >",
        "comment <!-- d",
        "comment e -->",
        "keyword </a>",
      ],
    ],
    ["css", ".a { color: #fff; }", ["keyword .a", "name color", "number #fff"]],
    ["sql", "select A from b -- c", ["keyword select", "keyword from", "comment -- c"]],
    ["r", "f <- function(x) TRUE", ["meta <-", "keyword function", "keyword TRUE"]],
    [
      "rust",
      "fn f<'a>(x: u8) {} /* b\nc */",
      ["keyword fn", "name f", "type 'a", "type u8", "comment /* b", "comment c */"],
    ],
  ])("%s: %j", (language, text, found) => {
    expect(coloured(language, text)).toEqual(found);
  });

  test("an unknown language is plain", () => {
    expect(tokenizerOf("klingon")).toBeUndefined();
    expect(tokenizerOf("constructor")).toBeUndefined();
    expect(codeBlock("a\nb", "klingon").querySelector("code")!.innerHTML).toBe("a\nb\n");
  });

  const LANGUAGES = [
    "python",
    "js",
    "json",
    "bash",
    "yaml",
    "toml",
    "diff",
    "html",
    "css",
    "sql",
    "r",
    "rust",
  ];
  test.each(LANGUAGES)("no line of %s costs more than it should, whatever is repeated in it", (language) => {
    const tokenizer = tokenizerOf(language)!;
    for (const line of repetitions()) {
      // A pattern whose cost grows with the square of the length takes 50 ms for 2,000 characters. If its cost doubles
      // with each few characters, it takes seconds for less than a hundred, and is found before it takes for ever.
      for (
        let length = 12;
        length <= MAX_LINE_CHARS;
        length = Math.ceil(length * (length < 150 ? 1.2 : 12))
      ) {
        const begun = process.cpuUsage();
        tokenizer.line(line(length), NO_SPAN);
        const { user } = process.cpuUsage(begun);
        if (user > 1e6) expect.fail(`${user / 1e6} s for ${length} characters: ${line(length).slice(0, 60)}`);
      }
    }
  });

  test("a regular expression with brackets is one, and ends where it should", () => {
    expect(coloured("js", "x = /[/\\]]+a\\/[b]/gi; y")).toEqual(["string /[/\\]]+a\\/[b]/gi"]);
    expect(coloured("js", "x = /[a][b")).toEqual([]);
  });
});

/** Lines of any length that repeat something, some behind the beginning of a construct. */
function* repetitions(): Generator<(length: number) => string> {
  const pieces =
    "a [a] \\ / < ! [ { ( ' \" - # #! $ ${ @ = 1 1_ 1. -- . | \t A 'a & :: %a e1 0x ] \\a `".split(" ");
  for (const piece of [...pieces, "- ", "a: ", " ", "= /", "/*", "*/", "Aa "]) {
    for (const behind of ["", " ", ":", "/", "="]) {
      for (const begin of ["", "x = /", "'", "x = /[", "- ", "<a "]) {
        const unit = piece + behind;
        yield (length) => (begin + unit.repeat(Math.ceil(length / unit.length))).slice(0, length);
      }
    }
  }
}

describe("a block of code", () => {
  test("says its language, and copies what was written", async () => {
    const text = "print('a\u202e')\n\n\tend";
    const { el } = write([`\`\`\`python title="x"\n${text}\n\`\`\`\n`]);
    expect(texts(el, ".nbs-code-language")).toEqual(["python"]);
    expect(texts(el, ".nbs-mark")).toEqual(["U+202E"]);
    const written = vi.fn(async () => {});
    vi.stubGlobal("navigator", { clipboard: { writeText: written } });
    all(el, "button")
      .find((button) => button.textContent === "Copy")!
      .click();
    await vi.waitFor(() => expect(written).toHaveBeenCalledWith(text));
    vi.unstubAllGlobals();
  });

  test("breaks long lines when it is asked to", () => {
    const { el } = write(["```\na\n```"]);
    const wrap = one<HTMLButtonElement>(el, "[aria-pressed]");
    wrap.click();
    expect([wrap.getAttribute("aria-pressed"), one(el, ".nbs-code").matches(".nbs-is-wrapped")]).toEqual([
      "true",
      true,
    ]);
    wrap.click();
    expect([wrap.getAttribute("aria-pressed"), one(el, ".nbs-code").matches(".nbs-is-wrapped")]).toEqual([
      "false",
      false,
    ]);
  });

  test("keeps its complete lines while it grows", () => {
    const { el, writer } = begin();
    writer.write("```python\nx = 1\n");
    const kept = [...one(el, "code").childNodes];
    for (let line = 0; line < 200; line++) writer.write(`y = ${line}  # a`);
    writer.write("\n");
    expect(kept.every((node, index) => one(el, "code").childNodes[index] === node)).toBe(true);
  });

  test("stands in boxes of lines, and those in large boxes", () => {
    const { el } = write([`~~~\n${"a\n".repeat(600)}~~~`]);
    expect(all(el, "code > .nbs-lines").map(({ children }) => children.length)).toEqual([
      ...Array(15).fill(0),
      16,
      6,
    ]);
    expect(all(el, ".nbs-lines:not(:has(*))").every(({ textContent }) => textContent.length <= 32)).toBe(
      true,
    );
    expect(one(el, "code").textContent).toBe("a\n".repeat(600));
  });

  test("keeps the parts of a very long line while the line grows", () => {
    const { el, writer } = begin();
    writer.write(`~~~\n${"x".repeat(9000)}`);
    const kept = all(el, ".nbs-long");
    for (let more = 0; more < 20; more++) writer.write("x".repeat(500));
    expect(kept).toHaveLength(3);
    expect(
      all(el, ".nbs-long")
        .slice(0, 3)
        .every((part, index) => part === kept[index]),
    ).toBe(true);
  });

  test("holds a very long line in parts, however it came", () => {
    const line = "x".repeat(4095) + "😀".repeat(3000) + "y".repeat(500);
    const whole = write([`~~~\n${line}\nz\n~~~`]).el;
    expect(all(whole, ".nbs-long").map(({ textContent }) => textContent.length)).toEqual([4097, 4096, 2402]);
    for (const longest of [7, 900]) {
      const { el } = write(new Chance(longest).cut(`~~~\n${line}\nz\n~~~`, longest));
      expect(el.isEqualNode(whole)).toBe(true);
    }
  });
});
