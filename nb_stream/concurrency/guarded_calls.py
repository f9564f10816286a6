"""Calls of code that is not ours while a run ends: an exception in that code must not keep the run from ending.

A cancel, a stop, a failure and a recovery call much code of others: callbacks that tools have linked to a cancellation
token, streams that are closed, termination conditions that begin anew. `attempt` and `attempted` call such code, log
what it raises, and go on.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger("nb_stream")


def attempt(what: str | None, call: Callable[[], Any], otherwise: Any = None) -> Any:
    """What `call()` returns, or `otherwise` if it raises anything. `what` names the call in the log; if it is None,
    nothing is logged."""
    try:
        found = call()
    except BaseException:  # noqa: BLE001 - SystemExit too, because the run is ending already
        if what is not None:
            passed_over(what)
        return otherwise
    if inspect.iscoroutine(found):  # it was called as a plain function, so nobody awaits it
        found.close()
    return found


async def attempted(what: str, work: Callable[[], Awaitable[Any]]) -> BaseException | None:
    """Await `work()`, and return what it raised, if anything. Raises CancelledError only if the caller is cancelled:
    `work` runs in a task of its own, so that its own CancelledError can be told from the caller's."""

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
