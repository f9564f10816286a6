"""AutoGen: its agents, messages and model clients as the events and agents of `core`.

This file alone imports nothing of AutoGen, so that `registry` can ask whether a team is one of AutoGen's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import Backend, BackendEntry


def _is_runner(thing: Any) -> bool:
    """Whether a thing can be run as AgentChat runs a team or an agent: whatever its class, it has both methods."""
    return callable(getattr(thing, "run_stream", None)) and callable(getattr(thing, "run", None))


def _open(team: Any, factory: Callable[[], Any] | None, *, approve_code: bool) -> Backend:
    from .backend import AutoGenBackend, check_version

    check_version()
    return AutoGenBackend(team, factory, approve_code=approve_code)


AUTOGEN = BackendEntry(
    _is_runner,
    _open,
    expects="an AutoGen team or agent",
    such_as="an AgentChat team such as RoundRobinGroupChat, a single agent such as AssistantAgent",
)
