/** Shows a sentence about what the kernel could not do, until the reader dismisses it. */

import type { Connection } from "../../comm/connection";
import { button, focusedIn, focusTranscript, h } from "../../dom/build";
import { setText } from "../../dom/safe_text";
import { PROTOCOL_VERSION } from "../../protocol/protocol";

/** Owned by one view of the panel. */
export class Notice {
  readonly el = h("div", "nbs-notice");
  #text = h("span", "nbs-notice-text");
  #close: HTMLButtonElement;

  constructor(private readonly connection: Connection) {
    this.#close = button("nbs-quiet", "Dismiss", "", () => connection.store.setNotice(""));
    this.el.setAttribute("role", "alert");
    this.el.append(this.#text, this.#close);
  }

  update(): void {
    const { foreignVersion, notice } = this.connection.store;
    const foreign = foreignVersion !== null;
    const text = foreign
      ? `This page shows nb_stream protocol ${PROTOCOL_VERSION}, the kernel speaks ${foreignVersion}: reload the page.`
      : notice;
    setText(this.#text, text);
    if (text === "" && focusedIn(this.el)) focusTranscript(this.el);
    this.#close.hidden = foreign;
    this.el.classList.toggle("nbs-is-empty", text === "");
  }
}
