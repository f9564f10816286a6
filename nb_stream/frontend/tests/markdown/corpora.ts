/**
 * The texts that tests try: our own, and collections of others, which are kept outside of the repository.
 *
 * If the folder of the collections is missing, the tests run with our own texts and say so. `NB_STREAM_CORPORA` names
 * another folder.
 */

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import spec from "commonmark-spec";
import own from "../../../../tests/support/hostile_texts.json";

/** The folder beside the project, seen from the front end's folder, in which the tests run. */
const FOLDER = process.env.NB_STREAM_CORPORA ?? resolve("../../../shared/corpora");
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
if (!hasCorpora)
  console.warn(`There is no folder ${FOLDER}: our own texts are tried, and not those of others.`);

function read<T>(name: string): T {
  return JSON.parse(readFileSync(resolve(FOLDER, `${name}.json`), "utf8"));
}

/** The examples of CommonMark 0.31.2. */
export const commonmark = spec.tests.map(({ markdown, html, ...rest }) => ({
  ...rest,
  markdown: markdown.replaceAll("→", "\t"),
  html: html.replaceAll("→", "\t"),
}));

/** The examples of GFM's extensions; none if the folder is missing. */
export const gfm: Example[] = hasCorpora ? read("gfm_extension_examples") : [];

/** Texts that attack readers of HTML and Markdown. */
export const payloads: string[] = [
  ...Object.values(own).flat(),
  ...(hasCorpora ? PAYLOADS.flatMap((name) => read<{ payloads: string[] }>(name).payloads) : []),
];
