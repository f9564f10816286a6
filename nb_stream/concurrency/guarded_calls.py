"""What belongs to others, called on the way to an end: whatever it raises must not keep the end from coming.

A cancel, a stop, a failure and a recovery call much that is not ours: what tools have linked to a cancellation token,
streams that are closed, conditions that begin anew. `attempt` and `attempted` call it, log what it raises, and go on.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger("nb_stream")


def attempt(what: str | None, call: Callable[[], Any], otherwise: Any = None) -> Any:
    """What `call()` returns, or `otherwise` if it raises, whatever it raises. `what` names it in the log; None tells
    nobody."""
    try:
        found = call()
    except BaseException:  # noqa: BLE001 - also what ends a process: it was raised on the way to another end
        if what is not None:
            passed_over(what)
        return otherwise
    if inspect.iscoroutine(found):  # nobody awaits what was called as a plain function
        found.close()
    return found


async def attempted(what: str, work: Callable[[], Awaitable[Any]]) -> BaseException | None:
    """Await `work()`; returns what it raised, if anything. Raises CancelledError only where the caller is cancelled,
    and not where `work` raises it: so it runs in a task of its own."""

    async def guarded() -> BaseException | None:
        try:
            await work()
        except BaseException as error:  # noqa: BLE001 - as above
            passed_over(what)
            return error
        return None

    task = asyncio.ensure_future(guarded())
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
    return None if task.cancelled() else task.result()


def passed_over(what: str) -> None:
    """Log the exception that is being handled. `what` raised it."""
    log.warning("%s failed on the way to an end, which it does not hold up", what, exc_info=True)
