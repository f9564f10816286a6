"""Closes a stream that is left early, in the task that read it.

Without that, Python closes an abandoned generator some time later, in another task. AutoGen's generators hold spans of
OpenTelemetry, which complain with tracebacks if they are closed in another context.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from ...concurrency.guarded_calls import passed_over


@contextlib.asynccontextmanager
async def closing(stream: Any) -> AsyncIterator[Any]:
    """Surrounds the reading of a stream. If an exception ends the reading, the stream is closed in the task that read
    it, unless it has no `aclose`. Then that exception goes on, even if closing raises another one."""
    try:
        yield stream
    except BaseException:
        try:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        except asyncio.CancelledError:
            pass
        except BaseException:  # noqa: BLE001 - SystemExit too: the exception that ended the reading comes first
            passed_over("A stream that was left early")
        raise
