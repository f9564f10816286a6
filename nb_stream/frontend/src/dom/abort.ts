/** The end of a panel or of one view: the host aborts a signal, and what was begun for it must end too. */

/** Call `act` once when `signal` aborts. */
export function onAbort(signal: AbortSignal, act: () => void): void {
  signal.addEventListener("abort", act, { once: true });
}
