/**
 * Reads a finished message once more as a whole, in idle time, and puts right the elements that differ. So the finished
 * message is exact, however it came; a link whose definition came later is one example.
 */

import { accords, foldedIn, isFolded, markUnit } from "../../dom/folded";
import { keyOf } from "../../dom/opaque";
import { keepingPlaces } from "../../dom/selection";
import type { Services } from "../dom/inline_view";
import { morph } from "../dom/morph";
import type { Definitions } from "../parse/link_targets";
import { MarkdownWriter, type WriterParts } from "./markdown_writer";

/** Characters that are read in one go; this takes about 2 ms. */
const SLICE_CHARS = 16_384;

/** Whether there is time to do more now. */
type MayGoOn = () => boolean;

/** Begin to check `el`, which shows the whole of `text`. `definitions` are those of the whole text. */
export function checkLater(
  el: HTMLElement,
  text: string,
  definitions: Definitions,
  services: Services,
): void {
  const check = new Recheck(el, text, definitions, services);
  const go = (mayGoOn: MayGoOn) => {
    if (el.isConnected && !check.advance(mayGoOn)) soon(go);
  };
  soon(go);
}

function soon(go: (mayGoOn: MayGoOn) => void): void {
  if (typeof requestIdleCallback === "function") {
    requestIdleCallback((deadline) => go(() => deadline.timeRemaining() > 4));
  } else setTimeout(() => go(() => false), 50);
}

/** Check all of `el` at once. Returns how many of the outermost elements differed. */
export function checkNow(
  el: HTMLElement,
  text: string,
  definitions: Definitions,
  services: Services,
  parts?: WriterParts,
): number {
  const check = new Recheck(el, text, definitions, services, parts);
  check.advance(() => true);
  return check.differences;
}

/** Marks what can be folded, and folds nothing. */
const UNITS = { add: (el: HTMLElement) => void markUnit(el) };

class Recheck {
  differences = 0;
  readonly #fresh = document.createElement("div");
  readonly #writer: MarkdownWriter;
  #read = 0;
  #compared = 0;

  constructor(
    private readonly el: HTMLElement,
    private readonly text: string,
    definitions: Definitions,
    services: Services,
    parts?: WriterParts,
  ) {
    this.#writer = new MarkdownWriter(this.#fresh, { ...services, folding: UNITS }, definitions, parts);
  }

  /** Check a part, and more as long as `mayGoOn`. Returns whether all is checked. */
  advance(mayGoOn: MayGoOn): boolean {
    do {
      this.#writer.write(this.text.slice(this.#read, this.#read + SLICE_CHARS));
      this.#read += SLICE_CHARS;
      if (this.#read >= this.text.length) {
        this.#writer.end();
        this.#compare(this.#fresh.childElementCount);
        while (this.el.childElementCount > this.#compared)
          this.#count(() => this.el.lastElementChild!.remove());
        return true;
      }
      // The last elements may still change, because a bundle of blocks is closed when two more bundles are full.
      this.#compare(this.#fresh.childElementCount - 4);
    } while (mayGoOn());
    return false;
  }

  #compare(end: number): void {
    for (; this.#compared < end; this.#compared++) {
      const old = this.el.children[this.#compared];
      const fresh = this.#fresh.children[this.#compared]!;
      // The writer counts its children, so an empty element takes the place of the one that moves.
      fresh.replaceWith(document.createElement("div"));
      if (!old) this.#count(() => this.el.append(fresh));
      else if (!isSame(old, fresh)) this.#repair(old, fresh);
    }
  }

  #repair(old: Element, fresh: Element): void {
    this.#count(() => {
      keepingPlaces(this.el, () => {
        if (!morph(old, fresh)) old.replaceWith(fresh);
      });
    });
  }

  #count(change: () => void): void {
    this.differences++;
    change();
  }
}

function isSame(old: Element, fresh: Element): boolean {
  const key = keyOf(old);
  if (key !== undefined && key === keyOf(fresh)) return true;
  return foldedIn(old).length > 0 || isFolded(old) ? accords(old, fresh) : old.isEqualNode(fresh);
}
