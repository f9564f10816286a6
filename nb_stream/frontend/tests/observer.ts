/** An observer of intersections that tells what a test wants it to tell: happy-dom lays nothing out. */

import { vi } from "vitest";

const HEIGHT = 600;

export class ScriptedObserver implements IntersectionObserver {
  static made: ScriptedObserver[] = [];
  readonly root = null;
  readonly rootMargin = "";
  readonly scrollMargin = "";
  readonly thresholds = [0];
  readonly observed = new Set<Element>();

  constructor(private readonly callback: IntersectionObserverCallback) {
    ScriptedObserver.made.push(this);
  }

  observe(el: Element): void {
    this.observed.add(el);
  }

  unobserve(el: Element): void {
    this.observed.delete(el);
  }

  disconnect(): void {
    this.observed.clear();
  }

  takeRecords(): IntersectionObserverEntry[] {
    return [];
  }

  /** Tell that these elements are near, or that they are far. */
  tell(els: Iterable<Element>, isIntersecting: boolean): void {
    const rect = new DOMRect(0, 0, 100, 20);
    const rootBounds = new DOMRect(0, 0, 100, HEIGHT);
    const entries = [...els].map((target) => ({
      target,
      isIntersecting,
      boundingClientRect: rect,
      intersectionRect: rect,
      intersectionRatio: 1,
      rootBounds,
      time: 0,
    }));
    if (entries.length > 0) this.callback(entries, this);
  }
}

/** Let all observers be scripted until the function that is returned is called. */
export function scriptObservers(): () => void {
  ScriptedObserver.made = [];
  vi.stubGlobal("IntersectionObserver", ScriptedObserver);
  return () => vi.unstubAllGlobals();
}
