"""What all hooks of a run share: where tokens go, where messages came from, and which tasks are at work."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, NamedTuple

from autogen_agentchat.messages import ModelClientStreamingChunkEvent

from ...concurrency.clock import now
from ...core import think_tags
from ...core.model import CellStatus, Chunk, Event, TurnEnded, TurnStarted
from .messages import chunk_of, copied
from .reading import id_of, source_of, unflattened
from .sequencer import MessageSequencer

Hear = Callable[[Any, Chunk], None]

STREAM_BEGINS = ModelClientStreamingChunkEvent(id="nb_stream", source="nb_stream", content="")
"""What an agent sends when it begins to stream, once for each workbench on its way. AutoGen's workbench keeps what a
tool yields until the tool yields something more (0.7.5, `_static_workbench.py`). As tokens do not pass it, the message
before them would wait for the one behind them. The outermost agent that calls tools takes these out again."""

_CURRENT_TURN: ContextVar[str | None] = ContextVar("nb_stream_turn", default=None)
"""Set in the task of a turn, so in all that it runs: a turn that begins there lies inside it."""

_numbers = itertools.count(1)


def new_turn() -> str:
    """A name for a turn, unique in this process."""
    return f"t{next(_numbers)}"


def plain_chunk(item: Any, said: str) -> Any:
    """A token that said this, as callers get it: with the marks of a thought that AutoGen writes."""
    text = think_tags.with_think_tags(said)
    return item if text == said else copied(item, text)


class Origin(NamedTuple):
    """Where a message was made: the path, the turn, whether it is the last one of the turn, and the name of the agent
    at that path."""

    path: str
    turn: str | None
    final: bool
    name: str


class TokenRouter:
    """The way out of a team for one run. `hear` gets the tokens, `emit` what the team does not yield."""

    def __init__(self, emit: Callable[[Event], None], hear: Hear) -> None:
        self.emit = emit
        self.order = MessageSequencer()
        self.open = True
        self._hear = hear
        self._origins: dict[str, Origin] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unfinished: set[str] = set()  # turns whose last message was not said yet
        self._under_way: set[str] = set()  # turns whose last message is to come out of the team
        self._failures: list[tuple[str, str, str]] = []  # agent, path and text, the inner ones of a chain first
        self._inside: dict[str, list[TurnEnded]] = {}  # by the turn in which they lie: how other turns end, if at all

    def begin(self, agent: str, path: str, turn: str) -> None:
        """A turn begins."""
        self._unfinished.add(turn)
        self.order.after_all(functools.partial(self.emit, TurnStarted(agent, path, now(), turn)), turn)

    @contextlib.contextmanager
    def turn(self, agent: str, path: str) -> Iterator[str]:
        """A turn of an agent, which gets a name. Tells the reader if it ends without its last message."""
        turn, outer = new_turn(), _CURRENT_TURN.get()
        if outer is not None:
            self._inside.setdefault(outer, []).append(TurnEnded(agent, path, 0.0, turn, CellStatus.DONE))
        _CURRENT_TURN.set(turn)
        with self.working():
            self.begin(agent, path, turn)
            try:
                yield turn
            except BaseException as error:
                self.fails(agent, path, error)
                if self.open and turn in self._unfinished:
                    status = CellStatus.FAILED if isinstance(error, Exception) else CellStatus.CANCELLED
                    ended = TurnEnded(agent, path, now(), turn, status)
                    self.order.after_all(functools.partial(self.emit, ended), turn)
                raise
            finally:
                _CURRENT_TURN.set(outer)

    def fails(self, agent: str, path: str, error: BaseException) -> None:
        """A turn ends with an error, which may end the run."""
        if self.open and isinstance(error, Exception):
            self._failures.append((agent, path, unflattened(error)[0]))

    def failed_agent(self, error: BaseException) -> tuple[str, str]:
        """Name and path of the agent whose turn ended the run with `error`, empty if it was nobody's.

        AgentChat hands an error on as a text. An agent inside another fails first; the other one hands on what it
        failed of.
        """
        said, found = unflattened(error)[0], ("", "")
        for agent, path, text in reversed(self._failures):
            if text in said and (not found[1] or path.startswith(f"{found[1]}/")):
                found = agent, path
        return found

    def end_inside(self, turn: str) -> None:
        """An agent is about to say its last message: the turns inside its own are over, also those whose messages it
        has kept to itself."""
        inside = self._inside.pop(turn, ())
        if inside:
            self.order.after_all(functools.partial(self._end, inside), turn)

    def _end(self, turns: Sequence[TurnEnded]) -> None:
        for ended in turns:
            if ended.turn in self._under_way:
                self.order.lost(ended.turn)
                self.emit(replace(ended, at=now()))

    def token(self, item: ModelClientStreamingChunkEvent, origin: Origin) -> None:
        """A token leaves the team here."""
        chunk = chunk_of(item, source_of(item, origin.name), origin.path, origin.turn)
        item = plain_chunk(item, chunk.text)
        if self.order.free:
            self._hear(item, chunk)
        else:
            self.order.after_all(functools.partial(self._hear, item, chunk), origin.turn)

    def mark(self, message: Any, origin: Origin, arrives: bool) -> None:
        """Note where a message was made; the innermost hook that sees it knows. `arrives` says that the team will yield
        it, so that tokens wait for it."""
        self._origins.setdefault(id_of(message), origin)
        if origin.final and origin.turn is not None:
            self._unfinished.discard(origin.turn)
            if arrives:
                self._under_way.add(origin.turn)
        if arrives:
            self.order.sent(id_of(message), origin.turn)

    def origin(self, message: Any) -> Origin | None:
        """Where a message that the team yielded was made; None for what no hook has seen. Ask once for a chunk."""
        if isinstance(message, ModelClientStreamingChunkEvent):
            return self._origins.pop(id_of(message), None)
        found = self._origins.get(id_of(message))
        if found is not None and found.final and found.turn is not None:
            self._under_way.discard(found.turn)
        return found

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """For the time that the current task is at work inside the team."""
        task = asyncio.current_task()
        if task is None or task in self._tasks:  # a turn may lie inside another one of the same task
            yield
            return
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def cut_off(self) -> None:
        """Cancel every task that is at work."""
        self.open = False
        for task in list(self._tasks):
            if task.get_loop() is asyncio.get_running_loop():
                task.cancel()

    def close(self) -> None:
        """The run is over."""
        self.open = False
        self.order.close()
