"""Ending a run of an AutoGen team: after the turn, or at once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from autogen_agentchat.base import TerminatedException, TerminationCondition
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from ...concurrency import event_loops
from ...concurrency.guarded_calls import attempt
from . import private_runtime

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
    """A cancellation token that takes what it is given, forgets what is over, and always ends its cancel.

    AutoGen's own (0.7.5, `_cancellation_token.py`) keeps one future for every message: over a long run that is a
    kilobyte a token of the model. And its cancel ends at the first thing that cannot be cancelled, such as the bare
    coroutine that `McpWorkbench` links (`_workbench.py`). Any thread may use it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.RLock()
        self._used = False
        self._to_call: list[Callable[[], None]] = []
        self._linked: list[asyncio.Future[Any] | _Foreign] = []
        self._room = 64

    def is_cancelled(self) -> bool:
        return self._used

    def add_callback(self, callback: Callable[[], None]) -> None:
        with self._changing:
            if not self._used:
                self._to_call.append(callback)
                return
        callback()

    def link_future(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        linked = future if issubclass(type(future), asyncio.Future) else _Foreign(future)
        with self._changing:
            if not self._used:
                if len(self._linked) >= self._room:
                    self._linked = [one for one in self._linked if not _is_over(one)]
                    self._room = max(64, 2 * len(self._linked))
                self._linked.append(linked)
                return future
        if isinstance(linked, _Foreign):
            linked.refuse()
        else:
            _cancel(linked)
        return future

    def cancel(self) -> None:
        with self._changing:
            if self._used:
                return
            self._used = True
            to_call, self._to_call = self._to_call, []
            linked = list(self._linked)
        for callback in to_call:
            attempt("A callback of the cancellation token", callback)
        for one in linked:
            one.cancel() if isinstance(one, _Foreign) else _cancel(one)

    @property
    def pending(self) -> list[asyncio.Future[Any]]:
        """What is linked to the token and has not ended; for what is no future, the task that linked it."""
        left = [one for one in list(self._linked) if not _is_over(one)]
        return [future for one in left if (future := one.task if isinstance(one, _Foreign) else one) is not None]


class _Foreign:
    """Something that was linked to a token and is no future of asyncio's.

    It is cancelled by its own `cancel`. If it has none, or that fails, the task that linked it is cancelled, for that
    task is the one that waits for it. A coroutine that somebody awaits is never closed: it would fail, and not end.
    """

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self.task = asyncio.current_task() if event_loops.running_loop() is not None else None

    def done(self) -> bool:
        """Whether it has ended, as far as it can be told."""
        thing = self._thing
        if type(thing) in (CoroutineType, GeneratorType, AsyncGeneratorType):
            frames = (getattr(thing, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
            return all(frame is None for frame in frames)
        if hasattr(thing, "done"):
            return thing.done() is True
        return not hasattr(thing, "cancel") and (self.task is None or self.task.done())

    def cancel(self) -> None:
        """Let it end."""
        if attempt(None, self._cancels_itself, False):
            return
        if self.task is None:
            self._close()
        else:
            self.task.add_done_callback(lambda _: self._close())
            _cancel(self.task)

    def refuse(self) -> None:
        """It was linked too late. Raises CancelledError if it cannot be cancelled itself: nobody is to await it."""
        if not attempt(None, self._cancels_itself, False):
            self._close()
            raise asyncio.CancelledError("The run was cancelled.")

    def _cancels_itself(self) -> bool:
        if not hasattr(self._thing, "cancel"):
            return False
        answer = self._thing.cancel()
        if type(answer) is CoroutineType:  # it is to be awaited, for which there is no time
            answer.close()
            return False
        return True

    def _close(self) -> None:
        """A coroutine that was never begun complains, unless it is closed."""
        if type(self._thing) is CoroutineType and inspect.getcoroutinestate(self._thing) == inspect.CORO_CREATED:
            self._thing.close()


# There may be thousands of linked things. What they raise is told to nobody: there is nothing to be done about it.


def _is_over(linked: asyncio.Future[Any] | _Foreign) -> bool:
    return attempt(None, lambda: linked.done(), False) is True


def _cancel(future: asyncio.Future[Any]) -> None:
    """Cancel a future, whatever loop it is of and whatever thread this is."""

    def cancel() -> None:
        loop = future.get_loop()
        if loop is event_loops.running_loop():
            future.cancel()
        else:
            loop.call_soon_threadsafe(future.cancel)

    attempt(None, cancel)


END_TIMEOUT_S = 0.1
"""Seconds that the other agents of a failed team have to end by themselves."""


@contextlib.contextmanager
def prompt_failure(
    root: Any, teams: Callable[[], Sequence[BaseGroupChat]], cut_off: Callable[[BaseGroupChat], None]
) -> Iterator[None]:
    """Let each of `teams()` that fails end at once. AutoGen waits until all its other agents have finished, although
    nothing of what they say is used any more. That takes minutes, or for ever if one of them waits for a person or has
    raised CancelledError."""
    loop = asyncio.get_running_loop()
    seen: dict[int, int] = {}
    failed: dict[int, BaseException] = {}
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        for team in teams():
            error = private_runtime.failure(team)
            times = seen[id(team)] = 0 if error is None else seen.get(id(team), 0) + 1
            if error is not None and times == 2:
                failed[id(team)] = error
                cut_off(team)
                private_runtime.fail(team, error)
        timer = loop.call_later(END_TIMEOUT_S, look)

    timer = loop.call_later(END_TIMEOUT_S, look)
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

    def __init__(self, wished: Callable[[Any], bool]) -> None:
        self._wished = wished  # of a team
        self._conditions: dict[int, contextlib.ExitStack] = {}  # by the team's id()
        self._shields: dict[int, contextlib.ExitStack] = {}

    async def install(self, teams: Sequence[BaseGroupChat]) -> None:
        """Let the run of these teams end after the current turn once it is wished. A team that was renewed in mid-run
        comes again: its old parts, which are disarmed, stay as they are."""
        for team in teams:
            parts = await private_runtime.parts(team)
            shields = self._shields[id(team)] = contextlib.ExitStack()
            for shield in private_runtime.shields(team, parts):
                shields.enter_context(shield)
            condition = StopCondition(private_runtime.condition(parts.manager), functools.partial(self._wished, team))
            stack = self._conditions[id(team)] = contextlib.ExitStack()
            stack.enter_context(private_runtime.condition_replaced(parts.manager, condition))

    def remove(self) -> None:
        """Give the managers back their conditions."""
        for stack in self._conditions.values():
            stack.close()

    def unshield(self) -> None:
        """The run has ended, and nothing is left of it. After a run that was cut off, what is left of it keeps its
        shields."""
        for stack in self._shields.values():
            stack.close()
