/** Scrolling inside the panel alone: the notebook around it does not move. */

const EDGE_PX = 48;
/** Frames in which the place is kept in sight: what comes near is laid out only then, and changes its height. */
const LEADING_FRAMES = 10;

/**
 * Bring `place` before the reader's eyes, in `scroller` and in the boxes inside it that scroll by themselves. Whoever
 * moves `scroller` meanwhile (the reader, a link, another call) leads from there on.
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
 * Scroll the page to the `scroller` of a panel, for a reader who came by the address of a message in it. Notebooks lay
 * themselves out for a while when they are opened, so this is repeated until somebody does something, or `milliseconds`
 * have passed.
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

/** Whether somebody moved `box` from where it was `left`; content that shrinks moves it no further than to its end. */
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

/** Move as little as possible; what is out of sight comes to stand near the middle, or at the top if it is high. */
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
