"""The clock of events: the time of day for a reader, and never a step back while a run goes on.

Somebody, or a time service, may set the computer's clock during a run. Then durations would be wrong, or below zero. So
the time of day is read when a run begins and no other goes on, and counted on from there by a clock that nobody sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

_lock = threading.Lock()
_running: dict[object, asyncio.AbstractEventLoop | None] = {}  # the runs that go on, with their event loops
_ahead = time.time() - time.monotonic()


def now() -> float:
    """The time in seconds since the epoch, in whole microseconds: a recording gives back the same number.

    While a run goes on, it is counted from the beginning of the first run that still goes on.
    """
    return round((time.monotonic() + _ahead if _running else time.time()) * 1e6) / 1e6


@contextlib.contextmanager
def counting() -> Iterator[None]:
    """For the time of a run. Any thread. A run whose loop was closed is over, although nobody has told it."""
    global _ahead
    run = object()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    with _lock:
        for other in [other for other, its in _running.items() if its is not None and its.is_closed()]:
            del _running[other]
        if not _running:
            _ahead = time.time() - time.monotonic()
        _running[run] = loop
    try:
        yield
    finally:
        with _lock:
            _running.pop(run, None)
