"""An interrupt (SIGINT: Ctrl+C, a notebook's ■) while somebody waits for a run: first the run ends, then the wait.

Python's own handler raises KeyboardInterrupt wherever the main thread happens to be. In a kernel, that may be while
ipykernel handles a message: then the message is lost, or a lock stays taken, and the kernel no longer answers. So while
a cell waits for a run, our own handler is set, which only asks the run to end, on the run's event loop. When the run
has ended, the former handler is put back, and the wait raises KeyboardInterrupt.

Outside a kernel, `asyncio.run` and the user's own handlers keep their interrupts; only `run_sync` replaces Python's
handlers.
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
"""Seconds that an event loop has to hear of an interrupt. If it has not heard, another interrupt raises an exception in
the code that holds up the loop: after the first number of seconds only in code of the run, after the second in any."""


class TaskInterrupt(asyncio.CancelledError, KeyboardInterrupt):
    """A KeyboardInterrupt that may leave a task. A plain KeyboardInterrupt that leaves a task also ends the event loop
    (asyncio, `Task.__step`), which would be the kernel's loop; this one counts as a cancel of the task."""


TaskInterrupt.__name__ = TaskInterrupt.__qualname__ = "KeyboardInterrupt"  # the name that the cell shows
TaskInterrupt.__module__ = "builtins"


class Interruptible(Protocol):
    """Something that can be waited for and ended, such as a run."""

    loop: asyncio.AbstractEventLoop | None
    end: Callable[[bool], object]
    """End it; at once if the argument is true. Called on `loop`."""

    async def settled(self) -> None:
        """Wait until it has ended, however it ends."""

    def holds_up(self) -> bool:
        """Whether the code that this thread executes right now is part of it."""


class Wait:
    """One wait of a caller. `away` is true while the caller works on what it has got so far."""

    def __init__(self, run: Interruptible | None = None) -> None:
        self.run = run
        self.task = asyncio.current_task() if running_loop() else None
        self.away = self.interrupted = False
        self._loop = None if run is None else run.loop
        self._end: Callable[[bool], object] = (lambda _: None) if run is None else run.end

    def stand_for_task(self) -> None:
        """From now on, an interrupt cancels the task that calls this. Raises CancelledError if one has come already."""
        task = asyncio.current_task()
        assert task is not None
        self._loop, self._end = task.get_loop(), lambda _: task.cancel()
        if self.interrupted:
            raise asyncio.CancelledError

    def ask(self, heard: Callable[[], object], at_once: bool) -> None:
        """End what is waited for, soon and on its loop. `heard` is called there first."""

        def end() -> None:
            heard()
            self._end(at_once)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                comm_interceptor.call_in_loop(self._loop, end)


@asynccontextmanager
async def caught(run: Interruptible, part_of_run: bool) -> AsyncIterator[Wait]:
    """While a cell is in this block, an interrupt ends the run. The block then lasts until this run has ended, and all
    others that the same interrupt ends, and raises KeyboardInterrupt. Does nothing outside a cell. Does nothing for a
    part of another run either, because that part ends with the other run."""
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
    """As `caught`, for code that blocks the main thread in a cell or a script; see `Wait.stand_for_task`."""
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
    """Whether an interrupt is meant for the caller's cell. `handler` is the present one; an idle kernel has none."""
    return handler not in (None, signal.SIG_IGN) and comm_interceptor.in_cell()


def _is_of_python(handler: object) -> bool:
    """Whether it is Python's own handler, or the handler of `asyncio.run` (Python 3.11 and later)."""
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
    """The signal handler for all waits, from the first that begins to the last that ends. Lives on the main thread."""

    def __init__(self, before: Any) -> None:
        self.waits: list[Wait] = []
        self._before = before
        self._first = self._latest = -SECOND_WITHIN_S
        self._heard = True
        signal.signal(signal.SIGINT, self)

    def leave(self, wait: Wait) -> None:
        """End a wait. After the last one, put the former handler back, unless another one has been set since."""
        self.waits.remove(wait)
        there: object = signal.getsignal(signal.SIGINT)
        if not self.waits and there is self:
            with contextlib.suppress(ValueError):  # the loop was taken to another thread
                signal.signal(signal.SIGINT, self._before)

    def __call__(self, number: int, frame: Any) -> None:
        """Handle a signal. Python calls this between any two instructions of the main thread."""
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
        """End the cell, if it waits for something else, such as tasks that wait for runs."""
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
