/**
 * The two comms on which a widget's model hears its kernel: the model's own comm, and the comm of its layout, which is
 * a plain model of ipywidgets.
 *
 * anywidget (0.11) gives a module 2 s to load. If the module takes longer, the panel is shown and can send, but
 * anywidget drops what the kernel sends on the model's own comm. So a panel that has heard nothing for a while asks the
 * kernel for a sign of life on both comms. If only the layout hears the sign, the panel asks for the rest there.
 */

import { onAbort } from "../dom/abort";
import type { Command } from "../protocol/protocol";
import type { Model } from "./host_model";

/** Milliseconds without a message after which the panel asks for a sign of life. */
export const SILENCE_MS = 2500;
/** Milliseconds by which the sign of life may come later on the model's own comm than on the layout's. */
export const LAG_MS = 500;

interface CommEvents {
  on(event: string, callback: (content: unknown) => void): void;
  off(event: string, callback: (content: unknown) => void): void;
}

/** Owned by the connection, and before it by the loader; listens until their signal aborts. */
export class CommLines {
  #heard = false;
  #timer = 0;

  constructor(
    private readonly model: Model,
    signal: AbortSignal,
    private readonly receive: (content: unknown) => void,
    private readonly send: (command: Command) => void,
  ) {
    const own = (content: unknown) => this.#hear(content);
    const name = model.get("line");
    const detour = (wrapped: unknown) => {
      const { line, content } = (wrapped ?? {}) as { line?: unknown; content?: unknown };
      if (line !== name || name === undefined) return; // the message is for another panel with the same layout
      if (!isSign(content)) this.#hear(content);
      else if (!this.#heard) this.#later(LAG_MS, { type: "detour" });
    };
    const layout = model.get("layout") as CommEvents | undefined;
    model.on("msg:custom", own);
    const hasLayout = typeof layout?.on === "function" && typeof layout.off === "function";
    if (hasLayout) {
      layout.on("msg:custom", detour);
      this.#later(SILENCE_MS, { type: "hello" });
    }
    onAbort(signal, () => {
      clearTimeout(this.#timer);
      this.model.off("msg:custom", own);
      if (hasLayout) layout.off("msg:custom", detour);
    });
  }

  #hear(content: unknown): void {
    this.#heard = true;
    clearTimeout(this.#timer);
    if (!isSign(content)) this.receive(content);
  }

  #later(pause: number, command: Command): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.send(command), pause);
  }
}

function isSign(content: unknown): boolean {
  return typeof content === "object" && content !== null && "hello" in content;
}
