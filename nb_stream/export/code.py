"""The code of a cell that its text does not show."""

from __future__ import annotations

import re

from ..core.model import Cell

_FENCED = re.compile(r"(`{3,}|~{3,})[^\n`]*\n(.*?)(?:\1|\Z)", re.DOTALL)


def unshown(cell: Cell) -> list[tuple[str, str]]:
    """The code blocks of a cell, each with its language, that do not stand in its text between fences. A word of the
    text that looks like a short piece of code is not that code."""
    blocks = [
        (str(block.get("code", "")), str(block.get("language", ""))) for block in cell.data.get("code_blocks", ())
    ]
    if not blocks:
        return []
    shown = {fenced[2].strip() for fenced in _FENCED.finditer(cell.text)}
    return [(code, language) for code, language in blocks if code.strip() not in shown]
