/** The module "extras": what is opened now and then, and what only a replay has; `views/tools/on_demand.ts` puts it in its place. */

import type { Sheet } from "../dom/style_sheets";

export { FiguresTable } from "../views/tools/figures";
export { showKeys } from "../views/tools/help";
export { ReplayBar } from "../views/tools/replay";
export { Timeline } from "../views/tools/timeline";

declare const __CSS__: Sheet;
export const css = __CSS__;
