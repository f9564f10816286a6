"""Finds paths of Windows in prose, as `frontend/src/markdown/parse/windows_paths.ts`. Their backslashes are no escapes,
though Markdown would read `\\_` and `\\.` so."""

from __future__ import annotations

import re

_DRIVE = re.compile(r"(?:^|[\W_])(?:[A-Za-z]:|%[A-Za-z0-9_]{1,30}%)$")
_SHARE_BEFORE = re.compile(r"(?:^|[\s(\"'“‘])$")
_SHARE = re.compile(r"\\\\[A-Za-z0-9_.-]+\\[^\s<>\"|?*`\[\]()&\\]+")
# Parts of a path, each behind its backslash. A star for all files stays one.
_PARTS = re.compile(r"(?:\\(?:\*(?=[.\s]|$)|[^\s<>\"|?*`\[\]()&\\]*))+")


def path_length(text: str, at: int) -> int:
    """The length of the path at `at`, where a backslash stands; 0 if there is none."""
    before, end = text[max(0, at - 34) : at], at
    is_double = text[at + 1 : at + 2] == "\\"
    if is_double:
        share = _SHARE.match(text, at) if _SHARE_BEFORE.search(before) else None
        end = share.end() if share else at
    elif not _DRIVE.search(before):
        return 0
    parts = _PARTS.match(text, end) if end > at or not is_double else None
    end = parts.end() if parts else end
    # Marks of emphasis at the end close what stands around the path.
    while end > at + 1 and text[end - 1] in "_~" and text[end - 2] != "\\":
        end -= 1
    return end - at
