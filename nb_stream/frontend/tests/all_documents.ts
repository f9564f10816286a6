/** Prints all texts of the tests of Markdown, as `[[name, text], …]`, for tests in other languages. */

import "./document_in_node";
import { ESSAY } from "../dev/essay";
import { commonmark, gfm } from "./markdown/corpora";
import { ANSWER, FIELD_TEXTS } from "./markdown/documents";
import { ownGfm } from "./markdown/gfm";

const documents = [
  ["the essay of the dev page", ESSAY],
  ["an answer about code", ANSWER],
  ...FIELD_TEXTS.map((text) => [`the text ${JSON.stringify(text)}`, text]),
  ...commonmark.map(({ number, markdown }) => [`example ${number} of CommonMark`, markdown]),
  ...[...ownGfm, ...gfm].map(({ markdown }) => [`the example ${JSON.stringify(markdown)} of GFM`, markdown]),
];
console.log(JSON.stringify(documents));
