/** Shows the reader the keys of the panel. */

import { h } from "../../dom/build";
import type { Tool } from "./toolbar";

const KEYS: [string, string][] = [
  ["↑ ↓", "from message to message"],
  ["Home End", "first and last message"],
  ["Enter, Space", "open or close a message"],
  ["→ ←", "open, close"],
  ["← → ↑ ↓", "from bar to bar in the timeline"],
  ["Enter, Shift+Enter", "next and previous hit, while searching"],
  ["Esc", "close what was opened last"],
];
/** The keys of controls that need a kernel. */
const KERNEL_KEYS: typeof KEYS = [
  ["n", "task box"],
  ["Ctrl+Enter", "in the task box: tell the team at once"],
  ["x", "what the model saw for a message"],
  ["1 … 9", "switch of the first … ninth agent"],
  ["b ↑ ↓", "switches of all agents, from one to the next"],
  ["Shift+S", "stop after the current turn"],
  ["Shift+X", "cancel now"],
  ["Shift+A Shift+R", "approve, reject what waits"],
];

/** Fill the drawer `el` with the keys of the panel and of `tools`. */
export function showKeys(
  el: HTMLElement,
  tools: readonly Pick<Tool, "key" | "name">[],
  hasKernel: boolean,
): void {
  const list = h("dl", "nbs-keys");
  for (const [keys, words] of [
    ...KEYS,
    ...(hasKernel ? KERNEL_KEYS : []),
    ...tools.map(({ key, name }): [string, string] => [key, name.toLowerCase()]),
  ]) {
    const names = keys.split(" ").map((key) => h("kbd", "", key.replace(",", "")));
    list.append(h("div", "", h("dt", "", ...names), h("dd", "", words)));
  }
  el.replaceChildren(h("p", "nbs-label", "While the focus is in the panel:"), list);
}
