"""Decides which runs of `*`, `_` and `~` can open or close emphasis, as `markdown/parse/delimiter_runs.ts` does.

CommonMark asks for a space or a sign beside a run, and Chinese, Japanese and Korean have no spaces. Beside a character
of these scripts a sign does not matter (`markdown-it-cjk-friendly`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WIDE = (
    "(?![\U0001f201\U0001f21a\U0001f22f\U0001f232-\U0001f236\U0001f238-\U0001f23a\U0001f250\U0001f251])"  # emoji
    "[\u1100-\u11ff\u20a9\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\ua4cf\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\ufff8\U00016fe0-\U0001bbff\U0001d300-\U0001d376"
    "\U0001f200-\U0001f2ff\U00020000-\U0003ffff]"
)
"""Characters of Chinese, Japanese and Korean texts: those of East Asian width (UAX 11) that are no emoji."""

_CJK = re.compile(_WIDE)
_CJK_BEFORE = re.compile(rf"{_WIDE}|[\U000e0100-\U000e01ef]|[\u2018\u2019\u201c\u201d]\ufe01")


def flanking(text: str, start: int, end: int, limit: int) -> tuple[bool, bool]:
    """Whether the run of `text` from `start` to `end` can open, and whether it can close. The text ends at `limit`."""
    mark, after = text[start], text[end] if end < limit else " "
    before = text[start - 1] if start > 0 else " "
    # A variation selector belongs to the character before it.
    if "\ufe00" <= before <= "\ufe0e" and start > 1 and not text[start - 2].isspace():
        before = text[start - 2 : start]
    space_before, space_after = before[0].isspace(), after.isspace()
    sign_before, sign_after = _is_sign(before[0]), _is_sign(after)
    is_enclosed = not space_before and not space_after
    is_cjk = is_enclosed and mark != "_" and (_CJK.match(after) is not None or _CJK_BEFORE.match(before) is not None)
    # A run of underscores that could both open and close stands inside a word, and does neither.
    is_word = mark == "_" and is_enclosed
    left = not space_after and (space_before or sign_before or is_cjk or not (sign_after or is_word))
    right = not space_before and (space_after or sign_after or is_cjk or not (sign_before or is_word))
    return left, right


@lru_cache(maxsize=4096)
def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
