"""Keeps who owns which team: a team or an agent takes part in one run at a time, of all streams in the process.

A framework may refuse a second run itself, but that is not enough. It may refuse it for teams and not for agents. And
its refusal comes too late: a stream changes the agents before the framework begins the run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

_lock = threading.RLock()  # re-entrant, because a finaliser may call `release` at any allocation
_owner_of: dict[int, tuple[Any, object]] = {}  # by `id()`: a thing and its owner; holding the thing keeps its id


def claim(things: Sequence[Any], owner: object) -> Any | None:
    """Take all of `things` for `owner` and return None. If another owner has one of them, take none and return that
    one. Any thread."""
    with _lock:
        busy = _first_owned(things, owner)
        if busy is None:
            _owner_of.update({id(thing): (thing, owner) for thing in things})
        return busy


def taken(things: Sequence[Any], owner: object) -> Any | None:
    """The first of `things` that another owner has, or None if all are free. Any thread."""
    with _lock:
        return _first_owned(things, owner)


def release(owner: object) -> None:
    """Give back all things that `owner` has. Any thread."""
    with _lock:
        for key in [key for key, (_, holder) in list(_owner_of.items()) if holder is owner]:
            _owner_of.pop(key, None)


def _first_owned(things: Sequence[Any], owner: object) -> Any | None:
    return next((thing for thing in things if _owner_of.get(id(thing), (None, owner))[1] is not owner), None)
