/** Makes texts of pieces of others, breaks them in places, and cuts them. */

import { ESSAY } from "../../dev/essay";
import { random } from "../helpers";
import { commonmark, gfm, payloads } from "./corpora";

const PIECES = [
  ..."*_`[]()!<&\\$~|#>-+=\"'",
  "\n",
  "\n\n",
  "\r\n",
  "\t",
  "  ",
  "    ",
  "- ",
  "1. ",
  "> ",
  "```\n",
  "~~~",
  "$$\n",
  "\\[",
  "\\)",
  "[x]: /y\n",
  "[ ] ",
  "|---|\n",
  "[^1]",
  "[^1]: ",
  "> [!NOTE]\n",
  "<br>",
  "C:\\",
  "\\begin{align}",
  "\\end{align}",
  "```md\n",
  ":tada:",
  ":",
  "https://a.example/b",
  "m@a.example",
  "&amp;",
  "日本語",
  "\u202e",
  "😀",
  "\0",
  "\x1b[1;31m",
  "\x1b[",
  "\x1b",
  "\r",
];

const SOURCES = [
  ...commonmark.map(({ markdown }) => markdown),
  ...gfm.map(({ markdown }) => markdown),
  ...ESSAY.split(/(?<=\n\n)/),
  ...payloads.filter((payload) => payload.length < 400),
];

/** Texts as models write them about code: much in them looks like markup and is none. */
export const ANSWER = String.raw`Sure! Here's how it works — **three** things matter:

- **Speed**: \`a < b\` is checked first, *then* \`b > c\`; so std::vector<int> stays **fast**.
- **Memory**: about ~2 GB (or 2*3 = 6 blocks), see [the docs (v2)](https://docs.example.org/a_(b)/c?x=1&y=2 "the docs").
- \`snake_case_name\` and __init__ differ; \`*args\` and \`**kwargs\` do not.
  1. First, call \`f(x)\`:

     ~~~~js title="f.js"
     const a = \`\`\`x\`\`\`; // ~~~
     ~~~~

  2. Then read https://example.org/path_with_underscores/(x). It costs $5, or $6 in $HOME.

### 1. Set it up

> **Note**: a quote with \`code\`, and
> 1. a list
> 2. in it
>
> > deeper :)

\`\`\`\`markdown
\`\`\`python
print("nested")
\`\`\`
\`\`\`\`

For $x + y$ and $n$ with \(a_1 \ne b\), we get $$\sum_{i=1}^{n} i = \frac{n(n+1)}{2}$$ and

\[
E = mc^2
\]

Some of **[what it is](https://docs.example.org)**, of \`__init__\`, of a \[x\]\
and of a list:
| a | b |
|---|---|
| c | d |

> \`\`\`sh
> ls
> \`\`\`

***

| Option | Default | Meaning |
|--------|:-------:|---------|
| \`--fast\` | **on** | a \| b, [x](https://x.example) |
| \`-v\` | ~~off~~ | mail me@example.org |

* [x] done & dusted
* [ ] not **yet**

1) one
2) two  
   with a break

![](https://pictures.example.org/a.png)  
Q: *Is* it \*really\* done?! A: yes_no &copy; 2026 &mdash; fine.

Final answer: **42**!
`.replaceAll("\\`", "`");

/** Texts with what the field writes beyond GFM; markdown-it and its plugins are the oracle for each (`oracle.ts`). */
export const FIELD_TEXTS = [
  // Emphasis in Chinese, Japanese and Korean.
  "**注意：**请保存",
  "**(괄호)**는 쓴다",
  "**“引号”**后",
  "これは**「強調」**です",
  "太郎は*「こんにちは」*といった",
  "~~（旧）~~新",
  "**[リンク](https://a.example)**です **`コード`**です",
  "a**(b)**c 、_「x」_y",
  "**葛󠄀。**葛城市と**“”︁**x",
  // Addresses in such texts.
  "见 https://example.org/b。次に",
  "「https://example.org/a」と（https://example.org/b）、https://example.org/c！",
  "https://ja.wikipedia.org/wiki/日本語 と https://example.org/a…b",
  "https://example.org、次 https://example.org。",
  "a https://example.org/x–y and https://example.org/a_b~c*d “https://example.org/q”",
  '<a href="https://a.example">x</a> {"url": "https://a.example/b", "c": 1} <img src=https://a.example><b>',
  // Bars in code in tables.
  "| a | b |\n|---|---|\n| `a \\| b` | c |\n| `x \\\\| y` | d \\| e |",
  // Notes below the text.
  "A[^1] and B[^n].\n\n[^1]: One.\n[^n]: Two *b*.",
  "A[^1]\n\n[^1]: One\n    goes on\n\n    and on\n\n    - a\n    - b",
  "None[^2] and [^].\n\nmore",
  "A[^1]B[^1]\n[^1]: One",
  "A![^1] ![^2](https://a.example/b.png)\n\n[^1]: One",
  "- A[^x]\n\n> B[^y]\n\n[^x]: X\n\n[^y]: Y",
  "A[^`a`] [^b](https://a.example)\n\n[^`a`]: x",
  "`[^1]` \\[^1] [^1][]\n\n[^1]: One",
  // Alerts.
  "> [!NOTE]\n> Text *b*",
  "> [!tip] My title\n> Text\n>\n> - a\n\nend",
  "> [!WARNING]\n> - a\n> - b",
  "> [!CAUTION]\n>\n> Text\nlazy",
  "> [!IMPORTANT]\nlazy",
  "> [!NOPE]\n> Text",
  "[!NOTE]\ntext",
  "- > [!NOTE]\n  > a",
];

/** Random choices for a test; they are the same for the same seed. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = random(seed);
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** One to four texts, one after the other, with up to five changes. */
  document(): string {
    let text = this.pick(SOURCES);
    for (let more = this.below(4); more > 0; more--)
      text += this.pick(["", "\n", "\n\n"]) + this.pick(SOURCES);
    for (let changes = this.below(6); changes > 0; changes--) text = this.#changed(text);
    return text;
  }

  #changed(text: string): string {
    const at = this.below(text.length + 1);
    const kind = this.next();
    if (kind < 0.35) return text.slice(0, at) + text.slice(at + 1 + this.below(4));
    if (kind < 0.9) return text.slice(0, at) + this.pick(PIECES) + text.slice(at);
    return text.slice(0, at);
  }

  /** `text` in pieces of one to `longest` UTF-16 units: characters may be cut in two. */
  cut(text: string, longest: number): string[] {
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = 1 + this.below(longest);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    return pieces;
  }
}
