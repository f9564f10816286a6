"""An interrupt (SIGINT: Ctrl+C, a notebook's ■) while somebody waits for a run: the run ends, and then the wait.

Python's own handler raises KeyboardInterrupt wherever the main thread happens to be. In a kernel that may be in the
middle of a message of ipykernel's: the message is lost, or a lock stays taken, and the kernel answers no more. So while
a cell waits for a run, the handler is one that only asks the run to end, on its event loop. When the run has ended, the
handler that was there before is back, and the wait raises KeyboardInterrupt.

Outside a kernel `asyncio.run` and handlers of the user's own keep their interrupts. Only `run_sync` takes over from
those of Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

from . import comm_interceptor
from .event_loops import outlast, running_loop

SECOND_WITHIN_S = 1.0
"""Seconds after an interrupt in which another one ends the run at once."""

BREAK_IN_AFTER_S = (0.1, 1.0)
"""Seconds that an event loop has to hear of an interrupt. Later than the first, another one breaks into code of the run
that holds up the loop; later than the second, into whatever holds it up."""


class TaskInterrupt(asyncio.CancelledError, KeyboardInterrupt):
    """A KeyboardInterrupt that may leave a task. A plain one ends the event loop around the task (asyncio,
    `Task.__step`), which is the kernel's; this one counts as a cancel there."""


TaskInterrupt.__name__ = TaskInterrupt.__qualname__ = "KeyboardInterrupt"  # what a reader of the cell is told
TaskInterrupt.__module__ = "builtins"


class Interruptible(Protocol):
    """What is waited for."""

    loop: asyncio.AbstractEventLoop | None
    end: Callable[[bool], object]
    """Ends it, at once if true. Called on `loop`."""

    async def settled(self) -> None:
        """Wait until it has ended, in whatever way."""

    def holds_up(self) -> bool:
        """Whether the code that runs right now in this thread is part of it."""


class Wait:
    """Somebody who waits for something. `away` says that they are busy with what they got of it so far."""

    def __init__(self, run: Interruptible | None = None) -> None:
        self.run = run
        self.task = asyncio.current_task() if running_loop() else None
        self.away = self.interrupted = False
        self._loop = None if run is None else run.loop
        self._end: Callable[[bool], object] = (lambda _: None) if run is None else run.end

    def stand_for_task(self) -> None:
        """Let an interrupt cancel the task that calls this. Raises CancelledError if there was one already."""
        task = asyncio.current_task()
        assert task is not None
        self._loop, self._end = task.get_loop(), lambda _: task.cancel()
        if self.interrupted:
            raise asyncio.CancelledError

    def ask(self, heard: Callable[[], object], at_once: bool) -> None:
        """Let the end come, soon and on its loop, and say there that it was heard."""

        def end() -> None:
            heard()
            self._end(at_once)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                comm_interceptor.call_in_loop(self._loop, end)


@asynccontextmanager
async def caught(run: Interruptible, part_of_run: bool) -> AsyncIterator[Wait]:
    """While a cell is in the block, an interrupt ends the run. The block then lasts until the run has ended, and all
    others that were ended with it, and raises KeyboardInterrupt. Does nothing outside a cell, nor in a part of another
    run, which ends with that run."""
    wait = Wait(run)
    handler = None if part_of_run else _take_handler(wait, _is_for_cell)
    try:
        yield wait
    finally:
        if handler is not None:
            if wait.interrupted:
                await outlast([each.run.settled() for each in handler.waits if each.run and each.interrupted])
            handler.leave(wait)
        _raise_if_interrupted(wait)


@contextmanager
def caught_blocking() -> Iterator[Wait]:
    """The same for code that blocks the main thread, in a cell or a script: see `Wait.stand_for_task`."""
    wait = Wait()
    handler = _take_handler(wait, lambda there: _is_for_cell(there) or _is_of_python(there))
    try:
        yield wait
    finally:
        if handler is not None:
            handler.leave(wait)
        _raise_if_interrupted(wait)


def _raise_if_interrupted(wait: Wait) -> None:
    if wait.interrupted:
        raise (
            TaskInterrupt if wait.task is not None and comm_interceptor.request() is not None else KeyboardInterrupt
        ) from None


def _is_for_cell(handler: object) -> bool:
    """Whether an interrupt is one of the cell that the caller belongs to. An idle kernel ignores interrupts."""
    return handler not in (None, signal.SIG_IGN) and comm_interceptor.in_cell()


def _is_of_python(handler: object) -> bool:
    """Whether it is Python's own handler, or that of `asyncio.run` (since 3.11)."""
    return (
        handler is signal.default_int_handler
        or getattr(getattr(handler, "func", None), "__module__", "") == "asyncio.runners"
    )


def _take_handler(wait: Wait, may_take: Callable[[object], bool]) -> _InterruptHandler | None:
    if threading.current_thread() is not threading.main_thread():
        return None
    there = signal.getsignal(signal.SIGINT)
    if isinstance(there, _InterruptHandler):
        handler = there
    elif not may_take(there):
        return None
    else:
        try:
            handler = _InterruptHandler(there)
        except ValueError:  # only the main interpreter may set handlers
            return None
    handler.waits.append(wait)
    return handler


class _InterruptHandler:
    """Takes the interrupts of all who wait, from the first one's coming to the last one's leaving."""

    def __init__(self, before: Any) -> None:
        self.waits: list[Wait] = []
        self._before = before
        self._first = self._latest = -SECOND_WITHIN_S
        self._heard = True
        signal.signal(signal.SIGINT, self)

    def leave(self, wait: Wait) -> None:
        """Put the handler back that was there before, unless somebody has set another one since."""
        self.waits.remove(wait)
        there: object = signal.getsignal(signal.SIGINT)
        if not self.waits and there is self:
            with contextlib.suppress(ValueError):  # the loop was taken to another thread
                signal.signal(signal.SIGINT, self._before)

    def __call__(self, number: int, frame: Any) -> None:
        """The signal handler: between any two instructions of the main thread."""
        waits, now = list(self.waits), time.monotonic()
        if not waits:
            return self._pass_on(number, frame)
        again = not self._heard or now - self._latest < SECOND_WITHIN_S
        if self._heard:
            self._first = now
        self._latest, self._heard = now, False
        for wait in waits:
            wait.interrupted = True
        for wait in waits:
            wait.ask(self._hear, again)
        if (task := next((wait.task for wait in waits if wait.task), None)) is not None:
            comm_interceptor.call_in_loop(task.get_loop(), self._end_cell, waits)
        if now - self._first > BREAK_IN_AFTER_S[0] and any(wait.run and wait.run.holds_up() for wait in waits):
            raise TaskInterrupt
        if now - self._first > BREAK_IN_AFTER_S[1]:
            self._pass_on(number, frame)

    def _hear(self) -> None:
        self._heard = True

    def _end_cell(self, waits: list[Wait]) -> None:
        """The cell may wait for something else, such as tasks in which it waits for runs: that ends, too."""
        cell = comm_interceptor.cell_task()
        if cell is None or not self.waits or any(wait.task is cell and not wait.away for wait in waits):
            return
        waiter = getattr(cell, "_fut_waiter", None)  # asyncio's own, in Python 3.10 to 3.14
        if type(waiter) is asyncio.Future and not waiter.done():
            waiter.set_exception(TaskInterrupt())
        else:
            cell.cancel()

    def _pass_on(self, number: int, frame: Any) -> None:
        if callable(self._before):
            self._before(number, frame)
