/** Build what is in `static/`; the same source gives the same bytes. */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes, not compressed: anywidget sends the module so with each widget. `math.js` goes to pages with formulas only. */
const LIMITS = { "panel.js": 200_000, "panel.css": 60_000, "math.js": 230_000 };
const out = new URL("../../static/", import.meta.url);

await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: { panel: "src/index.ts", math: "src/chunks/math.ts" },
  outdir: fileURLToPath(out),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "eof",
});
await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: { panel: "src/panel.css" },
  outdir: fileURLToPath(out),
  bundle: true,
  minify: true,
  charset: "utf8",
});

// What is built in is passed on: with the licences that ask for it.
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
