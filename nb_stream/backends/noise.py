"""AutoGen's runtime logs every failure of an agent once for each agent of the team, with tracebacks.

A run of ours raises the failure and shows it in its transcript, so the copies are left out for its duration.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_runtime() -> Iterator[None]:
    """Leave the runtime's copies of an agent's failure out of the log; everything else stays in it."""

    def wanted(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Error processing publish message")

    logger = logging.getLogger("autogen_core")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)
