"""`Run`: the handle of a run that goes on in the background."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from ..concurrency import event_loops, interrupts
from ..errors import NotRunningError

CURRENT_RUN: contextvars.ContextVar[weakref.ref[Run] | None] = contextvars.ContextVar("nb_stream_run", default=None)
"""Set in the tasks of a run, those of its agents, tools and callbacks included. What they leave in the background keeps
neither the run nor its result."""


class Run:
    """A run of a team. Await it for the team's result; it raises what the team raised.

    Waiting for a run never owns it: a wait that is cancelled leaves the run alone. An interrupt of a cell that waits
    ends it. May be awaited on any event loop.
    """

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.loop: asyncio.AbstractEventLoop | None = None
        self.end: Callable[[bool], object] = _nothing  # of the runner, on the loop
        self.left: Callable[[], bool] = lambda: False  # whether it is a `run_stream` that nobody holds any more
        self._outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self._outcome.done()

    def cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self._outcome.cancelled()

    def result(self) -> Any:
        """The team's result. Raises what the team raised, CancelledError for a cancelled run, and NotRunningError's
        sentence while the run goes on."""
        if not self.done():
            raise NotRunningError("The run has not ended yet. Await it: `await run`.")
        if self._outcome.cancelled():
            raise asyncio.CancelledError("The run was cancelled.")
        return self._outcome.result()

    def exception(self) -> BaseException | None:
        """What the team raised, or None. Raises as `result` does for a run that goes on or was cancelled."""
        if not self.done() or self._outcome.cancelled():
            self.result()
        return self._outcome.exception()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        if not self.done():
            async with self.waited_for():
                await self.settled()
        return self.result()

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "running"
        return f"<Run {self.id}: {state}>"

    # --- for the stream --------------------------------------------------------------------------------------------

    def waited_for(self) -> contextlib.AbstractAsyncContextManager[interrupts.Wait]:
        """Around a wait: an interrupt of a cell that waits ends the run."""
        return interrupts.caught(self, part_of_run=CURRENT_RUN.get() is not None)

    async def settled(self) -> None:
        """Wait for the end, whatever it is. Interrupts do nothing to this wait."""
        if not self.done():
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()

            def wake(_: Any) -> None:
                with contextlib.suppress(RuntimeError):  # the loop that waited is closed
                    loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))

            self._outcome.add_done_callback(wake)
            await waiter

    def holds_up(self) -> bool:
        """Whether the code that runs right now in this thread is part of the run."""
        return is_within(self)

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        """Settle the outcome; a CancelledError cancels it. Does nothing where it is settled."""
        if self.done():
            return
        self.end = _nothing  # whoever keeps the run keeps nothing of its team
        if isinstance(error, asyncio.CancelledError):
            self._outcome.cancel()
            self._outcome.set_running_or_notify_cancel()
        elif error is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(result)


def is_within(run: Run) -> bool:
    """Whether this is a part of a run: then it cannot wait for its end."""
    found = CURRENT_RUN.get()
    return found is not None and found() is run


def _nothing(at_once: bool) -> None:
    """How to end a run that has ended."""


class MessageQueue:
    """The messages of a run on their way to one `run_stream` consumer, on whichever loop it waits. Never holds up the
    run."""

    def __init__(self) -> None:
        self._waiting: deque[Any] = deque()
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def put(self, message: Any) -> None:
        """Add a message."""
        self._waiting.append(message)
        self._wake()

    def close(self) -> None:
        """No more messages come."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if event_loops.running_loop() is self._loop:
            self._ready.set()
        else:
            with contextlib.suppress(RuntimeError):  # the loop that waits is closed
                self._loop.call_soon_threadsafe(self._ready.set)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._closed and not self._waiting:
                return
            self._ready.clear()
            if not self._waiting and not self._closed:
                await self._ready.wait()
