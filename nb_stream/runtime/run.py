"""`Run`, the handle of a run that goes on in the background, and `MessageQueue`, the way of its messages to a consumer.

A run belongs to the stream and not to the cell that started it. So its handle can be awaited from any cell, thread or
event loop, or from none.
"""

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
"""The run that a task belongs to. It is set in all tasks of a run, those of its agents, tools and callbacks included.
It is a weak reference, so that a task left in the background keeps neither the run nor its result in memory."""


class Run:
    """A run of a team. `await run` returns the team's result, or raises the team's error; it raises CancelledError if
    the run was cancelled.

    It may be awaited on any event loop, and by several tasks. If such a task is cancelled, the run goes on. If the cell
    that awaits it is interrupted, the run ends. `id` is the id of the run in the transcript.
    """

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.loop: asyncio.AbstractEventLoop | None = None
        self.end: Callable[[bool], object] = _nothing  # the supervisor's cancel; called on the loop
        self.abandoned: Callable[[], bool] = lambda: False  # whether nobody holds its `run_stream` any more
        self._outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self._outcome.done()

    def cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self._outcome.cancelled()

    def result(self) -> Any:
        """The team's result. Raises the error that the team raised, CancelledError if the run was cancelled, and
        NotRunningError while the run goes on."""
        if not self.done():
            raise NotRunningError("The run has not ended yet. Await it: `await run`.")
        if self._outcome.cancelled():
            raise asyncio.CancelledError("The run was cancelled.")
        return self._outcome.result()

    def exception(self) -> BaseException | None:
        """The error that the team raised, or None. Raises CancelledError if the run was cancelled, and NotRunningError
        while the run goes on."""
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
        """A context for a wait. If the cell that waits is interrupted, the run ends."""
        return interrupts.caught(self, part_of_run=CURRENT_RUN.get() is not None)

    async def settled(self) -> None:
        """Wait for the end of the run, and raise nothing of the run. An interrupt does not end this wait."""
        if not self.done():
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()

            def wake(_: Any) -> None:
                with contextlib.suppress(RuntimeError):  # the loop that waited is closed
                    loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))

            self._outcome.add_done_callback(wake)
            await waiter

    def holds_up(self) -> bool:
        """Whether the code that calls this is part of the run."""
        return is_within(self)

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        """Set the outcome; a CancelledError cancels the run. Does nothing if the outcome is set."""
        if self.done():
            return
        self.end = _nothing  # a handle that a user keeps must not keep the team in memory
        if isinstance(error, asyncio.CancelledError):
            self._outcome.cancel()
            self._outcome.set_running_or_notify_cancel()
        elif error is not None:
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(result)


def is_within(run: Run) -> bool:
    """Whether the code that calls this is part of the run: then it cannot wait for the end of the run."""
    found = CURRENT_RUN.get()
    return found is not None and found() is run


def _nothing(at_once: bool) -> None:
    """The `end` of a run that has not begun or has ended."""


class MessageQueue:
    """The messages of a run on their way to one consumer of `run_stream`, which may wait on another loop than the run.
    The run never waits for the consumer."""

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
        """Let the consumer end behind the last message."""
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
