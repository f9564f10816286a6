"""Turns: for the time of a run, what is known of each agent at work: who it is, what it was given, in which task.

Tools and approvals ask on behalf of the agent whose turn it is; recovery must know what an agent has been told.

A turn belongs to the run that began it. Anybody may call an agent of the team while a run uses it: another team, code
beside the run, a function tool within it. Such a turn goes through as if there were no run. Of the turns of a run

- the container of a participant gives it the container's own buffer, the very list (AutoGen 0.7.5,
  `_chat_agent_container.py`), and no other caller has that;
- all others begin while something that holds the agent is at work: the run itself, a tool, an agent with an agent or a
  team inside it. A context variable says what that may begin.
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

from ..base import Verdict
from . import private, private_runtime
from .closing import closing

Approve = Callable[[str, str, str, Mapping[str, Any]], Awaitable[Verdict]]
"""Asks a person for an agent with a path and a name: with a prompt, and what is to be approved."""


class Scope:
    """What the turns of a run have in common. It outlives the run in background tasks, so it is emptied at its end."""

    def __init__(self, approve: Approve) -> None:
        self.approve: Approve | None = approve

    @property
    def open(self) -> bool:
        """Whether the run goes on."""
        return self.approve is not None


class Caller(NamedTuple):
    """The agent whose turn it is. `may_begin` has the `id()` of each agent and team whose turn or run, if it begins
    now, belongs to the same run."""

    path: str
    name: str
    scope: Scope
    may_begin: frozenset[int] = frozenset()

    async def approve(self, prompt: str, what: Mapping[str, Any]) -> Verdict:
        """Ask a person, with a prompt and what is to be approved."""
        if self.scope.approve is None:
            raise asyncio.CancelledError
        return await self.scope.approve(self.path, self.name, prompt, what)


_CALLER: ContextVar[Caller | None] = ContextVar("nb_stream_caller", default=None)
"""Set while a turn is at work, so in all tasks that it makes: those of its tools."""


def caller() -> Caller | None:
    """The agent whose turn it is; None outside all turns, and in a turn that others began. What is left of a run that
    was cut off has its caller still."""
    return _CALLER.get()


def asker() -> Caller | None:
    """The caller, if there is one whose run goes on: a person can be asked."""
    found = _CALLER.get()
    return found if found is not None and found.scope.open else None


@contextlib.contextmanager
def calling(who: Caller | None) -> Iterator[None]:
    """For a moment of the current task, let `who` be the caller."""
    before = _CALLER.set(who)
    try:
        yield
    finally:
        _CALLER.reset(before)


async def called(who: Caller | None, begin: Callable[[], AsyncIterator[Any]]) -> AsyncGenerator[Any, None]:
    """Read a stream. `who` is the caller while the stream is at work, and not while its reader is."""
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
        with calling(who):
            async with closing(stream):
                raise


def begins(thing: Any) -> bool:
    """Whether a turn of an agent, or a run of a team, that begins now is one that the caller may begin."""
    found = asker()
    return found is not None and id(thing) in found.may_begin


def given_to(args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """What a turn gets, or a run of a team, however it was passed."""
    return args[0] if args else options.get("messages", options.get("task"))


class Turns:
    """The turns of one run."""

    def __init__(self) -> None:
        self.given: dict[int, list[BaseChatMessage]] = {}
        """By the agent's `id()`, what it was given in its latest turn."""
        self.unfinished: set[int] = set()
        """The SocietyOfMindAgents whose latest turn has not ended: what they were given they note down last of all."""
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.run: Caller | None = None
        """The run itself, as a caller."""
        self._elsewhere: list[BaseGroupChat] = []
        self._containers: dict[int, list[Any]] = {}

    def elsewhere(self, team: Any) -> bool:
        """Whether a run that others began uses the team now."""
        return any(team is one for one in self._elsewhere)

    async def know(self, teams: Sequence[BaseGroupChat]) -> None:
        """Take note of the containers of these teams."""
        for team in teams:
            self._containers[id(team)] = (await private_runtime.parts(team)).containers

    def note(self, agent: Any, given: Any) -> None:
        """A turn of the run begins in this task, with what is given to the agent."""
        self.given[id(agent)] = list(given) if isinstance(given, (list, tuple)) else []
        task = asyncio.current_task()
        if task is not None:
            self.tasks.add(task)

    def is_of_run(self, thing: Any, given: Any, scope: Scope) -> bool:
        """Whether it is this run that begins a turn, or a run of a team, with what is given to it."""
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
        """A turn, or a run of a team, with which this run has nothing to do."""
        if built is not None:
            private.set_streams(thing, built)  # our own turns set it when they begin
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
        """A turn of a SocietyOfMindAgent, which counts as unfinished until its end."""
        self.unfinished.add(id(agent))
        async with contextlib.aclosing(stream):
            async for item in stream:
                yield item
        self.unfinished.discard(id(agent))
