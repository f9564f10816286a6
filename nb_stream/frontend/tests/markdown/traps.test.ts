import { describe, expect, test } from "vitest";
import { ESSAY } from "../../dev/essay";
import { BARE, bareAddress } from "../../src/markdown/parse/autolinks";
import { checkNow } from "../../src/markdown/stream/recheck";
import { all } from "../helpers";
import { Chance } from "./documents";
import { htmlOf } from "./html";
import { services, write } from "./write";

/** A text that is cut in two at any place, or into single characters, must end as the whole text does. */
function expectSame(text: string): void {
  const whole = write([text]).el;
  for (let at = 0; at <= text.length; at++) {
    const { el } = write([text.slice(0, at), text.slice(at)]);
    if (!el.isEqualNode(whole)) throw new Error(`Cut at ${at}: ${JSON.stringify(text)}`);
  }
  expect(write(text).el.isEqualNode(whole)).toBe(true);
  expect(write(new Chance(1).cut(text, 1)).el.isEqualNode(whole)).toBe(true);
}

describe("a text can be cut", () => {
  test.each([
    ["between the two characters of a line end", "a\r\nb\r\rc\r\n\r\n- d\r\n"],
    ["inside a character", "a 😀 **😀** `😀` [😀](https://a.example)\n"],
    ["behind a NUL", "a\0b\n\0\n"],
    ["inside a line that closes a fence", "```\na\n`` `\n````  \nb\n"],
    ["inside tabs of a fence", "  ```\n\ta\n \tb\n   \tc\n  ```\n"],
    ["inside tabs of a list", "-\ta\n\n\tb\n\n\t\tc\n1.\td\n"],
    ["inside the title of a definition, which goes on over lines", "[a]: /u\n'one\ntwo'\n\n[a]\n"],
    ["inside a definition that is none after all", "[a]: /u\n'one\ntwo\n\n[a]\n"],
    ["where a definition stands directly above an open block", "[a]: /u\n# [a]\n[b]: /v\n[b]\n"],
    ["where a definition in an item goes on lazily", "- [foo]: /url\n'title\nmore'\n\n[foo]\n"],
    ["behind a table, a blank line and a definition", "| a |\n|---|\n| [x] |\n\n[x]: /url\n\n[x]\n"],
    [
      "before a definition that comes last",
      "[a] and **[b][a]**\n\n- [a]\n\n| [a] |\n|---|\n| [a] |\n\n[a]: https://a.example\n",
    ],
    ["where a second definition does not count", "[a]: /one\n\n[a]: /two\n\n[a]\n"],
    [
      "where a label is the name of a property",
      "[constructor] [__proto__]\n\n[__proto__]: https://a.example\n",
    ],
    ["inside the line that makes a heading", "Title\n===\nOther\n---\n- a\n  ---\n"],
    ["inside the line that makes a table", "a | b\n- | -\nc | d\n\na\nb | c\n:-|-:\nd\n"],
    ["where a table ends without a blank line", "| a |\n|---|\n| b |\n> c\n"],
    ["where a list becomes loose", "- a\n- b\n\n- c\n  - d\n\n  e\n"],
    ["where a list stays tight", "- a\n  > b\n  >\n- c\n- ```\n\n  ```\n- d\n"],
    ["where lines go on lazily", "> a\nb\n> - c\nd\n===\n"],
    ["inside a formula", "a $x$ \\(y\\)\n$$\nz\n- w\n$$\n\\[\nv\n\\]\nb $5 c $\n"],
    ["inside emphasis", "***a** b* _c_d_ **e*f** ~~g~ h~~ *i**j*k**\n"],
    ["inside links", "[a *b](https://a.example) c* [d][] ![e *f*](<g h> 'i') [j](k (l)) [m]\n\n[d]: /n\n"],
    ["inside addresses", "see https://a.example/(b), www.a.example. me@a.example <https://c.example>\n"],
    ["inside code", "`a` ``b`c`` ` d ` `\n` `e\n"],
    ["inside references", "&amp; &#35; &copy &nosuch; &#0;\n"],
    ["inside a task", "- [ ] a\n- [x] b\n- [X]c\n- [ ]\n  1. [x] d\n"],
    ["where blank lines end a fence in a list", "- ```\n  a\n\n  b\n\nc\n"],
    ["behind marks that are nothing", "*\n-\n1.\n#\n>\n`\n$\n[\n!\n"],
  ])("%s", (_, text) => expectSame(text));

  test("where groups of blocks begin and end, and a block on the border is none after all", () => {
    const block = (index: number) => `paragraph ${index}\n\n[d${index}]: /u\n\n`;
    const text = Array.from({ length: 80 }, (_, index) => block(index)).join("");
    const whole = write([text]).el;
    expect(all(whole, ".nbs-blocks").map(({ childElementCount }) => childElementCount)).toEqual([32, 16]);
    for (const longest of [1, 2, 5, 30]) {
      expect(write(new Chance(longest).cut(text, longest)).el.isEqualNode(whole)).toBe(true);
    }
  });

  test("where groups of blocks are bundled", () => {
    const text = Array.from({ length: 900 }, (_, index) => `paragraph ${index}\n\n`).join("");
    const whole = write([text]).el;
    const bundles = [...whole.children].slice(32);
    expect(bundles.map((el) => el.querySelectorAll("p").length)).toEqual([256, 256, 256, 100]);
    const { el, writer } = write(new Chance(1).cut(text, 70));
    expect(el.isEqualNode(whole)).toBe(true);
    expect(checkNow(el, text, writer.definitions, services())).toBe(0);
  });

  test("where long lists and tables are cut into parts, which count on", () => {
    const list = Array.from({ length: 150 }, (_, index) => `${index + 3}. item\n`).join("");
    const table = `| a | b |\n|---|--:|\n${"| c | d |\n".repeat(150)}`;
    const whole = write([`${list}\n${table}`]).el;
    expect(all(whole, "ol").map((el) => [el.getAttribute("start"), el.childElementCount])).toEqual([
      ["3", 64],
      ["67", 64],
      ["131", 22],
    ]);
    expect(all(whole, "tbody").map((el) => el.childElementCount)).toEqual([64, 64, 22]);
    expect(all(whole, ".nbs-table").every((el) => el.matches(".nbs-fixed"))).toBe(true);
    for (const longest of [3, 50]) {
      const { el } = write(new Chance(longest).cut(`${list}\n${table}`, longest));
      expect(el.isEqualNode(whole)).toBe(true);
    }
  });

  test("where a long paragraph is cut into parts, which hold all of it", () => {
    const text = "Words of a *paragraph* with `code` and [links](https://a.example), 日本語の文章。 ".repeat(
      200,
    );
    const whole = write([text]).el;
    expect(all(whole, ".nbs-part").length).toBeGreaterThan(2);
    const plain = (el: HTMLElement) => el.textContent.replaceAll(" (a.example)", "");
    expect(plain(whole)).toBe(text.trim().replace(/\*|`|\[|\]\(.*?\)/g, ""));
    for (const longest of [7, 64, 5000]) {
      expect(write(new Chance(longest).cut(text, longest)).el.isEqualNode(whole)).toBe(true);
    }
  });

  test("the essay of the dev page", () => {
    const whole = write([ESSAY]).el;
    for (const longest of [1, 2, 4, 9, 33, 150]) {
      expect(write(new Chance(longest).cut(ESSAY, longest)).el.isEqualNode(whole)).toBe(true);
    }
  });
});

test("a definition colours nothing before it counts", () => {
  expect(htmlOf("[a]: /u 'open\n\n[a]")).toBe("<p>[a]: /u 'open</p><p>[a]</p>");
});

describe("nothing costs more than it should", () => {
  const n = 6_000;
  test.each([
    ["stars", "*".repeat(n)],
    ["stars and letters", "*a ".repeat(n)],
    ["stars that open", "*a".repeat(n)],
    ["brackets", "[".repeat(n)],
    ["brackets that close", `${"[".repeat(n)}${"]".repeat(n)}`],
    ["links that do not end", "[a](".repeat(n / 2)],
    ["titles that do not end", '[a](b "'.repeat(n / 4)],
    ["pointed links that do not end", "[a](<b".repeat(n / 4)],
    ["images", "![".repeat(n)],
    ["ticks of all lengths", Array.from({ length: 200 }, (_, index) => "`".repeat(index)).join(" ")],
    ["quotes in quotes", `${">".repeat(n)}a`],
    ["items in items", `${"- ".repeat(n)}a`],
    ["numbers in numbers", `${"1. ".repeat(800)}a`],
    ["spaces", `a${" ".repeat(n)}b`],
    ["blank lines", "\n".repeat(n)],
    ["signs", `# a${" ".repeat(n)}b`],
    ["dollars", "$a ".repeat(n)],
    ["formulas that do not end", "\\(".repeat(n)],
    ["references", "&".repeat(n)],
    ["angles", "<a".repeat(n)],
    ["addresses", "https://a".repeat(n / 4)],
    ["mail", "a@".repeat(n)],
    ["letters", "a".repeat(n)],
    ["definitions", "[a]: b\n".repeat(n / 4)],
    ["definitions that do not end", '[a]: b "\n'.repeat(n / 8)],
    ["cells", `${"|a".repeat(150)}\n${"|-".repeat(150)}\n${"a\n".repeat(n / 4)}`],
    ["bars", `${"|".repeat(n)}\n${"|-".repeat(n)}\n`],
    ["marks", "\u202e".repeat(n / 4)],
  ])("%s", (_, text) => {
    const begin = process.cpuUsage();
    write([text]);
    write(new Chance(1).cut(text, 2000));
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1e6).toBeLessThan(10);
  });

  // When the cost grew with the square of the length, these texts took minutes.
  test.each([
    ["parentheses behind an address", `http://a${")".repeat(100_000)}`],
    ["references behind an address", `http://a${"&a;".repeat(100_000)}`],
    ["a header without a table", `|${"a".repeat(100_000)}\nfoo`],
    ["spaces in an image", `![x](<data:image/png;base64,${" ".repeat(100_000)}!>)`],
    ["spaces before a word", `a${" ".repeat(150_000)}b`],
    ["words behind a name in brackets", `[Alice]: ${"Hello there, ".repeat(20_000)}`],
  ])("%s", (_, text) => {
    const begin = process.cpuUsage();
    write([text]);
    write(new Chance(1).cut(text, 4000));
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(10);
  });

  test.each(["http://_", "http://a_/", "_www."])("%s, an address that is none, again and again", (unit) => {
    const text = `http://${unit.repeat(50_000)}`;
    const begin = process.cpuUsage();
    const found = [...text.matchAll(BARE)].map(({ index }) => bareAddress(text, index));
    expect(found.filter((address) => address !== null).length).toBeLessThan(5);
    expect(found.length).toBeGreaterThanOrEqual(50_000);
    expect(process.cpuUsage(begin).user / 1e6).toBeLessThan(10);
  });

  test.each(['[a](b "|")', "[a](<|>)", "[a]: b '|'\n"])(
    "%s with 12 MB in it is read without an error",
    (around) => {
      const [before = "", behind = ""] = around.split("|");
      expect(() => write([before + "x".repeat(12_000_000) + behind])).not.toThrow();
    },
  );

  test("elements in elements are not deeper than a browser can take", () => {
    const deepest = (el: Element): number =>
      1 + Math.max(0, ...[...el.children].map((child) => deepest(child)));
    for (const text of [">".repeat(500), "- ".repeat(500), "1. > ".repeat(200)]) {
      expect(deepest(write([`${text}${"**_".repeat(300)}a`]).el)).toBeLessThan(140);
    }
  });
});
