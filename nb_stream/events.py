"""Events as lines of JSON: what a recording is made of. Pure; `recording` does the reading and writing.

A line is an object whose `event` names the kind of event and whose other members are the fields of that event in
`nb_stream.model`. Fields that have their default value are left out.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any, Mapping, Sequence, get_args

from .model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    ToolCall,
    Usage,
)

VERSION = 1
"""The version of the recordings that this package writes, and the newest one that it reads."""

KINDS: tuple[type[Any], ...] = get_args(Event)
"""The classes of the `Event` union."""


def word(kind: type[Any]) -> str:
    """The name of a class of events in a file: `RunStarted` is `run_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_CLASSES = {word(kind): kind for kind in KINDS}
_DEFAULTS = {
    kind: {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
    }
    for kind in KINDS
}

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode
_quote = json.JSONEncoder(ensure_ascii=False).encode
_read = json.JSONDecoder().decode


def header(agents: Sequence[AgentInfo], streaming: Mapping[str, bool], created: float) -> dict[str, Any]:
    """The first line of a recording. `streaming` says by path which agents were built to stream;
    `created` is a time in seconds since the epoch."""
    return {
        "nb_stream": "recording",
        "version": VERSION,
        "created": created,
        "agents": [
            {**dataclasses.asdict(agent), "streaming": bool(streaming.get(agent.path, True))} for agent in agents
        ],
    }


class Encoder:
    """Makes lines of events. Remembers how the chunks of a model call end, because only their texts and times
    differ."""

    def __init__(self) -> None:
        self._tails: dict[tuple[str, str, str | None, str | None], str] = {}

    def line(self, event: Event) -> str:
        """The line of an event, with its line feed."""
        if event.__class__ is Chunk and event.count == 1:  # type: ignore[union-attr]
            chunk: Chunk = event  # type: ignore[assignment]
            key = (chunk.path, chunk.agent, chunk.turn, chunk.message_id)
            tail = self._tails.get(key) or self._tail(chunk, key)
            return f'{{"event":"chunk","at":{chunk.at!r},"text":{_quote(chunk.text)}{tail}'
        return dumps(to_dict(event)) + "\n"

    def _tail(self, chunk: Chunk, key: tuple[str, str, str | None, str | None]) -> str:
        if len(self._tails) > 64:
            self._tails.clear()
        rest = {k: v for k, v in to_dict(chunk).items() if k not in ("event", "at", "text", "until")}
        tail = self._tails[key] = f",{dumps(rest)[1:]}\n"
        return tail


class Decoder:
    """Makes events of lines; the counterpart of `Encoder`, and as much faster than `from_line`."""

    def __init__(self) -> None:
        self._calls: dict[str, Chunk] = {}

    def event(self, line: str) -> Event:
        """The event of a line. Raises ValueError where it is none."""
        parts = split_chunk(line)
        if parts is None:
            return from_line(line)
        like = self.like(parts[0], line)
        return Chunk(like.agent, like.path, parts[1], parts[2], like.message_id, like.turn)

    def like(self, end: str, line: str) -> Chunk:
        """A chunk of the model call whose lines have this end. Raises ValueError where the line is none."""
        chunk = self._calls.get(end)
        if chunk is None:
            event = from_line(line)
            if not isinstance(event, Chunk) or event.count != 1:
                raise ValueError("it looks like a chunk and is none")
            if len(self._calls) > 64:
                self._calls.clear()
            chunk = self._calls[end] = event
        return chunk


def dumps(value: Mapping[str, Any]) -> str:
    """An object as one line of strict JSON. What JSON has no form for becomes text, and NaN becomes null."""
    try:
        return _write(value)
    except ValueError:
        return _write(_finite(value))


def to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON values, without the fields that have their default value."""
    values: dict[str, Any] = {"event": word(type(event))}
    for name, default in _DEFAULTS[type(event)].items():
        value = getattr(event, name)
        if value == default:
            continue
        if isinstance(value, (CellKind, CellStatus)):
            value = value.value
        elif isinstance(value, Usage):
            value = dataclasses.asdict(value)
        elif isinstance(value, tuple):
            value = [dataclasses.asdict(item) for item in value]
        elif isinstance(value, Mapping):
            value = dict(value)
        values[name] = value
    return values


def from_line(line: str) -> Event:
    """The event of a line. Raises ValueError where it is none; fields that no event has are passed over."""
    values = _read(line)
    kind = _CLASSES.get(values.pop("event", None)) if isinstance(values, dict) else None
    if kind is None:
        raise ValueError("it is no event")
    names = _DEFAULTS[kind]
    try:
        return kind(**{name: _value(name, value) for name, value in values.items() if name in names})  # type: ignore[no-any-return]
    except (TypeError, AttributeError) as error:
        raise ValueError(f"its fields are not those of a {kind.__name__} ({error})") from error


def split_chunk(line: str) -> tuple[str, float, str] | None:
    """The end, the time and the text of a chunk's line as `Encoder` writes it, or None for any other line.

    Five times as fast as `from_line`: a recording consists of little else. Lines with the same end belong to the same
    model call. The end is found without parsing, because a quotation mark in a text has a backslash before it.
    """
    if not line.startswith(_CHUNK):
        return None
    middle = line.find(',"text":"', _START)
    end = line.find('","agent":', middle)
    if middle < 0 or end < 0:
        return None
    text = line[middle + 9 : end]
    if "\\" in text:
        text = _read(line[middle + 8 : end + 1])
    return line[end:], float(line[_START:middle]), text


_CHUNK = '{"event":"chunk","at":'
_START = len(_CHUNK)


def _value(name: str, value: Any) -> Any:
    if name == "kind":
        return CellKind(value)
    if name == "status":
        return CellStatus(value)
    if name == "usage" and value is not None:
        return Usage(**value)
    if name in ("tool_calls", "results"):
        return tuple(ToolCall(**call) for call in value)
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
