/**
 * The text of a cell that an agent is writing. Its length and its digest are kept up to date as it grows, so that the
 * page can compare them with the kernel's at any time without reading the whole text.
 */

import { codePoints, digest, skipCodePoints } from "../protocol/code_points";
import type { CellHead } from "../protocol/model";

/** Owned by the store until the cell is finished; views only read it. */
export class LiveCell {
  /** The text in the pieces in which it came: joining a long text for each new piece would make streaming quadratic. */
  pieces: string[] = [];
  /** Grows when the text was replaced and not only continued. Then a view has to paint it from the beginning. */
  revision = 0;
  length = 0;
  digest = 0;

  constructor(public head: CellHead) {}

  get text(): string {
    return this.pieces.join("");
  }

  /** Put `text` at the offset `at`. The part that is there already is skipped. Beyond the end, nothing can be put. */
  append(at: number, text: string): "applied" | "duplicate" | "gap" {
    if (at > this.length) return "gap";
    const fresh = at === this.length ? text : skipCodePoints(text, this.length - at);
    if (fresh === "") return "duplicate";
    this.pieces.push(fresh);
    this.length += codePoints(fresh);
    this.digest = digest(fresh, this.digest);
    return "applied";
  }

  /** Make `text` the whole text. If it continues the present one, only the rest is new to a view. */
  replace(text: string): void {
    const present = this.text;
    if (!text.startsWith(present)) {
      this.pieces = [];
      this.revision++;
      this.length = this.digest = 0;
      this.append(0, text);
    } else if (text.length > present.length) {
      this.append(this.length, text.slice(present.length));
    }
  }
}
