"""A transcript as the output of a notebook's cell: as HTML and as plain text, each whole and each as small as can be.

A notebook is a JSON file, and its writers put every line of a text on a line of its own, which costs 12 bytes each.
So the HTML is one line: line feeds stand in it as `&#10;`. That also keeps Markdown readers, to whom `nbconvert` gives
HTML as it is, from ending it at an empty line. All text is escaped, nothing is loaded from anywhere, and it can be
read with every style stripped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from json import dumps

from ..model import Cell, CellKind, RunInfo
from ..visible import one_line, visible
from .html import figures, image, marks
from .runs import by_run
from .text import ending

_MARK = "--- "
_CELL = "border-left:3px solid hsl({hue},45%,50%);padding-left:9px"
_TEXT = "white-space:pre-wrap;word-break:normal"  # JupyterLab would break words anywhere
_FOLDED = 48
"""Characters of a message that stand in its head while it is folded."""


def as_text(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as plain text: a line that begins with dashes for each head, and what was said as it was."""
    return "".join(_lines(cells, runs))


def _lines(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[str]:
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            yield f"{_MARK}Run {number}: {one_line(run.task)}".rstrip(": ") + "\n"
        for cell in own:
            said = said_in(cell)
            head = " ".join(filter(None, (_name(cell), marks(cell))))
            between = "\n" if "\n" in said else " "
            yield f"{_MARK}{head}:{between}{said}" + ("" if said.endswith("\n") else "\n")
        if run is not None:
            yield f"{_MARK}{_capital(ending(run))}\n"


def as_html(cells: Sequence[Cell], runs: Sequence[RunInfo], *, images: bool = True) -> str:
    """Runs and cells as HTML for the inside of a page, on one line. The last message of each run is unfolded."""
    return "".join(_elements(cells, runs, images))


def _elements(cells: Sequence[Cell], runs: Sequence[RunInfo], images: bool) -> Iterator[str]:
    hues: dict[str, int] = {}
    for cell in cells:
        hues.setdefault(cell.path, 210 + 137 * len(hues))  # the golden angle keeps neighbours apart
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            task = one_line(run.task)
            yield f"<p><b>Run {number}{f': <bdi>{escape(task)}</bdi>' if task else ''}</b></p>"
        for place, cell in enumerate(own, 1):
            yield from _cell(cell, place == len(own), hues[cell.path], images)
        if run is not None:
            yield f"<p><small>{escape(_capital(ending(run)))}</small></p>"


def _cell(cell: Cell, is_open: bool, hue: int, images: bool) -> Iterator[str]:
    said = said_in(cell)
    words = [f"<b><bdi>{escape(_name(cell))}</bdi></b>", escape(marks(cell))]
    if not is_open:
        words.append(f"– <bdi>{escape(one_line(said, _FOLDED))}</bdi>")
    words.append(f"<small>{escape(figures(cell))}</small>" if figures(cell) else "")
    yield f'<details style="{_CELL.format(hue=hue % 360)}"{" open" if is_open else ""}>'
    yield f"<summary>{' '.join(filter(None, words))}</summary>"
    if said:
        # A parser drops the first line feed inside of <pre>.
        inside = ("\n" if said.startswith("\n") else "") + escape(said, quote=False)
        yield f'<pre dir="auto" style="{_TEXT}">' + inside.replace("\n", "&#10;") + "</pre>"
    if images:
        yield from (image(str(source), number).strip() for number, source in enumerate(_images(cell), 1))
    yield "</details>"


def said_in(cell: Cell) -> str:
    """All that a cell says, as it was said: its text, its tool calls with their results, code and what came of it.

    Control characters are made visible.
    """
    text = "" if cell.kind is CellKind.TOOL_CALL else visible(cell.text)
    parts = [text]
    for block in cell.data.get("code_blocks", ()):
        if (code := visible(str(block.get("code", "")))).strip() not in text:
            parts.append(code)
    for call in cell.tool_calls:
        parts.append(f"{one_line(call.name)}({visible(call.arguments)})")
        if call.result is not None:
            parts.append(f"{one_line(call.name)} {'failed' if call.is_error else 'gave'}: {visible(call.result)}")
    for name in ("output", "answer", "traceback"):
        if cell.data.get(name):
            parts.append(f"{name}: {visible(str(cell.data[name]))}")
    return "\n".join(part for part in parts if part)


def written(text: str) -> int:
    """The bytes that a text takes in a notebook's file."""
    return len(dumps(text, ensure_ascii=False).encode("utf-8", "replace")) + 11 * text.count("\n")


def _images(cell: Cell) -> Sequence[object]:
    return tuple(cell.data.get("images", ()))


def _name(cell: Cell) -> str:
    return one_line(cell.path or cell.agent or "nb_stream")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
