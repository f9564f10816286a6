"""`TranscriptBuilder`: a transcript that is being changed, with the patches so far.

Each call of `fold` makes one and throws it away. The reducer holds the rules; this module only knows how cells are
placed, replaced and finished, so that patches and transcript always agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .encodable_text import clean
from .message_matching import AgentEvent, in_thought
from .metrics import tokens_per_second
from .model import Cell, CellKind, CellStatus, RunInfo, Usage
from .patches import CellFinished, CellStarted, Patch, RunChanged, TextDelta
from .think_tags import is_turned
from .transcript import AwaitingCell, StreamingCall, StreamingCell, Transcript, cell_id, head_of, lineage

UNFINISHED_STATUSES = (CellStatus.RUNNING, CellStatus.WAITING)


class TranscriptBuilder:
    """The parts of one transcript, open to change. It belongs to one call of `fold`."""

    def __init__(self, transcript: Transcript) -> None:
        self.settled = transcript.settled
        self.live = transcript.live
        self.runs = transcript.runs
        self.turns = transcript.turns
        self.awaited = transcript.awaited
        self._agents = transcript.agents
        self._next_id = transcript.next_id
        self._patches: list[Patch] = []

    def result(self) -> tuple[Transcript, tuple[Patch, ...]]:
        """The changed transcript, and the patches that lead to it."""
        after = Transcript(self.settled, self.live, self.runs, self._next_id, self.turns, self.awaited, self._agents)
        return after, tuple(self._patches)

    # --- runs and turns -------------------------------------------------------------------------------------

    @property
    def run(self) -> str:
        """The id of the last run, empty before the first."""
        return self.runs[-1].id if self.runs else ""

    @property
    def head(self) -> str:
        """The id of the last run that is not set aside, empty if there is none."""
        return head_of(self.runs)

    def set_aside_all_but(self, last: str) -> None:
        """Set aside all runs but the run `last` and those that lead to it."""
        kept = lineage(self.runs, last)
        changed = [replace(run, set_aside=run.id not in kept) for run in self.runs]
        self._patches += [RunChanged(run) for run, old in zip(changed, self.runs, strict=True) if run != old]
        self.runs = tuple(changed)

    def start_run(self, run: RunInfo) -> None:
        """Begin a run."""
        self.runs = (*self.runs, run)
        self._patches.append(RunChanged(run))

    def change_run(self, run: RunInfo) -> None:
        """Replace the last run by `run`."""
        self.runs = (*self.runs[:-1], run)
        self._patches.append(RunChanged(run))

    def mark(self, turn: str | None, at: float) -> None:
        """Remember that a turn gave a sign at this time: the time to its next first token counts from here."""
        if turn is not None:
            self.turns = {**self.turns, turn: at}

    def forget(self, turn: str | None) -> None:
        """Forget a turn that is over."""
        self.turns = {other: at for other, at in self.turns.items() if other != turn}

    # --- cells that are being written -----------------------------------------------------------------------

    def grow(self, live: StreamingCall, kind: CellKind, text: str) -> StreamingCall:
        """Add text to the thought or to the answer of a call."""
        writing = live.thought if kind is CellKind.THOUGHT else live.answer
        if writing is None:
            name = cell_id(live.number, thought=(kind is CellKind.THOUGHT) is not is_turned(live.phase))
            head = self._cell(name, kind, live, live.first_at, CellStatus.WRITING)
            writing = StreamingCell(replace(head, ttft=live.ttft), opened=1 + self._last_opened())
            self._patches.append(CellStarted(writing.head))
        self._patches.append(TextDelta(writing.head.id, writing.length, text))
        writing = writing.grown(text)
        return replace(live, thought=writing) if kind is CellKind.THOUGHT else replace(live, answer=writing)

    def turn(self, live: StreamingCall) -> StreamingCall:
        """Make a thought of what was begun as the answer of a call."""
        if live.answer is None:
            return live
        head = replace(live.answer.head, kind=CellKind.THOUGHT)
        self._patches.append(CellStarted(head))
        return replace(live, thought=replace(live.answer, head=head), answer=None)

    def _last_opened(self) -> int:
        return max((writing.opened for live in self.live for writing in live.writings), default=0)

    def swap(self, old: StreamingCall, new: StreamingCall | None) -> None:
        """Replace the call `old` by `new`, or remove it if `new` is None."""
        index = next(i for i, live in enumerate(self.live) if live is old)
        self.live = (*self.live[:index], *(() if new is None else (new,)), *self.live[index + 1 :])

    def close(self, lives: Iterable[StreamingCall], status: CellStatus = CellStatus.DONE) -> None:
        """Finish the text of calls that no message ends. It stays as it was streamed."""
        for live in lives:
            whole = live
            begun = live.thought is not None or live.answer is not None
            if live.pending.strip() or (live.pending and begun):
                kind = CellKind.THOUGHT if in_thought(live) else CellKind.TEXT
                whole = self.grow(live, kind, clean(live.pending))
            for cell in whole.cells:
                self.place(self.ended(cell, live, status))
            self.swap(live, None)

    def ended(self, cell: Cell, live: StreamingCall, status: CellStatus = CellStatus.DONE) -> Cell:
        """The cell of a call, ended at the time of its last piece."""
        return replace(self.timed(cell, live), status=status, ended_at=live.last_at)

    def timed(self, cell: Cell, live: StreamingCall, usage: Usage | None = None) -> Cell:
        """The cell with the figures of its call."""
        pace, estimated = tokens_per_second(usage, live.count, live.first_at, live.last_at)
        return replace(cell, started_at=live.first_at, ttft=live.ttft, tokens_per_s=pace, estimated=estimated)

    # --- finished cells -------------------------------------------------------------------------------------

    def new(self, kind: CellKind, said: AgentEvent | None, at: float, status: CellStatus) -> Cell:
        """A cell with a new id, in the last run. Its agent is that of `said`; it has no agent if `said` is None."""
        return self._cell(cell_id(self.number()), kind, said, at, status)

    def number(self) -> int:
        """The next number for a cell's id."""
        self._next_id += 1
        return self._next_id - 1

    def _cell(self, name: str, kind: CellKind, said: AgentEvent | None, at: float, status: CellStatus) -> Cell:
        agent, path = ("", "") if said is None else (said.agent, said.path)
        return Cell(name, self.run, agent, path, kind, status=status, started_at=at)

    def place(self, cell: Cell, turn: str | None = None) -> None:
        """Put a cell behind the finished ones. `turn` is the turn that it belongs to, if that is known."""
        index = len(self.settled)
        self.settled = (*self.settled, cell)
        if cell.status in UNFINISHED_STATUSES:
            self.awaited = (*self.awaited, AwaitingCell(index, turn))
        self._patches.append(CellFinished(cell, index))

    def put(self, index: int, cell: Cell, turn: str | None = None) -> None:
        """Replace the finished cell at `index`. `turn` is kept for the cell if its turn was not known so far."""
        self.settled = (*self.settled[:index], cell, *self.settled[index + 1 :])
        waits = cell.status in UNFINISHED_STATUSES
        self.awaited = tuple(
            AwaitingCell(index, other.turn or turn) if other.place == index else other
            for other in self.awaited
            if waits or other.place != index
        )
        self._patches.append(CellFinished(cell, index))

    def waiting(self, said: AgentEvent, kind: CellKind) -> list[tuple[int, Cell]]:
        """The cells of an agent and its turn that wait for a result or an answer, with their index, newest first."""
        found = [
            (index, self.settled[index])
            for index, turn in reversed(self.awaited)
            if turn is None or said.turn is None or turn == said.turn
        ]
        return [
            (index, cell)
            for index, cell in found
            if cell.kind is kind and cell.path == said.path and cell.agent == said.agent
        ]

    def of_run(self) -> Iterator[tuple[int, Cell]]:
        """The finished cells of the last run with their index, the newest first."""
        for index in range(len(self.settled) - 1, -1, -1):
            if self.settled[index].run != self.run:
                return
            yield index, self.settled[index]
