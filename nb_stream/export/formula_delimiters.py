"""Finds formulas in a text: `$…$`, `$$…$$`, `\\(…\\)` and `\\[…\\]`, as `frontend/src/markdown/parse/formulas.ts`."""

from __future__ import annotations

import re
from typing import NamedTuple

_CLOSERS = {"$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_MAX_CHARS, _MAX_DOLLAR_CHARS = 10_000, 400  # between single dollars fewer are allowed: most of them are prices
_WORD_CHARACTER = re.compile(r"[^\W_]")
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
    if two[:1] != "$":
        return ""
    is_money = len(two) < 2 or two[1].isspace() or (at > 0 and _WORD_CHARACTER.match(text[at - 1]) is not None)
    return "" if is_money else "$"


def read_formula(text: str, at: int, opener: str) -> Formula | None:
    """The formula that `opener` begins at `at`; None if it is none.

    A dollar closes only right behind the formula and not before a letter or a digit, so that prices and variables of a
    shell stay text.
    """
    start = at + len(opener)
    limit = _MAX_DOLLAR_CHARS if opener == "$" else _MAX_CHARS
    closer = _CLOSERS[opener]
    if opener == "$":
        length = _closing_dollar(text[start : start + limit + 1])
    else:
        length = text.find(closer, start, start + limit + len(closer)) - start
    tex = text[start : start + length].strip() if length > 0 else ""
    if not _WORD_CHARACTER.search(tex):
        return None
    return Formula(tex, opener in ("$$", "\\["), start + length + len(closer))


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
    return _CLOSERS[found[1]] if found else ""
