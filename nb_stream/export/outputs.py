"""A transcript as the output of a notebook's cell: as HTML and as plain text, each whole and each as small as can be.

A notebook is a JSON file, and its writers put every line of a text on a line of its own, which costs 12 bytes each.
So the HTML is one line: line feeds stand in it as `&#10;`. That also keeps Markdown readers, to whom `nbconvert` gives
HTML as it is, from ending it at an empty line. All of it stands in one `<pre>`, whose style does for every message,
and in which line feeds count where styles are stripped. Attributes have no quotation marks and paragraphs no end tags,
as HTML allows. All text is escaped, and nothing is loaded from anywhere.

Each comes in two forms: one with room, and a dense one for a transcript that would not fit otherwise.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Sequence
from html import escape
from json import dumps

from ..model import Cell, CellKind, RunInfo
from ..visible import one_line, quoted, visible
from .html import capital, figures, image, marks
from .runs import by_run
from .text import ending

_MARK = "--- "
_PAGE = "white-space:pre-wrap;word-break:normal"  # JupyterLab would break words anywhere
_FOLDED = 48
"""Characters of a message that stand in its head while it is folded."""

_SHORT, _LINE = 120, 400
"""Characters up to which a message shares a line of dense text, and such a line takes one more."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")


def as_text(cells: Sequence[Cell], runs: Sequence[RunInfo], *, dense: bool = False) -> str:
    """Runs and cells as plain text: what was said as it was, behind a head that begins with dashes. A head begins a
    line, but that in dense text short messages share one."""
    return "".join(_lines(cells, runs, dense))


def _lines(cells: Sequence[Cell], runs: Sequence[RunInfo], dense: bool) -> Iterator[str]:
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            yield f"{_MARK}Run {number}: {one_line(run.task)}".rstrip(": ") + "\n"
        texts = [quoted(said_in(cell)) for cell in own]
        length = 0
        for place, (cell, said) in enumerate(zip(own, texts, strict=True)):
            between = "\n" if "\n" in said and not dense else " "
            entry = f"{_MARK}{_head(cell)}:{between}{said}"
            length += len(entry)
            if dense and length < _LINE and all(map(_is_short, texts[place : place + 2])) and cell is not own[-1]:
                yield entry + " "
                continue
            length = 0
            yield entry if entry.endswith("\n") else entry + "\n"
        if run is not None:
            yield f"{_MARK}{capital(ending(run))}\n"


def _is_short(said: str) -> bool:
    return len(said) <= _SHORT and "\n" not in said and _MARK not in said


def as_html(cells: Sequence[Cell], runs: Sequence[RunInfo], *, images: bool = True, dense: bool = False) -> str:
    """Runs and cells as HTML for the inside of a page, on one line. Messages can be unfolded, as the last one of each
    run is; the dense form has them all as paragraphs, and no images."""
    inside = "".join(_elements(cells, runs, images, dense))
    return f"<pre style={_PAGE}>{inside}</pre>" if inside else ""


def _elements(cells: Sequence[Cell], runs: Sequence[RunInfo], images: bool, dense: bool) -> Iterator[str]:
    colours: dict[str, str] = {}
    for cell in cells:
        colours.setdefault(cell.path, _colour(len(colours)))
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            task = one_line(run.task)
            yield f"<p><b>Run {number}{f': {_aside(task)}' if task else ''}</b>"
        for cell in own:
            if dense:
                yield from _paragraph(cell)
            else:
                yield from _details(cell, cell is own[-1], colours[cell.path], images)
        if run is not None:
            yield f"<p><small>{_aside(capital(ending(run)))}</small>"


def _paragraph(cell: Cell) -> Iterator[str]:
    said = said_in(cell)
    yield f"<p><b>{_aside(_head(cell))}</b>"
    yield _said(said) if _turns(said) else ("&#10;" if "\n" in said else " ") + _text(said)


def _details(cell: Cell, is_open: bool, colour: str, images: bool) -> Iterator[str]:
    said = said_in(cell)
    words = [f"<b style=background:{colour}>{_aside(_name(cell))}</b>", marks(cell)]
    if not is_open:
        words.append(f"– {_aside(one_line(said, _FOLDED))}")
    words.append(f"<small>{escape(figures(cell))}</small>" if figures(cell) else "")
    yield f"<details{' open' if is_open else ''}><summary>{' '.join(filter(None, words))}</summary>"
    yield _said(said) if said else ""
    if images:
        yield from (image(str(source), number).strip() for number, source in enumerate(_images(cell), 1))
    yield "</details>"


def _said(said: str) -> str:
    return f"<p{' dir=auto' if _turns(said) else ''}>{_text(said)}"


def _text(said: str) -> str:
    return escape(said, quote=False).replace("\n", "&#10;")


def _aside(words: str) -> str:
    """Words between others, whose order they must not turn round."""
    return f"<bdi>{escape(words, quote=False)}</bdi>" if _turns(words) else escape(words, quote=False)


def _turns(text: str) -> bool:
    """Whether some of it is written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def _colour(number: int) -> str:
    """A tint for the ground on which an agent's name stands, in a light page and in a dark one."""
    hue = (210 + 137 * number) % 360  # the golden angle keeps neighbours apart
    return "#" + "".join(f"{round(15 * part):x}" for part in colorsys.hls_to_rgb(hue / 360, 0.5, 0.45)) + "5"


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


def _head(cell: Cell) -> str:
    return " ".join(filter(None, (_name(cell), marks(cell))))
