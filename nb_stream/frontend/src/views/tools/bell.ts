/**
 * Calls the reader while the page is hidden: when a run ends, fails or asks. The tab's title says it, and the browser
 * notifies if it may. Nobody is asked for a permission before the click on the bell.
 */

import { EndedRuns } from "../../comm/ended_runs";
import type { Change, Store } from "../../comm/store";
import { onAbort } from "../../dom/abort";
import { plain } from "../../dom/safe_text";
import { firstWords } from "../../protocol/code_points";
import { isAsking } from "../transcript/input";
import { headline } from "../transcript/summary";

const REMEMBERED = "nb_stream.bell";
const MAX_BODY_CHARS = 200;

/** Owned by the tools of one view. */
export class Bell {
  /** Whether the reader wants to be called. The browser remembers it for all panels. */
  isOn = remembered();
  #ended: EndedRuns;
  /** What was put before the title of the page, to be taken away when the reader comes back. */
  #mark = "";

  constructor(
    private readonly store: Store,
    private readonly say: (words: string) => void,
    signal: AbortSignal,
  ) {
    this.#ended = new EndedRuns(store);
    const unsubscribe = store.subscribe((changes) => this.#hear(changes));
    onAbort(signal, () => {
      unsubscribe();
      this.#unmark();
    });
    document.addEventListener("visibilitychange", () => document.hidden || this.#unmark(), { signal });
  }

  /** Turn the bell on or off. To turn it on asks the browser for its permission, once. */
  async set(on: boolean): Promise<void> {
    this.isOn = on;
    remember(on);
    if (!on || typeof Notification === "undefined") return;
    if (Notification.permission === "default") await Notification.requestPermission();
    if (Notification.permission !== "granted") {
      this.say("The browser allows no notifications here; the title of its tab tells you.");
    }
  }

  #hear(changes: readonly Change[]): void {
    const ended = this.#ended.take();
    if (!this.isOn || !document.hidden) return;
    const last = ended.at(-1);
    if (last) this.#call(last.id, `Run ${last.status}`, last.stop_reason || last.task);
    for (const change of changes) {
      if (change.what !== "settled") continue;
      const cell = this.store.settled[this.store.placeOf(change.id) ?? -1];
      if (cell && isAsking(cell)) this.#call(cell.id, `${cell.agent || "The team"} asks`, headline(cell));
    }
  }

  /** The browser shows one notification for each `id`, although each view of a panel sends its own. */
  #call(id: string, what: string, more: string): void {
    const words = plain(`${this.store.title || "Team"}: ${what}`);
    this.#unmark();
    this.#mark = `● ${words} · `;
    if (!document.title.startsWith(this.#mark)) document.title = this.#mark + document.title;
    if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
    try {
      const note = new Notification(words, {
        body: plain(firstWords(more, MAX_BODY_CHARS)),
        tag: `nb_stream ${id}`,
      });
      note.onclick = () => {
        window.focus();
        note.close();
      };
    } catch {
      // Browsers on phones have notifications for service workers only; the title has told it.
    }
  }

  #unmark(): void {
    if (this.#mark && document.title.startsWith(this.#mark)) {
      document.title = document.title.slice(this.#mark.length);
    }
    this.#mark = "";
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(REMEMBERED) === "on";
  } catch {
    return false; // a frame that may not store anything
  }
}

function remember(on: boolean): void {
  try {
    if (on) localStorage.setItem(REMEMBERED, "on");
    else localStorage.removeItem(REMEMBERED);
  } catch {
    // It holds until the page is loaded anew.
  }
}
