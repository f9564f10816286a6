"""Ending a run of an AutoGen team: after the turn, or at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autogen_agentchat.base import TerminatedException, TerminationCondition
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from . import autogen_private as private

STOPPED = "Stopped after the turn."


class StopCondition(TerminationCondition):
    """A team's own condition, or none, and the wish to stop."""

    def __init__(self, inner: TerminationCondition | None, wished: Callable[[], bool]) -> None:
        self.inner = inner
        self._wished = wished

    @property
    def terminated(self) -> bool:
        return self.inner is not None and self.inner.terminated

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self.terminated:
            raise TerminatedException("The team's termination condition has already been reached.")
        found = await self.inner(messages) if self.inner is not None else None
        if found is None and self._wished():
            return StopMessage(content=STOPPED, source="nb_stream")
        return found

    async def reset(self) -> None:
        if self.inner is not None:
            await self.inner.reset()


class RunToken(CancellationToken):
    """A cancellation token that forgets futures which are done.

    AutoGen links one future for every message to the token and keeps them all (0.7.5, `_cancellation_token.py`): over
    a long run that is a kilobyte a token of the model.
    """

    def __init__(self) -> None:
        super().__init__()
        self._linked: list[asyncio.Future[Any]] = []
        self._room = 64

    def link_future(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        if self.is_cancelled():
            future.cancel()
            return future
        if len(self._linked) >= self._room:
            self._linked = [linked for linked in self._linked if not linked.done()]
            self._room = max(64, 2 * len(self._linked))
        self._linked.append(future)
        return future

    def cancel(self) -> None:
        super().cancel()
        for future in self._linked:
            future.cancel()

    @property
    def pending(self) -> list[asyncio.Future[Any]]:
        """What is linked to the token and has not ended."""
        return [future for future in self._linked if not future.done()]


GRACE = 0.1
"""Seconds that the other agents of a failed team have to end by themselves."""


@contextlib.contextmanager
def prompt_failure(
    root: Any, teams: Sequence[BaseGroupChat], cut_off: Callable[[BaseGroupChat], None]
) -> Iterator[None]:
    """Let each of `teams` that fails end at once. AutoGen waits until all its other agents have finished, although
    nothing of what they say is used any more: for minutes, or for ever where one of them waits for a person, or where
    an agent raised CancelledError."""
    loop = asyncio.get_running_loop()
    seen: dict[int, int] = {}
    failed: dict[int, BaseException] = {}
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        for team in teams:
            error = private.failure(team)
            times = seen[id(team)] = 0 if error is None else seen.get(id(team), 0) + 1
            if error is not None and times == 2:
                failed[id(team)] = error
                cut_off(team)
                private.fail(team, error)
        timer = loop.call_later(GRACE, look)

    timer = loop.call_later(GRACE, look)
    try:
        yield
    except asyncio.CancelledError:
        error = failed.get(id(root))
        if error is None:
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    finally:
        timer.cancel()


class Stops:
    """The wish to stop, in the managers of all teams of a run."""

    def __init__(self, wished: Callable[[], bool]) -> None:
        self._wished = wished
        self._managers: list[Any] = []

    async def install(self, teams: Sequence[BaseGroupChat]) -> None:
        """Let the run of these teams end after the current turn once it is wished."""
        for team in teams:
            parts = await private.parts(team)
            private.shield(team, parts)
            private.set_condition(parts.manager, StopCondition(private.condition(parts.manager), self._wished))
            self._managers.append(parts.manager)

    def remove(self) -> None:
        """Leave the managers as they were."""
        for manager in self._managers:
            condition = private.condition(manager)
            if isinstance(condition, StopCondition):
                private.set_condition(manager, condition.inner)
