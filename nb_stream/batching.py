"""The batcher: turns what happens in a stream into few frames.

The first token of a message goes out at once. After that the changes of a frame's time are joined: text of one cell
is one append, however many tokens it was, and what a cell went through in between is not told. So the number of
frames depends on time and not on tokens, and the number of bytes on the text and not on the number of frames.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .model import AgentInfo, AgentStatus, Cell, RunInfo, RunState
from .patches import Appended, Opened, Patch, RunChanged, Settled
from .protocol import VERSION, AgentRow, Frame, Op, Snapshot, cell_head, cell_whole, digest, run_row
from .transcript import Transcript

INTERVAL = 0.05
"""Seconds between frames while text comes."""

PER_SECOND = 30
"""Frames in any second, first tokens included."""

COUNTING = 0.25
"""Seconds between two counts of held text: nobody reads them faster."""

QUIET = 1.0
"""Seconds without a frame after which the totals are repeated, for browsers that lost the tail."""

SHORT = 1000
"""Code points up to which a finished cell always carries its text, so that a lost append heals without asking."""


class Source(Protocol):
    """What the batcher reads; `TeamStream` is one."""

    @property
    def agents(self) -> tuple[AgentInfo, ...]: ...
    @property
    def switches(self) -> Any: ...
    @property
    def statuses(self) -> dict[str, AgentStatus]: ...
    @property
    def transcript(self) -> Transcript: ...
    @property
    def state(self) -> RunState: ...
    @property
    def detail(self) -> str: ...
    def drain(self) -> None: ...
    def note(self, path: str) -> str: ...


@dataclass
class _Sent:
    """What went out of a live cell's text: so many code points, with this digest."""

    length: int = 0
    digest: int = 0


class Batcher:
    """Watches a stream and sends frames, on the loop that `loop()` gives; where that does not run, at once.

    Everything but `snapshot` is called on that loop.
    """

    def __init__(
        self,
        source: Source,
        send: Callable[[Frame], None],
        loop: Callable[[], asyncio.AbstractEventLoop | None],
        title: str = "",
    ) -> None:
        self._source = source
        self._send = send
        self._loop = loop
        self._title = title
        self._lock = threading.RLock()  # a page that opens may be answered on a thread of the kernel's
        self._transcript = source.transcript
        self._seq = 0
        self._sent: dict[str, _Sent] = {}
        # What waits for the next frame:
        self._opened: dict[str, Cell] = {}
        self._settled: dict[int, Cell] = {}
        self._runs: dict[str, RunInfo] = {}
        self._notices: list[str] = []
        self._grown = self._agents = self._state = self._everything = False
        # What readers were told of agents, and when:
        self._writing: set[str] = set()
        self._held: dict[str, int] = {}
        self._counted_at = 0.0
        # Time:
        self._timer: asyncio.TimerHandle | None = None
        self._timer_loop: asyncio.AbstractEventLoop | None = None
        self._flush_at: float | None = None
        self._flushing = False
        self._looked = self._last = float("-inf")  # the last flush, and the last that had something to send
        self._repeated = True
        self._times: deque[float] = deque(maxlen=PER_SECOND)

    # --- what happens (Watcher) ------------------------------------------------------------------------------

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""
        with self._lock:
            self._transcript = self._source.transcript
            for patch in patches:
                if isinstance(patch, Opened):
                    self._opened[patch.cell.id] = patch.cell
                elif isinstance(patch, Settled):
                    self._opened.pop(patch.cell.id, None)
                    self._settled[patch.index] = patch.cell
                elif isinstance(patch, RunChanged):
                    self._runs[patch.run.id] = patch.run
                elif isinstance(patch, Appended):
                    self._grown = True
        self._schedule()

    def touched(self, first: bool) -> None:
        """Text is waiting in the stream. Its first piece goes out at once because of its agent's new status."""
        self._grown = True
        self._schedule()

    def agents_changed(self) -> None:
        """A switch, a status or the list of agents changed."""
        statuses = self._source.statuses
        writing = {path for path, status in statuses.items() if status is AgentStatus.WRITING}
        begins = not writing <= self._writing
        self._agents, self._writing = True, writing
        self._schedule(at_once=begins)

    def state_changed(self) -> None:
        """The run's state changed."""
        self._state = True
        self._schedule(at_once=True)

    def notice(self, sentence: str) -> None:
        """Tell the reader something that is no part of the transcript."""
        self._notices.append(sentence)
        self._schedule(at_once=True)

    def resync(self) -> None:
        """Send the snapshot as a frame, to browsers that found a gap."""
        self._everything = True
        self._schedule(at_once=True)

    # --- time ------------------------------------------------------------------------------------------------

    def _running(self) -> tuple[asyncio.AbstractEventLoop | None, float]:
        """The loop if it runs, and the time by its clock."""
        loop = self._loop()
        if loop is None or not loop.is_running():
            return None, time.monotonic()
        return loop, loop.time()

    def _schedule(self, at_once: bool = False) -> None:
        if self._flushing:
            return
        loop, now = self._running()
        if loop is None:
            self.flush()  # nobody would call us later: a script between two runs
            return
        due = now
        if not at_once:
            due = max(due, self._looked + INTERVAL)
        if len(self._times) == PER_SECOND and self._times[0] + 1.0 > now:
            due = max(due, self._times[0] + 1.0)
        if self._timer_loop is not loop or self._flush_at is None or due < self._flush_at:
            self._arm(loop, due, self.flush)
            self._flush_at = due

    def _arm(self, loop: asyncio.AbstractEventLoop, at: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._timer, self._timer_loop = loop.call_at(at, call), loop

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_loop = self._flush_at = None

    def flush(self) -> None:
        """Send what there is as one frame."""
        self._disarm()
        self._flushing = True
        try:
            self._source.drain()
            loop, now = self._running()
            self._looked = now
            with self._lock:
                frame = self._frame(now)
        finally:
            self._flushing = False
        if frame is not None:
            self._repeated = False
            self._went(frame, now)
        if loop is not None and self._grown:
            self._arm(loop, self._counted_at + COUNTING, self.flush)
            self._flush_at = self._counted_at + COUNTING
        elif loop is not None and not self._repeated:
            self._arm(loop, self._last + QUIET, self._repeat)

    def _repeat(self) -> None:
        """Tell once what a browser must have by now."""
        self._disarm()
        self._repeated = True
        with self._lock:
            live = {cell.id: self._sent_of(cell).length for cell in self._transcript.live_cells}
            ops: list[Op] = [{"op": "totals", "settled": len(self._transcript.settled), "live": live}]
            frame = self._numbered(ops)
        self._went(frame, self._running()[1])

    def _went(self, frame: Frame, now: float) -> None:
        self._last = now
        self._times.append(now)
        self._send(frame)

    # --- frames ----------------------------------------------------------------------------------------------

    def _numbered(self, ops: list[Op]) -> Frame:
        self._seq += 1
        return {"v": VERSION, "seq": self._seq, "ops": ops}

    def _frame(self, now: float) -> Frame | None:
        """What waits, as a frame; None where nothing does, or where it is held text that may wait a little longer."""
        ops: list[Op] = []
        if self._state:
            ops.append({"op": "state", "state": self._source.state.value, "detail": self._source.detail})
        ops.extend({"op": "run", "run": run_row(run)} for run in self._runs.values())
        ops.extend({"op": "cell", "cell": cell_head(cell)} for cell in self._opened.values())
        for cell in self._transcript.live_cells:
            if self._is_open(cell.path):
                ops.extend(self._append(cell, cell.text))
        for index, cell in sorted(self._settled.items()):
            ops.extend(self._settle(index, cell))
        held = self._counts()
        counts = held != self._held
        if self._agents or (counts and (ops or now >= self._counted_at + COUNTING)):
            ops.append({"op": "agents", "agents": self._rows(held)})
            self._held, self._counted_at, counts = held, now, False
        notices: list[Op] = [{"op": "notice", "text": text} for text in self._notices]
        everything = self._everything
        self._opened, self._settled, self._runs, self._notices = {}, {}, {}, []
        self._grown, self._agents, self._state, self._everything = counts, False, False, False
        if everything:  # all else is in it
            ops = [{"op": "snapshot", "snapshot": self._snapshot(self._seq + 1)}]
        ops.extend(notices)
        return self._numbered(ops) if ops else None

    def _append(self, cell: Cell, text: str) -> list[Op]:
        """What of a cell's text did not go out yet."""
        sent = self._sent.setdefault(cell.id, _Sent())
        piece = text[sent.length :]
        if not piece:
            return []
        op: Op = {"op": "append", "id": cell.id, "at": sent.length, "text": piece}
        sent.length, sent.digest = len(text), digest(piece, sent.digest)
        return [op]

    def _settle(self, index: int, cell: Cell) -> list[Op]:
        """A finished cell, with its text unless browsers have it, or all but its end, already."""
        ops: list[Op] = []
        text, sent = cell.text, self._sent_of(cell)
        begun = sent.length and digest(text[: sent.length]) == sent.digest and sent.length <= len(text)
        streamed = begun and (sent.length == len(text) or self._is_open(cell.path))
        if streamed and len(text) > SHORT:
            ops.extend(self._append(cell, text))
            whole = cell_head(cell)
        else:
            whole = cell_whole(cell)
        self._sent.pop(cell.id, None)
        settle: Op = {
            "op": "settle",
            "index": index,
            "cell": whole,
            "length": len(text),
            "digest": digest(text),
        }
        return [*ops, settle]

    # --- everything at once ----------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything as of the last frame, or newer where a frame that comes again does no harm. Any thread.

        Text that did not go out yet is not in it, so that later offsets fit.
        """
        with self._lock:
            return self._snapshot(self._seq)

    def _snapshot(self, seq: int) -> Snapshot:
        transcript = self._transcript
        return {
            "v": VERSION,
            "seq": seq,
            "title": self._title,
            "state": self._source.state.value,
            "detail": self._source.detail,
            "agents": self._rows(self._counts()),
            "runs": [run_row(run) for run in transcript.runs],
            "settled": [cell_whole(cell) for cell in transcript.settled],
            "live": [cell_whole(cell, cell.text[: self._sent_of(cell).length]) for cell in transcript.live_cells],
        }

    # --- agents ----------------------------------------------------------------------------------------------

    def _sent_of(self, cell: Cell) -> _Sent:
        return self._sent.get(cell.id, _Sent())

    def _is_open(self, path: str) -> bool:
        return bool(self._source.switches.get(path, True))

    def _counts(self) -> dict[str, int]:
        """How many code points each closed gate holds."""
        held: dict[str, int] = {}
        for cell in self._transcript.live_cells:
            if not self._is_open(cell.path):
                held[cell.path] = held.get(cell.path, 0) + len(cell.text) - self._sent_of(cell).length
        return held

    def _rows(self, held: dict[str, int]) -> list[AgentRow]:
        statuses, switches = self._source.statuses, self._source.switches
        return [
            {
                "path": agent.path,
                "name": agent.name,
                "description": agent.description,
                "parent": agent.parent,
                "can_stream": agent.can_stream,
                "on": switches[agent.path],
                "note": self._source.note(agent.path),
                "status": statuses.get(agent.path, AgentStatus.IDLE).value,
                "held": held.get(agent.path, 0),
            }
            for agent in self._source.agents
        ]
