/**
 * Puts long texts on the page in portions, for a few milliseconds of each frame, so that the page answers in between.
 *
 * The rest of a text waits as data. It is put on the page at once if a search or a printer needs all of it.
 */

/** The event of an element whose text is complete. It bubbles. */
export const WRITTEN = "nbs-written";

/** Characters of a portion. */
const PORTION_CHARS = 2048;
/** Characters that are written at once, however long that takes: so most messages are complete at once. */
const AT_ONCE_CHARS = 4096;
/** Characters that may be written at once in one frame, in all texts together; of further texts, only a portion is. */
const AT_ONCE_IN_ALL_CHARS = 2 * AT_ONCE_CHARS;
/** Characters of a finished text that are near what the reader sees. A text that has no more stays as it is. */
export const NEAR_CHARS = 16_384;
/** Milliseconds of a frame that the texts that wait may take, all together. */
const BUDGET_MS = 8;
/** The attribute of an element whose text is not complete. */
const UNFINISHED = "data-unfinished";

const works = new WeakMap<Element, PacedWork>();
/** The works that wait for the next frame. They get one budget, and take their steps by turns. */
const waiting = new Set<PacedWork>();
let isPlanned = false;
/** Characters that were written at once since the last frame. */
let written = 0;

function planFrame(): void {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    written = 0;
    const until = performance.now() + BUDGET_MS;
    do {
      const [next] = waiting;
      if (!next) return;
      waiting.delete(next); // it waits behind the others if it is not done then
      next.go(PORTION_CHARS);
    } while (performance.now() < until);
    planFrame();
  });
}

/** Does `steps` of work on `el` now and in the next frames. Each step yields the number of characters that it wrote. */
export class PacedWork {
  #then: (() => void) | undefined;
  isDone = false;

  constructor(
    private readonly el: Element,
    private readonly steps: Iterator<number>,
  ) {
    works.set(el, this);
    planFrame();
    this.go(written < AT_ONCE_IN_ALL_CHARS ? AT_ONCE_CHARS : PORTION_CHARS);
  }

  /** Call `then` when all steps are done; at once, if they are done already. */
  whenDone(then: () => void): void {
    if (this.isDone) then();
    else this.#then = then;
  }

  /** Do all remaining steps now. */
  finish(): void {
    if (!this.isDone) this.go(Number.POSITIVE_INFINITY);
  }

  /** Do no more steps. */
  stop(): void {
    this.isDone = true;
    waiting.delete(this);
    this.el.removeAttribute(UNFINISHED);
  }

  /** Take steps until `chars` characters are written, and wait for the next frame if some are left. */
  go(chars: number): void {
    for (let count = 0; count < chars; ) {
      const { done, value } = this.steps.next();
      if (done) {
        this.stop();
        this.#then?.();
        this.el.dispatchEvent(new Event(WRITTEN, { bubbles: true }));
        return;
      }
      count += value;
      written += value;
    }
    waiting.add(this);
    this.el.setAttribute(UNFINISHED, "");
    planFrame();
  }
}

/** `text` in portions. No portion ends inside a pair of surrogates. */
export function* portions(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = at + PORTION_CHARS;
    const last = text.charCodeAt(end - 1);
    if (last >= 0xd800 && last < 0xdc00) end++;
    yield text.slice(at, end);
    at = end;
  }
}

/** Let `writer` write all of `text` into `el`. */
export function writeAll(
  el: Element,
  writer: { isFar: boolean; write(piece: string): void; end(): void },
  text: string,
): void {
  function* steps(): Generator<number> {
    let written = 0;
    for (const portion of portions(text)) {
      writer.isFar = written > NEAR_CHARS;
      writer.write(portion);
      written += portion.length;
      yield portion.length;
    }
    writer.end();
  }
  new PacedWork(el, steps());
}

/** Whether a text in `el` is not complete yet. */
export function isPartlyWritten(el: Element): boolean {
  return el.querySelector(`[${UNFINISHED}]`) !== null;
}

/** Complete all texts in `el` now. */
export function finishIn(el: Element): void {
  for (const part of el.querySelectorAll(`[${UNFINISHED}]`)) works.get(part)?.finish();
}
