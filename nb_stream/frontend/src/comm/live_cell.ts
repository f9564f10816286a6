/** The text of a cell that is being written: pieces as they came, with length and digest kept as it grows. */

import { codePoints, digest, skipCodePoints } from "../protocol/code_points";
import type { CellHead } from "../protocol/model";

export class LiveCell {
  /** The text in pieces: joining a long text for each of them would make streaming quadratic. */
  pieces: string[] = [];
  /** Grows when the text was replaced and not only continued: what was painted is void. */
  revision = 0;
  length = 0;
  digest = 0;

  constructor(public head: CellHead) {}

  get text(): string {
    return this.pieces.join("");
  }

  /** Put `text` at the offset `at`. What is there already is skipped; behind a hole nothing can be put. */
  append(at: number, text: string): "applied" | "duplicate" | "gap" {
    if (at > this.length) return "gap";
    const fresh = at === this.length ? text : skipCodePoints(text, this.length - at);
    if (fresh === "") return "duplicate";
    this.pieces.push(fresh);
    this.length += codePoints(fresh);
    this.digest = digest(fresh, this.digest);
    return "applied";
  }

  /** Make `text` the whole text; where it continues the present one, only the rest is new to a view. */
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
