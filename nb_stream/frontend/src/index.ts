/** The widget for anywidget: `initialize` opens the line to the kernel, `render` shows it. */

import { Connection, type Model } from "./connection";
import { showPanel } from "./views/panel";

interface Context {
  model: Model;
  signal: AbortSignal;
}

// anywidget evaluates this module once for each widget, and gives `initialize` and `render` different model objects.
let connection: Connection | undefined;

function initialize({ model, signal }: Context): void {
  connection = new Connection(model, signal);
}

function render({ model, el, signal }: Context & { el: HTMLElement }): void {
  connection ??= new Connection(model, signal);
  showPanel(connection, el, signal);
}

export default { initialize, render };
