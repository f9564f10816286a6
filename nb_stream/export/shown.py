"""Makes what a notebook shows if a transcript is the last line of a cell.

A notebook is saved with its outputs, so this has a limit: the newest messages, and a line that says how many are left
out. `to_html`, `to_markdown` and the other exports give the whole transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from ..core import cell_content as content
from ..core.model import Cell, RunInfo
from .markdown import markdown
from .outputs import as_html, said_in
from .text import text

MAX_SHOWN_CHARS = 40_000
"""How many characters of messages are shown, in each of the three forms."""

MAX_RUN_HEADINGS = 100
"""If there are more runs, they have no headings."""


def shown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> dict[str, str]:
    """Runs and cells as a MIME bundle: HTML, Markdown and plain text."""
    last = _last(cells)
    left_out = len(cells) - len(last)
    heads = runs if len(runs) <= MAX_RUN_HEADINGS else ()
    note = f"{left_out} earlier messages are not shown here. transcript.to_html() has them all." if left_out else ""
    said = markdown(last, heads)
    return {
        "text/html": (f"<p><small>{escape(note)}</small></p>\n" if note else "") + as_html(last, heads),
        "text/markdown": f"*{note}*\n\n{said}" if note else said,
        "text/plain": (f"{note}\n" if note else "") + "".join(text(last, heads)),
    }


def _last(cells: Sequence[Cell]) -> list[Cell]:
    """The newest cells that fit together. A cell that alone is too long is cut."""
    last: list[Cell] = []
    room = MAX_SHOWN_CHARS
    for cell in reversed(cells):
        length = len(said_in(cell)) + sum(len(image.source) for image in content.images_of(cell))
        if length > MAX_SHOWN_CHARS:
            cut = said_in(cell)[: MAX_SHOWN_CHARS // 4]
            cell = replace(cell, text=f"{cut}… (cut: {length} characters)", tool_calls=(), data={})
            length = len(cut)
        if length > room:
            break
        room -= length + 40  # a head takes room too
        last.append(cell)
    return last[::-1]
