"""The output that a panel leaves in the notebook: its transcript as plain HTML and text.

A widget is lost when a saved notebook is opened without its kernel, and JupyterLab then ignores every other
representation in the widget's own output. So each panel that is shown brings more outputs, with display ids, which are
filled while runs go on: `text/html`, with messages to unfold, and `text/plain`, which every program shows. Both hold
the whole transcript at every size. The front end hides them while the live panel is on the page.

JupyterLab shows 50 outputs of a cell. So only the first panels of a cell have several outputs each, of which only the
last is written again while a run goes on. The panels behind them have one output each.

When a kernel dies, nobody can write what it has not written. So the outputs are brought up to date while a run goes on,
and a message that is being written is marked there as cut off.

A message is rendered once. A long one is rendered in a thread, so that it does not hold up the kernel's loop. Until
that is done, it stands in the output as it was written.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Collection
from functools import reduce
from html import escape
from operator import add
from typing import Any, Protocol

from ..concurrency import comm_interceptor
from ..core.transcript import Transcript
from ..export.outputs import CHARS_AT_ONCE, RESERVE_BYTES
from ..export.parts import PART_LIMITS_CHARS, Part, TranscriptParts
from ..wire.protocol import SavedOutputOp


class HasTranscript(Protocol):
    """A stream, as far as this module reads it."""

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far."""


LEAVE_OPTIONS = ("transcript", "summary", "nothing")
"""What a panel may leave: the whole transcript, a line for each run, or nothing."""

WRITE_EVERY_S = 2.0
"""Seconds between two writings while a cell runs or a run goes on."""

WRITE_LIVE_AFTER_S = 3.0
"""Seconds after which the text of an unfinished message is in the output, too."""

SPLIT_IN_CELL = 4
"""How many panels of one cell have several outputs each. With the widgets, these panels have 4 · 4 outputs, and each
other panel has 2: together less than 50 up to the 21st panel."""

_ELSEWHERE = "It stands where the panel was shown last."
_ABOVE = "What was said stands above."


def instead(title: str, leave: str) -> dict[str, str]:
    """What stands in the place of a panel if its widget cannot be shown: its title, and where to look."""
    if leave == "nothing":
        return {"text/plain": title}
    return {"text/html": f"<small>{escape(title)}. {_ABOVE}</small>", "text/plain": title}


class SavedOutput:
    """The static outputs of one stream. They stand beside the panel of the stream that was shown last.

    This module owns one for each stream, for as long as the stream lives. `mark` is the CSS class of their HTML. They
    are written on the stream's loop, and at the end of a cell on the main thread.
    """

    def __init__(self) -> None:
        self.mark = f"nbs-static-{uuid.uuid4().hex[:8]}"
        self.listeners: list[Callable[[SavedOutputOp | None], None]] = []
        """Called at each writing. The argument is what was written, if pages must put it in themselves; else None."""
        self._title, self._leave = "", LEAVE_OPTIONS[0]
        self._stream: Callable[[], Any] = lambda: None
        self._parts = TranscriptParts(self._reserve)
        self._is_split = True  # whether each part has an output of its own
        self._display_ids: list[str] = []
        self._place = 0  # how often a panel of the stream was shown
        self._cell: tuple[str, str] | None = None
        self._written: list[int] = []  # the revisions that stand in the outputs
        self._unsure: set[int] = set()  # parts that a program without a page may have missed
        self._is_pushed = False  # a page has asked, because the kernel's own updates do not reach it
        self._is_due = False  # something is to be written
        self._at = self._ended_at = float("-inf")  # the last writing, and the last for the end of a run
        self._timer: asyncio.TimerHandle | None = None
        self._timer_loop: asyncio.AbstractEventLoop | None = None
        self._rendering: asyncio.Future[None] | None = None  # messages that are rendered in a thread
        self._lock = threading.RLock()

    @staticmethod
    def of(stream: object) -> SavedOutput:
        """The saved output of a stream."""
        with _lock:
            return _of.setdefault(stream, SavedOutput())

    @property
    def revisions(self) -> str:
        """Where the outputs stand and what they should hold: the place, and the revision of each part. Empty if there
        are no outputs."""
        return ".".join(map(str, (self._place, *self._written))) if self._display_ids else ""

    @property
    def _contents(self) -> tuple[Part, ...]:
        """What each output holds."""
        parts = self._parts.parts
        return parts if self._is_split else (reduce(add, parts),)

    def show(self, stream: HasTranscript, title: str, leave: str) -> None:
        """Put the outputs into the running cell. The outputs in an earlier cell become a line that says where to look.
        Any thread may call it."""
        if leave == "nothing" or comm_interceptor.request() is None:
            return
        comm_interceptor.at_cell_end(_end_of_cell)
        with self._lock:
            self._take(_current_cell_ids())
            for part, display_id in enumerate(self._display_ids):
                self._publish(self._elsewhere(part), display_id, "")
            self._stream, self._title, self._leave = weakref.ref(stream), title, leave
            self._place += 1
            self._is_split = self._cell is None or sum(other._cell == self._cell for other in _all()) <= SPLIT_IN_CELL
            self._read(at_once=comm_interceptor.unattended())
            self._display_ids = [uuid.uuid4().hex for _ in self._contents]
            self._written = [0] * len(self._display_ids)
            self._write(range(len(self._display_ids)), update=False)

    def ended(self) -> None:
        """A run has ended: write that at once, unless another run has just ended, as in a loop of short runs."""
        now = time.monotonic()
        if not comm_interceptor.runs_a_cell() and now >= self._ended_at + WRITE_EVERY_S:
            self._ended_at = now
            self._due_at(now)
        else:
            self.changed()

    def changed(self) -> None:
        """The transcript has something new that is finished."""
        self._due_at(self._at + WRITE_EVERY_S)

    def grew(self) -> None:
        """An unfinished message has more text. Called for each piece of text, so it is cheap."""
        if not self._is_due:
            self._due_at(time.monotonic() + WRITE_LIVE_AFTER_S)

    def now(self, parts: Collection[int] | None = None) -> SavedOutputOp | None:
        """What stands, or should stand, in some of the parts; None if there are no outputs. From now on, listeners get
        what is written."""
        if not self._display_ids:
            return None
        self._is_pushed = True
        with self._lock:
            there = range(len(self._display_ids))
            return self._op(there if parts is None else [part for part in parts if part in there])

    def flush(self, *, ends_cell: bool = False) -> None:
        """Write what has changed. At the end of a cell, also write again what a program that runs cells one by one may
        have missed, because such a program takes only the outputs of the cell that it waits for."""
        with self._lock:
            last_chance = ends_cell and comm_interceptor.unattended()
            unsure = set(self._unsure) if last_chance else set[int]()
            if self._display_ids and (self._is_due or unsure or (last_chance and self._rendering)):
                self._read(at_once=last_chance)
                self._disarm()
                changed = {place for place, part in enumerate(self._contents) if part.revision != self._written[place]}
                self._write(sorted(changed | unsure), update=True)
            if ends_cell:
                self._unsure.clear()

    def _due_at(self, due: float) -> None:
        """Write at this time of the monotonic clock. Write now if that time is past, or if no loop runs that could call
        us later."""
        if not self._display_ids:
            return
        with self._lock:
            self._is_due = True
            loop = _running_loop()
            wait = due - time.monotonic()
            if loop is None or wait <= 0:
                self.flush()
            elif self._timer is None or self._timer_loop is not loop or self._timer.when() > loop.time() + wait:
                self._disarm()
                self._is_due = True
                self._timer, self._timer_loop = loop.call_later(wait, self.flush), loop

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_loop = None
        self._is_due = False

    def _reserve(self) -> int:
        """The bytes that other transcripts have left of the reserve of the notebook."""
        return RESERVE_BYTES - sum(other._parts.taken for other in _all() if other._display_ids and other is not self)

    def _read(self, *, at_once: bool) -> None:
        """Bring the parts up to date with the stream's transcript. If there is a loop, long messages are rendered
        beside it and written later, unless all is needed `at_once`."""
        stream: HasTranscript | None = self._stream()
        if stream is not None:
            transcript, whole = stream.transcript, self._leave == "transcript"
            cells = (transcript.settled, transcript.live_cells) if whole else ((), ())
            loop = None if at_once else _running_loop()
            self._parts.update(*cells, transcript.runs, math.inf if loop is None else CHARS_AT_ONCE)
            rendering = self._parts.rendering()
            if loop is not None and rendering is not None and (self._rendering is None or self._rendering.done()):
                self._rendering = loop.run_in_executor(None, rendering)
                self._rendering.add_done_callback(self._rendered)

    def _rendered(self, rendering: asyncio.Future[None]) -> None:
        """Long messages are rendered: write them."""
        if not rendering.cancelled() and rendering.exception() is None:
            self._is_due = True
            self.flush()

    def _write(self, parts: Collection[int], *, update: bool) -> None:
        if not parts:
            return
        self._at, contents = time.monotonic(), self._contents
        for part in parts:
            self._written[part] = contents[part].revision
            self._publish(self._bundle(part), self._display_ids[part], self._stamp(part), update=update)
        self._unsure.update(parts)
        op = self._op(parts) if self._is_pushed else None
        for tell in list(self.listeners):
            tell(op)

    def _op(self, parts: Collection[int]) -> SavedOutputOp:
        return {
            "op": "saved_output",
            "place": self._place,
            "parts": {str(part): {"stamp": self._stamp(part), "data": self._bundle(part)} for part in parts},
            "elsewhere": [self._elsewhere(part) for part in range(len(PART_LIMITS_CHARS))],
        }

    def _stamp(self, part: int) -> str:
        """An output's metadata: the mark of its stream, its place, its part and its revision."""
        return f"{self.mark} {self._place}.{part}.{self._written[part]}"

    def _bundle(self, part: int) -> dict[str, str]:
        """The representations of a part. A part without runs takes no room on the page."""
        content, title = self._contents[part], f"Transcript of {self._title}\n" if part == 0 else ""
        return {"text/html": f"<div class={self.mark}>{content.framed}</div>", "text/plain": title + content.text}

    def _elsewhere(self, part: int) -> dict[str, str]:
        if part > 0:
            return {"text/html": f"<div class={self.mark}></div>", "text/plain": ""}
        html = f"<div class={self.mark}><small>{_ELSEWHERE}</small></div>"
        return {"text/html": html, "text/plain": f"Transcript of {self._title}\n{_ELSEWHERE}\n"}

    def _publish(self, data: dict[str, str], display_id: str, stamp: str, *, update: bool = True) -> None:
        import IPython.display as ipython

        publish: Any = ipython.publish_display_data
        publish(data, {"nb_stream": stamp} if stamp else {}, transient={"display_id": display_id}, update=update)

    def _take(self, place: tuple[str, str] | None) -> None:
        """Stand in a cell from now on. The outputs of an earlier execution of the same cell are gone."""
        if place is not None:
            for other in _all():
                if other._cell is not None and other._cell[0] == place[0] and other._cell[1] != place[1]:
                    other._cell = None
                    other._display_ids = []
        self._cell = place


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _end_of_cell() -> None:
    for output in _all():
        output.flush(ends_cell=True)


def _all() -> list[SavedOutput]:
    """The saved outputs of all streams. With the lock, because another thread may be adding one."""
    with _lock:
        return list(_of.values())


def _current_cell_ids() -> tuple[str, str] | None:
    """The id of the running cell and the id of its execution; None if the front end does not name the cell."""
    request = comm_interceptor.request() or {}
    try:
        return str(request["metadata"]["cellId"]), str(request["header"]["msg_id"])
    except (KeyError, TypeError):
        return None


_lock = threading.RLock()  # reentrant, because a finaliser may run in between
_of: weakref.WeakKeyDictionary[object, SavedOutput] = weakref.WeakKeyDictionary()
