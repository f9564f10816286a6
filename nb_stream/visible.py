"""Text of a model or a tool, made harmless for a reader's screen.

A text can hold characters that a page or a terminal obeys instead of showing: escape sequences that move the cursor,
marks that turn the reading direction round ("Trojan Source", CVE-2021-42574), letters without width that hide
instructions. `visible` shows them by their number, as in `⟦U+202E⟧`. Joiners (U+200C, U+200D) stay: scripts and emoji
are written with them.
"""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but tab, line feed and carriage return
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u00ad\u115f\u1160\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"  # no width
    "\u2028\u2029"  # line breaks that some programs obey
    "\U000e0000-\U000e007f\U000e0100-\U000e01ef"  # tags and more variation selectors: whole hidden texts
    "]"
)

_LONE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters, direction marks and letters without width shown by number.

    Line ends become line feeds, colours of a terminal are taken out, and halves of surrogate pairs become U+FFFD, so
    that what comes back can always be encoded.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    if not text.isascii():
        text = _LONE.sub("\ufffd", text)
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def one_line(text: str, length: int = 120) -> str:
    """The beginning of a text on one line, at most `length` characters."""
    line = " ".join(visible(text[: 4 * length]).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
