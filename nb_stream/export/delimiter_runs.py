"""Decides which runs of `*`, `_` and `~` can open or close emphasis, also beside Chinese, Japanese and Korean.

CommonMark asks for a space or a punctuation mark beside a run, and these scripts have no spaces. The amendment of
markdown-cjk-friendly is followed: beside a character of these scripts, their punctuation does not count as such.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache


def flanking(text: str, start: int, end: int, limit: int) -> tuple[bool, bool]:
    """Whether the run of `text` from `start` to `end` can open, and whether it can close. The text ends at `limit`."""
    before, after = text[start - 1] if start else " ", text[end] if end < limit else " "
    space_before, space_after = before.isspace(), after.isspace()
    sign_before, sign_after = is_punctuation(before), is_punctuation(after)
    cjk_before, cjk_after = is_cjk(before), is_cjk(after)
    left = not space_after and (not sign_after or cjk_after or space_before or sign_before or cjk_before)
    right = not space_before and (not sign_before or cjk_before or space_after or sign_after or cjk_after)
    if text[start] == "_":
        return left and (not right or sign_before), right and (not left or sign_after)
    return left, right


@lru_cache(maxsize=4096)
def is_punctuation(character: str) -> bool:
    """Whether a character is a punctuation mark or a symbol (CommonMark 2.1)."""
    return unicodedata.category(character)[0] in "PS"


@lru_cache(maxsize=4096)
def is_cjk(character: str) -> bool:
    """Whether a character belongs to the Chinese, Japanese or Korean script, its punctuation included."""
    if character < "\u1100":
        return False
    name = unicodedata.name(character, "")
    if "HANGUL" in name:
        return True
    return unicodedata.east_asian_width(character) in "WF" and not "\U0001f000" <= character < "\U00020000"
