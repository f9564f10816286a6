"""A transcript in a few parts, in the order of the run, of which what is new changes the last one only.

An output of a notebook can only be changed as a whole. If it held everything, each run would cost more than the run
before. So what is finished moves on: out of the last part, which is small, into a larger one, and from there into the
first, which has no limit. A short transcript stands in the first part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.model import Cell, RunInfo
from .outputs import Entry, Renderer, framed

PART_LIMITS_CHARS = (None, 256_000, 32_000)
"""Characters of both forms up to which a part takes what is finished. The last limit is that of the first part, too, as
long as it is alone."""


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

    def __add__(self, other: Part) -> Part:
        """Both in one, of which the revision is another one whenever one of theirs is."""
        return Part(self.text + other.text, self.html + other.html, self.revision + other.revision)

    @property
    def framed(self) -> str:
        """The HTML, fit to stand for itself."""
        return framed(self.html)


class TranscriptParts:
    """The parts of one growing transcript."""

    def __init__(self) -> None:
        self.parts: tuple[Part, ...] = tuple(Part() for _ in PART_LIMITS_CHARS)
        self._renderer = Renderer()
        self._closed: tuple[Cell, ...] = ()  # what is finished and stays as it stands
        self._begun = 0  # the runs whose heads stand there
        self._ended: tuple[RunInfo, ...] = ()  # and those whose ends do
        self._at = 0  # the part in which everything else stands

    def update(self, settled: Sequence[Cell], live: Sequence[Cell], runs: Sequence[RunInfo]) -> None:
        """Bring the parts up to date. They begin anew where something is different that stood already."""
        settled, runs, parts = tuple(settled), tuple(runs), list(self.parts)
        if settled[: len(self._closed)] != self._closed or runs[: len(self._ended)] != self._ended:
            parts = [part.turned("", "") for part in parts]
            self._closed, self._begun, self._ended, self._renderer, self._at = (), 0, (), Renderer(), 0
        fresh = settled[len(self._closed) :]
        entries = list(self._renderer.entries((*fresh, *live), runs, self._begun))
        finished = entries[: _finished_count(entries, max(0, len(fresh) - 1))]
        if sum(len(entry.text) + len(entry.html) for entry in finished) > PART_LIMITS_CHARS[-1]:
            entries = entries[len(finished) :]
            text, html = _forms(finished)
            if self._at == 0:
                parts[0] = parts[0].turned(text, html)
                self._at = len(parts) - 1
            else:
                parts[-2] = parts[-2].grown(text, html)
            count = sum(entry.kind == "message" for entry in finished)
            self._renderer.drop(fresh[:count])
            self._closed = settled[: len(self._closed) + count]
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
    """How many of the entries will not change any more: those before the message with this number, and before the first
    unfinished one. What comes next is a message, or the end of the last run."""
    places = [place for place, entry in enumerate(entries) if entry.kind == "message"]
    last = places[messages] if places else max(0, len(entries) - 1)
    return next((place for place, entry in enumerate(entries[:last]) if not entry.is_finished), last)


def _forms(entries: Sequence[Entry]) -> tuple[str, str]:
    return "".join(entry.text for entry in entries), "".join(entry.html for entry in entries)
