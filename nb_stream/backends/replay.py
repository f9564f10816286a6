"""The backend that plays a recording. It needs no agent framework, because it makes messages of the recorded events."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..core.model import (
    Branched,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    Message,
    RunFinished,
    RunStarted,
    ToolResults,
    TurnStarted,
    Usage,
)
from ..errors import AlreadyRunningError, NbStreamError, NoTeamError, ReplayedError, described
from ..recording.codec import from_line
from ..recording.reader import CUT
from ..recording.replay import Replay
from .base import Ability, Backend, BackendEntry, Failure, HumanInput, Item, Outcome, Rewound

CHUNK_TYPE = "ModelClientStreamingChunkEvent"
"""The type of a replayed piece of text. A recording keeps the class of each message, but not of chunks. All teams that
are recorded today have this class, so code that reads a live run reads its replay too."""

REPLAY_STOPPED = "Stopped after the turn."

_YIELD_EVERY_EVENTS = 64  # after so many events the event loop gets a turn, however fast the replay is


@dataclass(frozen=True)
class ReplayedMessage:
    """A message or a piece of text of a recorded run. It has the members that code reads of messages of a live run."""

    source: str
    content: str
    type: str
    id: str | None = None
    models_usage: Usage | None = None

    def to_text(self) -> str:
        """The text."""
        return self.content


@dataclass(frozen=True)
class ReplayedResult:
    """The result of a recorded run, with the members of a team's result."""

    messages: tuple[ReplayedMessage, ...]
    stop_reason: str | None = None


class ReplayBackend(Backend):
    """Plays a `Replay`. All methods are called on the stream's event loop."""

    cannot = MappingProxyType(
        {
            Ability.PAUSE: "A replay has no agents that could pause.",
            Ability.SAY: "A replay says what was recorded: there is no team that could be told something.",
        }
    )

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self._replay = replay
        self.agents = replay.recording.agents
        self.streaming = dict(replay.recording.streaming)
        self._stop_wished = self._cancelled = False
        self._task: asyncio.Future[Any] | None = None
        self._given: set[str] = set()
        self._named: dict[str, str] = {}  # by the recorded id of a run, the id that it has got here
        self._paths = {agent.path for agent in self.agents}
        self._start: RunStarted | None = None
        self._open()

    def _open(self) -> None:
        """Go to the beginning of the recording."""
        self._lines = self._replay.recording.lines()
        next(self._lines)
        self._read_ahead: deque[Event] = deque()
        self._next = self._read()
        self._start = None
        self._number = 0
        self._end: RunFinished | None = None
        self._last = 0.0

    def _read(self) -> Event | None:
        while not self._read_ahead:
            text = next(self._lines, None)
            if text is None:
                return None
            self._read_ahead.extend(self._lines.read(from_line, text))
        return self._read_ahead.popleft()

    def _skip(self) -> None:
        """Leave out the rest of a run."""
        while self._next is not None and not isinstance(self._next, (RunStarted, RunFinished)):
            self._next = self._read()
        if isinstance(self._next, RunFinished):
            self._next = self._read()

    def _between(self) -> Iterator[Event]:
        """Events outside of a run, up to the next one's beginning: notices, and questions that were asked there."""
        while self._next is not None and not isinstance(self._next, RunStarted):
            if isinstance(self._next, Branched):
                yield replace(self._next, after=self._named.get(self._next.after, self._next.after))
            elif not isinstance(self._next, RunFinished):
                yield self._next
            self._next = self._read()

    # --- the run's two ends ----------------------------------------------------------------------------------------

    def task_text(self, task: Any) -> str:
        """An empty text: any task will do, because the recorded run has its own."""
        return ""

    @property
    def owned(self) -> tuple[Any, ...]:
        """The `Replay`: it has one clock, so only one stream can play it at a time."""
        return (self._replay,)

    def claim(self) -> None:
        """Take the `Replay` for the next run."""
        super().claim()
        self._stop_wished = self._cancelled = False

    def busy(self, thing: Any) -> AlreadyRunningError:
        """The error that says that another stream plays the `Replay`."""
        return AlreadyRunningError(
            "This Replay is already being played elsewhere, by another panel. Wait until that run has ended, or cancel "
            f'it there; or play another one of the same file: Replay("{self._replay.recording.path.name}").'
        )

    def failure(self, error: BaseException) -> Failure:
        """The failure of the recorded run, with the agent that the recording names."""
        text, trace = described(error)
        if isinstance(error, ReplayedError):  # its text has the class of the recorded error already
            text = str(error)
        return Failure(text, trace) if self._end is None else Failure(text, trace, self._end.agent, self._end.path)

    def opening(self, event: RunStarted) -> Iterator[Event]:
        """The recorded beginning in place of `event`. If a run is played again, it gets a new id."""
        if self._next is None:
            self._open()
        yield from self._between()
        assert isinstance(self._next, RunStarted), "the constructor of Replay looks for a run"
        recorded, self._number = self._next, self._number + 1
        ids = (f"{recorded.run}.{number}" for number in itertools.count(2))
        run = next(run for run in itertools.chain((recorded.run,), ids) if run not in self._given)
        self._given.add(run)
        self._named[recorded.run] = run
        self._start = replace(recorded, run=run)
        self._end, self._last = None, recorded.at
        self._mark = (self._lines.offset, self._lines.number - 1)
        yield self._start

    def closing(self, event: RunFinished) -> Iterator[Event]:
        """The recorded end in place of `event`. If the replay ended before it, `event` at the time of the last event
        that was played."""
        run = self._start.run if self._start is not None else event.run
        if self._end is not None:
            yield replace(self._end, run=run)
        else:
            reason = CUT if self._next is None and not self._cancelled else event.stop_reason
            yield replace(event, run=run, at=self._last, stop_reason=reason)
            self._skip()
        yield from self._between()
        self._replay.end(1 if self._next is None else self._number + 1)

    # --- a run -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        as_stream: bool,
        emit: Callable[[Event | Rewound], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncGenerator[Item | Outcome, None]:
        """Play the run; its result comes last. Raises ReplayedError if the recorded run failed, and CancelledError
        if it was cancelled or if the recording ends before the run."""
        assert self._start is not None
        self._task = asyncio.current_task()
        began, count, tasks = self._start.at, 0, True
        messages: list[ReplayedMessage] = []
        self._replay.begin(self._number)
        self._next = self._read()
        while self._next is not None and not isinstance(self._next, RunStarted):
            event = self._next
            if not await self._replay.reach(event.at - began):
                messages.clear()
                emit(Rewound())
                self._back()
                tasks = True
                continue
            tasks = tasks and self._may_be_task(event)
            count += 1
            if count % _YIELD_EVERY_EVENTS == 0:
                await asyncio.sleep(0)
            self._last = event.at
            if isinstance(event, RunFinished):
                self._end, self._next = event, self._read()
                break
            if isinstance(event, Chunk):
                hear(native_of_event(event), event)
            elif isinstance(event, (Message, ToolResults, CodeResult)):
                messages.append(native_of_event(event))
                yield Item(messages[-1], event, tasks and isinstance(event, Message))
            else:
                emit(event)
            self._next = self._read()
            if isinstance(event, (Message, ToolResults, CodeResult)):
                self._replay.passed(event.at - began)
            if self._stop_wished and isinstance(event, Message) and event.final:  # the last message of a turn
                yield Outcome(ReplayedResult(tuple(messages), REPLAY_STOPPED), REPLAY_STOPPED)
                return
        if self._end is None or self._end.status is CellStatus.CANCELLED:
            raise asyncio.CancelledError
        if self._end.status is CellStatus.FAILED:
            raise ReplayedError(self._end.error)
        reason = self._end.stop_reason
        yield Outcome(ReplayedResult(tuple(messages), reason), reason)

    def _may_be_task(self, event: Event) -> bool:
        """Whether an event may stand among the tasks. The tasks are the first messages, and no agent of the team said
        them. Turns and chunks end them, other events do not."""
        if isinstance(event, Message):
            return event.turn is None and event.path not in self._paths
        return not isinstance(event, (TurnStarted, Chunk))

    def _back(self) -> None:
        """Read the run again from its beginning."""
        self._lines.close()
        self._read_ahead.clear()
        self._lines = self._replay.recording.lines(*self._mark)
        next(self._lines)
        self._next = self._read()

    def joined(self, first: ReplayedMessage, text: str) -> ReplayedMessage:
        """A chunk like `first`, with another text."""
        return replace(first, content=text)

    # --- ends ------------------------------------------------------------------------------------------------------

    def request_stop(self, reason: str = "", *, now: bool = False) -> None:
        """Let the run end after the current turn."""
        self._stop_wished = True

    def request_cancel(self) -> None:
        """End the run now."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Nothing runs on when a replay was cancelled."""

    async def recover(self) -> None:
        """A recording cannot be harmed."""

    def refusal(self, ability: Ability) -> NbStreamError:
        """The error says that there is no team."""
        return NoTeamError(self.cannot[ability])

    async def reset(self) -> None:
        """Play the first run next."""
        self._lines.close()
        self._open()

    async def save_state(self) -> dict[str, Any]:
        """An empty state: a recording has none."""
        return {}

    async def load_state(self, state: dict[str, Any]) -> None:
        """A recording has no state."""


def native_of_event(event: Chunk | Message | ToolResults | CodeResult) -> ReplayedMessage:
    """The message that stands for the framework's own, made of its event."""
    if isinstance(event, Chunk):
        return ReplayedMessage(event.agent, event.text, CHUNK_TYPE)
    if isinstance(event, Message):
        text = event.text or "\n".join(f"{call.name}({call.arguments})" for call in event.tool_calls)
        return ReplayedMessage(event.agent, text, event.type, event.message_id, event.usage)
    if isinstance(event, ToolResults):
        text = "\n".join(result.result or "" for result in event.results)
        return ReplayedMessage(event.agent, text, event.type, event.message_id)
    return ReplayedMessage(event.agent, event.output, event.type, event.message_id)


REPLAYED = BackendEntry(
    lambda thing: isinstance(thing, Replay), lambda replay, factory, *, approve_code: ReplayBackend(replay)
)
