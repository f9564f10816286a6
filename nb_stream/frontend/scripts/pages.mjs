/**
 * Runs `tests/pages.ts`, or another program of the front end that is named, without a browser, over the standard streams.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const program = process.argv[2] ?? "pages";
const folder = mkdtempSync(join(tmpdir(), "nb_stream-pages-"));
const outfile = join(folder, `${program}.mjs`);
// The program stands in a folder from which it would not find these packages, and esbuild cannot bundle them.
const alias = Object.fromEntries(
  ["happy-dom", "commonmark-spec"].map((name) => [name, fileURLToPath(import.meta.resolve(name))]),
);
await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: [`tests/${program}.ts`],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  alias,
  external: Object.values(alias),
  define: { __CSS__: "null", __PANEL__: "null", __EXTRAS__: '"extras.test"' },
});
await import(pathToFileURL(outfile).href);
rmSync(folder, { recursive: true });
