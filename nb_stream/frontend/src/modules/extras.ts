/**
 * The module "extras": parts of the panel that a reader opens now and then, the controls that only a replay has, and
 * the names of emoji.
 * `views/tools/on_demand.ts` puts each part in its place.
 */

import emoji from "../../../export/emoji.json";
import { offer } from "../dom/page_modules";
import type { Sheet } from "../dom/style_sheets";
import { FiguresTable } from "../views/tools/figures";
import { showKeys } from "../views/tools/help";
import { ReplayBar } from "../views/tools/replay";
import { Timeline } from "../views/tools/timeline";

export { emoji };

declare const __CSS__: Sheet;
export const css = __CSS__;
export { FiguresTable, ReplayBar, showKeys, Timeline };

offer({ css, emoji, FiguresTable, ReplayBar, showKeys, Timeline });
