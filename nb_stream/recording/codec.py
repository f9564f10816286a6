"""Events as lines of JSON: what a recording is made of. Pure; `writer` and `reader` do the writing and reading.

A line is an object whose `event` names the kind of event and whose other members are the fields of that event in
`core.model`. Fields that have their default value are left out. Times are whole microseconds since the epoch, because
every program reads whole numbers alike. Chunks that came within a quarter of a second share a line, `chunks`: `calls`
names the model calls that wrote them, `at` is the time of the first chunk, `after` says how long each chunk came
after the one before it, and `text` has their texts. If more than one call wrote at the same time, `call` says which one
wrote each chunk. So order and times are kept, a recording has a tenth of the size, and it is read and written in a
quarter of the time.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from ..core.model import AgentInfo, CellKind, CellStatus, Chunk, Event, ModelCallKey, RunFinished, TurnEnded, Usage
from ..core.typed_json import decoded, is_json, time_of
from .chunk_batch import ChunkBatch, microseconds, pack
from .version_1 import upgraded

RECORDING_VERSION = 2
"""The version of the recordings that this package writes, and the newest one that it reads."""

KINDS: tuple[type[Any], ...] = get_args(Event)
"""The classes of the `Event` union."""


class NoJson(ValueError):
    """A line is no JSON. Reading ends there, because the lines behind it cannot be trusted either."""


def event_word(kind: type[Any]) -> str:
    """The word for a class of events in a file: `run_started` for `RunStarted`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_CLASSES = {event_word(kind): kind for kind in KINDS}
_KNOWN = {*_CLASSES, "chunks"}
_DEFAULTS = {
    kind: {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
        if is_json(field)
    }
    for kind in KINDS
}

_END_STATUSES = (CellStatus.DONE, CellStatus.FAILED, CellStatus.CANCELLED)
_TIME_FIELDS = ("at", "until")
_MAX_CHUNKS_A_LINE = 512

_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode
_decode_json = json.JSONDecoder().decode


def header(agents: Sequence[AgentInfo], streaming: Mapping[str, bool], created: float) -> dict[str, Any]:
    """The first line of a recording. `streaming` says by path which agents were built to stream. `created` is a time in
    seconds since the epoch."""
    return {
        "nb_stream": "recording",
        "version": RECORDING_VERSION,
        "created": microseconds(created),
        "agents": [
            {**dataclasses.asdict(agent), "streaming": bool(streaming.get(agent.path, True))} for agent in agents
        ],
    }


def rows(events: Iterable[Event]) -> Iterator[Event | list[Chunk]]:
    """Events, each as the content of a line. Chunks that follow each other are one list."""
    for are_chunks, group in itertools.groupby(events, _is_plain):
        if not are_chunks:
            yield from group
        while are_chunks and (chunks := list(itertools.islice(group, _MAX_CHUNKS_A_LINE))):
            yield chunks  # type: ignore[misc]


def _is_plain(event: Event) -> bool:
    return event.__class__ is Chunk and event.count == 1


def line(row: Event | list[Chunk]) -> bytes:
    """The line of an event, or of chunks, with its line feed."""
    if isinstance(row, list):
        texts = [chunk.text for chunk in row]
        return line_of(pack(row, texts), texts)
    return _line(to_dict(row))


def line_of(packed: ChunkBatch, texts: Sequence[str]) -> bytes:
    """The line of chunks, with its line feed. `texts` are their texts, which the batch has only joined."""
    at_us = packed.at_us
    values = {
        "event": "chunks",
        "at": at_us[0],
        "calls": [
            {name: value for name, value in call._asdict().items() if value is not None} for call in packed.calls
        ],
        "after": [0, *map(operator.sub, at_us[1:], at_us)],
        "text": texts,
    }
    if packed.owners:
        values["call"] = packed.owners.tolist()
    return _line(values)


def _line(values: Mapping[str, Any]) -> bytes:
    # Half of a surrogate pair becomes \udXXX, which is how JSON writes it; it can stand in a string only.
    return (dumps(values) + "\n").encode("utf-8", "backslashreplace")


def from_line(text: str | bytes, version: int = RECORDING_VERSION) -> list[Event]:
    """The events of a line. `version` is that of the recording.

    Raises NoJson for a line that is no JSON, and ValueError for one that holds no event. Members that the event has no
    field for are passed over.
    """
    return _events(text, version, _chunks)


def joined(text: str | bytes, version: int = RECORDING_VERSION) -> list[Event]:
    """The events of a line, with the chunks of each call joined: the same for a transcript, and faster."""
    return _events(text, version, _joined_chunks)


def _events(text: str | bytes, version: int, chunks: Callable[[Mapping[str, Any]], Sequence[Event]]) -> list[Event]:
    values = _values(text)
    try:
        if version == 1:
            values = upgraded(values)
        return list(chunks(values)) if values["event"] == "chunks" else [_decoded_event(values)]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"its fields are not those of {values['event']!r} ({error})") from error


def _values(text: str | bytes) -> dict[str, Any]:
    try:
        values = _decode_json(text if isinstance(text, str) else text.decode())
    except json.JSONDecodeError as error:
        raise NoJson(str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(values, dict) or type(values.get("event")) is not str or values["event"] not in _KNOWN:
        raise ValueError("it is no event")
    return values


def _chunks(values: Mapping[str, Any]) -> list[Chunk]:
    times, texts, owners, calls = _chunk_columns(values)
    return [
        Chunk(at=at_us / 1e6, text=text, **calls[owner])
        for at_us, text, owner in zip(times, texts, owners or [0] * len(texts), strict=True)
    ]


def _joined_chunks(values: Mapping[str, Any]) -> list[Chunk]:
    times, texts, owners, calls = _chunk_columns(values)
    found = []
    for place, call in enumerate(calls):
        mine = range(len(texts)) if owners is None else [n for n, owner in enumerate(owners) if owner == place]
        if mine:
            text = "".join([texts[number] for number in mine])
            at, until = times[mine[0]] / 1e6, times[mine[-1]] / 1e6
            found.append(Chunk(at=at, text=text, count=len(mine), until=until, **call))
    return found


def _chunk_columns(values: Mapping[str, Any]) -> tuple[list[int], list[str], list[int] | None, list[dict[str, Any]]]:
    """The times in microseconds, the texts, the owners and the calls of a line of chunks."""
    after, texts, owners = values["after"], values["text"], values.get("call")
    calls = [_call_members(call) for call in values["calls"]]
    if not all(type(column) is list for column in (after, texts, owners or [])):
        raise TypeError("its columns are no lists")
    if not calls or not len(after) == len(texts) == len(owners or after) or not len(after):
        raise IndexError("its lists do not fit each other")
    if not all(type(text) is str for text in texts):
        raise TypeError("its texts are not all texts")
    if owners and not all(type(owner) is int and 0 <= owner < len(calls) for owner in owners):
        raise IndexError("its call is none of its calls")
    if not all(type(time_us) is int for time_us in after):
        raise TypeError("its times are not all whole numbers of microseconds")
    first, *times = itertools.accumulate(after, initial=values["at"])
    for time_us in (first, min(times), max(times)):
        seconds_of(time_us)
    return times, texts, owners, calls


def _call_members(values: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a chunk that name its model call."""
    members = {name: values[name] for name in ModelCallKey._fields if name in values}
    chunk: Chunk = decoded(Chunk, {**members, "at": 0, "text": ""})
    return chunk.key._asdict()


def seconds_of(time_us: object) -> float:
    """A time of a recording, in seconds. Raises ValueError for anything but whole microseconds that have a date."""
    if type(time_us) is not int:
        raise ValueError("its time is no whole number of microseconds")
    time_of(time_us // 1_000_000)
    return time_us / 1e6


def _decoded_event(values: Mapping[str, Any]) -> Event:
    times = {name: seconds_of(values[name]) for name in _TIME_FIELDS if values.get(name) is not None}
    event: Event = decoded(_CLASSES[values["event"]], {**values, **times})
    if isinstance(event, (TurnEnded, RunFinished)) and event.status not in _END_STATUSES:
        raise ValueError(f"nothing ends by {event.status.value!r}")
    return event


def dumps(value: Any) -> str:
    """JSON values as one line of strict JSON. NaN and infinity become null, and objects that JSON does not know become
    text."""
    try:
        return _encode_json(value)
    except ValueError:
        return _encode_json(_finite(value))


def to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON values: times in microseconds, and without the fields that have their default value."""
    values: dict[str, Any] = {"event": event_word(type(event))}
    for name, default in _DEFAULTS[type(event)].items():
        value = getattr(event, name)
        if value == default:
            continue
        if name in _TIME_FIELDS:
            value = microseconds(value)
        elif isinstance(value, (CellKind, CellStatus)):
            value = value.value
        elif isinstance(value, Usage):
            value = dataclasses.asdict(value)
        elif isinstance(value, tuple):
            value = [dataclasses.asdict(item) for item in value]
        elif isinstance(value, Mapping):
            value = dict(value)
        values[name] = value
    return values


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
