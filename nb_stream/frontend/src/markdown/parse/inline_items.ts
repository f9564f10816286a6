/** The items of an inline text: a flat row, each with its place in the source. */

import type { DelimiterRun } from "./delimiter_runs";
import type { Target } from "./link_targets";

export interface TextItem {
  readonly type: "text";
  readonly at: number;
  text: string;
  /** Whether the source has the same characters at `at`. */
  readonly exact: boolean;
}

export type InlineItem =
  | TextItem
  | DelimiterRun
  | { readonly type: "break"; readonly at: number }
  | { readonly type: "note"; readonly at: number; readonly number: number }
  | { readonly type: "emoji"; readonly at: number; readonly name: string }
  | { readonly type: "code"; readonly at: number; readonly text: string }
  | { readonly type: "formula"; readonly at: number; tex: string; display: boolean; isOpen: boolean }
  | { readonly type: "link"; readonly at: number; readonly target: Target }
  | { readonly type: "link end"; readonly at: number }
  | { readonly type: "image"; readonly at: number; readonly target: Target | null; readonly alt: string };

/** The words that `item` adds to the description of an image. */
export function wordsOf(item: InlineItem): string {
  switch (item.type) {
    case "text":
    case "code":
      return item.text;
    case "run":
      return item.mark.repeat(item.left);
    case "break":
      return "\n";
    case "formula":
      return item.tex;
    case "image":
      return item.alt;
    case "emoji":
      return `:${item.name}:`;
    default:
      return "";
  }
}
