/** Scrolling inside the panel alone: the notebook around it does not move. */

const EDGE = 48;
/** Frames in which the place is kept in sight: what comes near is laid out only then, and changes its height. */
const FRAMES = 10;

/** Bring `place` before the reader's eyes, in `scroller` and in the boxes inside it that scroll by themselves. */
export function bringIntoView(place: Element | Range, scroller: HTMLElement): void {
  let frames = FRAMES;
  const stop = () => {
    frames = 0;
  };
  for (const sign of ["wheel", "pointerdown", "keydown"]) {
    scroller.addEventListener(sign, stop, { once: true, passive: true });
  }
  const step = () => {
    if (frames-- <= 0 || !scroller.isConnected) return;
    scrollTo(place, scroller);
    requestAnimationFrame(step);
  };
  step();
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
  const margin = Math.min(EDGE, frame.height / 4);
  const isAbove = top < frame.top + margin;
  const isBelow = bottom > frame.bottom - margin;
  if (!isAbove && !isBelow) return;
  const space = Math.max(margin, (frame.height - height) / 2);
  box.scrollTop += top - frame.top - space;
}
