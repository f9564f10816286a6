/** Texts from elsewhere, kept outside of the repository; a test that misses them says so loudly. */

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import spec from "commonmark-spec";

/** Beside the project, seen from this front end's folder, in which the tests run. */
const FOLDER = resolve("../../../shared/corpora");
const PAYLOADS = [
  "dompurify_expect",
  "dompurify_test_suite_literals",
  "markdown_it_xss",
  "owasp_filter_evasion",
  "vercel_markdown_bypass",
];

export interface Example {
  section: string;
  markdown: string;
  html: string;
}

export const hasCorpora = existsSync(FOLDER);
if (!hasCorpora) {
  console.warn(`\n!!! ${FOLDER} IS MISSING: its texts are NOT tested.\n`);
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(resolve(FOLDER, `${name}.json`), "utf8"));
}

/** The examples of CommonMark 0.31.2. */
export const commonmark = spec.tests.map(({ markdown, html, ...rest }) => ({
  ...rest,
  markdown: markdown.replaceAll("→", "\t"),
  html: html.replaceAll("→", "\t"),
}));

/** The examples of GFM's extensions; none where the folder is missing. */
export const gfm: Example[] = hasCorpora ? read("gfm_extension_examples") : [];

/** Texts that attack readers of HTML and Markdown. */
export const payloads: string[] = hasCorpora
  ? PAYLOADS.flatMap((name) => read<{ payloads: string[] }>(name).payloads)
  : [];
