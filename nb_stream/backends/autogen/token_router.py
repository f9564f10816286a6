"""What all hooks of a run share: where tokens go, where messages were made, and which tasks are at work.

AutoGen's messages name an agent and nothing else. The router remembers what only a hook can know, the path and the turn
of each message, until the message comes out of the team.
"""

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
"""A mark that an agent yields when it begins to stream, once for each workbench between the agent and the team.

AutoGen's workbench holds each item that a tool yields until the tool yields the next one (0.7.5,
`_static_workbench.py`). Tokens do not pass the workbench. Without the mark, the message before the tokens would stay in
the workbench until the message behind them comes. The outermost agent that calls tools removes the marks."""

_CURRENT_TURN: ContextVar[str | None] = ContextVar("nb_stream_turn", default=None)
"""The turn that is at work in the current task. The tasks that it makes inherit it: a turn that begins there lies
inside this turn."""

_numbers = itertools.count(1)


def new_turn() -> str:
    """A name for a turn, unique in this process."""
    return f"t{next(_numbers)}"


def plain_chunk(item: Any, said: str) -> Any:
    """The token `item` as callers get it: with the text `said`, and round a thought the marks that AutoGen writes."""
    text = think_tags.with_think_tags(said)
    return item if text == said else copied(item, text)


class Origin(NamedTuple):
    """Where a message was made. `final` says that the message is the last one of its turn, and `name` is the name of
    the agent at `path`."""

    path: str
    turn: str | None
    final: bool
    name: str


class TokenRouter:
    """The way out of a team for one run. `hear` gets the tokens; `emit` gets the events that the team does not yield.

    The backend makes one for each run, and all hooks of the run write into it. It belongs to the loop of the run.
    """

    def __init__(self, emit: Callable[[Event], None], hear: Hear) -> None:
        self.emit = emit
        self.order = MessageSequencer()
        self.open = True
        self._hear = hear
        self._origins: dict[str, Origin] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unfinished: set[str] = set()  # turns that have not said their last message
        self._under_way: set[str] = set()  # turns whose last message has not come out of the team
        self._failures: list[tuple[str, str, str]] = []  # agent, path and text; an inner agent before the outer
        self._inside: dict[str, list[TurnEnded]] = {}  # by the outer turn: the ends of the turns in it

    def begin(self, agent: str, path: str, turn: str) -> None:
        """Tell the reader that a turn begins, behind everything that was said before it."""
        self._unfinished.add(turn)
        self.order.after_all(functools.partial(self.emit, TurnStarted(agent, path, now(), turn)), turn)

    @contextlib.contextmanager
    def turn(self, agent: str, path: str) -> Iterator[str]:
        """One turn of an agent; gives the turn's name. If the turn ends without its last message, an event says so."""
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
                _CURRENT_TURN.set(outer)  # `reset` would raise if the generator is closed in another context

    def fails(self, agent: str, path: str, error: BaseException) -> None:
        """Note that a turn ends with an error. Whether the error ends the run shows later."""
        if self.open and isinstance(error, Exception):
            self._failures.append((agent, path, unflattened(error)[0]))

    def failed_agent(self, error: BaseException) -> tuple[str, str]:
        """Name and path of the agent whose turn ended the run with `error`; both are empty if no turn did.

        AgentChat hands an error on as a text, so texts are compared. If an agent inside another one fails, both note
        the error. The inner agent is the one that failed, so the search goes from the outermost note inwards.
        """
        said, found = unflattened(error)[0], ("", "")
        for agent, path, text in reversed(self._failures):
            if text in said and (not found[1] or path.startswith(f"{found[1]}/")):
                found = agent, path
        return found

    def end_inside(self, turn: str) -> None:
        """An agent is about to say its last message, so the turns inside its turn are over. Some of them may have said
        messages that the agent did not pass on."""
        inside = self._inside.pop(turn, ())
        if inside:
            self.order.after_all(functools.partial(self._end, inside), turn)

    def _end(self, turns: Sequence[TurnEnded]) -> None:
        for ended in turns:
            # The outer agent kept the last message of this turn, so nothing else would tell that the turn has ended.
            if ended.turn in self._under_way:
                self.order.lost(ended.turn)
                self.emit(replace(ended, at=now()))

    def token(self, item: ModelClientStreamingChunkEvent, origin: Origin) -> None:
        """Let a token out of the team, behind the messages that were said before it."""
        chunk = chunk_of(item, source_of(item, origin.name), origin.path, origin.turn)
        item = plain_chunk(item, chunk.text)
        if self.order.free:
            self._hear(item, chunk)
        else:
            self.order.after_all(functools.partial(self._hear, item, chunk), origin.turn)

    def mark(self, message: Any, origin: Origin, arrives: bool) -> None:
        """Note where a message was made. Only the first call for a message counts: it comes from the innermost hook,
        which stands where the message was made. `arrives` says that the team will yield the message, so that tokens
        wait for it."""
        self._origins.setdefault(id_of(message), origin)
        if origin.final and origin.turn is not None:
            self._unfinished.discard(origin.turn)
            if arrives:
                self._under_way.add(origin.turn)
        if arrives:
            self.order.sent(id_of(message), origin.turn)

    def origin(self, message: Any) -> Origin | None:
        """Where a message that the team yielded was made; None if no hook has seen it. A chunk can be asked for once:
        there are many chunks, so its note is dropped."""
        if isinstance(message, ModelClientStreamingChunkEvent):
            return self._origins.pop(id_of(message), None)
        found = self._origins.get(id_of(message))
        if found is not None and found.final and found.turn is not None:
            self._under_way.discard(found.turn)
        return found

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """For its time, the current task counts as at work inside the team, so that `cut_off` finds it."""
        task = asyncio.current_task()
        if task is None or task in self._tasks:  # an outer turn in the same task has added it
            yield
            return
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def cut_off(self) -> None:
        """Cancel every task that is at work, and take no more tokens."""
        self.open = False
        for task in list(self._tasks):
            # A task of another loop may only be cancelled from that loop's thread.
            if task.get_loop() is asyncio.get_running_loop():
                task.cancel()

    def close(self) -> None:
        """Note that the run is over, and let out everything that still waits."""
        self.open = False
        self.order.close()
