/** Examples of GFM's extensions in our own words, with the HTML that GFM 0.29 makes of them. */

import type { Example } from "./corpora";

const head = (...cells: string[]) =>
  `<thead><tr>${cells.map((cell) => `<th>${cell}</th>`).join("")}</tr></thead>`;
const row = (...cells: string[]) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
const link = (href: string, text = href) => `<a href="${href}">${text}</a>`;
const box = (isTicked: boolean) =>
  isTicked ? '<input type="checkbox" checked="" disabled=""> ' : '<input type="checkbox" disabled=""> ';

const EXAMPLES: [section: string, markdown: string, html: string][] = [
  [
    "Tables",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    `<table>${head("a", "b")}<tbody>${row("1", "2")}</tbody></table>`,
  ],
  ["Tables", "a | b\n-|-\n1 | 2", `<table>${head("a", "b")}<tbody>${row("1", "2")}</tbody></table>`],
  [
    "Tables",
    "| l | c | r |\n|:--|:-:|--:|\n| 1 | 2 | 3 |",
    '<table><thead><tr><th align="left">l</th><th align="center">c</th><th align="right">r</th></tr></thead>' +
      '<tbody><tr><td align="left">1</td><td align="center">2</td><td align="right">3</td></tr></tbody></table>',
  ],
  ["Tables", "| a |\n|---|", `<table>${head("a")}</table>`],
  ["Tables", "| a | b |\n|---|", "<p>| a | b |\n|---|</p>"],
  [
    "Tables",
    "| a | b |\n|---|---|\n| 1 |\n| 2 | 3 | 4 |",
    `<table>${head("a", "b")}<tbody>${row("1", "")}${row("2", "3")}</tbody></table>`,
  ],
  [
    "Tables",
    "| a |\n|---|\n| x \\| y |\n| `x \\| y` |",
    `<table>${head("a")}<tbody>${row("x | y")}${row("<code>x | y</code>")}</tbody></table>`,
  ],
  [
    "Tables",
    "| a |\n|---|\n| 1 |\n> q",
    `<table>${head("a")}<tbody>${row("1")}</tbody></table><blockquote><p>q</p></blockquote>`,
  ],
  [
    "Tables",
    "| a |\n|---|\n| 1 |\ntext\n\nend",
    `<table>${head("a")}<tbody>${row("1")}${row("text")}</tbody></table><p>end</p>`,
  ],
  [
    "Task list items",
    "- [ ] a\n- [x] b\n- [X] c",
    `<ul><li>${box(false)}a</li><li>${box(true)}b</li><li>${box(true)}c</li></ul>`,
  ],
  [
    "Task list items",
    "1. [ ] a\n   - [x] b",
    `<ol><li>${box(false)}a<ul><li>${box(true)}b</li></ul></li></ol>`,
  ],
  ["Task list items", "- [ ]a\n- [y] b\n- \\[ ] c", "<ul><li>[ ]a</li><li>[y] b</li><li>[ ] c</li></ul>"],
  ["Strikethrough", "~~gone~~ and ~gone~", "<p><del>gone</del> and <del>gone</del></p>"],
  ["Strikethrough", "a ~~~not~~~ b~~ c~~", "<p>a ~~~not~~~ b~~ c~~</p>"],
  ["Strikethrough", "a ~~b\n\nc~~ d", "<p>a ~~b</p><p>c~~ d</p>"],
  [
    "Autolinks",
    "www.example.org/a(b) and (www.example.org)",
    `<p>${link("http://www.example.org/a(b)", "www.example.org/a(b)")} and (${link("http://www.example.org", "www.example.org")})</p>`,
  ],
  [
    "Autolinks",
    "https://example.org/a?b=c, http://x.example.",
    `<p>${link("https://example.org/a?b=c")}, ${link("http://x.example")}.</p>`,
  ],
  ["Autolinks", "https://example.org/a&copy;", `<p>${link("https://example.org/a")}©</p>`],
  [
    "Autolinks",
    "me@example.org, a.b-c_d@x.example. a@b",
    `<p>${link("mailto:me@example.org", "me@example.org")}, ${link("mailto:a.b-c_d@x.example", "a.b-c_d@x.example")}. a@b</p>`,
  ],
  [
    "Autolinks",
    "`https://example.org` [x](https://example.org)",
    `<p><code>https://example.org</code> ${link("https://example.org", "x")}</p>`,
  ],
];

export const ownGfm: Example[] = EXAMPLES.map(([section, markdown, html]) => ({ section, markdown, html }));
