/**
 * Finds the pieces of code that are coloured, line by line. A language is a table of patterns. A construct that a line
 * leaves open, such as a long string, goes on in the next line.
 *
 * Each line is read once, so that code can be coloured while a model writes it. Colours are a help and not a parse: if
 * a table is wrong, the text is still there.
 */

/** What a piece of code is. The class of its colour is `nbs-t-` and this word. */
export type TokenKind =
  | "keyword"
  | "string"
  | "comment"
  | "number"
  | "name"
  | "type"
  | "meta"
  | "added"
  | "removed";

/** A construct that can go on over lines. A backslash before its end hides the end if it `escapes`. */
export interface Span {
  readonly kind: TokenKind;
  readonly open: string;
  readonly close: string;
  readonly escapes?: boolean;
}

export interface Language {
  /** Constructs that can span lines, tried in this order. */
  readonly spans?: readonly Span[];
  /** Patterns within a line, tried in this order. */
  readonly rules: readonly (readonly [TokenKind, string])[];
  readonly keywords?: readonly string[];
  readonly types?: readonly string[];
  readonly ignoresCase?: boolean;
}

/** The number of the span in which a line begins, or `NO_SPAN`. */
export type LineState = number;
export const NO_SPAN: LineState = -1;

export interface Token {
  readonly kind: TokenKind | null;
  text: string;
}

/**
 * Characters of a line; a longer one gets no colours, because it is data, and colours would cost more than they help.
 */
export const MAX_LINE_CHARS = 2000;

/** Made once for each language, and shared by all blocks of code. */
export class Tokenizer {
  readonly #spans: readonly Span[];
  readonly #kinds: readonly TokenKind[];
  readonly #pattern: RegExp;
  readonly #closers: readonly RegExp[];
  readonly #keywords: ReadonlySet<string>;
  readonly #types: ReadonlySet<string>;
  readonly #ignoresCase: boolean;

  constructor({ spans = [], rules, keywords = [], types = [], ignoresCase = false }: Language) {
    const flags = ignoresCase ? "isuy" : "suy";
    const sources = [
      ...spans.map(({ open }) => open),
      ...rules.map(([, source]) => source),
      "[\\p{L}_$][\\w$]*",
    ];
    this.#spans = spans;
    this.#kinds = rules.map(([kind]) => kind);
    this.#pattern = new RegExp(sources.map((source) => `(${source})`).join("|"), flags);
    this.#closers = spans.map(
      ({ close, escapes }) =>
        new RegExp(escapes ? `(?:\\\\.|(?!${close}).)*(${close})?` : `(?:(?!${close}).)*(${close})?`, flags),
    );
    this.#keywords = new Set(keywords);
    this.#types = new Set(types);
    this.#ignoresCase = ignoresCase;
  }

  /** The pieces of a line that begins in `state`, and the state in which the next line begins. */
  line(text: string, state: LineState): [Token[], LineState] {
    if (text.length > MAX_LINE_CHARS) return [[{ kind: null, text }], state];
    const tokens: Token[] = [];
    let at = 0;
    let open = state;
    let plain = "";
    const put = (kind: TokenKind | null, piece: string) => {
      if (kind === null) {
        plain += piece;
        return;
      }
      if (plain !== "") tokens.push({ kind: null, text: plain });
      const last = tokens.at(-1);
      if (last?.kind === kind) last.text += piece;
      else tokens.push({ kind, text: piece });
      plain = "";
    };
    while (at < text.length) {
      if (open !== NO_SPAN) {
        const closer = this.#closers[open]!;
        closer.lastIndex = at;
        const match = closer.exec(text)!;
        // If the match has no end, the span goes on in the next line.
        put(this.#spans[open]!.kind, match[0]);
        at += match[0].length;
        if (match[1] === undefined) break;
        open = NO_SPAN;
        continue;
      }
      this.#pattern.lastIndex = at;
      const match = this.#pattern.exec(text);
      if (!match || match[0] === "") {
        const character = String.fromCodePoint(text.codePointAt(at)!);
        put(null, character);
        at += character.length;
        continue;
      }
      const group = match.findIndex((piece, index) => index > 0 && piece !== undefined) - 1;
      at += match[0].length;
      if (group < this.#spans.length) {
        put(this.#spans[group]!.kind, match[0]);
        open = group;
      } else put(this.#kinds[group - this.#spans.length] ?? this.#word(match[0], text[at]), match[0]);
    }
    if (plain !== "") tokens.push({ kind: null, text: plain });
    return [tokens, open];
  }

  #word(word: string, next: string | undefined): TokenKind | null {
    const key = this.#ignoresCase ? word.toLowerCase() : word;
    if (this.#keywords.has(key)) return "keyword";
    if (this.#types.has(key)) return "type";
    return next === "(" ? "name" : null;
  }
}
