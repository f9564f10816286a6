/** Scrolls inside the panel. The notebook around the panel does not move, except in `leadPage`. */

const EDGE_PX = 48;
/** Frames in which the place is kept in sight. Cells that come near are laid out only then, and change their height. */
const LEADING_FRAMES = 10;

/**
 * Bring `place` into the reader's sight, in `scroller` and in the boxes inside it that scroll by themselves. This ends
 * as soon as anything else moves `scroller`: the reader, a link, or another call.
 */
export function bringIntoView(place: Element | Range, scroller: HTMLElement): void {
  const leading = new AbortController();
  for (const sign of ["wheel", "pointerdown", "keydown"]) {
    scroller.addEventListener(sign, () => leading.abort(), { passive: true, signal: leading.signal });
  }
  let left: number | undefined;
  const step = (frames: number) => {
    if (frames === 0 || !scroller.isConnected || isMoved(scroller, left)) leading.abort();
    if (leading.signal.aborted) return;
    scrollTo(place, scroller);
    left = scroller.scrollTop;
    requestAnimationFrame(() => step(frames - 1));
  };
  step(LEADING_FRAMES);
}

/**
 * Scroll the page to the `scroller` of a panel, for a reader who followed the address of a message in it. A notebook
 * lays itself out for a while after it is opened, so this is repeated until the reader does something, or until
 * `milliseconds` have passed.
 */
export function leadPage(scroller: Element, signal: AbortSignal, milliseconds = 3000): void {
  const leading = new AbortController();
  const stop = () => leading.abort();
  signal.addEventListener("abort", stop, { once: true, signal: leading.signal });
  for (const sign of ["wheel", "pointerdown", "keydown"]) {
    window.addEventListener(sign, stop, { capture: true, passive: true, signal: leading.signal });
  }
  const end = performance.now() + milliseconds;
  const step = () => {
    if (leading.signal.aborted) return;
    if (performance.now() > end) return stop();
    scroller.scrollIntoView({ block: "nearest" });
    requestAnimationFrame(step);
  };
  step();
}

/** Whether `box` was moved from the place `left`. That content shrank, and the end of `box` with it, does not count. */
function isMoved(box: HTMLElement, left = box.scrollTop): boolean {
  const { scrollTop, scrollHeight, clientHeight } = box;
  const isPushed = scrollTop < left && scrollTop + clientHeight >= scrollHeight - 1;
  return scrollTop !== left && !isPushed;
}

function scrollTo(place: Element | Range, scroller: HTMLElement): void {
  const start = place instanceof Range ? place.startContainer.parentElement : place.parentElement;
  for (let box = start; box && scroller.contains(box); box = box.parentElement) {
    if (box === scroller || box.scrollHeight > box.clientHeight + 1) scrollBox(place, box);
  }
}

/**
 * Scroll `box` as little as possible. A place out of sight comes to stand near the middle, or at the top if it is high.
 */
function scrollBox(place: Element | Range, box: HTMLElement): void {
  const { top, bottom, height } = place.getBoundingClientRect();
  const frame = box.getBoundingClientRect();
  const margin = Math.min(EDGE_PX, frame.height / 4);
  const isAbove = top < frame.top + margin;
  const isBelow = bottom > frame.bottom - margin;
  if (!isAbove && !isBelow) return;
  const space = Math.max(margin, (frame.height - height) / 2);
  box.scrollTop += top - frame.top - space;
}
