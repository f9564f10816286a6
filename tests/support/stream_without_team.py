"""A stream without a team: the real feed and switches, a loop whose clock stands still until it is moved."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from nb_stream.core.model import (
    AgentInfo,
    AgentStatus,
    CellKind,
    Chunk,
    Event,
    Message,
    RunFinished,
    RunState,
    TurnStarted,
)
from nb_stream.core.transcript import Transcript
from nb_stream.runtime.event_hub import EventHub
from nb_stream.runtime.switches import Switches
from nb_stream.runtime.token_gate import TokenGate
from nb_stream.wire.batcher import Batcher
from nb_stream.wire.protocol import Frame


class Timer:
    """A call that is due at a time."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class StillLoop:
    """The part of an event loop that a batcher uses. Time passes only in `advance`."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.runs = True
        self._due: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def is_running(self) -> bool:
        return self.runs

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        heapq.heappush(self._due, (when, next(self._order), timer))
        return timer

    def call_soon_threadsafe(self, call: Callable[[], None]) -> Timer:
        return self.call_at(self.now, call)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is due any more."""
        return all(timer.call is None for _, _, timer in self._due)

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due happen in its order."""
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            when, _, timer = heapq.heappop(self._due)
            self.now = max(self.now, when)
            call, timer.call = timer.call, None
            if call is not None:
                call()
        self.now = until


class Stage:
    """Takes events as a stream does and has a batcher send frames; `TeamStream` without a team."""

    def __init__(self, *paths: str, runs: bool = True) -> None:
        self.loop = StillLoop()
        self.loop.runs = runs
        infos = tuple(AgentInfo(path.rpartition("/")[2], path) for path in paths)
        self.gate = TokenGate(infos, {})
        self.feed = EventHub(infos, self.gate, lambda native, text: native)
        self.switches = Switches(lambda: self.feed.agents, self.gate.is_open, self._flip)
        self.state, self.detail, self.replay, self.questions = RunState.IDLE, "", None, ()
        self.text_only: frozenset[str] = frozenset()
        self.grants: tuple[tuple[str, str, str], ...] = ()
        self.cannot_say, self.budget = "", ()
        self.frames: list[tuple[float, Frame]] = []
        self.sinks: list[Callable[[Any], None]] = []
        self.batcher = Batcher(self, self._sent, lambda: self.loop, "A team")  # type: ignore[arg-type, return-value]
        self.feed.watchers.append(self.batcher)

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        return self.feed.agents

    @property
    def statuses(self) -> dict[str, AgentStatus]:
        return dict(self.feed.status)

    @property
    def held(self) -> dict[str, int]:
        return {}  # the team runs here

    @property
    def models(self) -> dict[str, str]:
        return self.feed.models

    @property
    def transcript(self) -> Transcript:
        return self.feed.transcript

    def drain(self) -> None:
        self.feed.drain()

    def note(self, path: str) -> str:
        return "" if self.switches[path] else "Held back."

    def take(self, event: Event) -> None:
        """An event of a run."""
        if isinstance(event, Chunk):
            self.feed.chunk(None, event)
            return
        self.feed.event(event, getattr(event, "path", ""))
        if isinstance(event, RunFinished):
            self.feed.end()
            self.change_state(RunState.IDLE, event.stop_reason or "")

    def change_state(self, state: RunState, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self.batcher.state_changed()

    # --- short forms -----------------------------------------------------------------------------------------------

    def say(self, path: str, text: str, message_id: str = "m", turn: str = "t") -> None:
        """A piece of streamed text."""
        self.take(Chunk(path.rpartition("/")[2], path, self.loop.now, text, message_id, turn))

    def finish(self, path: str, text: str, message_id: str = "m", turn: str = "t") -> None:
        """The whole message."""
        name = path.rpartition("/")[2]
        self.take(Message(name, path, self.loop.now, CellKind.TEXT, text, "TextMessage", message_id, turn, final=True))

    def begin(self, path: str, turn: str = "t") -> None:
        """An agent gets the floor."""
        self.take(TurnStarted(path.rpartition("/")[2], path, self.loop.now, turn))

    def _flip(self, path: str, on: bool) -> None:
        self.gate.set(path, on)
        self.feed.gates_changed()

    def _sent(self, frame: Frame) -> None:
        self.frames.append((self.loop.now, frame))
        for sink in self.sinks:
            sink(frame)
