/** Opens all cells for paper, because nobody can click on paper. */

import type { History } from "./history";

export function openForPrint(history: History, signal: AbortSignal): void {
  let restore: (() => void) | undefined;
  const begin = () => {
    restore ??= history.unfold();
  };
  const end = () => {
    restore?.();
    restore = undefined;
  };
  // A page hears of printing in two ways: the event comes in time for the paper, and the media query also in a preview.
  window.addEventListener("beforeprint", begin, { signal });
  window.addEventListener("afterprint", end, { signal });
  if (typeof window.matchMedia !== "function") return;
  const change = ({ matches }: { matches: boolean }) => (matches ? begin() : end());
  window.matchMedia("print").addEventListener("change", change, { signal });
}
