"""Makes the dataclasses of `model` from JSON values, and checks every value.

A recording may come from anywhere, so it can hold anything. A value that does not fit is refused in a sentence. The
types stand in the dataclasses alone. They do not say which numbers are times and which are counts, so the names of the
fields say it (`_TIMES`, `_COUNTS`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Decode = Callable[[Any], Any]

_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_799.0  # the years 1 to 9999, which dates can be made of
_MAX_EXACT_INT = 2**53  # whole numbers beyond are not exact in a browser
_MAX_DEPTH = 100  # values inside of values
_TIMES = ("at", "until", "started_at", "ended_at", "created")
_COUNTS = ("count", "prompt_tokens", "completion_tokens")


def decoded(kind: type[Any], values: object) -> Any:
    """An instance of a dataclass from JSON values. Members that have no field are ignored.

    Raises ValueError, which names the field, if a value does not fit or is missing.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"it is {_named(values)} and not an object")
    made = {}
    for name, (decode, needed) in _fields(kind).items():  # type: ignore[arg-type]
        if name in values:
            try:
                made[name] = decode(values[name])
            except ValueError as error:
                raise ValueError(f"its {name}: {error}") from None
        elif needed:
            raise ValueError(f"it has no {name}")
    return kind(**made)


def time_of(value: object) -> float:
    """A time in seconds since the epoch. Raises ValueError if the number has no date in the years 1 to 9999."""
    seconds = _number(value)
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError("it is no time: it has no date in the years 1 to 9999")
    return value  # type: ignore[return-value]


def checked_text(value: object) -> str:
    """A text. Raises ValueError for anything else."""
    if type(value) is not str:
        raise ValueError(f"{_named(value)} is no text")
    return value


def json_of(value: Any, depth: int = 0) -> Any:
    """Any JSON value. Raises ValueError for NaN, for infinity, and for more than 100 levels of nesting."""
    if depth > _MAX_DEPTH:
        raise ValueError("it is nested too deep")
    if isinstance(value, dict):
        for part in value.values():
            json_of(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            json_of(part, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number that JSON has")
    return value


def is_json(field: dataclasses.Field[Any]) -> bool:
    """Whether a field of a dataclass is kept as JSON. `metadata={"json": False}` says that it is not."""
    return bool(field.metadata.get("json", True))


@functools.cache
def _fields(kind: type[Any]) -> dict[str, tuple[Decode, bool]]:
    """For each field of a dataclass, by name: how it is decoded, and whether it must be there."""
    hints = get_type_hints(kind)
    return {
        field.name: (
            _decoder(field.name, hints[field.name]),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init and is_json(field)
    }


def _decoder(name: str, hint: Any) -> Decode:
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = (_decoder(name, one) for one in get_args(hint) if one is not type(None))
        return lambda value: None if value is None else inner(value)
    if get_origin(hint) is tuple:
        item = _decoder(name, get_args(hint)[0])
        return lambda value: tuple(map(item, _list(value)))
    if get_origin(hint) is Literal:
        return functools.partial(_one_of, get_args(hint))
    if dataclasses.is_dataclass(hint):
        return functools.partial(decoded, hint)  # type: ignore[arg-type]
    if hint is str:
        return checked_text
    if hint is bool:
        return _flag
    if hint is int:
        return functools.partial(_whole_number, least=0 if name in _COUNTS else -_MAX_EXACT_INT)
    if hint is float:
        return time_of if name in _TIMES else _amount
    if isinstance(hint, type) and issubclass(hint, Enum):
        return functools.partial(_word, hint)
    return _data if name == "data" else json_of


def _word(kind: type[Enum], value: object) -> Enum:
    if type(value) is not str:
        raise ValueError(f"{_named(value)} is no text")
    return kind(value)


def _one_of(words: tuple[str, ...], value: object) -> str:
    if value not in words or type(value) is not str:
        raise ValueError(f"it is none of {', '.join(map(repr, words))}")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{_named(value)} is neither true nor false")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{_named(value)} is no number")
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError("the number is too large") from None


def _amount(value: object) -> float:
    if not 0 <= _number(value) < _MAX_EXACT_INT:
        raise ValueError(f"it is no number from 0 to {_MAX_EXACT_INT - 1}")
    return value  # type: ignore[return-value]


def _whole_number(value: object, *, least: int) -> int:
    number = _number(value)
    if not least <= number < _MAX_EXACT_INT or number != int(number):
        raise ValueError(f"it is no whole number from {least} to {_MAX_EXACT_INT - 1}")
    return int(number)


def _list(value: object) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"{_named(value)} is no list")
    return value


def _text_list(value: object) -> list[str]:
    return [checked_text(item) for item in _list(value)]


def _blocks(value: object) -> object:
    for block in _list(value):
        if not isinstance(block, dict):
            raise ValueError(f"{_named(block)} is no block of code")
        checked_text(block.get("code"))
        checked_text(block.get("language"))
    return value


def _or_none(decode: Decode) -> Decode:
    return lambda value: None if value is None else decode(value)


_DATA_FIELDS: dict[str, Decode] = {
    **dict.fromkeys(("output", "how", "traceback", "target", "request_id", "cut_short"), checked_text),
    **dict.fromkeys(("answer", "result_message_id"), _or_none(checked_text)),
    **dict.fromkeys(("exit_code", "count", "retry_attempt"), functools.partial(_whole_number, least=-_MAX_EXACT_INT)),
    **dict.fromkeys(("images", "agents"), _text_list),
    "code_blocks": _blocks,
    "preformatted": _flag,
}
"""The members of the data of a cell or a message that renderers read. Other members may be any JSON value."""


def _data(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"{_named(value)} is no object")
    for name, part in value.items():
        try:
            _DATA_FIELDS.get(name, json_of)(part)
        except ValueError as error:
            raise ValueError(f"its {name}: {error}") from None
    return json_of(value)


def _named(value: object) -> str:
    """The kind of a value, in words for a sentence."""
    if value is None:
        return "null"
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)
