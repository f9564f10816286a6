"""Picks the backend for a team, and imports no other."""

from __future__ import annotations

from typing import Any

from ..recording.reader import Recording
from ..recording.replay import Replay
from .base import Backend


def open_backend(team: Any, *, approve_code: bool = False) -> Backend:
    """The backend for a team, an agent, a factory of one, a `Replay`, or a `Recording` to be looked at. `approve_code`
    lets agents that run code ask first.

    Raises NotATeamError for anything else, BackendError if the agent framework cannot be imported.
    """
    if isinstance(team, Recording):
        from .recorded import RecordedBackend

        return RecordedBackend(team)
    if isinstance(team, Replay):
        from .replay import ReplayBackend

        return ReplayBackend(team)
    from .autogen.backend import AutoGenBackend

    return AutoGenBackend.open(team, approve_code=approve_code)
