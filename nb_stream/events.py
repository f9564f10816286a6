"""Events as lines of JSON: what a recording is made of. Pure; `recorder` and `recording` do the writing and reading.

A line is an object whose `event` names the kind of event and whose other members are the fields of that event in
`nb_stream.model`. Fields that have their default value are left out. Chunks that came within a quarter of a second
share a line, `chunks`: who wrote them stands in `calls` once, `at` is the time of the first, `after` says how far each
lies behind the one before it (`packed.steps`), `text` has their texts, and where more than one call wrote at the same
time, `call` says which one wrote each. So order and times are kept exactly, and a recording is a tenth of the size,
and is read and written in a quarter of the time.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from .model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    ToolCall,
    Usage,
)
from .packed import Packed, pack, steps, times

VERSION = 1
"""The version of the recordings that this package writes, and the newest one that it reads."""

KINDS: tuple[type[Any], ...] = get_args(Event)
"""The classes of the `Event` union."""


def word(kind: type[Any]) -> str:
    """The name of a class of events in a file: `RunStarted` is `run_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_CLASSES = {word(kind): kind for kind in KINDS}
_KNOWN = {*_CLASSES, "chunks"}
_DEFAULTS = {
    kind: {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
    }
    for kind in KINDS
}

_CALL = ("agent", "path", "message_id", "turn")
_LONGEST = 512  # chunks in a line at most

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode
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


def rows(events: Iterable[Event]) -> Iterator[Event | list[Chunk]]:
    """Events as they stand in lines: chunks that follow each other as lists."""
    for are_chunks, group in itertools.groupby(events, _is_plain):
        if not are_chunks:
            yield from group
        while are_chunks and (chunks := list(itertools.islice(group, _LONGEST))):
            yield chunks  # type: ignore[misc]


def _is_plain(event: Event) -> bool:
    return event.__class__ is Chunk and event.count == 1


def line(row: Event | list[Chunk]) -> bytes:
    """The line of an event, or of chunks, with its line feed."""
    if isinstance(row, list):
        texts = [chunk.text for chunk in row]
        return line_of(pack(row, texts), texts)
    return _line(to_dict(row))


def line_of(packed: Packed, texts: Sequence[str]) -> bytes:
    """The line of chunks, with its line feed. `texts` are their texts."""
    head = {
        "event": "chunks",
        "at": packed.at[0],
        "calls": [
            {name: value for name, value in zip(_CALL, call, strict=True) if value is not None} for call in packed.calls
        ],
    }
    # Lists are written by hand, at a third of the price: there is one such line for every 256 chunks of a busy run.
    written = [dumps(head)[:-1], f'"after":{_write(steps(packed.at))}', f'"text":{_texts(texts)}']
    if packed.owners:
        written.append(f'"call":{_write(packed.owners.tolist())}')
    return (",".join(written) + "}\n").encode("utf-8", "backslashreplace")


_BORDER = "\x7f"  # JSON need not escape it, and texts with it are rare


def _texts(texts: Sequence[str]) -> str:
    """Texts as a JSON list."""
    joined = _write(_BORDER.join(texts))
    if joined.count(_BORDER) != len(texts) - 1:
        return _write(list(texts))
    return "[" + joined.replace(_BORDER, '","') + "]"


def _line(values: Mapping[str, Any]) -> bytes:
    # Half of a surrogate pair becomes \udXXX, which is how JSON writes it; it can stand in a string only.
    return (dumps(values) + "\n").encode("utf-8", "backslashreplace")


def from_line(text: str | bytes) -> list[Event]:
    """The events of a line. Raises ValueError where it holds none; fields that no event has are passed over."""
    values = _values(text)
    try:
        if values["event"] == "chunks":
            return _chunks(values)  # type: ignore[return-value]
        return [_event(values)]
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise ValueError(f"its fields are not those of {values['event']!r} ({error})") from error


def joined(text: str | bytes) -> list[Event]:
    """The events of a line, with the chunks of each call joined: the same for a transcript, and faster."""
    values = _values(text)
    if values["event"] != "chunks":
        return from_line(text)
    try:
        ats, texts, owners = _times(values), values["text"], values.get("call")
        found: list[Event] = []
        if not values["calls"] or not len(ats) == len(texts) == len(owners or ats):
            raise IndexError("its lists do not fit each other")
        for place, call in enumerate(values["calls"]):
            mine = None if owners is None else [number for number, owner in enumerate(owners) if owner == place]
            at = ats if mine is None else [ats[number] for number in mine]
            said = texts if mine is None else [texts[number] for number in mine]
            chunk = Chunk(at=at[0], text="".join(said), count=len(said), until=at[-1], **_known(Chunk, call))
            found.append(chunk)
        return found
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise ValueError(f"its fields are not those of 'chunks' ({error})") from error


def _values(text: str | bytes) -> dict[str, Any]:
    values = _read(text if isinstance(text, str) else text.decode())
    if not isinstance(values, dict) or values.get("event") not in _KNOWN:
        raise ValueError("it is no event")
    return values


def _chunks(values: Mapping[str, Any]) -> list[Chunk]:
    calls = [_known(Chunk, call) for call in values["calls"]]
    owners = values.get("call") or [0] * len(values["text"])
    return [
        Chunk(at=at, text=text, **calls[owner])
        for at, text, owner in zip(_times(values), values["text"], owners, strict=True)
    ]


def _times(values: Mapping[str, Any]) -> array[float]:
    try:
        found = times(values["at"], values["after"])
    except OverflowError as error:
        raise ValueError(f"its times lie outside of what a float holds ({error})") from error
    if not all(map(math.isfinite, found)):
        raise ValueError("its times are no numbers of seconds")
    return found


def _event(values: Mapping[str, Any]) -> Event:
    kind = _CLASSES[values["event"]]
    try:
        is_time = math.isfinite(values["at"])
    except OverflowError:  # a whole number of any length
        is_time = False
    if not is_time:
        raise ValueError("its time is no number of seconds")
    return kind(**{name: _value(name, value) for name, value in _known(kind, values).items()})  # type: ignore[no-any-return]


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in _DEFAULTS[kind]}


def dumps(value: Any) -> str:
    """JSON values as one line of strict JSON. What JSON has no form for becomes text, and NaN becomes null."""
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
