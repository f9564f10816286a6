"""The batcher: turns what happens in a stream into few frames.

The first token of a message goes out at once. After that the changes of a frame's time are joined: text of one cell is
one append, however many tokens it was, and what a cell went through in between is not told. So the number of frames
depends on time and not on tokens, and the number of bytes on the text and not on the number of frames.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .model import AgentInfo, AgentStatus, Cell, RunInfo, RunState
from .protocol import VERSION, AgentRow, Frame, Op, Snapshot, cell_head, cell_whole, digest, run_row
from .reduce import Appended, Opened, Patch, RunChanged, Settled
from .transcript import Transcript

INTERVAL = 0.05
"""Seconds between frames while text comes."""

PER_SECOND = 30
"""Frames in any second, first tokens included."""

QUIET = 1.0
"""Seconds without a frame after which the totals are repeated, for browsers that lost the tail."""


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


class Batcher:
    """Watches a stream and sends frames. Everything but `snapshot` happens on the loop that `loop()` gives."""

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
        self._seq = 0
        self._sent: dict[str, int] = {}  # live cell -> code points that went out
        self._live: dict[str, Cell] = {}  # live cells whose head is to be sent, in order
        self._settled: dict[int, Cell] = {}  # finished cells to be sent, by index
        self._runs: dict[str, RunInfo] = {}
        self._notices: list[str] = []
        self._agents = self._state = self._grown = False
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._times: deque[float] = deque(maxlen=PER_SECOND)

    # --- what happens (Watcher) ------------------------------------------------------------------------------------

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""
        for patch in patches:
            if isinstance(patch, Opened):
                self._live[patch.cell.id] = patch.cell
                self._sent[patch.cell.id] = 0
            elif isinstance(patch, Settled):
                self._live.pop(patch.cell.id, None)
                self._settled[patch.index] = patch.cell
            elif isinstance(patch, RunChanged):
                self._runs[patch.run.id] = patch.run
            else:
                assert isinstance(patch, Appended)
                self._grown = True
        self._schedule(INTERVAL)

    def touched(self, first: bool) -> None:
        """Text is waiting in the stream."""
        self._grown = True
        if first or self._timer is None:
            self._schedule(0.0 if first else INTERVAL)

    def agents_changed(self) -> None:
        """A switch, a status or the list of agents changed."""
        self._agents = True
        self._schedule(INTERVAL)

    def state_changed(self) -> None:
        """The run's state changed."""
        self._state = True
        self._schedule(0.0)

    def notice(self, sentence: str) -> None:
        """Tell the reader something that is no part of the transcript."""
        self._notices.append(sentence)
        self._schedule(0.0)

    # --- frames ----------------------------------------------------------------------------------------------------

    def _schedule(self, delay: float) -> None:
        loop = self._loop()
        if loop is None or not loop.is_running():
            self.flush()  # nobody would call us later: a script between two runs
            return
        now = time.monotonic()
        if len(self._times) == PER_SECOND:
            delay = max(delay, self._times[0] + 1.0 - now)
        due = now + delay
        if self._timer is not None:
            if self._due <= due + 0.001:
                return
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_later(delay, self.flush)

    def flush(self) -> None:
        """Send what there is as one frame."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._source.drain()
        if self._timer is not None:  # draining scheduled the frame that goes out here
            self._timer.cancel()
            self._timer = None
        ops = self._ops()
        if ops:
            self._emit(ops)
            loop = self._loop()
            if loop is not None and loop.is_running():
                self._due = time.monotonic() + QUIET
                self._timer = loop.call_later(QUIET, self._totals)

    def _emit(self, ops: list[Op]) -> None:
        self._seq += 1
        self._times.append(time.monotonic())
        self._send({"v": VERSION, "seq": self._seq, "ops": ops})

    def _ops(self) -> list[Op]:
        ops: list[Op] = []
        if self._state:
            ops.append({"op": "state", "state": self._source.state.value, "detail": self._source.detail})
        ops.extend({"op": "run", "run": run_row(run)} for run in self._runs.values())
        ops.extend({"op": "cell", "cell": cell_head(cell)} for cell in self._live.values())
        if self._grown or self._agents:
            ops.extend(self._appends())
        ops.extend(self._settles())
        if self._agents:
            ops.append({"op": "agents", "agents": self._rows()})
        ops.extend({"op": "notice", "text": text} for text in self._notices)
        self._state = self._agents = self._grown = False
        self._runs, self._live, self._settled, self._notices = {}, {}, {}, []
        return ops

    def _appends(self) -> list[Op]:
        ops: list[Op] = []
        for cell in self._live_cells():
            sent = self._sent.get(cell.id, 0)
            if self._open(cell) and len(cell.text) > sent:
                ops.append({"op": "append", "id": cell.id, "at": sent, "text": cell.text[sent:]})
                self._sent[cell.id] = len(cell.text)
            elif not self._open(cell):
                self._agents = True  # the count of what is held
        return ops

    def _settles(self) -> list[Op]:
        ops: list[Op] = []
        for index, cell in sorted(self._settled.items()):
            sent = self._sent.pop(cell.id, None)
            whole = cell_head(cell) if sent == len(cell.text) and sent else cell_whole(cell)
            ops.append(
                {
                    "op": "settle",
                    "index": index,
                    "cell": whole,
                    "length": len(cell.text),
                    "digest": digest(cell.text),
                }
            )
        return ops

    def _totals(self) -> None:
        self._timer = None
        transcript = self._source.transcript
        live = {cell.id: self._sent.get(cell.id, 0) for cell in self._live_cells()}
        self._emit([{"op": "totals", "settled": len(transcript.settled), "live": live}])

    # --- everything at once ----------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The panel as of the last frame: text that did not go out yet is not in it, so that later offsets fit."""
        transcript = self._source.transcript
        return {
            "v": VERSION,
            "seq": self._seq,
            "title": self._title,
            "state": self._source.state.value,
            "detail": self._source.detail,
            "agents": self._rows(),
            "runs": [run_row(run) for run in transcript.runs],
            "settled": [cell_whole(cell) for cell in transcript.settled],
            "live": [
                cell_whole(cell, cell.text[: self._sent.get(cell.id, 0)])
                for live in transcript.live
                for cell in live.cells
            ],
        }

    def resync(self) -> None:
        """Send the snapshot as a frame, to a browser that found a gap."""
        self.flush()
        self._emit([{"op": "snapshot", "snapshot": self.snapshot()}])

    def _live_cells(self) -> list[Cell]:
        return [cell for live in self._source.transcript.live for cell in live.cells]

    def _open(self, cell: Cell) -> bool:
        return bool(self._source.switches.get(cell.path, True))

    def _rows(self) -> list[AgentRow]:
        held: dict[str, int] = {}
        for cell in self._live_cells():
            held[cell.path] = held.get(cell.path, 0) + len(cell.text) - self._sent.get(cell.id, 0)
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
                "held": 0 if switches[agent.path] else held.get(agent.path, 0),
            }
            for agent in self._source.agents
        ]
