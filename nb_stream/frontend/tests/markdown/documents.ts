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
