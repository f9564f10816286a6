"""Splits a transcript into a few parts, so that new messages change only the last part.

An output of a notebook can only be changed as a whole. If one output held everything, each run would cost more than the
run before. So the parts are in the order of the run. New messages stand in the last part, which is small. Finished
messages move from there into a larger part, and later into the first part, which has no limit. A short transcript
stands in the first part alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.model import Cell, RunInfo
from .outputs import RESERVE_BYTES, Entry, Renderer, framed

PART_LIMITS_CHARS = (None, 256_000, 32_000)
"""How many characters of both forms each part may hold before finished messages move on; None for no limit. As long as
the first part is the only one, the last limit holds for it too."""


@dataclass(frozen=True)
class Part:
    """A part of a transcript as text and as HTML. `revision` is a new number whenever they change."""

    text: str = ""
    html: str = ""
    revision: int = 0

    def grown(self, text: str, html: str) -> Part:
        """This part with text and HTML added at its end."""
        return self.turned(self.text + text, self.html + html) if text or html else self

    def turned(self, text: str, html: str) -> Part:
        """This part with other text and HTML."""
        same = (text, html) == (self.text, self.html)
        return self if same else Part(text, html, self.revision + 1)

    def __add__(self, other: Part) -> Part:
        """Both parts as one. Its revision is a new number whenever one of theirs is."""
        return Part(self.text + other.text, self.html + other.html, self.revision + other.revision)

    @property
    def framed(self) -> str:
        """The HTML in the element that it needs."""
        return framed(self.html)


class TranscriptParts:
    """The parts of one growing transcript. The saved output of a stream owns it."""

    def __init__(self, reserve: Callable[[], int] = lambda: RESERVE_BYTES) -> None:
        """`reserve` is that of `outputs.Renderer`."""
        self._reserve = reserve
        self.parts: tuple[Part, ...] = tuple(Part() for _ in PART_LIMITS_CHARS)
        self._renderer = Renderer(reserve)
        self._closed: tuple[Cell, ...] = ()  # the cells that have moved on and will not be written again
        self._begun = 0  # how many runs have their heads among these cells
        self._ended: tuple[RunInfo, ...] = ()  # the runs whose ends stand among them
        self._goes_on_in = ""  # the run of the first cell behind these
        self._at = 0  # the index of the part with everything else

    @property
    def taken(self) -> int:
        """The bytes that the messages take from the reserve."""
        return max(0, self._renderer.taken)

    def rendering(self) -> Callable[[], None] | None:
        """A function that renders what the last update had no time for; any thread may call it. None if there is
        nothing."""
        waiting = self._renderer.waiting
        return functools.partial(self._renderer.prepare, waiting) if waiting else None

    def update(
        self, settled: Sequence[Cell], live: Sequence[Cell], runs: Sequence[RunInfo], chars: float = math.inf
    ) -> None:
        """Bring the parts up to date. Only so many `chars` are rendered now; a message beyond is shown as it was
        written until `rendering` is done and the parts are updated again.

        If a cell or a run that has moved on is different now, all parts begin anew. They do so too if a replay went
        back and another run goes on behind the cells that have moved on: the last cell of a run is shown open."""
        settled, runs, parts = tuple(settled), tuple(runs), list(self.parts)
        goes_on_in = next((cell.run for cell in (*settled[len(self._closed) :], *live)), "")
        if (
            (self._closed and goes_on_in != self._goes_on_in)
            or settled[: len(self._closed)] != self._closed
            or runs[: len(self._ended)] != self._ended
        ):
            parts = [part.turned("", "") for part in parts]
            self._closed, self._begun, self._ended, self._renderer, self._at = (), 0, (), Renderer(self._reserve), 0
        fresh = settled[len(self._closed) :]
        entries = list(self._renderer.entries((*fresh, *live), runs, self._begun, chars))
        finished = entries[: _finished_count(entries, max(0, len(fresh) - 1))]
        if sum(len(entry.text) + len(entry.html) for entry in finished) > PART_LIMITS_CHARS[-1]:  # they move on
            entries = entries[len(finished) :]
            text, html = _forms(finished)
            if self._at == 0:  # everything stood in the first part: from now on new messages stand in the last one
                parts[0] = parts[0].turned(text, html)
                self._at = len(parts) - 1
            else:
                parts[-2] = parts[-2].grown(text, html)
            count = sum(entry.kind == "message" for entry in finished)
            self._renderer.drop(fresh[:count])
            self._closed = settled[: len(self._closed) + count]
            self._goes_on_in = next((cell.run for cell in (*settled[len(self._closed) :], *live)), "")
            self._begun += sum(entry.kind == "head" for entry in finished)
            self._ended = runs[: max(0, self._begun - 1)]
        for place in range(len(parts) - 2, 0, -1):
            limit, part = PART_LIMITS_CHARS[place], parts[place]
            if limit is not None and len(part.text) + len(part.html) > limit:
                parts[place - 1] = parts[place - 1].grown(part.text, part.html)
                parts[place] = part.turned("", "")
        parts[self._at] = parts[self._at].turned(*_forms(entries))
        self.parts = tuple(parts)


def _finished_count(entries: Sequence[Entry], messages: int) -> int:
    """How many of the entries will not change any more: those that stand before the message with this number and before
    the first unfinished entry. The next entry is a message, or the end of the last run."""
    places = [place for place, entry in enumerate(entries) if entry.kind == "message"]
    last = places[messages] if places else max(0, len(entries) - 1)
    return next((place for place, entry in enumerate(entries[:last]) if not entry.is_finished), last)


def _forms(entries: Sequence[Entry]) -> tuple[str, str]:
    return "".join(entry.text for entry in entries), "".join(entry.html for entry in entries)
