/**
 * The checkboxes as the reader left them, until the kernel confirms: owned by the browser.
 *
 * A click shows at once. The kernel's agents decide as soon as they agree, or come late enough after the click that
 * they cannot have been sent before it arrived.
 */

import type { AgentRow, Click } from "../protocol/protocol";
import type { Store } from "./store";

/** Milliseconds in which the kernel's word may be older than the click. */
export const IN_FLIGHT_MS = 600;
/** Milliseconds after which the reader is told that the kernel has not confirmed. */
export const CONFIRM_TIMEOUT_MS = 2000;

interface Pending {
  on: boolean;
  at: number;
  /** Whether an earlier click was not confirmed either: where the kernel agrees, it may mean that one. */
  again: boolean;
  /** Whether the kernel has spoken since the click. */
  heard: boolean;
  late: boolean;
  timers: number[];
}

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

  /** Whether the kernel has left a click unanswered for longer than a reader would expect. */
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
