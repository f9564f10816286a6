"""Turns formulas into MathML with latex2mathml. Elements and attributes come from allow-lists, as in the panel
(`frontend/src/markdown/dom/mathml.ts`): a formula can load nothing and lead nowhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from xml.etree.ElementTree import Element

from .highlighted_code import html_text

MAX_TEX_CHARS = 10_000
"""Characters of a formula; a longer one is shown as its source."""

_MAX_MATHML_DEPTH = 100
_MAX_BRACES = 60  # latex2mathml calls itself for each level
_MATH_ELEMENT = re.compile(
    "math|mrow|mi|mn|mo|mtext|ms|mspace|mfrac|msqrt|mroot|mstyle|merror|mpadded|mphantom|menclose|msub|msup|msubsup"
    "|munder|mover|munderover|mmultiscripts|mprescripts|none|mtable|mtr|mtd"
)
_MATH_ATTRIBUTE = re.compile(
    "display|displaystyle|scriptlevel|mathvariant|mathsize|mathcolor|mathbackground|width|height|depth|voffset|lspace"
    "|rspace|minsize|maxsize|stretchy|symmetric|fence|separator|form|largeop|movablelimits|accent|accentunder"
    "|linethickness|columnalign|columnspan|rowspan|rowspacing|columnspacing|notation"
)
_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3}
# Commands of TeX, with the words behind some of them that are no part of the formula.
_COMMAND = re.compile(
    r"\\(?:begin|end|(?:text|f?)color(?:box)?|[hvm]space|kern|label|class|style|cssId|href|unicode|newcommand|rule)\*?"
    r"(?:\s*(?:\{[^{}]*\}|\[[^\]]*\]))*|\\(?:[a-zA-Z]+\*?|.)"
)
_ATTRIBUTE_VALUE = re.compile(r"[\w#.,% +-]{0,60}")


@lru_cache(maxsize=512)
def mathml(tex: str, display: bool) -> str | None:
    """The formula as MathML; None if it cannot be read."""
    if len(tex) > MAX_TEX_CHARS or _brace_depth(tex) > _MAX_BRACES:
        return None
    from latex2mathml.converter import convert_to_element

    try:
        # A message is no article whose equations are counted, and latex2mathml counts anew in each formula.
        uncounted = tex.replace("{align}", "{align*}")
        tree = convert_to_element(uncounted, display="block" if display else "inline")
        if not all(map(_is_sound, tree.iter())) or _loses(tex, unescape("".join(tree.itertext()))):
            return None
        return "".join(_math_elements(tree, 0))
    except Exception:  # noqa: BLE001  # besides errors of its own it raises IndexError, StopIteration and others
        return None


def _brace_depth(tex: str) -> int:
    depth = deepest = 0
    for sign in re.findall(r"\\.|[{}]|\\(?:left|begin)\b", tex):
        depth += (sign == "{") - (sign == "}")
        deepest = max(deepest, depth)
    return deepest


def _is_sound(element: Element) -> bool:
    """Whether an element has as many children as browsers expect, and is no command that latex2mathml does not know."""
    return len(element) == _CHILDREN.get(element.tag, len(element)) and not (element.text or "").startswith("\\")


def _loses(tex: str, said: str) -> bool:
    """Whether letters or digits of a formula are missing in what is said. latex2mathml drops rows of matrices that end
    in an empty cell, and what stands too deep."""
    wanted, found = _signs(_COMMAND.sub("", tex)), _signs(said)
    return not set(wanted) <= set(found) or 2 * len(found) < len(wanted)


def _signs(text: str) -> str:
    """The letters and digits of a text, in their plain form."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def _math_elements(element: Element, depth: int) -> Iterator[str]:
    tag = element.tag
    is_allowed = _MATH_ELEMENT.fullmatch(tag) is not None and depth < _MAX_MATHML_DEPTH
    if is_allowed:
        attributes = "".join(
            f' {name}="{value}"'
            for name, value in element.attrib.items()
            if _MATH_ATTRIBUTE.fullmatch(name) and _ATTRIBUTE_VALUE.fullmatch(value)
        )
        yield f"<{tag}{attributes}>"
    yield _math_text(element.text)
    for child in element:
        yield from _math_elements(child, depth + 1)
        yield _math_text(child.tail)
    if is_allowed:
        yield f"</{tag}>"


def _math_text(text: str | None) -> str:
    return html_text(unescape(text)) if text else ""  # latex2mathml writes characters as references
