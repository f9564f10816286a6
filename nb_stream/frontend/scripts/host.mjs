/** Prints the bundle of the bare host that the tests use. */

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const built = await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: ["dev/host.mjs"],
  bundle: true,
  format: "iife",
  target: "es2022",
  write: false,
  define: { global: "globalThis", "process.env.NODE_ENV": '"test"', "process.env": "{}" },
  logLevel: "error",
});
process.stdout.write(built.outputFiles[0].contents);
