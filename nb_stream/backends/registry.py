"""Finds the backend for a team: it asks each backend whether it takes the team, and imports no other framework."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import NotATeamError
from ..remote.address import Remote
from ..remote.connection import Connection
from .autogen import AUTOGEN
from .base import Backend, BackendEntry
from .recorded import RECORDED
from .remote import MessageReader, RemoteBackend
from .replay import REPLAYED
from .stand_in import behind


def message_reader(framework: str) -> MessageReader | None:
    """The reader for the messages of a framework, None if it is unknown or cannot be imported here."""
    reads = next((entry.reads for entry in BACKENDS if entry.framework == framework), None)
    return None if reads is None else reads()


REMOTE = BackendEntry(
    lambda thing: isinstance(thing, Remote),
    lambda remote, factory, *, approve_code: RemoteBackend(Connection(remote), message_reader),
)

BACKENDS: tuple[BackendEntry, ...] = (RECORDED, REPLAYED, REMOTE, AUTOGEN)
"""All backends, in the order in which they are asked."""


def open_backend(thing: Any, *, approve_code: bool = False) -> Backend:
    """The backend for a team, an agent, a function without arguments that returns one, a `Replay` to play, or a
    `Recording` to show. With `approve_code`, agents that run code without an approval function ask first.

    Raises NotATeamError for anything else, BackendError if the agent framework cannot be imported, and the error of the
    function if it fails.
    """
    entry, factory = _taker_of(thing), None
    if entry is None and callable(thing) and not inspect.isclass(thing):
        factory, thing = thing, thing()
        if inspect.isawaitable(thing):
            if inspect.iscoroutine(thing):
                thing.close()
            raise NotATeamError(
                f"The team factory {_word_for(factory)} is asynchronous. Await it first and pass the team, "
                "or pass a plain function."
            )
        entry = _taker_of(thing)
    if entry is None:
        known = [entry for entry in BACKENDS if entry.expects]
        raise NotATeamError(
            f"{_word_for(thing)} is not {' or '.join(entry.expects for entry in known)}. "
            f"Pass {', '.join(entry.such_as for entry in known)}, or a function without arguments that returns one."
        )
    backend = entry.opens(behind(thing), factory, approve_code=approve_code)
    backend.framework = entry.framework
    return backend


def _taker_of(thing: Any) -> BackendEntry | None:
    """The first backend that takes a thing, or the team that the thing stands in for. None if no backend does."""
    if inspect.isclass(thing):
        return None
    team = behind(thing)
    return next((entry for entry in BACKENDS if entry.takes(team)), None)


def _word_for(thing: Any) -> str:
    return getattr(thing, "__name__", None) or f"An object of type {type(thing).__name__}"
