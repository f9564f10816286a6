/** Fail where the source names a way to turn text into markup or code: foreign text must stay text. */

import { readdirSync, readFileSync } from "node:fs";

const FORBIDDEN =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|document\.write(ln)?|DOMParser|eval|new Function|setHTML(Unsafe)?|parseHTML(Unsafe)?)\b/;
const source = new URL("../src/", import.meta.url);

for (const name of readdirSync(source, { recursive: true })) {
  if (!/\.(ts|js|mjs)$/.test(name)) continue;
  readFileSync(new URL(name, source), "utf8")
    .split("\n")
    .forEach((line, index) => {
      const [word] = FORBIDDEN.exec(line) ?? [];
      if (!word) return;
      console.error(
        `src/${name}:${index + 1} names ${word}: build elements and set text with src/dom.ts instead.`,
      );
      process.exitCode = 1;
    });
}
