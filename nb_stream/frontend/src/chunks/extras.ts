/** The chunk "extras": what is opened now and then, and what only a replay has; `views/extra.ts` puts it in its place. */

import type { Sheet } from "../dress";

export { FiguresTable } from "../views/figures";
export { showKeys } from "../views/help";
export { ReplayBar } from "../views/replay";
export { Timeline } from "../views/timeline";

declare const __CSS__: Sheet;
export const css = __CSS__;
