/**
 * The script of a page that holds a recording (`nb_stream/export/interactive.py`). It unpacks the recording and the
 * parts of the front end, which are the same as in a notebook, and shows the panel.
 *
 * The page's policy lets scripts run only by their hash, so a part cannot be imported from an address that was made for
 * it. It stands in an element of its own, and offers itself.
 */

import { RecordedKernel, type TimedFrames } from "./comm/recorded_kernel";
import { h } from "./dom/build";
import { awaitOffer, putModule } from "./dom/page_modules";
import { dress, type Sheet } from "./dom/style_sheets";
import type { open } from "./index";

declare const __CSS__: Sheet;

interface PageData extends TimedFrames {
  /** The sources of the parts by their names, such as "math", or "panel" with its digest. */
  parts: Record<string, string>;
}

async function show(packed: string): Promise<void> {
  const signs = atob(packed);
  const bytes = new Uint8Array(signs.length);
  for (let at = 0; at < signs.length; at++) bytes[at] = signs.charCodeAt(at);
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { parts, ...recording }: PageData = await new Response(unpacked).json();
  let panel: { open: typeof open } | undefined;
  for (const [name, source] of Object.entries(parts)) {
    const module = await run(source);
    putModule(name, module);
    if (name.startsWith("panel.")) panel = module as typeof panel;
  }
  const { model } = new RecordedKernel(recording);
  const signal = new AbortController().signal;
  const el = h("main", "nbs-living");
  document.body.append(el);
  dress(el, __CSS__);
  panel!.open(model, signal).show(model, el, signal);
}

/** Run the module `source`, and return what it offers. */
function run(source: string): Promise<unknown> {
  const offered = awaitOffer();
  const script = h("script");
  script.type = "module";
  script.textContent = source;
  document.head.append(script);
  return offered.finally(() => script.remove());
}

const data = document.querySelector("#nb-stream-data")!;
void show(data.textContent).then(
  () => data.remove(),
  (error) => {
    console.error(error);
    const words =
      "This browser cannot show the page. It can be read with scripts switched off, or in a newer browser.";
    document.body.append(h("p", "", words));
  },
);
