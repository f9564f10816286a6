"""Turns: for the time of a run, what is known of each agent at work: its path, what it was given, and its task.

A tool or an approval asks a person on behalf of the agent whose turn it is. Recovery must know what an agent was told.

A turn belongs to the run that began it. While a run uses an agent, others may call the agent, too: another team, code
beside the run, a function tool inside the run. Such a turn goes through as if there were no run. The turns of a run are
told from those by how they begin:

- The container of a participant begins the turn with the container's own buffer, the very list (AutoGen 0.7.5,
  `_chat_agent_container.py`). No other caller has that list.
- Every other turn of the run begins while the thing that holds the agent is at work: the run itself, a tool, or an
  agent with an agent or a team inside it. A context variable says what that thing may begin.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat

from ..base import Check, Verdict
from . import private, private_runtime
from .closing import closing

Approve = Callable[[str, str, str, Mapping[str, Any], Check | None], Awaitable[Verdict]]
"""Asks a person on behalf of an agent. Takes the agent's path and name, a prompt, what is to be approved, and the check
of arguments that the person changes; None if they cannot be changed."""


class Scope:
    """What the turns of a run have in common. `hooks` makes one for each run. Background tasks keep it after the run,
    so the end of the run empties it: then nobody can be asked any more."""

    def __init__(self, approve: Approve) -> None:
        self.approve: Approve | None = approve

    @property
    def open(self) -> bool:
        """Whether the run goes on."""
        return self.approve is not None


class Caller(NamedTuple):
    """The agent whose turn it is. `may_begin` has the `id()` of agents and teams. If a turn or run of one of them
    begins now, it belongs to the same run."""

    path: str
    name: str
    scope: Scope
    may_begin: frozenset[int] = frozenset()

    async def approve(self, prompt: str, what: Mapping[str, Any], check: Check | None = None) -> Verdict:
        """Ask a person, with a prompt, what is to be approved, and the check of arguments that the person changes.
        Raises CancelledError if the run is over."""
        if self.scope.approve is None:
            raise asyncio.CancelledError
        return await self.scope.approve(self.path, self.name, prompt, what, check)


_CALLER: ContextVar[Caller | None] = ContextVar("nb_stream_caller", default=None)
"""Set while a turn is at work. The tasks that the turn makes inherit it, such as the tasks of its tools."""


def caller() -> Caller | None:
    """The agent whose turn it is; None outside all turns, and in a turn that others began. A task that is left of a run
    that was cut off still has its caller."""
    return _CALLER.get()


def asker() -> Caller | None:
    """The caller, if its run goes on, so that a person can be asked; else None."""
    found = _CALLER.get()
    return found if found is not None and found.scope.open else None


@contextlib.contextmanager
def calling(who: Caller | None) -> Iterator[None]:
    """Let `who` be the caller in the current task for a time. The block must not yield to the reader of a generator:
    the variable would be set in the reader, too."""
    before = _CALLER.set(who)
    try:
        yield
    finally:
        _CALLER.reset(before)


async def called(who: Caller | None, begin: Callable[[], AsyncIterator[Any]]) -> AsyncGenerator[Any, None]:
    """Read a stream. `who` is the caller while the stream is at work, and not while its reader is.

    A generator runs in the context of its reader, so the variable is set for each step and set back before each item.
    """
    with calling(who):
        stream = begin().__aiter__()
    try:
        while True:
            with calling(who):
                try:
                    item = await stream.__anext__()
                except StopAsyncIteration:
                    return
            yield item
    except BaseException:
        # The reader has left, or the stream has failed. What the stream does at its close is still a part of the turn.
        with calling(who):
            async with closing(stream):
                raise


def begins(thing: Any) -> bool:
    """Whether the caller may begin a turn of this agent, or a run of this team, now."""
    found = asker()
    return found is not None and id(thing) in found.may_begin


def given_to(args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """The messages that a turn is given, or the task of a run, whether it was passed by position or by name."""
    return args[0] if args else options.get("messages", options.get("task"))


class Turns:
    """The turns of one run. The backend makes one for each run; it belongs to the loop of the run."""

    def __init__(self) -> None:
        self.given: dict[int, list[BaseChatMessage]] = {}
        """By the `id()` of an agent: the messages that it was given in its latest turn."""
        self.unfinished: set[int] = set()
        """By `id()`, the SocietyOfMindAgents whose latest turn has not ended. Such an agent notes down what it was
        given at the very end of its turn, so after a cut its context lacks these messages (`recovery`)."""
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.run: Caller | None = None
        """The run itself, as a caller."""
        self._elsewhere: list[BaseGroupChat] = []
        self._containers: dict[int, list[Any]] = {}

    def elsewhere(self, team: Any) -> bool:
        """Whether a run that is not ours uses the team now."""
        return any(team is one for one in self._elsewhere)

    async def know(self, teams: Sequence[BaseGroupChat]) -> None:
        """Note the containers of these teams, by whose buffers `is_of_run` knows the turns of the run."""
        for team in teams:
            self._containers[id(team)] = (await private_runtime.parts(team)).containers

    def note(self, agent: Any, given: Any) -> None:
        """Note that a turn of the run begins in this task, and the messages that the agent is given. A copy is kept,
        because the container empties its list after the turn."""
        self.given[id(agent)] = list(given) if isinstance(given, (list, tuple)) else []
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)

    def is_of_run(self, thing: Any, given: Any, scope: Scope) -> bool:
        """Whether this run begins a turn of an agent, or a run of a team, that is `given` this list or task."""
        if begins(thing):
            return True
        if not scope.open or not isinstance(given, list):
            return False
        for key, containers in self._containers.items():
            if any(
                private_runtime.agent_of_container(one) is thing and private_runtime.buffer(one) is given
                for one in containers
            ):
                return all(id(team) != key for team in self._elsewhere)
        return False

    async def of_others(
        self, thing: Any, built: bool | None, begin: Callable[[], AsyncIterator[Any]]
    ) -> AsyncGenerator[Any, None]:
        """Pass through a turn of an agent, or a run of a team, that others begin. `built` is the agent's own flag for
        streaming, which a switch of ours may have changed."""
        if built is not None:
            private.set_streams(thing, built)  # each turn of ours sets it anew
        team = isinstance(thing, BaseGroupChat) and not private_runtime.is_running(thing)
        if team:
            self._elsewhere.append(thing)
        try:
            async with contextlib.aclosing(called(None, begin)) as stream:
                async for item in stream:
                    yield item
        finally:
            if team:
                self._elsewhere.remove(thing)

    async def to_its_end(self, agent: Any, stream: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """Pass through a turn of a SocietyOfMindAgent, and count it as unfinished until it has ended by itself."""
        self.unfinished.add(id(agent))
        async with contextlib.aclosing(stream):
            async for item in stream:
                yield item
        self.unfinished.discard(id(agent))
