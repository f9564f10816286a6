"""AutoGen's runtime logs every failure of an agent once for each agent of the team, with tracebacks.

A run of ours raises the failure and shows it in its transcript, so the copies are left out for its duration. So is what
OpenTelemetry logs of spans in generators of AutoGen's that were cancelled: it is no failure of anything.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_runtime() -> Iterator[None]:
    """Leave the copies of an agent's failure out of the log; everything else stays in it."""

    def wanted(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(("Error processing publish message", "Failed to detach context"))

    loggers = [logging.getLogger(name) for name in ("autogen_core", "opentelemetry.context")]
    for logger in loggers:
        logger.addFilter(wanted)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(wanted)
