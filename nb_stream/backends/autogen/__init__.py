"""The backend for AutoGen: turns its teams, messages and model calls into the agents and events of `core`.

This file imports nothing of AutoGen, so that `registry` can ask whether a team is one of AutoGen's without loading it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import Backend, BackendEntry


def _is_runner(thing: Any) -> bool:
    """Whether a thing has the two methods by which AgentChat runs a team or an agent. Its class does not matter."""
    return callable(getattr(thing, "run_stream", None)) and callable(getattr(thing, "run", None))


def _open(team: Any, factory: Callable[[], Any] | None, *, approve_code: bool) -> Backend:
    from .backend import AutoGenBackend, check_version

    check_version()
    return AutoGenBackend(team, factory, approve_code=approve_code)


def _reads() -> Any:
    """The reader for AutoGen's messages, None if AutoGen cannot be imported."""
    try:
        from .native_messages import AutoGenReader
    except ImportError:
        return None
    return AutoGenReader()


AUTOGEN = BackendEntry(
    _is_runner,
    _open,
    expects="an AutoGen team or agent",
    such_as="an AgentChat team such as RoundRobinGroupChat, a single agent such as AssistantAgent",
    framework="autogen",
    reads=_reads,
)
