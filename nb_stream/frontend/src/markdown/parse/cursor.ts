/** A place in a line, in characters and in columns. A tab reaches to the next multiple of four columns. */

export class LineCursor {
  offset = 0;
  column = 0;
  /** The place of the next character that is no space. */
  next = 0;
  /** How many columns lie between the cursor and that character. */
  indent = 0;
  blank = false;
  /** Whether the character at `offset` is a tab of which a part is consumed. */
  #inTab = false;

  constructor(readonly text: string) {
    this.#look();
  }

  /** Whether the next text is indented so far that it would be code. */
  get indented(): boolean {
    return this.indent >= 4;
  }

  /** The line from the next character on that is no space. */
  get rest(): string {
    return this.text.slice(this.next);
  }

  /** The line from the cursor on, with the rest of a tab as spaces. */
  get remainder(): string {
    if (!this.#inTab) return this.text.slice(this.offset);
    return " ".repeat(4 - (this.column % 4)) + this.text.slice(this.offset + 1);
  }

  /** Whether a space or tab stands at `offset`. */
  get atSpace(): boolean {
    const character = this.text[this.offset];
    return character === " " || character === "\t";
  }

  /** Go to the next character that is no space. */
  skipSpace(): void {
    this.column += this.indent;
    this.offset = this.next;
    this.#inTab = false;
    this.#look();
  }

  /** Go `columns` to the right. A tab can be consumed in part. */
  skipColumns(columns: number): void {
    let left = columns;
    while (left > 0 && this.offset < this.text.length) {
      const width = this.text[this.offset] === "\t" ? 4 - (this.column % 4) : 1;
      const step = Math.min(width, left);
      this.#inTab = width > left;
      this.column += step;
      if (!this.#inTab) this.offset++;
      left -= step;
    }
    this.#look();
  }

  /** Remember the present place. The function that is returned goes back to it. */
  mark(): () => void {
    const { offset, column } = this;
    const inTab = this.#inTab;
    return () => {
      this.offset = offset;
      this.column = column;
      this.#inTab = inTab;
      this.#look();
    };
  }

  #look(): void {
    let at = this.offset;
    let { column } = this;
    for (; ; at++) {
      const character = this.text[at];
      if (character === " ") column++;
      else if (character === "\t") column += 4 - (column % 4);
      else break;
    }
    this.next = at;
    this.indent = column - this.column;
    this.blank = at >= this.text.length;
  }
}
