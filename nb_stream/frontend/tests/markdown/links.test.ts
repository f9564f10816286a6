import { describe, expect, test } from "vitest";
import { all, one, texts } from "../helpers";
import { write } from "./write";

const shown = (text: string) => write([text]).el;

describe("links", () => {
  test("are absolute, open in a new tab, and tell nothing of where they come from", () => {
    const link = one<HTMLAnchorElement>(shown("[docs](https://a.example/x?y#z)"), "a");
    expect(link.getAttribute("href")).toBe("https://a.example/x?y#z");
    expect([link.target, link.rel, link.referrerPolicy]).toEqual([
      "_blank",
      "noopener noreferrer nofollow",
      "no-referrer",
    ]);
    expect(link.hasAttribute("title")).toBe(false);
  });

  test.each([
    "/api/kernels",
    "//evil.example",
    "relative",
    "?query",
    "#fragment",
    "\\\\evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://a.example",
    "blob:https://a.example/x",
    "https://",
    "",
  ])("that lead to %j are their text", (href) => {
    const el = shown(`[docs](<${href}>)`);
    expect(all(el, "a")).toEqual([]);
    expect(el.textContent).toContain("docs");
  });

  test.each([
    ["[docs](https://a.example/x)", "docs (a.example)"],
    ["[a.example](https://a.example/x)", "a.example"],
    ["[https://a.example/y](https://a.example/x)", "https://a.example/y"],
    ["<https://a.example>", "https://a.example"],
    ["https://a.example/b", "https://a.example/b"],
    ["www.a.example", "www.a.example"],
    ["(see https://a.example/b_(c)).", "https://a.example/b_(c)"],
    ["https://a.example/b?c&d=1&amp;&gt;).", "https://a.example/b?c&d=1"],
    ["https://a.example_), and more", "https://a.example"],
    ['{"a":"https://a.example/b","c":1}', "https://a.example/b"],
    ["<me@a.example>", "me@a.example"],
    ["[me](mailto:me@a.example)", "me (me@a.example)"],
    // Texts that look like an address other than the one to which the link leads.
    ["[https://bank.example](https://evil.example)", "https://bank.example (evil.example)"],
    ["[bank.example/](https://bank.example.evil.example)", "bank.example/ (bank.example.evil.example)"],
    ["[https://bank.example@evil.example](https://bank.example@evil.example)", "(evil.example)"],
    ["[аpple.example](https://xn--pple-43d.example)", "(xn--pple-43d.example)"],
    ["[xn--pple-43d.example](https://xn--pple-43d.example)", "(xn--pple-43d.example)"],
    ["[`a.example`\u202e](https://a.example)", "(a.example)"],
  ])("%j says %j", (text, said) => {
    expect(one(shown(text), "a").textContent).toContain(said);
  });

  test.each(["http://", "https://?x", "www.", "http://a_.b/c", `http://${"a.".repeat(150)}example`])(
    "do not come of %j, which has no host",
    (text) => expect(all(shown(`${text} `), "a")).toEqual([]),
  );

  test("hold no links", () => {
    const el = shown(
      "[a <https://b.example> c](https://d.example)\n\n[![x](https://e.example)](https://f.example)",
    );
    expect(texts(el, "a")[0]).toBe("a https://b.example c (d.example)");
    expect(all(el, "a a")).toEqual([]);
  });
});

describe("images of the text", () => {
  test("are loaded by a button that names the host, and then by that alone", () => {
    const el = shown("![A cat](https://cats.example/1.png?you=me)");
    expect(all(el, "img")).toEqual([]);
    const button = one<HTMLButtonElement>(el, "button");
    expect(button.textContent).toBe("Load image «A cat» from cats.example");
    button.click();
    const image = one<HTMLImageElement>(el, "img");
    expect([image.getAttribute("src"), image.alt, image.referrerPolicy]).toEqual([
      "https://cats.example/1.png?you=me",
      "A cat",
      "no-referrer",
    ]);
    expect(all(shown("![A cat](https://cats.example/2.png)"), "img")).toEqual([]);
  });

  test("take the focus of the button that loads them", () => {
    const el = shown("![A cat](https://cats.example/3.png)");
    document.body.append(el);
    one(el, "button").focus();
    one(el, "button").click();
    expect(document.activeElement).toBe(one(el, "img"));
    el.remove();
    const other = shown("![A cat](https://cats.example/4.png)");
    one(other, "button").click();
    expect(one(other, "img").hasAttribute("tabindex")).toBe(false);
  });

  const dot =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

  test("that hold their pixels are shown at once, by an address of the page's own", () => {
    for (const base64 of [dot, dot.replace(/.{40}/g, "$& ")]) {
      const image = one<HTMLImageElement>(shown(`![dot](<data:image/png;base64,${base64}>)`), "img");
      expect(image.getAttribute("src")).toMatch(/^blob:/);
    }
  });

  test.each([
    `data:image/svg+xml;base64,${btoa("<svg onload=alert(1)>")}`,
    "data:text/html;base64,PHNjcmlwdD4=",
    `data:image/png;base64,${"A".repeat(1_500_000)}`,
    "data:image/png,raw",
    "data:image/png;base64,",
    "data:image/png;base64,A%2BA=",
    "/favicon.ico",
    "javascript:alert(1)",
  ])("of other kinds are words (%.30j)", (src) => {
    const el = shown(`![dot](<${src}>)`);
    expect(all(el, "img, button")).toEqual([]);
    expect(el.textContent).toBe("[image: dot]");
  });
});
