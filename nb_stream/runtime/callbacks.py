"""Calls the user's callbacks with tokens and events as they happen, for all agents or for some.

A plain function is called at once, on the stream's event loop. So its output appears in the right cell, and it may use
objects of that loop. If it keeps the loop for more than `MAX_SHARE_OF_LOOP`, it goes on in a thread, so that the agents
need not wait for it; the transcript says so. A coroutine function gets its values one after the other, in a task of its
own. Whatever a callback does, the run and the other callbacks go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..concurrency.event_loops import keep_alive, running_loop

T = TypeVar("T")

MAX_SHARE_OF_LOOP = 0.25
"""The part of a second, in seconds, for which a plain function may keep the loop."""


@dataclass(eq=False)
class _Entry(Generic[T]):
    call: Callable[[T], Any]
    paths: Collection[str] | None
    waits: bool  # its values wait for a worker: it is a coroutine function, or it is slow
    waiting: deque[T] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None
    since: float = 0.0
    spent: float = 0.0
    told: bool = False
    removed: bool = False


class Callbacks(Generic[T]):
    """The registered callbacks of one kind. They belong to an `EventHub` and are called on its stream's loop. If one of
    them raises, `complain` is called with a sentence, once for each callback, and the callback goes on getting
    values."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._entries: list[_Entry[T]] = []
        self._complain = complain

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, call: Callable[[T], Any], paths: Collection[str] | None) -> Callable[[], None]:
        """Register a callback for the agents at `paths` (None: all). Returns a function that removes it, together with
        the values that still wait for it. Any thread may call both, also during a run. Raises TypeError if `call`
        cannot be called."""
        if not callable(call):
            raise TypeError(f"A callback is a function of one argument, not {type(call).__name__}.")
        entry = _Entry(call, paths, is_async(call))
        self._entries.append(entry)

        def remove() -> None:
            entry.removed = True
            with contextlib.suppress(ValueError):  # it may be removed twice
                self._entries.remove(entry)

        return remove

    def send(self, value: T, path: str) -> None:
        """Give a value of the agent at `path` to the callbacks for this agent. On the stream's loop."""
        for entry in list(self._entries):
            if entry.removed or (entry.paths is not None and path not in entry.paths):
                continue
            if entry.waits:
                self._enqueue(entry, value)
            else:
                self._call(entry, value)

    def _call(self, entry: _Entry[T], value: T) -> None:
        began = time.monotonic()
        try:
            result = entry.call(value)
            if result is not None and inspect.isawaitable(result):
                keep_alive(asyncio.ensure_future(self._finish(entry, result)))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
            self._failed(entry, error)
        ended = time.monotonic()
        if ended - entry.since > 1.0:
            entry.since, entry.spent = began, 0.0
        entry.spent += ended - began
        if entry.spent > MAX_SHARE_OF_LOOP:
            entry.waits = True
            self._complain(
                f"The callback {name_of(entry.call)} is slow: it kept the event loop for {entry.spent:.1f} s of a "
                "second. It goes on in a thread, so that the agents need not wait for it."
            )

    def _enqueue(self, entry: _Entry[T], value: T) -> None:
        entry.waiting.append(value)
        if running_loop() is None:
            return  # between two runs of a script no loop runs: the value waits for the next one
        worker = entry.worker
        if worker is None or worker.done() or worker.get_loop() is not asyncio.get_running_loop():
            entry.worker = asyncio.ensure_future(self._work(entry))

    async def _work(self, entry: _Entry[T]) -> None:
        asynchronous = is_async(entry.call)
        while entry.waiting and not entry.removed:
            value = entry.waiting.popleft()
            try:
                await (entry.call(value) if asynchronous else asyncio.to_thread(entry.call, value))
            except Exception as error:  # noqa: BLE001 - a callback's fault must not become the run's
                self._failed(entry, error)

    async def _finish(self, entry: _Entry[T], result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception as error:  # noqa: BLE001
            self._failed(entry, error)

    def _failed(self, entry: _Entry[T], error: BaseException) -> None:
        if not entry.told:
            entry.told = True
            self._complain(f"The callback {name_of(entry.call)} failed: {type(error).__name__}: {error}")

    @property
    def workers(self) -> list[asyncio.Task[None]]:
        """The tasks of the running loop that still give values to coroutine functions and slow functions."""
        here = asyncio.get_running_loop()
        workers = [entry.worker for entry in self._entries if entry.worker is not None]
        return [worker for worker in workers if not worker.done() and worker.get_loop() is here]


async def drain(callbacks: Sequence[Callbacks[Any]], seconds: float) -> None:
    """Wait until callbacks have had all their values, at most `seconds`. They get the rest later."""
    workers = [worker for kind in callbacks for worker in kind.workers]
    if workers:
        await asyncio.wait(workers, timeout=seconds)


def name_of(call: Callable[..., Any]) -> str:
    """The name of a callable for a reader."""
    call = getattr(call, "func", call)  # a functools.partial has no name
    return getattr(call, "__qualname__", None) or type(call).__qualname__


def is_async(call: Callable[..., Any]) -> bool:
    """Whether a callable is a coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
