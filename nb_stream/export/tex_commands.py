"""Names the commands of TeX that must not reach MathJax, which typesets the Markdown and the HTML of notebooks."""

from __future__ import annotations

import re

MACROS = re.compile(
    r"\\(?:[egx]?def|(?:future|global)?let|global|long|outer|protected|newif|newtheorem|newcounter|setcounter|newdimen"
    r"|newlength|setlength|newcolumntype|(?:re|provide)?newcommand|providecommand|(?:re)?newenvironment"
    r"|provideenvironment|(?:Declare|New|Renew|Provide)[A-Za-z]+|(?:math)?chardef|catcode|mathcode|delcode|definecolor"
    r"|begingroup|endgroup|label|require|unicode|csname|expandafter)(?![A-Za-z])"
)
"""The commands of TeX that change the text behind them. They reach other messages if a page typesets them together."""

LOOKS = re.compile(
    r"\\(?:style|class|cssId|data|href|url|html[A-Za-z]*|includegraphics|bbox|mmlToken|enclose|[A-Za-z]*tip|toggle)"
    r"(?![A-Za-z])|url\s*\(",
    re.IGNORECASE,
)
"""The commands of MathJax that set styles, attributes and links, and what a style loads."""


def is_plain(tex: str) -> bool:
    """Whether a formula changes nothing but itself, and has neither links nor styles."""
    return not MACROS.search(tex) and not LOOKS.search(tex)
