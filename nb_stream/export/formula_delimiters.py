"""Finds formulas in a text: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, and environments such as `align`.

The rules are those of `frontend/src/markdown/parse/formulas.ts`."""

from __future__ import annotations

import re
from typing import NamedTuple

_CLOSERS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_MAX_CHARS, _MAX_DOLLAR_CHARS = 10_000, 400  # between single dollars fewer are allowed: most of them are prices
_WORD_CHARACTER = re.compile(r"[^\W_]")
_BEGIN = re.compile(
    r"\\begin\{(?:(?:equation|multline|gather|align|alignat|flalign|eqnarray)\*?"
    r"|[pbBvV]?matrix|cases|aligned|gathered|array)\}"
)
"""The beginning of an environment that is a formula by itself."""
_TEX = re.compile(r"\\[a-zA-Z]|[\^=]|(?:[^\W\d_]|\))_(?:\{|[^\W_](?!\w))")
"""What stands in formulas and not in sentences: commands, powers, equations, indices of one character or in braces."""
_WORD_OF_PROSE = re.compile(r"[^\W\d_]{3}|[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7a3]")
"""Words of a sentence, and not names of variables."""
_OPERATION = re.compile(r"[^\W\d_]|[+*/<>]")
_LINK = re.compile(r"\]\((?:https?:|[^()\s]*[./#])")
_PRICE = re.compile(r"[\d.,]+(?:[\W\d_])*?\s[^\W\d_]{2}")
_INDEXED = re.compile(r"[A-Za-z0-9_\])]")
"""A character behind which a bracket is an index, as in `a\\[0\\]`."""
_BLOCK_OPENER = re.compile(r"(\$\$|\\\[)[ \t]*(?:\\begin\b.*)?")


class Formula(NamedTuple):
    """A formula in a text, and the place where its source ends."""

    tex: str
    display: bool
    end: int


def formula_opener(text: str, at: int) -> str:
    """The delimiter at `at` that can open a formula; empty if there is none."""
    two = text[at : at + 2]
    if len(two) == 2 and two in _CLOSERS:
        return two
    if two == "\\b":
        begin = _BEGIN.match(text, at)
        return begin[0] if begin else ""
    if two[:1] != "$":
        return ""
    is_money = len(two) < 2 or two[1].isspace() or (at > 0 and _WORD_CHARACTER.match(text[at - 1]) is not None)
    return "" if is_money else "$"


def read_formula(text: str, at: int, opener: str) -> Formula | None:
    """The formula that `opener` begins at `at`; None if it is none.

    A dollar closes only right behind the formula and not before a letter or a digit, so that prices and variables of a
    shell stay text. Escaped brackets around words, numbers, links or an index stay text.
    """
    start = at + len(opener)
    limit = _MAX_DOLLAR_CHARS if opener == "$" else _MAX_CHARS
    closer = closer_of(opener)
    if opener == "$":
        length = _closing_dollar(text[start : start + limit + 1])
    else:
        length = text.find(closer, start, start + limit + len(closer)) - start
    end = start + length + len(closer)
    tex = text[start : start + length].strip() if length > 0 else ""
    if opener not in _CLOSERS:
        tex = text[at:end] if length >= 0 else ""
    if not _WORD_CHARACTER.search(tex):
        return None
    if opener == "$" and _PRICE.match(tex) and not _TEX.search(tex):
        return None
    is_index = opener == "\\[" and at > 0 and _INDEXED.match(text[at - 1]) is not None
    if opener in ("\\(", "\\[") and not _is_math(tex, is_index):
        return None
    return Formula(tex, opener not in ("$", "\\("), end)


def closer_of(opener: str) -> str:
    """What closes the formula that `opener` begins."""
    return _CLOSERS.get(opener) or opener.replace("begin", "end")


def _is_math(tex: str, is_index: bool) -> bool:
    """Whether what stands between escaped brackets is a formula. An index is one only if it looks like TeX."""
    if _LINK.search(tex):
        return False
    is_short = not is_index and not _WORD_OF_PROSE.search(tex) and _OPERATION.search(tex) is not None
    return _TEX.search(tex) is not None or is_short


def _closing_dollar(body: str) -> int:
    """The place of the dollar that closes a formula; -1 if there is none."""
    at = 0
    while at < len(body):
        character = body[at]
        if character == "`":
            return -1
        if character == "\\":
            at += 1
        elif character == "$":
            behind = body[at + 1 : at + 2]
            closes = at > 0 and not body[at - 1].isspace() and behind != "$" and not _WORD_CHARACTER.match(behind)
            return at if closes else -1
        at += 1
    return -1


def block_formula_closer(closer: str, line: str) -> str:
    """The delimiter that closes the display formula in which a paragraph stands behind `line`; empty if it stands in
    none. `closer` is that of the line before."""
    if closer:
        return "" if closer in line else closer
    found = _BLOCK_OPENER.fullmatch(line)
    begin = None if found else _BEGIN.match(line)
    opener = found[1] if found else begin[0] if begin else ""
    closer = closer_of(opener) if opener else ""
    return "" if closer in line[len(opener) :] else closer
