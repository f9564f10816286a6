/**
 * Fails if the source names a way to turn text into markup or code, because foreign text must stay text.
 *
 * `node scripts/forbidden.mjs [folder]` looks through `src/`, or through another folder.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SINKS = [
  // Markup.
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "dangerouslySetInnerHTML",
  "setHTML",
  "setHTMLUnsafe",
  "parseHTML",
  "parseHTMLUnsafe",
  "parseFromString",
  "DOMParser",
  "XSLTProcessor",
  "createContextualFragment",
  "createHTMLDocument",
  "\\w*[dD]ocument\\s*\\??\\.\\s*(?:write|writeln|open)",
  "insertHTML",
  "srcdoc",
  // Code.
  "eval",
  "Function(?=\\s*\\()",
  "importScripts",
  // A policy that would allow the others.
  "createPolicy",
];
const FORBIDDEN = new RegExp(`(?<![\\w$])(?:${SINKS.join("|")})(?![\\w$])`);
const folder = process.argv[2] ?? fileURLToPath(new URL("../src/", import.meta.url));

for (const name of readdirSync(folder, { recursive: true })) {
  if (!/\.[cm]?[jt]sx?$/.test(name)) continue;
  readFileSync(join(folder, name), "utf8")
    .split("\n")
    .forEach((line, index) => {
      const [word] = FORBIDDEN.exec(line) ?? [];
      if (!word) return;
      console.error(
        `${name}:${index + 1} names ${word}: build elements and set text with src/dom/build.ts instead.`,
      );
      process.exitCode = 1;
    });
}
