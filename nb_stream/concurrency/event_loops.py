"""Event loops: which loop a stream lives on, how other threads reach that loop, and how to wait without `await`.

A stream belongs to one event loop. Widgets, callbacks and other threads may use the stream at any time, so all of them
come through `OwnerLoop`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from ..errors import LoopError
from . import comm_interceptor

T = TypeVar("T")

RUN_END_TIMEOUT_S = 2.0
"""Seconds for which a cancelled or interrupted wait still waits until the run has ended. A run ends in less than one
second, unless its event loop stands still."""


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def keep_alive(task: asyncio.Future[Any]) -> None:
    """Keep a task alive until it is done, because an event loop has only weak references to its tasks."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Future[Any]] = set()


def discard_result(task: asyncio.Task[Any]) -> None:
    """Fetch the exception of a task that was left behind, because asyncio logs exceptions that nobody has fetched."""
    if not task.cancelled():
        task.exception()


class OwnerLoop:
    """The event loop that a stream lives on: the loop that ran when the stream was made, or the loop of its latest run.

    The stream owns it. Any thread may use it.
    """

    def __init__(self) -> None:
        self._loop = running_loop()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop; None if there is none yet, or if it is closed."""
        loop = self._loop  # only `choose` writes it: another thread may be choosing
        return None if loop is None or loop.is_closed() else loop

    @property
    def here(self) -> bool:
        """Whether the caller is on the loop."""
        loop = self.loop
        return loop is not None and loop is running_loop()

    def choose(self) -> asyncio.AbstractEventLoop:
        """The loop for the next run: the old loop if it still runs, otherwise the loop that runs in this thread. Raises
        LoopError if neither is there."""
        loop = self.loop
        if loop is None or not loop.is_running():
            loop = running_loop()
        if loop is None:
            raise LoopError(
                "No event loop is running here. Use `stream.run_sync(task)`, or call this from a coroutine "
                "or a notebook cell."
            )
        self._loop = loop
        return loop

    def call(self, function: Callable[[], object]) -> None:
        """Call `function` on the loop: now if the caller is on the loop or the loop does not run, otherwise soon."""
        loop = self.loop
        if loop is None or not loop.is_running() or loop is running_loop():
            function()
        else:
            comm_interceptor.call_in_loop(loop, function)

    async def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop. The caller may be on any loop."""
        loop = self.loop
        if loop is None or not loop.is_running() or loop is running_loop():
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))


def run_sync(
    work: Callable[[], Coroutine[Any, Any, Any]],
    home: OwnerLoop,
    interrupted: Callable[[], Coroutine[Any, Any, Any]],
) -> Any:
    """Run `work()` to its end on the home loop, or on the loop of this thread, and return its result.

    If the loop is already running in this thread, nest_asyncio2 patches it, unless nest_asyncio or nest_asyncio2 has
    patched it before. nest_asyncio 1.6 keeps its limit: on ipykernel 7.1 and later it loses the cells that are queued
    while it waits.

    On an interrupt, `interrupted()`, which is brief, runs to its end before KeyboardInterrupt is raised, whatever else
    interrupts.
    """
    here, loop = running_loop(), home.loop
    if here is None and loop is not None and loop.is_running():
        elsewhere = asyncio.run_coroutine_threadsafe(work(), loop)
        try:
            return elsewhere.result()
        except KeyboardInterrupt:
            asyncio.run_coroutine_threadsafe(interrupted(), loop).result()
            raise
        except concurrent.futures.CancelledError as error:
            raise asyncio.CancelledError(*error.args) from None
    if here is None:
        loop = loop or _own_loop()
    else:
        loop = here
        _allow_nesting(loop)
    try:
        return loop.run_until_complete(work())
    except KeyboardInterrupt:
        ending = loop.create_task(interrupted())
        while not ending.done():
            with contextlib.suppress(KeyboardInterrupt):
                loop.run_until_complete(ending)
        raise


async def ended(waiting: Awaitable[Any], seconds: float) -> bool:
    """Whether a task or future ends within `seconds`. It is left alone either way."""
    done, _ = await asyncio.wait([asyncio.ensure_future(waiting)], timeout=seconds)
    return bool(done)


async def outlast(waiting: Iterable[Awaitable[Any]]) -> None:
    """Wait for up to `RUN_END_TIMEOUT_S` until all have ended, even if the caller is cancelled meanwhile."""
    going_on = {asyncio.ensure_future(one) for one in waiting}
    until = time.monotonic() + RUN_END_TIMEOUT_S
    while going_on and (left := until - time.monotonic()) > 0:
        with contextlib.suppress(asyncio.CancelledError):
            _, going_on = await asyncio.wait(going_on, timeout=left)


def in_thread(call: Callable[[], Any], name: str) -> asyncio.Future[Any]:
    """The result of a function that may block for long, such as `input`. It runs in a thread of its own, which never
    keeps the process alive."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: Exception | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(call)
        except Exception as caught:  # noqa: BLE001 - raised where it is awaited
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name=f"nb_stream {name}", daemon=True).start()
    return future


def _own_loop() -> asyncio.AbstractEventLoop:
    """A new loop for a script. It stays open, so that the next call finds the team on the same loop."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def _allow_nesting(loop: asyncio.AbstractEventLoop) -> None:
    if hasattr(type(loop), "_nest_patched"):  # both packages leave this mark
        return
    try:
        if hasattr(asyncio, "_nest_patched") and not hasattr(asyncio, "_nest_asyncio2"):
            sys.modules["nest_asyncio"].apply(loop)  # never apply one over the other
        else:
            import nest_asyncio2

            nest_asyncio2.apply(loop)
    except (ImportError, KeyError, ValueError) as error:
        raise LoopError(
            f"run_sync cannot wait inside a running {type(loop).__module__} loop ({error}). "
            "Use `await panel.run(task)` instead."
        ) from error
