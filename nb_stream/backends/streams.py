"""Streams that are left early are closed by whoever left them.

Python closes an abandoned generator some time later, in another task. AutoGen's generators hold spans of
OpenTelemetry, which then complain with tracebacks that they are closed in the wrong context.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any


@contextlib.asynccontextmanager
async def closing(stream: Any) -> AsyncIterator[Any]:
    """For the time that a stream is read; then close it, where it can be closed: not every iterator can."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
