/** Reads texts in brackets: they become links and images if they refer to a target (CommonMark 6.3 and 6.4). */

import type { DelimiterRun } from "./delimiter_runs";
import {
  type Definitions,
  isOpenTarget,
  normalizeLabel,
  readLabel,
  readTarget,
  type Target,
} from "./link_targets";

export interface Bracket {
  readonly index: number;
  readonly at: number;
  readonly isImage: boolean;
  readonly bottom: DelimiterRun | null;
  isActive: boolean;
  hasBracketBehind: boolean;
  /** Whether the text is closed and only its address is not complete. */
  isWaiting: boolean;
}

const OPEN_LABEL = /^\[(?:[^\\[\]]|\\[\s\S]){0,999}$/;

/** Whether `text` ends before it is clear if a text in brackets, closed before `from`, becomes a link. */
export function isUndecided(text: string, from: number): boolean {
  const rest = text.length - from;
  if (rest === 0) return true;
  if (text[from] === "(") return isOpenTarget(text, from);
  return rest <= 1000 && OPEN_LABEL.test(text.slice(from));
}

/**
 * The target of a text in brackets, closed before `from`, or null. A label without a definition is added to `missing`.
 */
export function referenceOf(
  text: string,
  bracket: Bracket,
  from: number,
  definitions: Definitions,
  missing: Set<string>,
): { value: Target; end: number } | null {
  const read = text[from] === "(" ? readTarget(text, from) : null;
  if (read) return read;
  const defined = (label: string, end: number) => {
    const normal = label.length < 1000 ? normalizeLabel(label) : "";
    const value = normal === "" ? undefined : definitions.get(normal);
    if (value) return { value, end };
    if (normal !== "") missing.add(normal);
    return null;
  };
  const label = readLabel(text, from);
  if (label && label.value !== "") return defined(label.value, label.end);
  if (bracket.hasBracketBehind) return null;
  const begin = bracket.at + (bracket.isImage ? 2 : 1);
  return defined(text.slice(begin, from - 1), label ? label.end : from);
}
