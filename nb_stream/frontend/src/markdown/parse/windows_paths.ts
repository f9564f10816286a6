/** Finds paths of Windows in prose. Their backslashes are no escapes, though Markdown would read `\_` and `\.` so. */

const DRIVE = /(?:^|[^\p{L}\p{N}])(?:[A-Za-z]:|%\w{1,30}%)$/u;
const SHARE_BEFORE = /(?:^|[\s("'“‘])$/;
const SHARE = /\\\\[\w.-]+\\[^\s<>"|?*`[\]()&\\]+/y;
/** Parts of a path, each behind its backslash. A star for all files stays one. */
const PARTS = /(?:\\(?:\*(?=[.\s]|$)|[^\s<>"|?*`[\]()&\\]*))+/y;

/** The length of the path at `at`, where a backslash stands; 0 if there is none. */
export function pathLength(text: string, at: number): number {
  const before = text.slice(Math.max(0, at - 34), at);
  let end = at;
  if (text[at + 1] === "\\") {
    SHARE.lastIndex = at;
    if (SHARE_BEFORE.test(before) && SHARE.test(text)) end = SHARE.lastIndex;
  } else if (!DRIVE.test(before)) return 0;
  PARTS.lastIndex = end;
  if ((end > at || text[at + 1] !== "\\") && PARTS.test(text)) end = PARTS.lastIndex;
  // Marks of emphasis at the end close what stands around the path.
  while (end > at + 1 && "_~".includes(text[end - 1]!) && text[end - 2] !== "\\") end--;
  return end - at;
}
