/** Serves the dev page, which shows the panel without Jupyter, on the loopback interface. */

import { fileURLToPath } from "node:url";
import { context } from "esbuild";

const page = await context({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
  entryPoints: {
    dev: "dev/dev.ts",
    panel: "src/panel.css",
    math: "src/modules/math.ts",
    extras: "src/extras.css",
    "extras.dev": "src/modules/extras.ts",
    bench: "dev/bench.ts",
    hostile: "dev/hostile.ts",
  },
  bundle: true,
  format: "esm",
  target: "es2022",
  outdir: "dev",
  write: false,
  define: { __CSS__: JSON.stringify({ name: "", text: "" }), __EXTRAS__: '"extras.dev"' }, // the page links both
});
const { port } = await page.serve({ host: "127.0.0.1", port: Number(process.argv[2] ?? 0), servedir: "dev" });
console.log(`http://127.0.0.1:${port}/?scene=two&theme=dark&stream`);
