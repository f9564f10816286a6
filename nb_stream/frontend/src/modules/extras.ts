/**
 * The module "extras": parts of the panel that a reader opens now and then, the controls that only a replay has, and
 * the names of emoji.
 * `views/tools/on_demand.ts` puts each part in its place.
 */

import emoji from "../../../export/emoji.json";
import type { Sheet } from "../dom/style_sheets";

export { FiguresTable } from "../views/tools/figures";
export { showKeys } from "../views/tools/help";
export { ReplayBar } from "../views/tools/replay";
export { Timeline } from "../views/tools/timeline";

export { emoji };

declare const __CSS__: Sheet;
export const css = __CSS__;
