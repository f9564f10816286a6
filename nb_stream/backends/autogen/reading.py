"""Reads messages, events and values of any class, even if their members fail.

A panel only looks on, so nothing that happens while it reads may reach the run. A property, a serialiser or a
`__repr__` may raise, give 100 MB, or never end. The parts that can be read are shown, and a sentence tells of the rest.
Only KeyboardInterrupt and CancelledError go through, because they end a program or a task.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel

from ...errors import described

T = TypeVar("T")

NEVER_CAUGHT = (KeyboardInterrupt, asyncio.CancelledError)
"""Exceptions that no reading may catch."""

MAX_REPR_CHARS = 2_000
"""Characters of a text that we make for a value that is no text. A value that is a text is never cut."""

_MAX_NESTING = 64  # values inside of values; programs that read JSON do not go much deeper
_MAX_MEMBERS = 10_000  # of a container of a class that is not Python's: it may have no end
_BITS = 10_000  # of a whole number; Python writes no number of more than 4,300 digits

PLAIN_TYPES = (str, bytes, bytearray, int, float, dict, list, tuple, set, frozenset)


def tried(read: Callable[[], T], otherwise: T) -> T:
    """The value that `read` returns, or `otherwise` if it raises."""
    try:
        return read()
    except NEVER_CAUGHT:
        raise
    except BaseException:  # noqa: BLE001 - some libraries raise BaseExceptions of their own
        return otherwise


def is_a(thing: object, kind: type | tuple[type, ...]) -> bool:
    """Whether an object is of a class. Unlike `isinstance`, it does not read the `__class__` of the object."""
    return issubclass(type(thing), kind)


def class_name(thing: object) -> str:
    """The name of an object's class."""
    return tried(lambda: _exact(type(thing).__name__), "object")


def id_of(message: Any) -> str:
    """The id of a message. If the message has no id that is a text, an id is made from its class and its address."""
    found = tried(lambda: message.id, None)
    return _exact(found) if is_a(found, str) else f"{class_name(message)}@{id(message):x}"


def source_of(message: Any, otherwise: str = "") -> str:
    """The name of the agent that a message names as its author; `otherwise` if it names none."""
    found = tried(lambda: message.source, None)
    if is_a(found, str):
        return _exact(found)
    return otherwise or ("" if found is None else words(found)[:200]) or class_name(message)


def unflattened(error: BaseException) -> tuple[str, str]:
    """The text and the traceback of an error that ended a run, as `errors.described` gives them.

    AgentChat flattens an agent's exception into the text of a RuntimeError, traceback included (0.7.5,
    `_base_group_chat.py`). That text is taken apart again here.
    """
    text, trace = described(error)
    said, mark, flattened = tried(lambda: str(error), "").partition("\nTraceback:\n")
    return (said, flattened) if mark and isinstance(error, RuntimeError) else (text, trace)


def bounded(text: str) -> str:
    """A text that we have made, cut to MAX_REPR_CHARS if it is longer. The cut text says how long it was."""
    return text if len(text) <= MAX_REPR_CHARS else f"{text[:MAX_REPR_CHARS]}… ({len(text):,} characters)"


def brief(error: BaseException) -> str:
    """An error in a few words: its class and its text."""
    said = reason(error)
    return said if said == class_name(error) else f"{class_name(error)}: {said}"


def reason(error: BaseException) -> str:
    """The text of an error; the name of its class if the text is empty."""
    return tried(lambda: bounded(_exact(str(error))), "") or class_name(error)


def words(value: Any) -> str:
    """A value as a text for a reader: a text as it is, None as nothing, everything else as JSON."""
    if value is None:
        return ""
    found = json_form(value)
    return found if is_a(found, str) else json.dumps(found, ensure_ascii=False)


def json_form(value: Any) -> Any:
    """A value of any class as JSON values. A part that JSON has no form for becomes a text."""
    return _json_form(value, ())


def _json_form(value: Any, around: tuple[int, ...]) -> Any:
    """As `json_form`. `around` has the `id()` of each value that the value lies in, so that a value in itself ends."""
    try:
        return _read_value(value, around)
    except NEVER_CAUGHT:
        raise
    except BaseException as error:  # noqa: BLE001 - as in `tried`
        return f"({class_name(value)} could not be read: {brief(error)})"


def _read_value(value: Any, around: tuple[int, ...]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, str):
        return _exact(value)
    if issubclass(kind, int):
        whole = int.__add__(value, 0)
        return whole if whole.bit_length() < _BITS else f"(a whole number of {whole.bit_length():,} bits)"
    if issubclass(kind, float):
        number = float.__add__(value, 0.0)
        return number if math.isfinite(number) else json.dumps(number)
    if issubclass(kind, (bytes, bytearray)):
        return tried(lambda: bytes(value).decode(), None) or bounded(repr(bytes(value[:MAX_REPR_CHARS])))
    if id(value) in around or len(around) > _MAX_NESTING:
        return f"({class_name(value)} in itself)" if id(value) in around else "…"
    around = (*around, id(value))
    if issubclass(kind, BaseModel):
        return _model(value, around)
    if dataclasses.is_dataclass(kind):
        return {field.name: _json_form(getattr(value, field.name, None), around) for field in dataclasses.fields(kind)}
    if issubclass(kind, Enum):
        return _json_form(value.value, around)
    if issubclass(kind, Mapping):
        items = _some(value.items(), kind is dict)
        return {key if type(key) is str else words(key): _json_form(item, around) for key, item in items}
    if issubclass(kind, (list, tuple, set, frozenset)):
        return [_json_form(item, around) for item in _some(value, kind in PLAIN_TYPES)]
    return bounded(_exact(str(value)))


def _some(items: Iterable[T], exact: bool) -> Iterable[T]:
    """All items of a container of Python's own (`exact`); of another, the first ones only."""
    return items if exact else itertools.islice(items, _MAX_MEMBERS)


def _model(value: BaseModel, around: tuple[int, ...]) -> Any:
    """A pydantic model as it writes itself as JSON. If that fails, its fields are read one by one."""
    dumped = tried(lambda: value.model_dump(mode="json"), None)
    if dumped is not None:
        return _json_form(dumped, around)
    made = {}
    for name, about in type(value).model_fields.items():
        if about.exclude:
            continue
        part = tried(lambda name=name: value.model_dump(mode="json", include={name}), None)  # type: ignore[misc]
        if isinstance(part, dict) and part:
            made.update(_json_form(part, around))
        elif part is None:
            made[name] = _json_form(getattr(value, name), around)
    return made


def _exact(text: str) -> str:
    """A plain `str` of a text whose class may override its methods. Raises TypeError for a value that is no text."""
    if not is_a(text, str):
        raise TypeError(f"it is no text, but {class_name(text)}")
    return str.__str__(text)
