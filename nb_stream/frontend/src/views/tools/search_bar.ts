/** Shows the field for the words of a search, and the buttons that lead from hit to hit. */

import { onAbort } from "../../dom/abort";
import { focusOn, h, isComposed, setName, setPolite } from "../../dom/build";
import { type IconName, iconButton } from "../../dom/icons";
import type { Search } from "./search";

/** Milliseconds without a key after which the search begins. */
const TYPING_PAUSE_MS = 150;
/** Milliseconds in which new messages are gathered before hits are counted anew. */
const COUNT_AFTER_MS = 400;

/** Owned by the tools of one view. */
export class SearchBar {
  readonly el = h("div", "nbs-drawer nbs-search");
  #box = h("input", "nbs-box");
  #status = h("span", "nbs-count");
  #typing = 0;
  #gathering = 0;
  #looked = "";

  constructor(
    private readonly search: Search,
    signal: AbortSignal,
  ) {
    this.#box.type = "search";
    this.#box.placeholder = "Search in all messages";
    setName(this.#box, "Search in all messages");
    this.#box.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = window.setTimeout(() => this.#look(), TYPING_PAUSE_MS);
    });
    this.#box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || isComposed(event)) return;
      event.preventDefault();
      this.#walk(event.shiftKey ? -1 : 1);
    });
    setPolite(this.#status);
    const way = (name: IconName, label: string, step: 1 | -1) =>
      iconButton(name, label, label, () => this.#walk(step));
    this.el.setAttribute("role", "search");
    this.el.append(
      this.#box,
      this.#status,
      way("previous", "Previous hit (Shift+Enter)", -1),
      way("next", "Next hit (Enter)", 1),
    );
    search.changed = () => {
      this.#status.textContent = search.status;
    };
    const end = () => {
      clearTimeout(this.#typing);
      clearTimeout(this.#gathering);
      search.start("");
    };
    onAbort(signal, end);
  }

  /** Begin or end the search, because the drawer was opened or closed. */
  set(on: boolean): void {
    clearTimeout(this.#typing);
    if (on) this.#box.select();
    this.#looked = on ? this.#box.value : "";
    this.search.start(this.#looked);
    if (on) focusOn(this.#box);
  }

  /** Count hits anew soon, because messages came or the filter changed. */
  refresh(): void {
    if (this.#looked === "") return;
    this.#gathering ||= window.setTimeout(() => {
      this.#gathering = 0;
      this.search.refresh();
    }, COUNT_AFTER_MS);
  }

  #look(): void {
    clearTimeout(this.#typing);
    if (this.#box.value === this.#looked) return;
    this.#looked = this.#box.value;
    this.search.start(this.#looked);
  }

  #walk(step: 1 | -1): void {
    this.#look();
    this.search.walk(step);
  }
}
