/** What inline text is made of: a flat row, with the places in the source. */

import type { Run } from "./delimiter_runs";
import type { Target } from "./link_targets";

export interface Text {
  readonly type: "text";
  readonly at: number;
  text: string;
  /** Whether it stands in the source exactly so. */
  readonly exact: boolean;
}

export type InlineItem =
  | Text
  | Run
  | { readonly type: "break"; readonly at: number }
  | { readonly type: "code"; readonly at: number; readonly text: string }
  | { readonly type: "formula"; readonly at: number; tex: string; display: boolean; isOpen: boolean }
  | { readonly type: "link"; readonly at: number; readonly target: Target }
  | { readonly type: "link end"; readonly at: number }
  | { readonly type: "image"; readonly at: number; readonly target: Target | null; readonly alt: string };

/** The words of an image's description. */
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
    default:
      return "";
  }
}
