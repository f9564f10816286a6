"""The frames of a recording with their times: what a kernel that played it would send to a page, made beforehand.

The transcript is folded and told by the same `fold` and the same `FrameBuilder` as in a kernel, so a page that applies
the operations shows what a page of a live run showed. `frontend/src/comm/recorded_kernel.ts` plays them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict, Union

from ..core.agent_statuses import status_after
from ..core.chunk_buffer import ChunkBuffer
from ..core.model import (
    USER,
    AgentInfo,
    AgentStatus,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    Message,
    RunFinished,
    RunStarted,
    RunState,
    ToolResults,
)
from ..core.patches import Patch, RunChanged
from ..core.reducer import fold
from ..core.transcript import Transcript
from ..recording.reader import CUT
from ..wire.flow_control import FRAME_INTERVAL_S
from ..wire.frame_builder import FrameBuilder, Use
from ..wire.protocol import Op, Snapshot

MAX_EVEN_FRAMES = 100_000
"""Above so many frames, neighbours are joined, so that the text of a very long recording grows in larger steps."""


class StatusesOp(TypedDict):
    """What agents are doing now, by path. A kernel tells whole rows (`AgentsOp`); here they would fill the file."""

    statuses: dict[str, str]


TextPiece = list[Union[str, int]]
"""The id of a live cell, and the text that is appended to it. A number stands for so many UTF-16 units of the text with
which the cell is settled, so that the file has that text once."""

TimedOp = Union[Op, StatusesOp, TextPiece]
"""An operation."""

TimedFrame = list[Union[int, TimedOp]]
"""Milliseconds since the frame before, then the operations."""


class TimedFrames(TypedDict):
    """A recording for a page: `start` is the panel before its first frame. Without frames, it is all that was said."""

    start: Snapshot
    frames: list[TimedFrame]


class _AllOpen:
    """A gate that lets all tokens pass."""

    def is_open(self, path: str) -> bool:
        return True


@dataclass
class _Recorded:
    """What the frames are made of (`FrameSource`), as of the last event."""

    agents: tuple[AgentInfo, ...]
    models: Mapping[str, str]
    transcript: Transcript = field(default_factory=Transcript)
    state: RunState = RunState.IDLE
    detail: str = ""
    statuses: dict[str, AgentStatus] = field(default_factory=dict)
    gate: _AllOpen = field(default_factory=_AllOpen)
    held: Mapping[str, int] = field(default_factory=dict)
    grants: Sequence[tuple[str, str, str]] = ()
    text_only: frozenset[str] = frozenset()
    budget: Sequence[Use] = ()
    cannot_say: str = "A recording takes no words."
    replay: None = None

    def drain(self) -> None:
        """Nothing waits here."""

    def note(self, path: str) -> str:
        """Switches are not shown, so nothing is to be said of them."""
        return ""


def still(transcript: Transcript, title: str = "") -> TimedFrames:
    """A transcript of which only the text is known, and not when it came."""
    source = _Recorded(transcript.agents, {}, transcript)
    builder = FrameBuilder(source, title)
    if last := transcript.runs[-1:]:
        source.state, source.detail = _state_of(last[0].status, last[0].stop_reason or "")
    builder.next(0.0)  # the text of cells that are being written goes out
    return {"start": builder.snapshot(whole=True), "frames": []}


class FrameRecorder:
    """Plays events without waiting and keeps the frames, at most 20 for a second of the recording.

    A message that is whole ends its frame, so that a page can go from message to message. The time between two runs is
    left out. A run that has not ended is ended as cut off.
    """

    def __init__(self, agents: Sequence[AgentInfo], models: Mapping[str, str], title: str = "") -> None:
        self._source = _Recorded(tuple(agents), models)
        self._builder = FrameBuilder(self._source, title)
        self._start = self._builder.snapshot()
        self._waiting = ChunkBuffer()
        self._statuses: dict[str, str] = {}  # changed since the last frame
        self._frames: list[TimedFrame] = []
        self._pieces: dict[str, list[TextPiece]] = {}  # of the cells that are being written
        self._interval_ms = FRAME_INTERVAL_S * 1000
        self._most = MAX_EVEN_FRAMES
        self._began_s: float | None = None  # the beginning of the current run, by the clock of the recording
        self._began_ms = self._now_ms = self._told_ms = 0
        self._due_ms: float | None = None

    @property
    def transcript(self) -> Transcript:
        """What the events that were played come to."""
        return self._source.transcript

    def play(self, events: Iterable[Event]) -> TimedFrames:
        """The frames of all events. Call it once."""
        for event in events:
            self._hear(event)
        runs = self._source.transcript.runs
        if runs and runs[-1].ended_at is None:
            at = (runs[-1].started_at or 0.0) + (self._now_ms - self._began_ms) / 1000
            self._hear(RunFinished(runs[-1].id, at, CellStatus.CANCELLED, CUT))
        self._tell()
        return {"start": self._start, "frames": self._frames}

    def _hear(self, event: Event) -> None:
        now = self._place(event)
        if self._due_ms is not None and now >= self._due_ms:
            self._tell()
        self._now_ms = now
        self._due_ms = now + self._interval_ms if self._due_ms is None else self._due_ms
        self._follow(event)
        if isinstance(event, Chunk):
            self._waiting.add(event)
            return
        self._drain()
        self._fold(event)
        if isinstance(event, (Message, ToolResults, CodeResult, RunFinished)):
            self._tell()

    def _place(self, event: Event) -> int:
        """Where an event stands on the way through all runs, in milliseconds. Nothing stands before an earlier one."""
        if isinstance(event, RunStarted):
            self._began_s, self._began_ms = event.at, self._now_ms
        if self._began_s is None:
            return self._now_ms
        now = max(self._now_ms, self._began_ms + round((event.at - self._began_s) * 1000))
        if isinstance(event, RunFinished):
            self._began_s = None
        return now

    def _follow(self, event: Event) -> None:
        """Follow the state of the run, and what the agents do."""
        source, path = self._source, getattr(event, "path", "")
        if isinstance(event, RunStarted):
            self._put(dict.fromkeys(source.statuses, AgentStatus.IDLE))
            source.state, source.detail, self._builder.state = RunState.RUNNING, "", True
        elif isinstance(event, RunFinished):
            ended = {known: AgentStatus.DONE for known, now in source.statuses.items() if now is not AgentStatus.FAILED}
            self._put(ended)
            said = f"{path} failed: {event.error}".removeprefix(" failed: ").partition("\n")[0]
            detail = said if event.error else event.stop_reason or ""
            source.state, source.detail = _state_of(event.status, detail)
            self._builder.state = True
        if path and isinstance(event, (Chunk, Message, ToolResults, CodeResult)) and _is_of_team(event):
            self._meet(event.agent, path)
        status = status_after(event)
        if status and any(agent.path == path for agent in source.agents):
            self._put({path: status})

    def _put(self, statuses: Mapping[str, AgentStatus]) -> None:
        for path, status in statuses.items():
            if self._source.statuses.get(path) is not status:
                self._source.statuses[path] = status
                self._statuses[path] = status.value

    def _meet(self, name: str, path: str) -> None:
        """An agent that the recording does not name beforehand gets a row when it is first heard of."""
        if all(agent.path != path for agent in self._source.agents):
            self._source.agents += (AgentInfo(name, path, parent=path.rpartition("/")[0] or None),)
            self._builder.agents = True

    def _drain(self) -> None:
        for call in self._waiting.take():
            self._fold(call.chunk())

    def _fold(self, event: Event) -> None:
        self._source.transcript, patches = fold(self._source.transcript, event)
        self._builder.add([_light(patch) for patch in patches])

    def _tell(self) -> None:
        """End the frame: what happened since the last one stands at the time of the latest event."""
        self._drain()
        self._due_ms = None
        frame = self._builder.next(0.0)
        ops = [self._light_op(op) for op in frame["ops"]] if frame else []
        if self._statuses:
            ops.append({"statuses": self._statuses})
            self._statuses = {}
        if not ops:
            return
        self._frames.append([self._now_ms - self._told_ms, *ops])
        self._told_ms = self._now_ms
        if len(self._frames) >= self._most:
            self._frames = _in_pairs(self._frames)
            self._interval_ms *= 2
            self._most = max(MAX_EVEN_FRAMES, len(self._frames) * 3 // 2)

    def _light_op(self, op: Op) -> TimedOp:
        """The operation without a text that stands elsewhere in the file."""
        if op["op"] == "append":
            piece: TextPiece = [op["id"], op["text"]]
            self._pieces.setdefault(op["id"], []).append(piece)
            return piece
        if op["op"] == "settle" and (pieces := self._pieces.pop(op["cell"]["id"], None)):
            text = self._source.transcript.settled[op["index"]].text
            if text.startswith("".join(str(piece[1]) for piece in pieces)):
                op["cell"]["text"] = text
                for piece in pieces:
                    piece[1] = len(str(piece[1]).encode("utf-16-le")) // 2
        return op


def _state_of(status: CellStatus, detail: str) -> tuple[RunState, str]:
    """The state of a panel after a run."""
    states = {CellStatus.FAILED: RunState.FAILED, CellStatus.CANCELLED: RunState.CANCELLED}
    return states.get(status, RunState.IDLE), detail


def _is_of_team(event: Chunk | Message | ToolResults | CodeResult) -> bool:
    """Whether an event comes from an agent that has a row in the header."""
    return event.agent != USER and getattr(event, "kind", None) is not CellKind.SELECTION


def _light(patch: Patch) -> Patch:
    """A run that is under way without its calls: with them, each call would tell all earlier ones again."""
    if isinstance(patch, RunChanged) and patch.run.ended_at is None:
        return RunChanged(replace(patch.run, calls=()))
    return patch


def _in_pairs(frames: Iterable[TimedFrame]) -> list[TimedFrame]:
    """Frames joined in pairs, except those that end a message."""
    kept: list[TimedFrame] = []
    single = False
    for frame in frames:
        plain = not any(isinstance(op, dict) and op.get("op") == "settle" for op in frame)
        if single and plain:
            first = kept.pop()
            frame = [first[0] + frame[0], *first[1:], *frame[1:]]  # type: ignore[operator]
        kept.append(frame)
        single = plain and not single
    return kept
