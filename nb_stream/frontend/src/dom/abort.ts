/** The end of a panel or of one view: the host aborts a signal, and all that the panel began must end with it. */

/** Call `act` once when `signal` aborts. */
export function onAbort(signal: AbortSignal, act: () => void): void {
  signal.addEventListener("abort", act, { once: true });
}
