"""Streams that are left early are closed by whoever left them.

Python closes an abandoned generator some time later, in another task. AutoGen's generators hold spans of
OpenTelemetry, which then complain with tracebacks that they are closed in the wrong context.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from ...concurrency.guarded_calls import passed_over


@contextlib.asynccontextmanager
async def closing(stream: Any) -> AsyncIterator[Any]:
    """For the time that a stream is read; then close it, if it was left early and can be closed: not every iterator
    can. What it was left for is raised, whatever the stream says to that. It is closed in the task that read it."""
    try:
        yield stream
    except BaseException:
        try:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        except asyncio.CancelledError:
            pass
        except BaseException:  # noqa: BLE001 - also what ends a process: there is another end to come to
            passed_over("A stream that was left early")
        raise
