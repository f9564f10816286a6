"""A transcript as a notebook (nbformat 4.5): a Markdown cell for each message, to be read, edited and run by nobody.

Code that a model wrote stays text: there is no cell that "Run all" would execute. Messages are shown as the Markdown
that they are, unless something in one could load from the network or is HTML: then all of it stands in a code block,
as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from ..core.text_safety import visible
from .code import unshown
from .contained import code_span, contained_markdown, fenced, inline, outside_code
from .runs import by_run
from .text import ending

_DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)")
# Images, HTML, link definitions, and the macros of TeX with which MathJax sets styles and links.
_DOUBTFUL = re.compile(
    r"!\[|<[A-Za-z/!?]|^[ >\t*+-]*\[[^\]]*\]:|\\(?:style|class|cssId|data|href|includegraphics)",
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
            yield _markdown(f"## Run {number}" + (f": {task}" if task else ""))
        yield from map(_notebook_cell, own)
        if run is not None:
            yield _markdown(f"*{inline(ending(run))}*")


def _notebook_cell(cell: Cell) -> dict[str, Any]:
    words = [] if cell.kind is CellKind.TEXT else [cell.kind.value]
    if cell.status is not CellStatus.DONE:
        words.append(cell.status.value)
    head = f"### {inline(cell.path or cell.agent) or 'nb_stream'}" + (f" *({', '.join(words)})*" if words else "")
    parts = [head, *_notebook_body(cell)]
    attachments: dict[str, dict[str, str]] = {}
    for number, image in enumerate(cell.data.get("images", ()), 1):
        if found := _DATA_IMAGE.fullmatch(str(image)):
            attachments[f"image-{number}"] = {found[1]: "".join(found[2].split())}
            parts.append(f"![image {number}](attachment:image-{number})")
    row = _markdown("\n\n".join(part for part in parts if part))
    return {**row, "attachments": attachments} if attachments else row


def _notebook_body(cell: Cell) -> Iterator[str]:
    if cell.kind is CellKind.STRUCTURED:
        yield fenced(cell.text, "json")
    elif cell.kind is CellKind.ERROR:
        yield fenced(cell.text)
    elif cell.kind is not CellKind.TOOL_CALL:
        yield _safe(cell.text) if cell.is_markdown else fenced(cell.text)
    for code, _ in unshown(cell):
        yield fenced(code)
    for call in cell.tool_calls:
        yield from _notebook_tool_call(call)
    for name in ("output", "answer", "traceback"):
        yield fenced(str(cell.data.get(name) or ""))


def _notebook_tool_call(call: ToolCall) -> Iterator[str]:
    yield code_span(call.name) + (" failed" if call.is_error else "")
    yield fenced(call.arguments, "json")
    yield fenced(call.result or "")


def _safe(text: str) -> str:
    """A message as Markdown where it can do no harm, else as it was written in a code block."""
    text = visible(text)
    doubtful = _DRAWN.search(text) or _DOUBTFUL.search(outside_code(text))
    return fenced(text) if doubtful else contained_markdown(text)


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}
