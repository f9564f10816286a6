"""Callbacks of the user's: tokens and events as they happen, for all agents or for some."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Entry(Generic[T]):
    call: Callable[[T], Any]
    paths: Collection[str] | None
    waiting: deque[T] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None
    told: bool = False


class Callbacks(Generic[T]):
    """Registered callbacks of one kind.

    A plain function is called at once, on the stream's event loop. A coroutine function gets its values one after the
    other in a task of its own, so a slow one holds up nobody. One that raises is told once by `complain` and goes on
    getting values.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._entries: list[_Entry[T]] = []
        self._complain = complain

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, call: Callable[[T], Any], paths: Collection[str] | None) -> Callable[[], None]:
        """Register a callback for the agents at `paths` (None: all); returns what removes it. Any thread may call."""
        if not callable(call):
            raise TypeError(f"A callback is a function of one argument, not {type(call).__name__}.")
        entry = _Entry(call, paths)
        self._entries.append(entry)

        def remove() -> None:
            if entry in self._entries:
                self._entries.remove(entry)

        return remove

    def send(self, value: T, path: str) -> None:
        """Give a value to all that want it. On the stream's loop."""
        for entry in list(self._entries):
            if entry.paths is not None and path not in entry.paths:
                continue
            if inspect.iscoroutinefunction(entry.call):
                self._enqueue(entry, value)
            else:
                try:
                    entry.call(value)
                except Exception as error:  # noqa: BLE001 - a callback's fault must not become the run's
                    self._failed(entry, error)

    async def drain(self, seconds: float) -> None:
        """Wait until the coroutine callbacks have had all their values, at most `seconds`."""
        workers = [entry.worker for entry in self._entries if entry.worker is not None]
        if workers:
            await asyncio.wait(workers, timeout=seconds)

    def _enqueue(self, entry: _Entry[T], value: T) -> None:
        entry.waiting.append(value)
        if entry.worker is None or entry.worker.done():
            entry.worker = asyncio.ensure_future(self._work(entry))

    async def _work(self, entry: _Entry[T]) -> None:
        while entry.waiting:
            try:
                await entry.call(entry.waiting.popleft())
            except Exception as error:  # noqa: BLE001
                self._failed(entry, error)

    def _failed(self, entry: _Entry[T], error: Exception) -> None:
        if not entry.told:
            entry.told = True
            name = getattr(entry.call, "__qualname__", None) or repr(entry.call)
            self._complain(f"The callback {name} failed: {type(error).__name__}: {error}")
