/** Builds the files of `static/`, there or in the folder that is named. The same source gives the same bytes. */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/**
 * Bytes of each file, not compressed. anywidget sends the loader with each widget. `panel.js`, with its style sheet,
 * goes once to each page, and `extras.js` follows it. `math.js` goes to pages with formulas. `page.css` stands in each
 * exported page, and `interactive.js` in those that live.
 */
const LIMITS = {
  "loader.js": 8_000,
  "panel.js": 240_000,
  "math.js": 230_000,
  "extras.js": 66_000,
  "page.css": 40_000,
  "interactive.js": 20_000,
};
const out = process.argv[2] ? pathToFileURL(process.argv[2]) : new URL("../../static/", import.meta.url);

const options = {
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  outdir: fileURLToPath(out),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "eof",
};
const digest = (text) => createHash("sha256").update(text).digest("hex").slice(0, 12);

/** Build the module `name` with its style sheet in it. Returns the name, with a digest, under which pages await it. */
async function part(name, entry, define = {}, format = "esm") {
  const sheet = await build({ ...options, entryPoints: { [name]: `src/${name}.css` }, write: false });
  const css = sheet.outputFiles[0].text.trim();
  const __CSS__ = JSON.stringify({ name: digest(css), text: css });
  await build({ ...options, format, entryPoints: { [name]: entry }, define: { __CSS__, ...define } });
  return JSON.stringify(`${name}.${digest(readFileSync(new URL(`${name}.js`, out)))}`);
}

await build({ ...options, entryPoints: { page: "src/page.css" } });
await build({ ...options, entryPoints: { math: "src/modules/math.ts" } });
const __EXTRAS__ = await part("extras", "src/modules/extras.ts");
const __PANEL__ = await part("panel", "src/index.ts", { __EXTRAS__ });
await part("interactive", "src/interactive.ts", {}, "iife");
await build({ ...options, entryPoints: { loader: "src/loader.ts" }, define: { __PANEL__ } });

// The licences of dependencies ask to be passed on with the code that is built in.
const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const licences = Object.entries(dependencies).map(([name, version]) => {
  const text = readFileSync(new URL(`../node_modules/${name}/LICENSE`, import.meta.url), "utf8");
  return `${name} ${version}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
});
writeFileSync(new URL("licences.txt", out), licences.join(`\n${"-".repeat(80)}\n\n`));

for (const [name, limit] of Object.entries(LIMITS)) {
  const bytes = readFileSync(new URL(name, out));
  console.log(`${name}: ${bytes.length} bytes of ${limit}, ${gzipSync(bytes).length} compressed`);
  if (bytes.length > limit) {
    console.error(`${name} is larger than ${limit} bytes: take something out, or raise the limit knowingly.`);
    process.exitCode = 1;
  }
}
