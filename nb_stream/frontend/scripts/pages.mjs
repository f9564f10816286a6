/** Runs `tests/pages.ts`: connections of the front end without a browser, driven over the standard streams. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const folder = mkdtempSync(join(tmpdir(), "nb_stream-pages-"));
const outfile = join(folder, "pages.mjs");
await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: ["tests/pages.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
});
await import(pathToFileURL(outfile).href);
rmSync(folder, { recursive: true });
