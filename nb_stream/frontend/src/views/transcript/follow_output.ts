/** Follows the end of the transcript, in the panel's own scroller, unless the reader has gone to another place. */

import { onAbort } from "../../dom/abort";
import { button, focusedIn, focusOn, h, holdsSelection, selected } from "../../dom/build";
import { count } from "../../dom/format";
import { setText } from "../../dom/safe_text";
import type { History } from "./history";

/** Pixels from the end that still count as the end. */
const NEAR_END_PX = 24;

/** Owned by one view of the panel. */
export class FollowOutput {
  /** The button that leads back to the end. It is shown while the reader is elsewhere. */
  readonly jump = button("nbs-jump", "", "", () => this.toEnd());
  /** Whether the reader has not scrolled away from the end. */
  #atEnd = true;
  /** How many messages there were when the end was last followed. */
  #seen = 0;
  /** The measures of the scroller when it was looked at last, in pixels. */
  #top = 0;
  #height = 0;
  #visible = 0;
  /** An element that stands scrolled. If it does so no longer, the panel was taken off the page and put back. */
  #sign = h("div", "nbs-sign", h("div"));
  /** Whether the end was followed when the scroller was looked at last. */
  #follows = false;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly history: History,
    private readonly repaint: () => void,
    signal: AbortSignal,
  ) {
    this.jump.hidden = true;
    const observer = new ResizeObserver(() => this.#update());
    for (const el of [scroller, ...scroller.children]) observer.observe(el);
    scroller.append(this.#sign);
    onAbort(signal, () => observer.disconnect());
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
  }

  /** Whether new text may move what the reader sees. */
  get follows(): boolean {
    return this.#atEnd && !this.#isReading();
  }

  /** Stop following the end, because the reader is taken to another place. */
  release(): void {
    this.#atEnd = false;
  }

  /**
   * Call when everything is painted. While the end is followed, nothing is measured here: the browser would have to lay
   * the page out for it. It tells the observer of sizes when it has done so anyway, before the reader sees the page.
   */
  painted(): void {
    if (!this.#follows || !this.follows) this.#update();
  }

  #update(): void {
    if (this.scroller.clientHeight === 0) return; // hidden, or taken off the page
    this.#return();
    // The observer of sizes may call this before the event that tells of the scrolling.
    this.#judge();
    this.#follows = this.follows;
    if (this.#follows) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.#seen = this.history.total;
    }
    this.#seen = Math.min(this.#seen, this.history.total);
    this.#remember();
    this.#showJump();
    this.scroller.classList.toggle("nbs-follows", this.#follows);
  }

  #showJump(): void {
    const isThere = this.#follows || this.#isNearEnd(); // measured before anything changes
    const fresh = this.history.shownBehind(this.#seen);
    const label = fresh > 0 ? `Jump to latest · ${count(fresh, "new message")}` : "Jump to latest";
    setText(this.jump, label);
    this.jump.hidden = isThere;
  }

  #isNearEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  /** Whether the reader selects text, or has the focus on an element that is not the last one. */
  #isReading(): boolean {
    if (holdsSelection(this.scroller) && this.#isInSight(selected()!.getRangeAt(0))) return true;
    const focused = focusedIn(this.history.el);
    return focused !== null && this.history.last?.contains(focused) !== true && this.#isInSight(focused);
  }

  /** Whether `place` is in sight: a reader who scrolled away from it does not read it any more. */
  #isInSight(place: Element | Range): boolean {
    const { top, bottom } = place.getBoundingClientRect();
    const frame = this.scroller.getBoundingClientRect();
    return bottom >= frame.top && top <= frame.bottom;
  }

  /** Go back to the place that was read: browsers forget how far an element was scrolled that leaves the page. */
  #return(): void {
    if (this.#sign.scrollTop > 0) return;
    this.#sign.scrollTop = this.#sign.scrollHeight;
    const wasShown = this.#height > 0;
    if (wasShown && this.#sign.scrollTop > 0) this.scroller.scrollTop = this.#top;
  }

  #scrolled(): void {
    this.#return();
    this.#judge();
    this.#remember();
    if (this.follows !== this.#follows) this.repaint();
    else this.#showJump();
  }

  /**
   * Find out whether the reader is at the end. A movement up comes from the reader, or from the browser's own search,
   * unless it only follows a content that shrinks or a scroller that grows: that leads no further up than to the end.
   * Only a movement down to the end counts as a return to it, or that everything is in sight.
   */
  #judge(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const isReader = (scrollHeight >= this.#height && clientHeight <= this.#visible) || !this.#isNearEnd();
    if (scrollHeight <= clientHeight) this.#atEnd = true;
    else if (scrollTop < this.#top && isReader) this.#atEnd = false;
    else if (scrollTop > this.#top && this.#isNearEnd()) this.#atEnd = true;
  }

  #remember(): void {
    this.#top = this.scroller.scrollTop;
    this.#height = this.scroller.scrollHeight;
    this.#visible = this.scroller.clientHeight;
  }

  /** Go to the end, and follow it again. */
  toEnd(): void {
    this.#atEnd = true;
    if (holdsSelection(this.scroller)) document.getSelection()?.removeAllRanges();
    focusOn(this.scroller);
    this.repaint();
  }
}
