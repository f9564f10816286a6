/** Build `static/panel.js` and `static/panel.css`; the same source gives the same bytes. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bytes, not compressed: anywidget sends the module uncompressed with each widget. */
const LIMIT = 200_000;
const out = new URL("../../static/", import.meta.url);

await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: { panel: "src/index.ts" },
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

for (const name of ["panel.js", "panel.css"]) {
  const bytes = readFileSync(new URL(name, out));
  console.log(`${name}: ${bytes.length} bytes, ${gzipSync(bytes).length} compressed`);
  if (bytes.length > LIMIT) {
    console.error(`${name} is larger than ${LIMIT} bytes: take something out, or raise the limit knowingly.`);
    process.exitCode = 1;
  }
}
