/** Writes the table of emoji by their short names, from gemoji, which GitHub uses. The export reads the same file. */

import { writeFileSync } from "node:fs";
import { nameToEmoji } from "gemoji";

const names = Object.keys(nameToEmoji).sort();
const table = Object.fromEntries(names.map((name) => [name, nameToEmoji[name]]));
writeFileSync(new URL("../../export/emoji.json", import.meta.url), `${JSON.stringify(table)}\n`);
