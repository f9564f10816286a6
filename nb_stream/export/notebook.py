"""Writes a transcript as a notebook (nbformat 4.5), with a Markdown cell for each message.

The notebook has no code cells: code that a model wrote stays text, which "Run all" does not run. Messages are shown as
Markdown, in which HTML is text and the image of an address is a link. If a message could still be read in another way,
for example by a macro of TeX, the whole message stands in a code block, as it was written. Tool calls are folded, and
images are attachments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..core import cell_content as content
from ..core.model import Cell, RunInfo, TextForm
from ..core.text_safety import visible
from ..errors import unreachable
from .contained import code_span, contained_markdown, fenced, folded, inline, outside_code_spans, without_pictures
from .html import capital, figures, marks
from .plain_dollars import with_plain_dollars
from .runs import by_run
from .tex_commands import LOOKS
from .text import ending

# Images, HTML and link definitions.
_DOUBTFUL = re.compile(
    r"(?<!\\)(?:\\\\)*(?:!\[|<[A-Za-z/!?])|^[ >\t*+-]*\[[^\]]*\]:",
    re.MULTILINE,
)
# JupyterLab draws these, and a drawing may hold pictures.
_DRAWN = re.compile(r"(?:`{3}|~{3})\s*\{?\.?mermaid", re.IGNORECASE)


def notebook(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> dict[str, Any]:
    """The notebook as JSON values."""
    rows = list(_rows(cells, runs))
    for number, row in enumerate(rows, 1):
        row["id"] = f"cell-{number}"
    return {
        "cells": rows,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _rows(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[dict[str, Any]]:
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            task = inline(run.task)
            yield _cell_of_markdown(f"## Run {number}" + (f": {task}" if task else ""))
        yield from map(_notebook_cell, own)
        if run is not None:
            yield _cell_of_markdown(f"*{capital(inline(ending(run)))}*")


def _notebook_cell(cell: Cell) -> dict[str, Any]:
    about = marks(cell)
    parts = [f"### {inline(cell.path or cell.agent) or 'nb_stream'}" + (f" *{about}*" if about else "")]
    attachments: dict[str, dict[str, str]] = {}
    for section in content.sections_of(cell):
        parts.extend(_notebook_section(section))
        if isinstance(section, content.Image) and section.raster:
            attachments[f"image-{section.number}"] = dict([section.raster])
    parts.append(f"*{about}*" if (about := figures(cell)) else "")
    row = _cell_of_markdown("\n\n".join(part for part in parts if part))
    return {**row, "attachments": attachments} if attachments else row


def _notebook_section(section: content.Section) -> Iterator[str]:
    match section:
        case content.Text(text, form):
            yield _notebook_said(text, form)
        case content.Approval(text):
            yield _safe(text)
        case content.HandoffTarget():
            pass  # the text names the agent
        case content.Code(code, language):
            yield fenced(code, language)
        case content.ToolUse(call):
            yield code_span(call.name) + (" failed" if call.is_error else "")
            said = fenced(call.arguments, "json"), fenced(call.result or "")
            yield folded("Arguments and result", "\n\n".join(filter(None, said)))
        case content.Output(text) | content.Traceback(text):
            yield fenced(text)
        case content.Ending(_, answer):
            yield fenced(answer or "")
        case content.Image(number):
            if section.raster:
                yield f"![image {number}](attachment:image-{number})"
        case _:
            unreachable(section)


def _notebook_said(text: str, form: TextForm) -> str:
    match form:
        case TextForm.MARKDOWN | TextForm.PLAIN:
            return _safe(text)
        case TextForm.PREFORMATTED | TextForm.ERROR:
            return fenced(text)
        case TextForm.JSON:
            return fenced(text, "json")
        case _:
            unreachable(form)


def _safe(text: str) -> str:
    """A message as Markdown if it can do no harm; else as it was written, in a code block."""
    text = visible(text)
    if _DRAWN.search(text):
        return fenced(text)
    said = contained_markdown(with_plain_dollars(without_pictures(text)))
    rest = outside_code_spans(said)
    return fenced(text) if _DOUBTFUL.search(rest) or LOOKS.search(rest) else said


def _cell_of_markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}
