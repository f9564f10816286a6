"""What a panel leaves in the notebook: its transcript as plain HTML and text, in an output of its own.

A widget is lost when a saved notebook is opened without its kernel, and JupyterLab then ignores every other
representation in the widget's own output. So each display of a panel brings a second output with a display id, which
is filled as the runs go. The front end hides it while the live panel is on the page.

A notebook may grow by 1.5 times the transcript's text and 20 kB, so not every representation can have all of it: two
of them take twice the text, which cannot be beyond 40 kB, and line ends and names take their share of that. What
decides is who shows what. `text/plain` is shown by everything: by JupyterLab, by every exporter of `nbconvert` (its
LaTeX takes nothing else), by GitHub, by a terminal. `text/html` is the better one, with messages to unfold, but some
show it never. So the output has both for as long as they fit, in ever denser forms, which is some 25 kB of text; a
longer transcript is `text/plain` alone, and stays whole wherever it is opened. Where several panels do not fit
together, the longest give way first.
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

from . import kernel_gate
from .export.outputs import as_html, as_text, said_in, written
from .model import Cell, RunInfo
from .protocol import LeftOp
from .transcript import Transcript

LEAVES = ("transcript", "summary", "nothing")
"""What a panel may leave: all that was said, a line for each run, or nothing."""

SHARE = 1.5
"""Bytes in the notebook for each byte of a transcript's text."""

ALLOWANCE = 20_000
"""Bytes beyond that, for all panels of a notebook."""

PAUSE = 20.0
"""Seconds between two updates while a run goes on, so that a notebook that is saved meanwhile has most of it."""

_FORMS: Final[tuple[tuple[Mapping[str, bool] | None, bool], ...]] = (
    ({"images": True}, False),
    ({"images": False}, False),
    ({"dense": True}, False),
    ({"dense": True}, True),
    (None, False),
    (None, True),
)
"""The representations from the largest to the smallest: how the HTML is made, and whether the text is dense."""

_FRAME = 780  # bytes of a widget's output and of the bare output beside it, without the title, which they have thrice
_STATE = 1_300  # bytes of a widget's state, where it is written into the notebook (`unattended`)
_ELSEWHERE = "It stands where the panel was shown last."
_ABOVE = "What was said stands above, in plain text alone if it is long."


def instead(title: str, leave: str) -> dict[str, str]:
    """What is shown of a panel where its widget cannot be: who it is, and where to look."""
    if leave == "nothing":
        return {"text/plain": title}
    return {"text/html": f"<small>{escape(title)}. {_ABOVE}</small>", "text/plain": title}


class StaticOutput:
    """The static output of one stream, whichever of its panels are shown, and where: it stands beside the last one."""

    def __init__(self) -> None:
        self.mark = f"nbs-static-{uuid.uuid4().hex[:8]}"
        self.is_text = False
        self.listeners: list[Callable[[bool], None]] = []
        """Told at each writing whether it is text alone."""
        self._title, self._leave = "", LEAVES[0]
        self._display_id: str | None = None
        self._written: Transcript | None = None
        self._at = float("-inf")
        self._places = self._shown = 0  # outputs that stand in the notebook, and how often it was shown at all
        self._form = 0  # of `_FORMS`
        self._excess = self._least = 0  # bytes beyond its share: as it is, and as it can be
        self._states = 0  # bytes of its panels' states
        self._cell: tuple[str, str] | None = None

    @staticmethod
    def of(stream: object) -> StaticOutput:
        """The one of a stream."""
        with _lock:
            return _of.setdefault(stream, StaticOutput())

    def show(self, transcript: Transcript, title: str, leave: str) -> None:
        """Put the output into the cell that is being run; the one in an earlier cell becomes a line that says so."""
        if leave == "nothing" or kernel_gate.request() is None:
            return
        self._take(_place())
        if self._display_id is not None:
            self._publish(self._elsewhere, update=True, mark=False)
        self._title, self._leave = title, leave
        self._states = _STATE * len(self.listeners) if kernel_gate.unattended() else 0
        self._places += 1
        self._shown += 1
        self._display_id = uuid.uuid4().hex
        self._write(transcript, update=False)
        _fit()

    def update(self, transcript: Transcript, *, now: bool = True) -> None:
        """Bring the output up to date, where there is one; unless `now`, only if that was not done for a while."""
        if self._display_id is None or transcript is self._written:
            return
        if now or time.monotonic() > self._at + PAUSE:
            self._write(transcript, update=True)
            _fit()

    def now(self, transcript: Transcript) -> LeftOp | None:
        """What stands there, or should, for a page that is not reached by `update`; None where nothing is left."""
        if self._display_id is None:
            return None
        data = self.bundle(transcript, self._form)
        return {"op": "left", "place": self._shown, "data": data, "elsewhere": self._elsewhere}

    @property
    def _elsewhere(self) -> dict[str, str]:
        return _line(self.mark, self._title, _ELSEWHERE)

    def bundle(self, transcript: Transcript, form: int = 0) -> dict[str, str]:
        """The output's representations in the first form from `form` on that fits. Without runs it takes no room on
        the page."""
        cells: Sequence[Cell] = transcript.cells if self._leave == "transcript" else ()
        runs: Sequence[RunInfo] = transcript.runs
        said = sum(map(_size, cells))
        own = (_FRAME + 3 * len(self._title)) * self._places + self._states - int(SHARE * said)
        plain = [f"Transcript of {self._title}\n" + as_text(cells, runs, dense=dense) for dense in (False, True)]
        least = own + written(plain[True])
        self._least = max(0, least)
        others = sum(other._least for other in _all() if other is not self)
        for self._form in range(form, len(_FORMS)):
            how, dense = _FORMS[self._form]
            if how is not None and least + said > ALLOWANCE:
                continue  # HTML is longer than what it says
            data = {"text/plain": plain[dense]}
            if how is not None:
                data = {"text/html": f'<div class="nbs-static {self.mark}">{as_html(cells, runs, **how)}</div>', **data}
            self._excess = max(0, own + sum(map(written, data.values())))
            if self._excess + others <= ALLOWANCE:
                break
        return data

    def _write(self, transcript: Transcript, *, update: bool) -> None:
        self._written, self._at = transcript, time.monotonic()
        self._put(self.bundle(transcript), update=update)

    def _put(self, data: dict[str, str], *, update: bool = True) -> None:
        self._publish(data, update=update)
        self.is_text = "text/html" not in data
        for tell in self.listeners:
            tell(self.is_text)

    def _publish(self, data: dict[str, str], *, update: bool, mark: bool = True) -> None:
        import IPython.display as ipython

        publish: Any = ipython.publish_display_data
        metadata = {"nb_stream": self.mark, "place": self._shown} if mark else {}
        publish(data, metadata, transient={"display_id": self._display_id}, update=update)

    def _take(self, place: tuple[str, str] | None) -> None:
        """Stand in a cell from now on. What an earlier execution of the same cell has left there is gone."""
        if place is not None:
            for other in _all():
                if other._cell is not None and other._cell[0] == place[0] and other._cell[1] != place[1]:
                    other._cell = other._display_id = None
                    other._excess = other._least = 0
                    other._places -= 1
        self._cell = place


def _fit() -> None:
    """Give the longest outputs smaller forms, until all fit together."""
    smaller: dict[StaticOutput, dict[str, str]] = {}
    while sum(output._excess for output in _all()) > ALLOWANCE:
        longest = max(_all(), key=lambda output: output._excess - output._least)
        if longest._excess == longest._least:
            break
        assert longest._written is not None, "only what was written can be smaller"
        smaller[longest] = longest.bundle(longest._written, longest._form + 1)
    for output, data in smaller.items():
        output._put(data)


def _all() -> list[StaticOutput]:
    """Those of all streams there are; another thread may just be making one."""
    with _lock:
        return list(_of.values())


_of: weakref.WeakKeyDictionary[object, StaticOutput] = weakref.WeakKeyDictionary()
_lock = threading.RLock()  # a finaliser may come in between


def _line(mark: str, title: str, sentence: str) -> dict[str, str]:
    html = f'<div class="nbs-static {mark}"><small>{sentence}</small></div>'
    return {"text/html": html, "text/plain": f"Transcript of {title}\n{sentence}\n"}


def _size(cell: Cell) -> int:
    return len(said_in(cell).encode("utf-8", "replace"))


def _place() -> tuple[str, str] | None:
    """The cell that is being run, where the front end says which, and the id of its execution."""
    request = kernel_gate.request() or {}
    try:
        return str(request["metadata"]["cellId"]), str(request["header"]["msg_id"])
    except (KeyError, TypeError):
        return None
