/** The blocks of a text. `blocks.ts` builds them line by line, and `stream/block_view.ts` shows them. */

interface BlockOf<Kind extends string> {
  readonly kind: Kind;
  /** Whether lines may still be added to the block. */
  open: boolean;
  /** Whether nothing can change the block any more. It stays false in the preview of a line that is not complete. */
  final: boolean;
  /** The number of the last line that belongs to the block. */
  lastLine: number;
}

interface ContainerOf<Kind extends string> extends BlockOf<Kind> {
  /** The children that the view has not shown as final. */
  children: Block[];
}

export type Root = ContainerOf<"root">;

/** What a quote draws attention to, as GitHub has it: `> [!NOTE]`. */
export interface Alert {
  readonly kind: string;
  readonly title: string;
}

export interface Quote extends ContainerOf<"quote"> {
  readonly alert: Alert | null;
}

/** The marker of a list of footnotes. */
export const NOTE_MARKER = "^";

/** Whether blank lines separate the items of a list; shared by the parts of a list that was split. */
export interface Spacing {
  loose: boolean;
}

export interface List extends ContainerOf<"list"> {
  readonly ordered: boolean;
  /** The bullet, the character behind the number, or `NOTE_MARKER`. An item with another marker begins another list. */
  readonly marker: string;
  readonly start: number;
  readonly spacing: Spacing;
  /** Whether this list goes on with a list that had become too long for one element. */
  readonly continued: boolean;
  length: number;
}

export interface ListItem extends ContainerOf<"item"> {
  /** Columns by which the lines of the item are indented. */
  readonly indent: number;
  empty: boolean;
}

export interface Paragraph extends BlockOf<"paragraph"> {
  text: string;
  /** Whether the last line of the paragraph is not complete. */
  isPartial: boolean;
  /** Whether its box is ticked, if the paragraph begins a task of a list; else null. */
  task: boolean | null;
  /** The delimiter that closes the display formula in which the last lines stand; empty if they stand in none. */
  formula: string;
}

export interface Heading extends BlockOf<"heading"> {
  readonly level: number;
  readonly text: string;
}

export interface Fence {
  readonly mark: string;
  readonly length: number;
  readonly indent: number;
}

export interface Code extends BlockOf<"code"> {
  /** Null if indentation, and not a fence, makes the block code. */
  readonly fence: Fence | null;
  readonly info: string;
  /** Complete lines that the view has not shown. */
  readonly lines: string[];
  /** Blank lines at the end of the block. They count only if another line follows. */
  blanks: string[];
  /** A line that is not complete. */
  partial: string;
  /** How many fences are open in the block: it holds Markdown with fences as long as its own. */
  nested: number;
}

export type Rule = BlockOf<"rule">;

export type Alignment = "left" | "center" | "right" | null;

export interface Table extends ContainerOf<"table"> {
  readonly alignments: readonly Alignment[];
  readonly header: readonly string[];
  length: number;
  /** How many empty cells were added to rows that had too few. */
  filled: number;
}

export interface TableRow extends BlockOf<"row"> {
  readonly alignments: readonly Alignment[];
  readonly cells: readonly string[];
}

export type Container = Root | Quote | List | ListItem | Table;
export type Block = Container | Paragraph | Heading | Code | Rule | TableRow;

export function isContainer(block: Block): block is Container {
  return "children" in block;
}
