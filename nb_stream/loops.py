"""Event loops: which one a stream lives on, and how to wait without `await`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .errors import LoopError


def running() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def home(loop: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
    """The loop for the next run: `loop` while it runs, else the one that runs here. Raises LoopError without any."""
    if loop is not None and loop.is_running():
        return loop
    here = running()
    if here is None:
        raise LoopError(
            "No event loop is running here. Use `stream.run_sync(task)`, or call this from a coroutine "
            "or a notebook cell."
        )
    return here


def run_sync(
    work: Callable[[], Coroutine[Any, Any, Any]],
    loop: asyncio.AbstractEventLoop | None,
    interrupted: Callable[[], Coroutine[Any, Any, Any]],
) -> Any:
    """Run `work()` to its end on `loop`, or on the loop of this thread, and return its result.

    Where the loop is already running in this thread it is patched by nest_asyncio2 (unless nest_asyncio or
    nest_asyncio2 has patched it before). On an interrupt `interrupted()` is run to its end before it is raised.
    """
    here = running()
    if here is None and loop is not None and loop.is_running():
        return asyncio.run_coroutine_threadsafe(work(), loop).result()
    if here is None:
        loop = loop or _own_loop()
    else:
        loop = here
        _allow_nesting(loop)
    try:
        return loop.run_until_complete(work())
    except KeyboardInterrupt:
        loop.run_until_complete(interrupted())
        raise


def _own_loop() -> asyncio.AbstractEventLoop:
    """A loop for scripts. It stays open, so that the next call finds the team on the loop that it knows."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def _allow_nesting(loop: asyncio.AbstractEventLoop) -> None:
    if getattr(asyncio, "_nest_patched", False) or hasattr(type(loop), "_nest_patched"):
        return  # both packages leave this mark; never apply one over the other
    try:
        import nest_asyncio2

        nest_asyncio2.apply(loop)
    except (ImportError, ValueError) as error:
        raise LoopError(
            f"run_sync cannot wait inside a running {type(loop).__module__} loop ({error}). "
            "Use `await panel.run(task)` instead."
        ) from error
