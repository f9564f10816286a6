"""Keeps copies of an agent's failure out of the log during a run.

AutoGen's runtime logs every failure of an agent once for each agent of the team, with tracebacks. A run of ours raises
the failure and shows it in its transcript, so the copies say nothing new. OpenTelemetry logs spans in cancelled
generators of AutoGen's, which are no failure at all.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_runtime() -> Iterator[None]:
    """Leave these copies out of the log for a time. Everything else stays in the log. Uses may be nested."""

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
