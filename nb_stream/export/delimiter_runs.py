"""Decides which runs of `*`, `_` and `~` can open or close emphasis, also beside Chinese, Japanese and Korean.

CommonMark asks for a space or a punctuation mark beside a run, and these scripts have no spaces. The amendment of
markdown-cjk-friendly is followed: beside a character of these scripts, their punctuation does not count as such.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_CJK = re.compile(
    "[\u1100-\u11ff\u20a9\u2329\u232a\u2630-\u2637\u268a-\u268f\u2e80-\u303e\u3041-\u3247\u3250-\ua4cf\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\ufff8\U00016fe0-\U0001bbff\U0001d300-\U0001d376"
    "\U0001f200\U0001f202-\U0001f219\U0001f21b-\U0001f22e\U0001f230\U0001f231\U0001f237\U0001f23b-\U0001f24f"
    "\U0001f260-\U0001f2ff\U00020000-\U0003ffff]"
)
"""Characters of East Asian width (UAX 11) that are no emoji."""


def flanking(text: str, start: int, end: int, limit: int) -> tuple[bool, bool]:
    """Whether the run of `text` from `start` to `end` can open, and whether it can close. The text ends at `limit`."""
    before, after = text[start - 1] if start else " ", text[end] if end < limit else " "
    # A variation selector belongs to the character before it.
    selected = (text[start - 2] if start > 1 else " ") if "\ufe00" <= before <= "\ufe0e" else ""
    main = selected if selected and not selected.isspace() else before
    if main.isspace() or after.isspace():
        return not after.isspace(), not main.isspace()
    sign_before, sign_after = is_punctuation(main), is_punctuation(after)
    if text[start] == "_":
        return sign_before, sign_after
    is_wide = is_cjk(after) or is_cjk(selected or before) or "\U000e0100" <= before <= "\U000e01ef"
    is_wide = is_wide or (before == "\ufe01" and selected in tuple("‘’“”"))
    return sign_before or is_wide or not sign_after, sign_after or is_wide or not sign_before


@lru_cache(maxsize=4096)
def is_punctuation(character: str) -> bool:
    """Whether a character is a punctuation mark or a symbol (CommonMark 2.1)."""
    return unicodedata.category(character)[0] in "PS"


@lru_cache(maxsize=4096)
def is_cjk(character: str) -> bool:
    """Whether a character belongs to the Chinese, Japanese or Korean script, its punctuation included."""
    return _CJK.fullmatch(character) is not None
