"""One transparent proxy. Every class that stands before an object of AutoGen's or of an SDK's extends it."""

from __future__ import annotations

from typing import Any


class Proxy:
    """Stands for an object. Everything that a subclass does not define goes through to the object. The proxy also gives
    the object's class as its own, because AutoGen and code of the user's own may ask for the class."""

    def __init__(self, real: Any) -> None:
        self._real = real

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        return self._real.__class__  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
