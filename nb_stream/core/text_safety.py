"""Makes the text of a model or a tool harmless for a reader's screen.

A text can hold characters that a page or a terminal obeys instead of showing: escape sequences that move the cursor,
marks that turn the reading direction round ("Trojan Source", CVE-2021-42574), letters without width that hide
instructions. `visible` shows them by their number, as in `⟦U+202E⟧`. Scripts and emoji are written with joiners and
variation selectors, so these stay if they follow a character that they can change. `frontend/src/dom/safe_text.ts` has
the same rules.
"""

from __future__ import annotations

import re
import unicodedata

_COLOUR_CODES = re.compile(r"\x1b\[[0-9;:]*m")

_HIDDEN_CHARACTERS = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but tab, line feed and carriage return
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u2800"  # no width, no ink
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u180b-\u180d\u180f\ufe00-\ufe0f"  # variation selectors
    "\u2028\u2029"  # line breaks that some programs obey
    "\U000e0000-\U000e0fff"  # tags and more variation selectors: whole hidden texts
    "]"
)

_SELECTORS = frozenset("\u180b\u180c\u180d\u180f") | {chr(code) for code in range(0xFE00, 0xFE10)}

_ONE_SHAPE = re.compile("LATIN|GREEK|CYRILLIC|CJK|HIRAGANA|KATAKANA|HANGUL|FULLWIDTH|HALFWIDTH")
"""Letters whose Unicode names begin with one of these words have one shape: joiners do not change them."""

_LONE = re.compile("[\ud800-\udfff]")

_DASHES = (
    "\\-\u02d7\u058a\u2010-\u2015\u2043\u2212\u23af\u2500\u2501\u2504\u2505\u2508\u2509\u254c\u254d\u2550\u2796"
    "\u2e3a\u2e3b\u301c\u3030\ufe58\ufe63\uff0d"
)
"""The characters that look like the dashes of a head."""

_HEAD = re.compile(rf"^(?=[^\S\n]*[{_DASHES}]{{3,}}(?:[^\S\n]+[^\s{_DASHES}]|\w))", re.MULTILINE)


def visible(text: str) -> str:
    """The text with control characters, direction marks and letters without width shown by number.

    Line ends become line feeds, and the colour codes of a terminal are taken out. Halves of surrogate pairs become
    U+FFFD, so that the result can always be encoded.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = _COLOUR_CODES.sub("", text)
    if not text.isascii():
        text = _LONE.sub("\ufffd", text)
    parts: list[str] = []
    shown, before = 0, ""
    for found in _HIDDEN_CHARACTERS.finditer(text):
        at = found.start()
        if at > shown:
            before = text[at - 1]
        if _belongs(found[0], before):
            continue
        parts += (text[shown:at], f"⟦U+{ord(found[0]):04X}⟧")
        shown, before = found.end(), ""
    parts.append(text[shown:])
    return "".join(parts)


def _belongs(character: str, before: str) -> bool:
    """Whether a joiner or a variation selector can change the character `before`, which may be empty."""
    if before == "":
        return False
    name = unicodedata.name(before, "")
    if character in "\u200c\u200d":
        kind = unicodedata.category(before)
        return (
            kind == "So"
            or before == "\ufe0f"
            or "\U0001f3fb" <= before <= "\U0001f3ff"
            or (kind[0] in "LM" and not _ONE_SHAPE.match(name))
        )
    return character in _SELECTORS and not (before.isspace() or before in _SELECTORS or name.startswith("LATIN"))


def quoted(text: str) -> str:
    """A visible text in which no line looks like a head of plain text, which begins with dashes. Such a line gets "> "
    before it, as in mail. So no message can pretend to be the message of another agent.
    """
    return _HEAD.sub("> ", text)


def one_line(text: str, length: int = 120) -> str:
    """The beginning of a text on one line, at most `length` characters."""
    line = " ".join(visible(text[: 4 * length]).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
