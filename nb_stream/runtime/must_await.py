"""Makes calls that need `await` say so. Otherwise a cell with `panel.run("…")` alone would do nothing, without a word.

Such a call returns a coroutine for `await`, for tasks and for `gather`. It only differs from a plain coroutine if it is
shown, or if it is dropped before anybody has awaited it.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class MustAwait(Coroutine[Any, Any, T]):
    """A coroutine that nobody has awaited yet. Its `repr` says what to write. If it is dropped, a RuntimeWarning says
    it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], sentence: str) -> None:
        self._coroutine, self._sentence = coroutine, sentence
        self._is_taken = self._is_told = False
        for name in ("__name__", "__qualname__"):  # the repr of a task shows them
            setattr(self, name, getattr(coroutine, name))

    def send(self, value: Any) -> Any:
        """Go on, as Python does with a coroutine."""
        self._is_taken = True
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception."""
        self._is_taken = True
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End the coroutine, as Python does."""
        self._is_taken = True
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        self._is_taken = True
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("cr_"):  # asyncio and debuggers read these
            return getattr(self._coroutine, name)
        raise AttributeError(name)

    def __repr__(self) -> str:
        if self._is_taken:
            return repr(self._coroutine)
        self._is_told = True
        return self._sentence

    def __del__(self) -> None:
        if self._is_taken:  # an `await` holds the inner coroutine and does not need this object
            return
        self._coroutine.close()  # else Python would warn too, without a remedy
        if not self._is_told:
            warnings.warn(self._sentence, RuntimeWarning, stacklevel=2)


def needs_await(
    otherwise: str = "",
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """A decorator for a coroutine method of the panel. Its coroutine tells a reader to await it; `otherwise` adds what
    else a reader may write."""

    def of(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        call = f"panel.{function.__name__}(…)"
        sentence = f"{call} has not begun: nothing happens until it is awaited. Write: await {call}{otherwise}."

        @functools.wraps(function)
        def called(*args: P.args, **options: P.kwargs) -> MustAwait[T]:
            return MustAwait(function(*args, **options), sentence)

        mark = getattr(inspect, "markcoroutinefunction", None)  # Python 3.12
        return called if mark is None else mark(called)

    return of
