"""Flow control: how often frames may go out, so that the slowest page can follow and nothing piles up on the way.

The kernel cannot see a page; it can only ask. Every two seconds a frame asks for an answer (`ack`). A page answers once
it has painted that frame; a hidden page, which paints nothing, answers as soon as it has read the frame. While a page
owes an answer, frames come ever more rarely, and each tells more: in t seconds of silence only about 4 ln t frames go
out. What is on its way without an answer is bounded, too: beyond `MAX_UNACKNOWLEDGED`, frames carry no text.

If no page has ever answered (a client without our front end, or a kernel that does not let answers through), nothing is
known about the pages, and frames go out at full pace.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from .protocol import Frame

FRAME_INTERVAL_S = 0.05
"""Seconds between frames while text comes and every page follows."""

ASK_EVERY_S = 2.0
"""Seconds between two frames that ask for an answer. Rare, because a kernel shows itself busy for each answer."""

LATENESS_DIVISOR = 4.0
"""Frames wait for the time by which a page is late, divided by this."""

MAX_LATENESS_S = 2.0
"""Seconds of lateness that are remembered at most. Each answer that comes in time leaves 0.7 of what is remembered."""

MAX_UNACKNOWLEDGED = 4_000_000
"""Code points that may be on their way without an answer."""

PAGE_TIMEOUT_S = 5.0
"""Seconds after which a page counts as closed if it still owes an answer that another page has given."""


class _Probe(NamedTuple):
    """A frame that asks for an answer: its number, the time when it went out, and the code points sent until then."""

    seq: int
    at: float
    total: int


@dataclass
class _Page:
    """A page that answers: the last frame that it has painted, how many seconds late it was lately, and the code points
    sent until that frame."""

    seq: int
    late: float
    total: int


class FlowControl:
    """Knows which pages answer, and which answers they owe. All times are seconds of one clock.

    Each panel's `Batcher` owns one and changes it with its lock held, because a page that opens may be answered on a
    thread of the kernel.
    """

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}
        self._questions: deque[_Probe] = deque()
        self._asked_at = float("-inf")
        self._total = 0

    def sent(self, frame: Frame, now: float, *, ask: bool = False) -> None:
        """Count a frame that goes out. It asks for an answer if `ask` is set, or if the last question is old enough."""
        self._total += _weight(frame)
        if not ask and now < self._asked_at + ASK_EVERY_S:
            return
        frame["ack"] = True
        if not self._pages:
            self._questions.clear()
        self._questions.append(_Probe(frame["seq"], now, self._total))
        self._asked_at = now

    def answered(self, page: str, seq: int, now: float) -> None:
        """A page has painted the frame `seq` and all before it."""
        answered = [question for question in self._questions if question.seq <= seq]
        if not answered:
            return
        known = self._pages.get(page)
        fresh = [question for question in answered if known is None or question.seq > known.seq]
        if not fresh:
            return
        late = max(now - fresh[-1].at, 0.7 * known.late if known else 0.0)
        self._pages[page] = _Page(fresh[-1].seq, min(late, MAX_LATENESS_S), fresh[-1].total)
        for other, state in list(self._pages.items()):
            if state.seq < fresh[-1].seq and self._owed(state, now) > PAGE_TIMEOUT_S and other != page:
                del self._pages[other]
        painted = min(state.seq for state in self._pages.values())
        while self._questions[0].seq < painted:
            self._questions.popleft()

    def forget(self) -> None:
        """Forget all pages, because one opens and others may be gone. The next frame asks which pages are there."""
        self._pages, self._questions = {}, deque()  # another thread may be reading the old ones
        self._asked_at = float("-inf")

    def interval(self, now: float) -> float:
        """Seconds between two frames: the more, the later the slowest page is."""
        return max(
            (
                FRAME_INTERVAL_S,
                *(max(page.late, self._owed(page, now)) / LATENESS_DIVISOR for page in list(self._pages.values())),
            )
        )

    @property
    def is_answered(self) -> bool:
        """Whether there are pages, and none owes an answer."""
        return bool(self._pages) and not any(
            question.seq > page.seq for page in self._pages.values() for question in self._questions
        )

    @property
    def full(self) -> bool:
        """Whether a page owes so much that no more text may be sent."""
        return any(self._total - page.total > MAX_UNACKNOWLEDGED for page in self._pages.values())

    def _owed(self, page: _Page, now: float) -> float:
        """For how many seconds a page has owed an answer."""
        return next((now - question.at for question in self._questions if question.seq > page.seq), 0.0)


def _weight(frame: Frame) -> int:
    """The code points of transcript in a frame."""
    weight = 0
    for op in frame["ops"]:
        if op["op"] == "append":
            weight += len(op["text"])
        elif op["op"] == "settle":
            weight += len(op["cell"].get("text", ""))
    return weight
