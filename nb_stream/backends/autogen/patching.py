"""Replaces attributes of objects that are not ours for a time, and puts them back.

All hooks of a run use it, so that after the run every agent, manager and container is what it was.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

_NONE = object()


class patched(AbstractContextManager[None]):
    """Gives a thing these attributes for a time: `with patched(agent, name=value):`. At the exit, each of them is what
    it was before, whatever was written to it meanwhile. An attribute that only the class had is removed from the thing.

    An attribute is written into the thing's own `__dict__`, past any `__setattr__` of the user's. A property with a
    setter is set through the setter. If a `patched` is dropped without its exit, nothing is put back: that is how the
    parts of a run that was cut off stay as they are.
    """

    def __init__(self, thing: Any, **values: Any) -> None:
        self._thing, self._values = thing, values
        self._before: dict[str, Any] = {}

    def __enter__(self) -> None:
        own = vars(self._thing)
        for name, value in self._values.items():
            if self._is_property(name):
                self._before[name] = getattr(self._thing, name)
                setattr(self._thing, name, value)
            else:
                self._before[name] = own.get(name, _NONE)
                own[name] = value

    def __exit__(self, *_: object) -> None:
        own = vars(self._thing)
        for name, value in self._before.items():
            if self._is_property(name):
                setattr(self._thing, name, value)
            elif value is _NONE:
                own.pop(name, None)
            else:
                own[name] = value

    def _is_property(self, name: str) -> bool:
        return hasattr(getattr(type(self._thing), name, None), "__set__")
