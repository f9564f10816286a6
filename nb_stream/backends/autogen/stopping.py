"""Ends a run of an AutoGen team: after the turn, by a cancellation token, or at once when an agent has failed.

AutoGen 0.7.5 cannot be asked to end a run after a turn. Its cancel may stop half-way, and a failed team waits for its
other agents. Each of the three has a class or a function here.
"""

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
    """A team's own termination condition, if it has one, and the wish to stop. It stands in the manager for the time
    of a run, and the manager asks it after each turn. `wished` gives the reason to stop, empty if there is none.
    `is_void` says of messages that the team's own condition must not see them (`steering`)."""

    def __init__(
        self, inner: TerminationCondition | None, wished: Callable[[], str], is_void: Callable[[Sequence[Any]], bool]
    ) -> None:
        self.inner = inner
        self._wished, self._is_void = wished, is_void

    @property
    def terminated(self) -> bool:
        return self.inner is not None and self.inner.terminated

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self.terminated:
            raise TerminatedException("The team's termination condition has already been reached.")
        found = await self.inner(messages) if self.inner is not None and not self._is_void(messages) else None
        if found is None and (reason := self._wished()):
            return StopMessage(content=reason, source="nb_stream")
        return found

    async def reset(self) -> None:
        if self.inner is not None:
            await self.inner.reset()


class RunToken(CancellationToken):
    """A cancellation token that takes everything that is linked to it, forgets what has ended, and always cancels all.

    AutoGen's own token (0.7.5, `_cancellation_token.py`) keeps one future for every message: over a long run that is a
    kilobyte for each token of the model. And its cancel breaks off at the first linked thing that cannot be cancelled,
    such as the bare coroutine that `McpWorkbench` links (`_workbench.py`).

    The backend makes one for each run. Any thread may use it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.RLock()
        self._used = False
        self._to_call: list[Callable[[], None]] = []
        self._linked: list[asyncio.Future[Any] | _Foreign] = []
        self._room = 64  # how many may be linked before those that have ended are dropped

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
                    self._room = max(64, 2 * len(self._linked))  # doubled, so that a link costs O(1) on average
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
        # Outside of the lock: a callback may be of the user's own, and wait for another thread that links something.
        for callback in to_call:
            attempt("A callback of the cancellation token", callback)
        for one in linked:
            one.cancel() if isinstance(one, _Foreign) else _cancel(one)

    @property
    def pending(self) -> list[asyncio.Future[Any]]:
        """The linked futures that have not ended. In the place of a thing that is no future stands its task."""
        left = [one for one in list(self._linked) if not _is_over(one)]
        return [future for one in left if (future := one.task if isinstance(one, _Foreign) else one) is not None]


class _Foreign:
    """A thing that was linked to a token and is no future of asyncio's.

    It is cancelled by its own `cancel`. If it has no `cancel`, or its `cancel` fails, the task that linked it is
    cancelled, because that task waits for it. A coroutine that somebody awaits is never closed: closing it would raise.
    """

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self.task = asyncio.current_task() if event_loops.running_loop() is not None else None

    def done(self) -> bool:
        """Whether the thing has ended, as far as can be told from outside."""
        thing = self._thing
        if type(thing) in (CoroutineType, GeneratorType, AsyncGeneratorType):
            frames = (getattr(thing, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
            return all(frame is None for frame in frames)
        if hasattr(thing, "done"):
            return thing.done() is True
        return not hasattr(thing, "cancel") and (self.task is None or self.task.done())

    def cancel(self) -> None:
        """Cancel the thing, or the task that waits for it."""
        if attempt(None, self._cancels_itself, False):
            return
        if self.task is None:
            self._close()
        else:
            self.task.add_done_callback(lambda _: self._close())
            _cancel(self.task)

    def refuse(self) -> None:
        """Cancel a thing that was linked after the cancel. Raises CancelledError if the thing cannot be cancelled, so
        that the caller does not go on to await it."""
        if not attempt(None, self._cancels_itself, False):
            self._close()
            raise asyncio.CancelledError("The run was cancelled.")

    def _cancels_itself(self) -> bool:
        if not hasattr(self._thing, "cancel"):
            return False
        answer = self._thing.cancel()
        if type(answer) is CoroutineType:  # an asynchronous `cancel` has to be awaited, and nobody here can await it
            answer.close()
            return False
        return True

    def _close(self) -> None:
        """Close a coroutine that was never begun, because Python warns of one that is dropped like that."""
        if type(self._thing) is CoroutineType and inspect.getcoroutinestate(self._thing) == inspect.CORO_CREATED:
            self._thing.close()


# What linked things raise is not logged (`attempt` without a name): there may be thousands of them, and nobody can do
# anything about it.


def _is_over(linked: asyncio.Future[Any] | _Foreign) -> bool:
    return attempt(None, lambda: linked.done(), False) is True


def _cancel(future: asyncio.Future[Any]) -> None:
    """Cancel a future. It may belong to any loop, and the call may come from any thread."""

    def cancel() -> None:
        loop = future.get_loop()
        if loop is event_loops.running_loop():
            future.cancel()
        else:
            loop.call_soon_threadsafe(future.cancel)

    attempt(None, cancel)


END_TIMEOUT_S = 0.1
"""Seconds between two looks at the teams. The other agents of a failed team have at least this long to end by
themselves, because a team is cut off at the second look that finds it failed."""


@contextlib.contextmanager
def prompt_failure(
    root: Any, teams: Callable[[], Sequence[BaseGroupChat]], cut_off: Callable[[BaseGroupChat], None]
) -> Iterator[None]:
    """For the time of a run, end each team of `teams()` soon after it has failed. Enter it on the loop of the run.

    AutoGen waits until all other agents of the failed team have finished, although nothing of what they say is used any
    more. That takes minutes. It takes for ever if one of them waits for a person or has raised CancelledError.

    Raises RuntimeError, as AutoGen does, if `root` itself was ended by this.
    """
    loop = asyncio.get_running_loop()
    seen: dict[int, int] = {}
    failed: dict[int, BaseException] = {}
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        for team in teams():
            error = private_runtime.failure(team)
            # The second look in a row cuts off: by then a team that can end by itself has ended.
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
    """Puts the wish to stop into the managers of all teams of a run, and shields around what a cut may leave running.

    The backend makes one for each run; it belongs to the loop of the run.
    """

    def __init__(self, wished: Callable[[Any], str], is_void: Callable[[Sequence[Any]], bool]) -> None:
        self._wished, self._is_void = wished, is_void  # why the run of this team is to stop; see `StopCondition`
        self._conditions: dict[int, contextlib.ExitStack] = {}  # by the team's id()
        self._shields: dict[int, contextlib.ExitStack] = {}

    async def install(self, teams: Sequence[BaseGroupChat]) -> None:
        """Let the run of these teams end after the current turn as soon as somebody wishes it. A team that was rebuilt
        in mid-run is passed again. Its old parts are disarmed, so they are left as they are."""
        for team in teams:
            parts = await private_runtime.parts(team)
            shields = self._shields[id(team)] = contextlib.ExitStack()
            for shield in private_runtime.shields(team, parts):
                shields.enter_context(shield)
            wished = functools.partial(self._wished, team)
            condition = StopCondition(private_runtime.condition(parts.manager), wished, self._is_void)
            stack = self._conditions[id(team)] = contextlib.ExitStack()
            stack.enter_context(private_runtime.condition_replaced(parts.manager, condition))

    def remove(self) -> None:
        """Give the managers their own conditions back."""
        for stack in self._conditions.values():
            stack.close()

    def unshield(self) -> None:
        """Remove the shields, when a run has ended and nothing is left of it. Do not call it after a run that was cut
        off: what is left of such a run needs the shields to end in silence."""
        for stack in self._shields.values():
            stack.close()
