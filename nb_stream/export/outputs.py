"""Writes a transcript as the output of a notebook's cell: as HTML and as plain text, each whole and as small as can be.

A notebook is a JSON file. Programs that write it put every line of a text on a line of its own, which costs 12 bytes
a line. So the HTML is one line, in which line feeds stand as `&#10;`. This has a second use: `nbconvert` gives HTML to
Markdown readers as it is, and they would end it at an empty line. The HTML stands in one `<pre>`. So one style does for
all messages, and line feeds count even if styles are stripped. Attributes have no quotation marks and paragraphs have
no end tags, as HTML allows. All text is escaped, and nothing is loaded from anywhere.

Both forms of a message together take about four times its bytes at most. For this, a short message has no colour and
cannot be folded.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Literal, NamedTuple

from ..core import cell_content as content
from ..core.model import Cell, CellStatus, RunInfo
from ..core.text_safety import one_line, quoted, visible
from ..errors import unreachable
from .html import capital, figures, html_image, marks
from .text import ending

_MARK = "--- "
_PAGE = "white-space:pre-wrap;word-break:normal"  # JupyterLab would break words anywhere
_FOLDED = 48
"""The number of characters of a message that stand in its head while it is folded."""

_SHORT, _BRIEF = 100, 40
"""Messages up to the first number of characters are never folded; up to the second, their agent has no colour."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")

_NOT_FINISHED = (CellStatus.WRITING, CellStatus.RUNNING, CellStatus.WAITING)
_CUT_OFF = "cut off"
"""The status of an unfinished cell: it is read in a saved notebook without a kernel, where nobody will finish it."""


class Entry(NamedTuple):
    """A message, or the head or the end of a run, as text and as HTML. `folded` is the HTML of a message when it is
    folded, None if it cannot be."""

    kind: Literal["head", "message", "end"]
    text: str
    html: str
    folded: str | None = None
    is_finished: bool = True


class Renderer:
    """Makes entries of cells and runs. It renders a finished cell once, and keeps the entry until `drop`. Agents get
    their colours in the order in which they first speak."""

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}
        self._kept: dict[int, tuple[Cell, Entry]] = {}  # by `id(cell)`; holding the cell keeps that id from others

    def entries(self, cells: Iterable[Cell], runs: Sequence[RunInfo], begun: int = 0) -> Iterator[Entry]:
        """The entries of the cells, in their order, with the heads and ends of the runs. The last message of each run
        is unfolded. The first `begun` runs have their heads already, and the cells go on in the last of these."""
        numbers = {run.id: number for number, run in enumerate(runs[begun:], begun + 1)}
        before: Entry | None = None
        for cell in cells:
            bounds = list(_bounds(runs, begun, numbers.get(cell.run, begun)))
            if before is not None:
                yield before if bounds or before.folded is None else before._replace(html=before.folded)
            yield from bounds
            begun = max(begun, numbers.get(cell.run, begun))
            before = self._entry(cell)
        if before is not None:
            yield before
        yield from _bounds(runs, begun, len(runs))
        if runs:
            yield _run_end(runs[-1])

    def drop(self, cells: Iterable[Cell]) -> None:
        """Forget the entries of these cells."""
        for cell in cells:
            self._kept.pop(id(cell), None)

    def _entry(self, cell: Cell) -> Entry:
        kept, entry = self._kept.get(id(cell), (None, None))
        if kept is not cell or entry is None:
            entry = rendered(cell, self._colours.setdefault(cell.path, _tint(len(self._colours))))
            if entry.is_finished:
                self._kept[id(cell)] = cell, entry
        return entry


def _bounds(runs: Sequence[RunInfo], begun: int, number: int) -> Iterator[Entry]:
    """The ends and heads of runs between a cell of the run `begun` and one of the run `number`, counted from 1."""
    for place in range(begun, number):
        if place > 0:
            yield _run_end(runs[place - 1])
        yield _head(runs[place], place + 1)


def _head(run: RunInfo, number: int) -> Entry:
    words = f"Run {number}: {one_line(run.task)}".rstrip(": ")
    return Entry("head", f"{_MARK}{words}\n", f"<p><b>{_aside(words)}</b>")


def _run_end(run: RunInfo) -> Entry:
    is_finished = run.status not in _NOT_FINISHED
    words = capital(ending(run) if is_finished else _CUT_OFF)
    return Entry("end", f"{_MARK}{words}\n", f"<p><small>{_aside(words)}</small>", is_finished=is_finished)


def rendered(cell: Cell, colour: str) -> Entry:
    """The entry of a cell, with all that the cell says. `colour` is the tint of its agent."""
    said, name, about = said_in(cell), one_line(cell.path or cell.agent or "nb_stream"), marks(cell)
    is_finished = cell.status not in _NOT_FINISHED
    if not is_finished:
        about = about.replace(f"{cell.status.value})", f"{_CUT_OFF})")
    has_lines = "\n" in said
    who = f"{name} {about}" if about else name
    text = f"{_MARK}{who}:{chr(10) if has_lines else ' '}{quoted(said)}"
    text = text if text.endswith("\n") else text + "\n"
    tint = f" style=background:{colour}" if len(said) > _BRIEF else ""
    who = f"<b{tint}>{_aside(name)}</b>{' ' if about else ''}{about}"
    images = "".join(html_image(image).strip() for image in content.images_of(cell))
    body = f"<p{' dir=auto' if _turns(said) else ''}>{_plain_text(said)}" if said else ""
    if len(said) <= _SHORT and not images:
        between = "&#10;" if has_lines else " "
        html = f"<p>{who}{body if _turns(said) else between + _plain_text(said)}"
        return Entry("message", text, html, is_finished=is_finished)
    figured = f" <small>{escape(figures(cell))}</small>" if figures(cell) else ""
    inside = f"{figured}</summary>{body}{images}</details>"
    folded = f"<details><summary>{who} – {_aside(one_line(said, _FOLDED))}{inside}"
    return Entry("message", text, f"<details open><summary>{who}{inside}", folded, is_finished)


def as_text(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as plain text. Each message is as it was written, behind a head that begins a line with dashes."""
    return "".join(entry.text for entry in Renderer().entries(cells, runs))


def as_html(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as HTML for the inside of a page, on one line. Messages that are not short are folded, except the
    last one of each run."""
    return framed("".join(entry.html for entry in Renderer().entries(cells, runs)))


def framed(inside: str) -> str:
    """The HTML of entries in the `<pre>` that it needs."""
    return f"<pre style={_PAGE}>{inside}</pre>" if inside else ""


def _plain_text(said: str) -> str:
    return escape(said, quote=False).replace("\n", "&#10;")


def _aside(words: str) -> str:
    """Words that stand between others. If they are written from right to left, they must not change the order of the
    others."""
    return f"<bdi>{escape(words, quote=False)}</bdi>" if _turns(words) else escape(words, quote=False)


def _turns(text: str) -> bool:
    """Whether a part of the text is written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def _tint(number: int) -> str:
    """The background colour of an agent's name. It suits light and dark pages."""
    hue = (210 + 137 * number) % 360  # the golden angle keeps neighbours apart
    return "#" + "".join(f"{round(15 * part):x}" for part in colorsys.hls_to_rgb(hue / 360, 0.5, 0.45)) + "5"


def said_in(cell: Cell) -> str:
    """All that a cell says, as it was written: its text, its tool calls with their results, its code with the output.

    Control characters are made visible.
    """
    return "\n".join(part for section in content.sections_of(cell) for part in _printed_lines(section) if part)


def _printed_lines(section: content.Section) -> Iterator[str]:
    match section:
        case content.Text(text) | content.Approval(text) | content.Code(text):
            yield visible(text)
        case content.ToolUse(call):
            name = one_line(call.name)
            yield f"{name}({visible(call.arguments)})"
            if call.result is not None:
                yield f"{name} {'failed' if call.is_error else 'gave'}: {visible(call.result)}"
        case content.Output(text):
            yield text and f"output: {visible(text)}"
        case content.Ending(_, answer):
            yield f"answer: {visible(answer)}" if answer else ""
        case content.Traceback(text):
            yield f"traceback: {visible(text)}"
        case content.HandoffTarget() | content.Image():
            pass  # the text names the target, and images stand behind the text
        case _:
            unreachable(section)
