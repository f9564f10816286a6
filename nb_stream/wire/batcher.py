"""The batcher decides when a frame goes out, so that a panel costs little however fast tokens come.

The first token of a message goes out at once. After that, all changes within a frame's time go out together, and states
in between are left out. So the number of frames depends on the time and not on the tokens, and the number of bytes on
the text and not on the frames. If a page cannot follow, `flow_control` makes the frame's time longer.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from ..core.model import AgentStatus
from ..core.patches import Patch
from .flow_control import FRAME_INTERVAL_S, FlowControl
from .frame_builder import FrameBuilder, FrameSource
from .protocol import EarlierOp, Frame, Snapshot

MAX_FRAMES_PER_S = 30
"""Frames in any second, first tokens included."""

TOTALS_AFTER_S = 1.0
"""Seconds without a frame after which the totals are sent, for browsers that lost the last frame. Doubles each time."""

MAX_TOTALS = 5
"""How often the totals are sent, if no page says that it has them."""


class Batcher:
    """Watches a stream and sends frames on the loop that `loop()` gives; if that loop does not run, at once.

    The panel owns it. All methods but `snapshot` are called on that loop.
    """

    def __init__(
        self,
        source: FrameSource,
        send: Callable[[Frame], None],
        loop: Callable[[], asyncio.AbstractEventLoop | None],
        title: str = "",
        caution: str = "",
    ) -> None:
        self._source = source
        self._send = send
        self._loop = loop
        self._frames = FrameBuilder(source, title, caution)
        self._pace = FlowControl()
        self._lock = threading.RLock()  # a page that opens may be answered on a thread of the kernel
        self._writing: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_loop: asyncio.AbstractEventLoop | None = None
        self._flush_at: float | None = None
        self._flushing = self._withheld = False
        self._repeats = 0  # how often the totals are still to be sent
        self._totals: int | None = None  # the number of the last frame, if that frame had the totals
        self._looked = self._last = float("-inf")  # the time of the last flush, and of the last frame
        self._times: deque[float] = deque(maxlen=MAX_FRAMES_PER_S)

    # --- what happens (Watcher) ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The stream calls this batcher from now on. It may have gone on, on another thread, since this was made."""
        if not self._frames.is_current:
            self.rewound()

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""
        with self._lock:
            self._frames.add(patches)
        self._schedule()

    def touched(self, first: bool) -> None:
        """Text is waiting in the stream. A first piece goes out at once because of its agent's new status."""
        self._schedule()

    def agents_changed(self) -> None:
        """A switch, a status or the list of agents changed."""
        statuses = self._source.statuses
        writing = {path for path, status in statuses.items() if status is AgentStatus.WRITING}
        begins = not writing <= self._writing
        self._frames.agents, self._writing = True, writing
        self._schedule(at_once=begins and not self._slowed)

    def state_changed(self) -> None:
        """The run's state changed."""
        self._frames.state = True
        self._schedule(at_once=True)

    def rewound(self) -> None:
        """A replay went back: the next frame is a snapshot."""
        with self._lock:
            self._frames.rewind()
        self._schedule(at_once=True)

    def notice(self, sentence: str) -> None:
        """Tell the reader something that is no part of the transcript."""
        self._frames.notices.append(sentence)
        self._schedule(at_once=True)

    def module(self, name: str, source: str) -> None:
        """Send a part of the front end that was asked for."""
        self._frames.modules[name] = source
        self._schedule(at_once=True)

    def resync(self) -> None:
        """Send the snapshot as a frame, to browsers that found a gap."""
        with self._lock:
            self._pace.forget()
        self._frames.everything = True
        self._schedule(at_once=True)

    def acknowledged(self, page: str, seq: int) -> None:
        """A page has painted the frame `seq`: changes that waited for it go out when they are due."""
        with self._lock:
            self._pace.answered(page, seq, self._running()[1])
            if seq == self._totals and self._pace.is_answered:
                self._repeats = 0
        if self._withheld or self._flush_at is not None:
            self._schedule()

    def snapshot(self) -> Snapshot:
        """What a view needs when it opens. Any thread may call it."""
        slowed = self._slowed
        with self._lock:
            self._pace.forget()
            snapshot = self._frames.snapshot()
        if slowed and (loop := self._running()[0]) is not None:
            loop.call_soon_threadsafe(self._schedule)
        return snapshot

    def earlier(self, before: int) -> EarlierOp | None:
        """The finished cells that stand next before the index `before`; None if there are none."""
        with self._lock:
            return self._frames.earlier(before)

    @property
    def _slowed(self) -> bool:
        """Whether a page that cannot follow makes frames wait."""
        return self._withheld or self._pace.interval(self._running()[1]) > FRAME_INTERVAL_S

    # --- when ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send all changes as one frame. If too much is on its way already, send only the run's state."""
        self._disarm()
        self._flushing = True
        try:
            self._source.drain()
            loop, now = self._running()
            self._looked = now
            with self._lock:
                self._withheld = self._pace.full
                frame = self._frames.pulse() if self._withheld else self._frames.next(now)
                count_at = None if self._withheld else self._frames.count_at
        finally:
            self._flushing = False
        if frame is not None:
            self._repeats, self._totals = MAX_TOTALS, None
            self._went(frame, now)
        if loop is not None and count_at is not None:
            self._arm(loop, self._allowed(max(now, count_at)), self.flush)
        elif loop is not None:
            self._arm_repeat(loop)

    def _repeat(self) -> None:
        """Send the totals that a browser must have by now, and ask for an answer."""
        self._disarm()
        if self._repeats == 0:
            return
        self._repeats -= 1
        loop, now = self._running()
        with self._lock:
            frame = self._frames.totals()
        self._totals = frame["seq"]
        self._went(frame, now, ask=True)
        if loop is not None:
            self._arm_repeat(loop)

    def _arm_repeat(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._repeats > 0:
            self._arm(loop, self._last + TOTALS_AFTER_S * 2 ** (MAX_TOTALS - self._repeats), self._repeat)

    def _went(self, frame: Frame, now: float, *, ask: bool = False) -> None:
        self._last = now
        self._times.append(now)
        with self._lock:
            self._pace.sent(frame, now, ask=ask)
        self._send(frame)

    def _schedule(self, at_once: bool = False) -> None:
        """Let the changes go out: at once, or at the end of the frame's time, but never too often."""
        if self._flushing:
            return
        loop, now = self._running()
        if loop is None:
            self.flush()  # nobody would call us later, as in a script between two runs
            return
        due = self._allowed(now if at_once else max(now, self._looked + self._pace.interval(now)))
        if self._timer_loop is not loop or self._flush_at is None or due < self._flush_at:
            self._arm(loop, due, self.flush)

    def _allowed(self, due: float) -> float:
        """The earliest time from `due` on at which one more frame is not too many."""
        return max(due, self._times[0] + 1.0) if len(self._times) == MAX_FRAMES_PER_S else due

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._timer, self._timer_loop = loop.call_at(at, call), loop
        self._flush_at = at if call == self.flush else None

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_loop = self._flush_at = None

    def _running(self) -> tuple[asyncio.AbstractEventLoop | None, float]:
        """The loop if it runs, and the time by its clock."""
        loop = self._loop()
        if loop is None or not loop.is_running():
            return None, time.monotonic()
        return loop, loop.time()
