"""What a panel leaves in the notebook: its transcript as plain HTML and text, in an output of its own.

A widget is lost when a saved notebook is opened without its kernel, and JupyterLab then ignores every other
representation in the widget's own output. So each display of a panel brings a second output with a display id, which
is filled as the runs go. The front end hides it while the live panel is on the page.

A notebook may grow by 1.5 times the transcript's text and 20 kB, so not every representation can have all of it. What
decides is who shows what. `text/plain` is shown by everything: by JupyterLab, by every exporter of `nbconvert` (its
LaTeX takes nothing else), by GitHub, by a terminal. `text/html` is the better one, with messages to unfold, but some
show it never, and an output that has both costs twice. So the output has both for as long as they fit, which is some
10 kB of text; a longer transcript is `text/plain` alone, and stays whole wherever it is opened. Where several panels
do not fit together, the longest are the first to be text.
"""

from __future__ import annotations

import sys
import time
import uuid
import weakref
from collections.abc import Callable, Sequence
from typing import Any

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

_FRAME = 600  # bytes of a widget's output and of the bare output beside it
_ELSEWHERE = "It stands where the panel was shown last."


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
        self._excess = self._as_text = 0  # bytes beyond its share: as it is, and as text alone
        self._cell: tuple[str, str] | None = None

    @staticmethod
    def of(stream: object) -> StaticOutput:
        """The one of a stream."""
        return _of.setdefault(stream, StaticOutput())

    def show(self, transcript: Transcript, title: str, leave: str) -> None:
        """Put the output into the cell that is being run; the one in an earlier cell becomes a line that says so."""
        if leave == "nothing" or not _in_kernel():
            return
        self._take(_place())
        if self._display_id is not None:
            self._publish(self._elsewhere, update=True, mark=False)
        self._title, self._leave = title, leave
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
        data = self.bundle(transcript, both=not self.is_text)
        return {"op": "left", "place": self._shown, "data": data, "elsewhere": self._elsewhere}

    @property
    def _elsewhere(self) -> dict[str, str]:
        return _line(self.mark, self._title, _ELSEWHERE)

    def bundle(self, transcript: Transcript, *, both: bool = True) -> dict[str, str]:
        """The output's representations, as many as fit. Without runs it takes no room on the page."""
        cells: Sequence[Cell] = transcript.cells if self._leave == "transcript" else ()
        runs: Sequence[RunInfo] = transcript.runs
        plain = f"Transcript of {self._title}\n" + as_text(cells, runs)
        excess = _FRAME * self._places + written(plain) - int(SHARE * sum(map(_size, cells)))
        self._as_text = max(0, excess)
        others = sum(other._as_text for other in list(_of.values()) if other is not self)
        for images in (True, False) if both else ():
            html = f'<div class="nbs-static {self.mark}">{as_html(cells, runs, images=images)}</div>'
            self._excess = max(0, excess + written(html))
            if self._excess + others <= ALLOWANCE:
                return {"text/html": html, "text/plain": plain}
        self._excess = self._as_text
        return {"text/plain": plain}

    def _write(self, transcript: Transcript, *, update: bool, both: bool = True) -> None:
        data = self.bundle(transcript, both=both)
        self._written, self._at = transcript, time.monotonic()
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
            for other in list(_of.values()):
                if other._cell is not None and other._cell[0] == place[0] and other._cell[1] != place[1]:
                    other._cell = other._display_id = None
                    other._excess = 0
                    other._places -= 1
        self._cell = place


def _fit() -> None:
    """Make texts of the longest outputs, until all fit together."""
    shown = sorted(_of.values(), key=lambda output: output._excess - output._as_text)
    while sum(output._excess for output in shown) > ALLOWANCE and not shown[-1].is_text:
        longest = shown[-1]
        assert longest._written is not None, "only what was written has HTML"
        longest._write(longest._written, update=True, both=False)
        shown.sort(key=lambda output: output._excess - output._as_text)


_of: weakref.WeakKeyDictionary[object, StaticOutput] = weakref.WeakKeyDictionary()


def _line(mark: str, title: str, sentence: str) -> dict[str, str]:
    html = f'<div class="nbs-static {mark}"><small>{sentence}</small></div>'
    return {"text/html": html, "text/plain": f"Transcript of {title}\n{sentence}\n"}


def _size(cell: Cell) -> int:
    return len(said_in(cell).encode("utf-8", "replace"))


def _kernel() -> Any:
    ipython: Any = sys.modules.get("IPython")
    return None if ipython is None else getattr(ipython.get_ipython(), "kernel", None)


def _in_kernel() -> bool:
    return _kernel() is not None


def _place() -> tuple[str, str] | None:
    """The cell that is being run, where the front end says which, and the id of its execution."""
    try:
        parent = _kernel().get_parent("shell")
        return str(parent["metadata"]["cellId"]), str(parent["header"]["msg_id"])
    except (AttributeError, KeyError, TypeError):
        return None
