"""The feed: takes in what a team says, and gives it to the transcript, to callbacks, to a consumer and to displays.

Text goes two ways. Into the transcript goes every piece, joined with its neighbours and folded only when somebody
looks. To callbacks and to the consumer of `run_stream` goes at once what the agent's gate lets through; what a closed
gate keeps is given as one piece when it opens, or dropped when the whole message has come.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .callbacks import Callbacks
from .gates import Pile
from .model import (
    AgentInfo,
    AgentStatus,
    CellKind,
    Chunk,
    Event,
    Message,
    Notice,
    Token,
    TurnStarted,
)
from .reduce import Patch, fold
from .run import Outlet
from .transcript import Transcript

log = logging.getLogger("nb_stream")


class Watcher(Protocol):
    """Somebody who shows a stream. All methods are called on the stream's loop."""

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""

    def touched(self, first: bool) -> None:
        """Text is waiting to be folded by `drain`; `first` says that a message begins with it."""

    def agents_changed(self) -> None:
        """A switch, an agent's status or the list of agents changed."""

    def state_changed(self) -> None:
        """The run's state changed."""


class Feed:
    """What a stream has heard so far, and who listens. Belongs to the stream's loop, but for reading `on`."""

    def __init__(self, agents: tuple[AgentInfo, ...], on: dict[str, bool], joined: Callable[[Any, str], Any]) -> None:
        self.agents = agents
        self.on = on
        self.status: dict[str, AgentStatus] = {}
        self.tokens: Callbacks[Token] = Callbacks(self.complain)
        self.events: Callbacks[Event] = Callbacks(self.complain)
        self.watchers: list[Watcher] = []
        self.outlet: Outlet | None = None
        self._joined = joined
        self._transcript = Transcript()
        self._fresh = Pile()  # on its way into the transcript
        self._held = Pile()  # kept by a closed gate

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far."""
        self.drain()
        return self._transcript

    def chunk(self, native: Any, chunk: Chunk) -> None:
        """Take in a piece of text: the hot path."""
        path = chunk.path
        if path not in self.on:
            self._discover(chunk)
        first = self._fresh.add(chunk)
        if first and self.status.get(path) is not AgentStatus.WRITING:
            self._set_status(path, AgentStatus.WRITING)
        for watcher in self.watchers:
            watcher.touched(first)
        if self.outlet is None and not self.tokens and not self.events:
            return
        if self.on[path]:
            self._pass(native, chunk)
        else:
            self._held.add(chunk, native)

    def event(self, event: Event, path: str = "") -> None:
        """Take in anything else."""
        self.drain()
        if isinstance(event, TurnStarted):
            self._set_status(path, AgentStatus.SILENT)
        elif isinstance(event, Message):
            if event.kind is not CellKind.INPUT:
                self._held.forget(path, event.turn)
            if path in self.on:
                self._set_status(path, AgentStatus.DONE if event.final else AgentStatus.SILENT)
        self._fold(event)
        if self.events:
            self.events.send(event, path)

    def drain(self) -> None:
        """Fold the text that is waiting. Cheap where none is."""
        if self._fresh:
            for joined in list(self._fresh.take()):
                self._fold(joined.chunk())

    def release(self, path: str) -> None:
        """The gate of an agent opened: let through what it kept."""
        for joined in list(self._held.take(path)):
            chunk = joined.chunk()
            self._pass(self._joined(joined.native, chunk.text), chunk)

    def begin(self, outlet: Outlet | None) -> None:
        """A run begins; `outlet` takes its messages for the consumer of `run_stream`."""
        self.status.clear()
        self.outlet = outlet

    def end(self) -> None:
        """A run ended: nobody is writing any more."""
        self._held = Pile()
        for path in self.status:
            self.status[path] = AgentStatus.DONE
        self.tell_agents()

    def tell_agents(self) -> None:
        """Let displays look at agents and switches again."""
        for watcher in self.watchers:
            watcher.agents_changed()

    def complain(self, sentence: str) -> None:
        """Tell the reader something that no agent said."""
        log.warning(sentence)
        self._fold(Notice(time.time(), sentence))

    def _pass(self, native: Any, chunk: Chunk) -> None:
        if self.outlet is not None:
            self.outlet.put(native)
        if self.tokens:
            token = Token(chunk.agent, chunk.path, chunk.text, chunk.message_id, chunk.at)
            self.tokens.send(token, chunk.path)
        if self.events:
            self.events.send(chunk, chunk.path)

    def _fold(self, event: Event) -> None:
        self._transcript, patches = fold(self._transcript, event)
        if patches:
            for watcher in self.watchers:
                watcher.patched(patches)

    def _discover(self, chunk: Chunk) -> None:
        """An agent that nobody announced streams: it gets a switch, open."""
        parent = chunk.path.rpartition("/")[0] or None
        self.agents = (*self.agents, AgentInfo(chunk.agent, chunk.path, parent=parent))
        self.on[chunk.path] = True
        self.tell_agents()

    def _set_status(self, path: str, status: AgentStatus) -> None:
        self.status[path] = status
        self.tell_agents()
