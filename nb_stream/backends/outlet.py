"""What taps have in common: where tokens go, where messages came from, and who is at work."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autogen_agentchat.messages import ModelClientStreamingChunkEvent

from ..model import CellStatus, Chunk, Event, TurnEnded, TurnStarted
from .order import Order

Hear = Callable[[Any, Chunk], None]

NUDGE = ModelClientStreamingChunkEvent(id="nb_stream", source="nb_stream", content="")
"""What an agent sends where it begins to stream, once for each workbench on its way. AutoGen's workbench keeps what a
tool yields until the tool yields something more (0.7.5, `_static_workbench.py`): as tokens do not pass it, the message
before them would wait for the one behind them. The outermost agent that calls tools takes nudges out."""

_numbers = itertools.count(1)


def new_turn() -> str:
    """A name for a turn, unique in this process."""
    return f"t{next(_numbers)}"


class Origin(NamedTuple):
    """Where a message was made: the path, the turn, whether it is the last one of the turn, and the name of who has
    that path."""

    path: str
    turn: str | None
    final: bool
    name: str


class Outlet:
    """The way out of a team for one run. `hear` gets the tokens, `emit` what the team does not yield."""

    def __init__(self, emit: Callable[[Event], None], hear: Hear) -> None:
        self.emit = emit
        self.order = Order()
        self.open = True
        self._hear = hear
        self._origins: dict[str, Origin] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unfinished: set[str] = set()  # turns whose last message was not said yet

    def begin(self, agent: str, path: str, turn: str) -> None:
        """A turn begins."""
        self._unfinished.add(turn)
        self.order.after_all(functools.partial(self.emit, TurnStarted(agent, path, time.time(), turn)), turn)

    @contextlib.contextmanager
    def turn(self, agent: str, path: str) -> Iterator[str]:
        """A turn of an agent, which gets a name. Says so where it ends without its last message."""
        turn = new_turn()
        with self.working():
            self.begin(agent, path, turn)
            try:
                yield turn
            except BaseException as error:
                if self.open and turn in self._unfinished:
                    status = CellStatus.FAILED if isinstance(error, Exception) else CellStatus.CANCELLED
                    ended = TurnEnded(agent, path, time.time(), turn, status)
                    self.order.after_all(functools.partial(self.emit, ended), turn)
                raise

    def token(self, item: ModelClientStreamingChunkEvent, origin: Origin) -> None:
        """A token leaves the team here."""
        chunk = Chunk(item.source, origin.path, time.time(), item.content, item.full_message_id, origin.turn)
        if self.order.free:
            self._hear(item, chunk)
        else:
            self.order.after_all(functools.partial(self._hear, item, chunk), origin.turn)

    def mark(self, message: Any, origin: Origin, arrives: bool) -> None:
        """Note where a message was made; the innermost tap that sees it knows. `arrives` says that the team will yield
        it, so that tokens wait for it."""
        self._origins.setdefault(message.id, origin)
        if origin.final and origin.turn is not None:
            self._unfinished.discard(origin.turn)
        if arrives:
            self.order.sent(message.id, origin.turn)

    def origin(self, message: Any) -> Origin | None:
        """Where a message that the team yielded was made; None for what no tap has seen. Ask once for a chunk."""
        if isinstance(message, ModelClientStreamingChunkEvent):
            return self._origins.pop(message.id, None)
        return self._origins.get(message.id)

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
