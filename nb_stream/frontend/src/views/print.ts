/** Everything is open on paper: nobody can click there. */

import type { History } from "./history";

export function openForPrint(history: History, signal: AbortSignal): void {
  if (typeof window.matchMedia !== "function") return;
  const print = window.matchMedia("print");
  let restore: (() => void) | undefined;
  const change = () => {
    if (print.matches) restore ??= history.unfold();
    else {
      restore?.();
      restore = undefined;
    }
  };
  print.addEventListener("change", change);
  signal.addEventListener("abort", () => print.removeEventListener("change", change), { once: true });
}
