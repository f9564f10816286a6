/**
 * Remembers each click on a checkbox until the kernel confirms it, so that the checkbox shows the click at once.
 *
 * The kernel sends the state of its switches with the rows of its agents. Right after a click, a row may come that the
 * kernel sent before it heard of the click. So a click is forgotten, and the row counts, in two cases: the row agrees
 * with the click, or so much time has passed that the kernel must have heard of it.
 */

import type { AgentRow, Click } from "../protocol/protocol";
import type { Store } from "./store";

/** Milliseconds after a click in which a row that comes may have been sent before the click arrived. */
export const IN_FLIGHT_MS = 600;
/** Milliseconds after which the panel tells the reader that the kernel has not confirmed the click. */
export const CONFIRM_TIMEOUT_MS = 2000;

interface Pending {
  on: boolean;
  at: number;
  /** Whether an earlier click is not confirmed either. Then a row that agrees may be the answer to that click. */
  again: boolean;
  /** Whether the kernel has sent rows since the click. */
  heard: boolean;
  /** Whether the reader has waited for longer than `CONFIRM_TIMEOUT_MS`. */
  late: boolean;
  timers: number[];
}

/** Owned by the connection, so that all views of a panel show the same clicks. */
export class Switches {
  #pending = new Map<string, Pending>();
  #unsubscribe: () => void;

  constructor(
    private readonly store: Store,
    private readonly send: (command: Click) => void,
  ) {
    this.#unsubscribe = store.subscribe((changes) => {
      if (changes.some(({ what }) => what === "agents" || what === "snapshot")) this.#hear();
    });
  }

  isOn(row: AgentRow): boolean {
    return this.#pending.get(row.path)?.on ?? row.on;
  }

  /** Whether the kernel has not confirmed a click on this row for longer than a reader would expect. */
  isUnconfirmed(row: AgentRow): boolean {
    return this.#pending.get(row.path)?.late ?? false;
  }

  toggle(path: string, on: boolean): void {
    const at = Date.now();
    this.#expect(path, on, at);
    this.send({ type: "toggle", path, on, at_ms: at });
    this.store.notify({ what: "switches" });
  }

  toggleAll(on: boolean): void {
    const at = Date.now();
    for (const row of this.store.agents) if (row.can_stream) this.#expect(row.path, on, at);
    this.send({ type: "toggle_all", on, at_ms: at });
    this.store.notify({ what: "switches" });
  }

  dispose(): void {
    this.#unsubscribe();
    for (const path of [...this.#pending.keys()]) this.#forget(path);
  }

  #expect(path: string, on: boolean, at: number): void {
    const again = this.#pending.has(path);
    this.#forget(path);
    const pending: Pending = { on, at, again, heard: false, late: false, timers: [] };
    pending.timers.push(
      window.setTimeout(() => this.#pending.get(path)?.heard && this.#drop(path), IN_FLIGHT_MS),
      window.setTimeout(() => {
        pending.late = true;
        this.store.notify({ what: "switches" });
      }, CONFIRM_TIMEOUT_MS),
    );
    this.#pending.set(path, pending);
  }

  #hear(): void {
    const rows = new Map(this.store.agents.map((row) => [row.path, row]));
    for (const [path, pending] of this.#pending) {
      const row = rows.get(path);
      const agrees = row?.on === pending.on && !pending.again;
      if (!row || agrees || Date.now() - pending.at >= IN_FLIGHT_MS) this.#forget(path);
      else pending.heard = true;
    }
  }

  #drop(path: string): void {
    this.#forget(path);
    this.store.notify({ what: "switches" });
  }

  #forget(path: string): void {
    for (const timer of this.#pending.get(path)?.timers ?? []) clearTimeout(timer);
    this.#pending.delete(path);
  }
}
