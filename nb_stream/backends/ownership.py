"""Who works for whom: a team or an agent takes part in one run at a time, of whichever stream in the process.

A framework's own refusal of a second run is not enough. It may come only for teams and not for agents, and it comes too
late: a stream that begins a run changes the agents before it can hear of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

_lock = threading.RLock()  # a finaliser, which runs at any allocation, may give back what it has
_owner_of: dict[int, tuple[Any, object]] = {}  # by id(): the thing itself, so that no other gets its id, and its owner


def claim(things: Sequence[Any], owner: object) -> Any | None:
    """Take all of `things` for `owner` and return None; or take none, and return one that another owner has. Any
    thread."""
    with _lock:
        busy = _first_owned(things, owner)
        if busy is None:
            _owner_of.update({id(thing): (thing, owner) for thing in things})
        return busy


def taken(things: Sequence[Any], owner: object) -> Any | None:
    """The first of `things` that another owner has, None if all are free. Any thread."""
    with _lock:
        return _first_owned(things, owner)


def release(owner: object) -> None:
    """Give back all that `owner` has. Any thread."""
    with _lock:
        for key in [key for key, (_, holder) in list(_owner_of.items()) if holder is owner]:
            _owner_of.pop(key, None)


def _first_owned(things: Sequence[Any], owner: object) -> Any | None:
    return next((thing for thing in things if _owner_of.get(id(thing), (None, owner))[1] is not owner), None)
