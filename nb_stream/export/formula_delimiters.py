"""Finds formulas: `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, and environments such as `\\begin{align}…\\end{align}`.

The rules are those of `frontend/src/markdown/parse/formulas.ts`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CLOSERS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_ENVIRONMENT = re.compile(
    r"\\begin\{(?:(?:equation|multline|gather|align|alignat|flalign|eqnarray)\*?|[pbBvV]?matrix|cases|aligned|gathered"
    r"|array)\}"
)
_MAX_CHARS, _MAX_DOLLAR_CHARS = 10_000, 400  # between single dollars fewer are allowed: most of them are prices
_WORD_CHARACTER = re.compile(r"[^\W_]")
_BLOCK_OPENER = re.compile(r"(\$\$|\\\[)[ \t]*(?:\\begin\b.*)?")

# What stands in formulas and not in sentences: commands, powers, equations, indices of one character or in braces.
_TEX = re.compile(r"\\[a-zA-Z]|[\^=]|(?:[^\W\d_]|\))_(?:\{|[^\W_](?!\w))")
# Words of a sentence, and not names of variables.
_SENTENCE = re.compile(r"[^\W\d_]{3}|[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7a3]")
_OPERATION = re.compile(r"[^\W\d_]|[+*/<>]")
# A link, or a note whose bracket is escaped.
_LINK_TARGET = re.compile(r"^\^|\]\((?:https?:|[^()\s]*[./#])")
# A price with a word behind it, as in `$5 to 10$`.
_PRICE = re.compile(r"[\d.,]+(?:[\W\d_])*\s[^\W\d_]{2}")
# A character behind which a bracket is an index, as in `a\[0\]`.
_INDEXED = re.compile(r"[A-Za-z0-9_\])]")


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
        found = _ENVIRONMENT.match(text, at)
        return found[0] if found else ""
    if two[:1] != "$":
        return ""
    is_money = len(two) < 2 or two[1].isspace() or (at > 0 and _WORD_CHARACTER.match(text[at - 1]) is not None)
    return "" if is_money else "$"


def read_formula(text: str, at: int, opener: str) -> Formula | None:
    """The formula that `opener` begins at `at`; None if it is none.

    A dollar closes only right behind the formula and not before a letter or a digit, so that prices and variables of a
    shell stay text. Escaped brackets around words, numbers, links or an index stay text.
    """
    start, closer = at + len(opener), _closer_of(opener)
    limit = _MAX_DOLLAR_CHARS if opener == "$" else _MAX_CHARS
    if opener == "$":
        length = _closing_dollar(text[start : start + limit + 1])
    else:
        length = text.find(closer, start, start + limit + len(closer)) - start
    end = start + length + len(closer)
    if length < 0:
        return None
    tex = text[at:end] if opener not in _CLOSERS else text[start : start + length].strip()
    if not _WORD_CHARACTER.search(tex):
        return None
    if opener == "$" and _PRICE.match(tex) and not _TEX.search(tex):
        return None
    is_index = opener == "\\[" and at > 0 and _INDEXED.match(text[at - 1]) is not None
    if opener in ("\\(", "\\[") and not _is_math(tex, is_index):
        return None
    return Formula(tex, opener not in ("$", "\\("), end)


def _closer_of(opener: str) -> str:
    return _CLOSERS.get(opener) or opener.replace("begin", "end")


def _is_math(tex: str, is_index: bool) -> bool:
    """Whether a text between escaped brackets is a formula. An index is one only if it looks like TeX."""
    if _LINK_TARGET.search(tex):
        return False
    return bool(_TEX.search(tex) or (not is_index and not _SENTENCE.search(tex) and _OPERATION.search(tex)))


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
    block, environment = _BLOCK_OPENER.fullmatch(line), _ENVIRONMENT.match(line)
    opener = block[1] if block else environment[0] if environment else ""
    closer = _closer_of(opener) if opener else ""
    return "" if closer in line[len(opener) :] else closer
