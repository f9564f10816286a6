"""One transparent proxy, which everything extends that stands before an object of AutoGen's or of an SDK's."""

from __future__ import annotations

from typing import Any


class Proxy:
    """Stands for an object: everything but what a subclass says goes through as it is. It also says that it is of the
    object's class, because code of the user's own, and AutoGen's, may ask what it is."""

    def __init__(self, real: Any) -> None:
        self._real = real

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        return self._real.__class__  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
