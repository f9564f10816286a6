"""Keeps options in signatures, so that Tab in a notebook finds them, and names the right options if one is wrong."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def names_options(function: F, *, of: Callable[..., Any] | None = None) -> F:
    """Make a function refuse an unknown option with a list of its options. It raises TypeError, as Python does.

    If `of` is given, the `**options` of the function are the keyword-only options of `of`: its signature shows them.
    """
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    if of is not None:
        have = {p.name for p in parameters}
        others = inspect.signature(of).parameters.values()
        parameters += [p for p in others if p.kind is p.KEYWORD_ONLY and p.name not in have]
    known = {p.name for p in parameters}
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    thing = function.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def checked(*args: Any, **given: Any) -> Any:
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, options, 1)
                perhaps = f" Perhaps you mean {near[0]!r}." if near else ""
                raise TypeError(f"{thing} has no option {name!r}.{perhaps} Its options are: {', '.join(options)}.")
        return function(*args, **given)

    checked.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return checked  # type: ignore[return-value]
