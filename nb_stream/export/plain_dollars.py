"""Keeps prices from becoming formulas in a notebook.

JupyterLab and nbconvert typeset whatever stands between two dollars: in `from $5 to $10`, "5 to". Two backslashes keep
a dollar as it is, there and in nbconvert.
"""

from __future__ import annotations

import re

from .contained import lines_of_code
from .formula_delimiters import formula_opener, read_formula

_DOLLAR_OR_CODE = re.compile(r"\\.|`+|\$", re.DOTALL)


def with_plain_dollars(text: str) -> str:
    """A message whose dollars delimit formulas or are escaped. Code stays as it is."""
    if text.count("$") < 2:
        return text
    code = lines_of_code(text)
    segments: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        if number == 0 or (number in code) != (number - 1 in code):
            segments.append("")
        segments[-1] += line
    starts_with_code = 0 in code
    return "".join(
        segment if (place % 2 == 0) == starts_with_code else _escaped(segment) for place, segment in enumerate(segments)
    )


def _escaped(text: str) -> str:
    parts: list[str] = []
    at = done = 0
    while found := _DOLLAR_OR_CODE.search(text, at):
        at, mark = found.end(), found[0]
        if mark == "\\$":
            parts += (text[done : found.start()], "\\\\$")
            done = at
        elif mark.startswith("`"):
            closing = re.compile(rf"(?<!`){mark}(?!`)").search(text, at)
            at = closing.end() if closing else at
        elif mark == "$":
            opener = formula_opener(text, found.start())
            formula = read_formula(text, found.start(), opener) if opener else None
            if formula is not None:
                at = formula.end
            else:
                parts += (text[done : found.start()], "\\\\$")
                done = at
    return "".join([*parts, text[done:]])
