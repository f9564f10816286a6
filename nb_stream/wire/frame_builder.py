"""What goes into a frame: `FrameBuilder` collects what changed, and tells browsers about it in as few bytes as it can.

The text of a cell becomes one append, however many tokens it came in. A finished cell carries its text, unless the text
is long and browsers have it already. Of the text behind a closed gate, only the length is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..core.model import AgentInfo, AgentStatus, Cell, RunInfo, RunState
from ..core.patches import CellFinished, CellStarted, Patch, RunChanged, TextDelta
from ..core.transcript import Transcript
from .protocol import (
    PROTOCOL_VERSION,
    AgentRow,
    BudgetRow,
    EarlierOp,
    Frame,
    Op,
    ReplayRow,
    Snapshot,
    StateOp,
    cell_head,
    cell_whole,
    digest,
    run_row,
)

COUNT_HELD_EVERY_S = 0.25
"""Seconds between two counts of the text behind closed gates: nobody reads them faster."""

WHOLE_TEXT_UP_TO = 1000
"""Code points up to which a finished cell always carries its text, so that a lost append heals without asking."""

SNAPSHOT_CELLS = 100
"""Finished cells in a snapshot, at most: what a reader sees first, and some screens more."""

PIECE_CELLS = 500
"""Finished cells in one of the pieces that follow, at most."""

PIECE_BYTES = 200_000
"""Bytes of UTF-8, about, of the finished cells in a snapshot or in a piece. A longer cell is a piece by itself."""

HEAD_BYTES = 400
"""Bytes of a cell without its text, about."""


class Player(Protocol):
    """A recording that is played; `Replay` is one."""

    @property
    def run(self) -> int: ...
    @property
    def lengths(self) -> tuple[float, ...]: ...
    @property
    def position(self) -> float: ...
    @property
    def paused(self) -> bool: ...
    @property
    def speed(self) -> float: ...


class Use(Protocol):
    """What a run has used of one of its limits; `Spending` is one."""

    @property
    def unit(self) -> str: ...
    @property
    def spent(self) -> float: ...
    @property
    def limit(self) -> float: ...
    @property
    def about(self) -> bool: ...
    @property
    def at_least(self) -> bool: ...


class Gate(Protocol):
    """Decides whether the tokens of an agent pass; `TokenGate` is one."""

    def is_open(self, path: str) -> bool: ...


class FrameSource(Protocol):
    """What frames are made of; `TeamStream` is one."""

    @property
    def agents(self) -> tuple[AgentInfo, ...]: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def statuses(self) -> dict[str, AgentStatus]: ...
    @property
    def models(self) -> Mapping[str, str]: ...
    @property
    def transcript(self) -> Transcript: ...
    @property
    def state(self) -> RunState: ...
    @property
    def detail(self) -> str: ...
    @property
    def held(self) -> Mapping[str, int]: ...
    @property
    def cannot_say(self) -> str: ...
    @property
    def budget(self) -> Iterable[Use]: ...
    @property
    def replay(self) -> Player | None: ...
    @property
    def text_only(self) -> frozenset[str]: ...
    @property
    def grants(self) -> Iterable[tuple[str, str, str]]: ...
    def drain(self) -> None: ...
    def note(self, path: str) -> str: ...


@dataclass
class _Text:
    """The text of a live cell on its way to browsers: `sent` code points have gone out, `digest` is their digest, and
    `held` code points wait."""

    path: str
    sent: int = 0
    digest: int = 0
    held: int = 0
    waiting: list[str] = field(default_factory=list)

    def add(self, piece: str) -> None:
        self.waiting.append(piece)
        self.held += len(piece)

    def take(self) -> str:
        piece = "".join(self.waiting)
        self.sent, self.digest = self.sent + len(piece), digest(piece, self.digest)
        self.waiting, self.held = [], 0
        return piece


class FrameBuilder:
    """Makes the frames and snapshots of one panel. The panel's `Batcher` owns it, gives it the time, and calls it with
    its lock held."""

    def __init__(self, source: FrameSource, title: str, caution: str = "") -> None:
        self._source = source
        self._title, self._caution = title, caution
        self._seq = 0
        self._held: dict[str, int] = {}
        self._counted_at = float("-inf")
        self.notices: list[str] = []
        self.modules: dict[str, str] = {}
        self.agents = self.state = self.everything = False
        """What the next frame has to tell, whether or not it changed."""
        self._begin()

    def _begin(self) -> None:
        self._transcript = self._source.transcript
        self._texts: dict[str, _Text] = {
            cell.id: _Text(cell.path, held=len(cell.text), waiting=[cell.text]) for cell in self._transcript.live_cells
        }
        self._opened: dict[str, Cell] = {}
        self._settled: dict[int, tuple[Cell, _Text | None]] = {}
        self._runs: dict[str, RunInfo] = {}

    @property
    def is_current(self) -> bool:
        """Whether the transcript is the one that was seen last."""
        return self._transcript is self._source.transcript

    def rewind(self) -> None:
        """The transcript went back: the next frame tells everything."""
        self._begin()
        self.everything = True

    def add(self, patches: Sequence[Patch]) -> None:
        """Note what changed in the transcript."""
        self._transcript = self._source.transcript
        for patch in patches:
            if isinstance(patch, CellStarted):
                self._opened[patch.cell.id] = patch.cell
                self._texts.setdefault(patch.cell.id, _Text(patch.cell.path))
            elif isinstance(patch, TextDelta):
                self._texts[patch.cell_id].add(patch.text)
            elif isinstance(patch, CellFinished):
                self._opened.pop(patch.cell.id, None)
                before = self._settled[patch.index][1] if patch.index in self._settled else None
                self._settled[patch.index] = patch.cell, self._texts.pop(patch.cell.id, before)
            elif isinstance(patch, RunChanged):
                self._runs[patch.run.id] = patch.run

    def next(self, now: float) -> Frame | None:
        """The next frame. None if nothing has changed, or nothing but a count that can wait until `count_at`."""
        ops: list[Op] = []
        if self.state:
            ops.extend(self._state())
        ops.extend({"op": "run", "run": run_row(run)} for run in self._runs.values())
        ops.extend({"op": "cell", "cell": cell_head(cell)} for cell in self._opened.values())
        for cell_id, text in self._texts.items():
            if text.waiting and self._source.gate.is_open(text.path):
                ops.append(_append(cell_id, text))
        for index, (cell, sent) in sorted(self._settled.items()):
            ops.extend(self._settle(index, cell, sent))
        held = self._counts()
        if self.agents or (held != self._held and now >= self._counted_at + COUNT_HELD_EVERY_S):
            ops.append({"op": "agents", "agents": self._rows(held)})
            self._held, self._counted_at = held, now
        if self.everything:  # the snapshot contains all of the above
            ops = [{"op": "snapshot", "snapshot": self._snapshot(self._seq + 1)}]
        ops.extend({"op": "notice", "text": text} for text in self.notices)
        ops.extend({"op": "module", "name": name, "source": source} for name, source in self.modules.items())
        self.modules = {}
        self._opened, self._settled, self._runs, self.notices = {}, {}, {}, []
        self.agents = self.state = self.everything = False
        return self._numbered(ops) if ops else None

    @property
    def count_at(self) -> float | None:
        """When to tell how much text closed gates hold; None if browsers know it."""
        return None if self._counts() == self._held else self._counted_at + COUNT_HELD_EVERY_S

    def totals(self) -> Frame:
        """What a browser must have by now."""
        live = {cell_id: text.sent for cell_id, text in self._texts.items()}
        return self._numbered([{"op": "totals", "settled": len(self._transcript.settled), "live": live}])

    def pulse(self) -> Frame:
        """The run's state, and nothing of the transcript."""
        self.state = False
        return self._numbered(self._state())

    def snapshot(self, whole: bool = False) -> Snapshot:
        """What a page needs first, as of the last frame; everything if `whole` is set. Some of it may be newer, if a
        later frame may tell it again without harm.

        The snapshot does not contain text that has not gone out yet, so that the offsets of later appends fit.
        """
        return self._snapshot(self._seq, whole)

    def earlier(self, before: int) -> EarlierOp | None:
        """The finished cells that stand next before the index `before`; None if there are none."""
        end = min(before, len(self._transcript.settled))
        index, size = self._reach(end, PIECE_CELLS)
        if index >= end:
            return None
        cells = [cell_whole(cell) for cell in self._transcript.settled[index:end]]
        return {"op": "earlier", "seq": self._seq, "index": index, "cells": cells, "bytes": size}

    def _reach(self, end: int, cells: int) -> tuple[int, int]:
        """From which index on finished cells are sent together up to `end`, and their bytes, about."""
        index, size = max(0, end), 0
        while index > 0 and end - index < cells:
            more = HEAD_BYTES + len(self._transcript.settled[index - 1].text.encode("utf-8", "replace"))
            if size and size + more > PIECE_BYTES:
                break
            index, size = index - 1, size + more
        return index, size

    def _state(self) -> list[Op]:
        """The state of the run; for a replay, where it stands, too."""
        state: StateOp = {"op": "state", "state": self._source.state.value, "detail": self._source.detail}
        if self._source.budget:
            state["budget"] = _budget_rows(self._source.budget)
        ops: list[Op] = [state]
        if self._source.replay is not None:
            ops.append({"op": "replay", "replay": _replay_row(self._source.replay)})
        return ops

    def _numbered(self, ops: list[Op]) -> Frame:
        self._seq += 1
        return {"v": PROTOCOL_VERSION, "seq": self._seq, "ops": ops}

    def _settle(self, index: int, cell: Cell, text: _Text | None) -> list[Op]:
        """The operations for a finished cell. If its text continues what browsers have, they get only the rest."""
        ops: list[Op] = []
        whole, total = cell_whole(cell), digest(cell.text)
        if text is not None and text.sent and len(cell.text) > WHOLE_TEXT_UP_TO:
            rest = cell.text[text.sent :]
            if digest(rest, text.digest) == total and (not rest or self._source.gate.is_open(text.path)):
                whole = cell_head(cell)
                text.waiting = [rest]
                ops.extend([_append(cell.id, text)] if rest else [])
        ops.append({"op": "settle", "index": index, "cell": whole, "length": len(cell.text), "digest": total})
        return ops

    def _snapshot(self, seq: int, whole: bool = False) -> Snapshot:
        transcript, replay = self._transcript, self._source.replay
        first = 0 if whole else self._reach(len(transcript.settled), SNAPSHOT_CELLS)[0]
        return {
            "v": PROTOCOL_VERSION,
            "seq": seq,
            "title": self._title,
            "caution": self._caution,
            "cannot_say": self._source.cannot_say,
            "state": self._source.state.value,
            "detail": self._source.detail,
            "budget": _budget_rows(self._source.budget),
            "agents": self._rows(self._counts()),
            "runs": [run_row(run) for run in transcript.runs],
            "first": first,
            "settled": [cell_whole(cell) for cell in transcript.settled[first:]],
            "live": [cell_whole(cell, cell.text[: self._texts[cell.id].sent]) for cell in transcript.live_cells],
            "replay": None if replay is None else _replay_row(replay),
        }

    def _counts(self) -> dict[str, int]:
        """How many code points each closed gate holds."""
        held = dict(self._source.held)  # what is held where the team runs
        for text in self._texts.values():
            if text.held and not self._source.gate.is_open(text.path):
                held[text.path] = held.get(text.path, 0) + text.held
        return held

    def _rows(self, held: dict[str, int]) -> list[AgentRow]:
        statuses, gate = self._source.statuses, self._source.gate
        grants: dict[str, dict[str, str]] = {}
        for path, tool, scope in self._source.grants:
            grants.setdefault(path, {})[tool] = scope
        return [
            {
                "path": agent.path,
                "name": agent.name,
                "description": agent.description,
                "model": self._source.models.get(agent.path, ""),
                "parent": agent.parent,
                "can_stream": agent.can_stream,
                "on": gate.is_open(agent.path),
                "note": self._source.note(agent.path),
                "status": statuses.get(agent.path, AgentStatus.IDLE).value,
                "held": held.get(agent.path, 0),
                "text_only": agent.path in self._source.text_only,
                "grants": grants.get(agent.path, {}),
            }
            for agent in self._source.agents
        ]


def _append(cell_id: str, text: _Text) -> Op:
    """The part of a cell's text that has not gone out yet."""
    at = text.sent
    return {"op": "append", "id": cell_id, "at": at, "text": text.take()}


def _budget_rows(budget: Iterable[Use]) -> list[BudgetRow]:
    return [
        {"unit": use.unit, "spent": use.spent, "limit": use.limit, "about": use.about, "at_least": use.at_least}
        for use in budget
    ]


def _replay_row(replay: Player) -> ReplayRow:
    return {
        "run": replay.run,
        "runs": len(replay.lengths),
        "position": replay.position,
        "length": max([replay.position, *replay.lengths[replay.run - 1 : replay.run]]),
        "paused": replay.paused,
        "speed": None if math.isinf(replay.speed) else replay.speed,
    }
