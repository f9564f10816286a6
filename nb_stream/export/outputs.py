"""A transcript as the output of a notebook's cell: as HTML and as plain text, each whole and each as small as can be.

A notebook is a JSON file, and its writers put every line of a text on a line of its own, which costs 12 bytes each.
So the HTML is one line: line feeds stand in it as `&#10;`. That also keeps Markdown readers, to whom `nbconvert` gives
HTML as it is, from ending it at an empty line. All of it stands in one `<pre>`, whose style does for every message,
and in which line feeds count where styles are stripped. Attributes have no quotation marks and paragraphs no end tags,
as HTML allows. All text is escaped, and nothing is loaded from anywhere.

Both forms together take at most some four times the bytes of a message: a short one has no colour and cannot be folded.
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
"""Characters of a message that stand in its head while it is folded."""

_SHORT, _BRIEF = 100, 40
"""Characters up to which a message is never folded, and up to which its agent has no colour."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")

_NOT_FINISHED = (CellStatus.WRITING, CellStatus.RUNNING, CellStatus.WAITING)
_CUT_OFF = "cut off"
"""What is not finished can only be read again where its kernel is gone."""


class Entry(NamedTuple):
    """A message, or the head or the end of a run, in both forms. A message that can be folded has HTML for that too."""

    kind: Literal["head", "message", "end"]
    text: str
    html: str
    folded: str | None = None
    is_finished: bool = True


class Renderer:
    """Makes entries of cells and runs. A finished cell is rendered once: what came of it is kept until it is dropped.
    Colours are given to agents in the order in which they come."""

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}
        self._kept: dict[int, tuple[Cell, Entry]] = {}  # by `id`, which is a cell's own for as long as it is kept

    def entries(self, cells: Iterable[Cell], runs: Sequence[RunInfo], begun: int = 0) -> Iterator[Entry]:
        """What there is to show of the cells, in their order, with the heads and ends of the runs. The last message of
        each run is unfolded. `begun` runs have their heads already: the cells go on in the last of them."""
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
        """Keep nothing of these cells any more."""
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
    """A cell in both forms, with all that it says; `colour` is a tint for its agent."""
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
    """Runs and cells as plain text: what was said as it was, behind a head that begins a line with dashes."""
    return "".join(entry.text for entry in Renderer().entries(cells, runs))


def as_html(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as HTML for the inside of a page, on one line. Messages that are not short can be unfolded, as the
    last one of each run is."""
    return framed("".join(entry.html for entry in Renderer().entries(cells, runs)))


def framed(inside: str) -> str:
    """The HTML of entries, fit to stand for itself."""
    return f"<pre style={_PAGE}>{inside}</pre>" if inside else ""


def _plain_text(said: str) -> str:
    return escape(said, quote=False).replace("\n", "&#10;")


def _aside(words: str) -> str:
    """Words between others, whose order they must not turn round."""
    return f"<bdi>{escape(words, quote=False)}</bdi>" if _turns(words) else escape(words, quote=False)


def _turns(text: str) -> bool:
    """Whether some of it is written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def _tint(number: int) -> str:
    """A tint for the ground on which an agent's name stands, in a light page and in a dark one."""
    hue = (210 + 137 * number) % 360  # the golden angle keeps neighbours apart
    return "#" + "".join(f"{round(15 * part):x}" for part in colorsys.hls_to_rgb(hue / 360, 0.5, 0.45)) + "5"


def said_in(cell: Cell) -> str:
    """All that a cell says, as it was said: its text, its tool calls with their results, code and what came of it.

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
            pass  # the text names the agent, and images stand behind it
        case _:
            unreachable(section)
