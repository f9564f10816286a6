"""A transcript in a few parts, in the order of the run, of which what is new changes the last one only.

An output of a notebook can only be changed as a whole. If it held everything, each run would cost more than the run
before. So what is finished moves on: out of the last part, which is small, into a larger one, and from there into the
first, which has no limit. A byte moves twice, however long the transcript grows, and is sent with its part each time
that the part grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..model import Cell, RunInfo
from .outputs import Entry, Renderer, framed

LIMITS = (None, 256_000, 32_000)
"""Characters of both forms up to which a part takes what is finished."""


@dataclass(frozen=True)
class Part:
    """Some of a transcript in both forms; `revision` is another one whenever they are."""

    text: str = ""
    html: str = ""
    revision: int = 0

    def grown(self, text: str, html: str) -> Part:
        """With more behind it."""
        return self.turned(self.text + text, self.html + html) if text or html else self

    def turned(self, text: str, html: str) -> Part:
        """With these forms instead."""
        same = (text, html) == (self.text, self.html)
        return self if same else Part(text, html, self.revision + 1)

    @property
    def framed(self) -> str:
        """The HTML, fit to stand for itself."""
        return framed(self.html)


class Parts:
    """The parts of one growing transcript."""

    def __init__(self) -> None:
        self.parts: tuple[Part, ...] = tuple(Part() for _ in LIMITS)
        self._renderer = Renderer()
        self._closed: tuple[Cell, ...] = ()  # what stands in all parts but the last one
        self._begun = 0  # the runs whose heads stand there
        self._ended: tuple[RunInfo, ...] = ()  # and those whose ends do

    def update(self, settled: Sequence[Cell], live: Sequence[Cell], runs: Sequence[RunInfo]) -> None:
        """Bring the parts up to date. They begin anew where something is different that stood already."""
        settled, runs = tuple(settled), tuple(runs)
        *before, last = self.parts
        if settled[: len(self._closed)] != self._closed or runs[: len(self._ended)] != self._ended:
            before = [part.turned("", "") for part in before]
            self._closed, self._begun, self._ended, self._renderer = (), 0, (), Renderer()
        fresh = settled[len(self._closed) :]
        entries = list(self._renderer.entries((*fresh, *live), runs, self._begun))
        finished = entries[: _cut(entries, max(0, len(fresh) - 1))]
        if sum(len(entry.text) + len(entry.html) for entry in finished) > LIMITS[-1]:
            entries = entries[len(finished) :]
            before[-1] = before[-1].grown(*_forms(finished))
            count = sum(entry.kind == "message" for entry in finished)
            self._renderer.drop(fresh[:count])
            self._closed = settled[: len(self._closed) + count]
            self._begun += sum(entry.kind == "head" for entry in finished)
            self._ended = runs[: max(0, self._begun - 1)]
        for place in range(len(before) - 1, 0, -1):
            limit, part = LIMITS[place], before[place]
            if limit is not None and len(part.text) + len(part.html) > limit:
                before[place - 1] = before[place - 1].grown(part.text, part.html)
                before[place] = part.turned("", "")
        self.parts = (*before, last.turned(*_forms(entries)))


def _cut(entries: Sequence[Entry], messages: int) -> int:
    """How many of the entries will not change any more: those before the message with this number, and before the first
    unfinished one. What comes next is a message, or the end of the last run."""
    places = [place for place, entry in enumerate(entries) if entry.kind == "message"]
    last = places[messages] if places else max(0, len(entries) - 1)
    return next((place for place, entry in enumerate(entries[:last]) if not entry.is_finished), last)


def _forms(entries: Sequence[Entry]) -> tuple[str, str]:
    return "".join(entry.text for entry in entries), "".join(entry.html for entry in entries)
