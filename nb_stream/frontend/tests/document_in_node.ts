/** A document for programs that run in Node. Import it before all modules that use one. */

import { Window } from "happy-dom";

const window = new Window();
Object.assign(globalThis, {
  window: { setTimeout: () => 0, clearTimeout() {} },
  ...Object.fromEntries(
    ["document", "Node", "Text", "Element", "HTMLElement", "HTMLInputElement"].map((name) => [
      name,
      window[name as keyof Window],
    ]),
  ),
});
