"""Events as lines of JSON: what a recording is made of. Pure; `writer` and `reader` do the writing and reading.

A line is an object whose `event` names the kind of event and whose other members are the fields of that event in
`core.model`. Fields that have their default value are left out. Chunks that came within a quarter of a second share a
line, `chunks`: `calls` names the model calls that wrote them, `at` is the time of the first chunk, `after` says how far
each chunk lies behind the one before it (`chunk_batch.steps`), and `text` has their texts. If more than one call wrote
at the same time, `call` says which one wrote each chunk. So order and times are kept exactly, a recording has a tenth
of the size, and it is read and written in a quarter of the time.
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

from ..core.model import AgentInfo, CellKind, CellStatus, Chunk, Event, RunFinished, TurnEnded, Usage
from ..core.typed_json import decoded, time_of
from .chunk_batch import ChunkBatch, pack, steps, times

RECORDING_VERSION = 1
"""The version of the recordings that this package writes, and the newest one that it reads."""

KINDS: tuple[type[Any], ...] = get_args(Event)
"""The classes of the `Event` union."""


class NoJson(ValueError):
    """A line that is no JSON: nobody knows what stands in what follows it."""


def event_word(kind: type[Any]) -> str:
    """The name of a class of events in a file: `RunStarted` is `run_started`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_CLASSES = {event_word(kind): kind for kind in KINDS}
_KNOWN = {*_CLASSES, "chunks"}
_DEFAULTS = {
    kind: {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
    }
    for kind in KINDS
}

_END_STATUSES = (CellStatus.DONE, CellStatus.FAILED, CellStatus.CANCELLED)
_CALL = ("agent", "path", "message_id", "turn")
_MAX_CHUNKS_A_LINE = 512  # chunks in a line at most

_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode
_decode_json = json.JSONDecoder().decode


def header(agents: Sequence[AgentInfo], streaming: Mapping[str, bool], created: float) -> dict[str, Any]:
    """The first line of a recording. `streaming` says by path which agents were built to stream;
    `created` is a time in seconds since the epoch."""
    return {
        "nb_stream": "recording",
        "version": RECORDING_VERSION,
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
    """The line of chunks, with its line feed. `texts` are their texts."""
    head = {
        "event": "chunks",
        "at": packed.at[0],
        "calls": [
            {name: value for name, value in zip(_CALL, call, strict=True) if value is not None} for call in packed.calls
        ],
    }
    # Lists are written by hand, at a third of the price: there is one such line for every 256 chunks of a busy run.
    written = [dumps(head)[:-1], f'"after":{_encode_json(steps(packed.at))}', f'"text":{_json_list(texts)}']
    if packed.owners:
        written.append(f'"call":{_encode_json(packed.owners.tolist())}')
    return (",".join(written) + "}\n").encode("utf-8", "backslashreplace")


_BORDER = "\x7f"  # JSON need not escape it, and texts with it are rare


def _json_list(texts: Sequence[str]) -> str:
    """Texts as a JSON list."""
    joined = _encode_json(_BORDER.join(texts))
    if joined.count(_BORDER) != len(texts) - 1:
        return _encode_json(list(texts))
    return "[" + joined.replace(_BORDER, '","') + "]"


def _line(values: Mapping[str, Any]) -> bytes:
    # Half of a surrogate pair becomes \udXXX, which is how JSON writes it; it can stand in a string only.
    return (dumps(values) + "\n").encode("utf-8", "backslashreplace")


def from_line(text: str | bytes) -> list[Event]:
    """The events of a line. Raises NoJson where it is none, ValueError where it holds no event; fields that no event
    has are passed over."""
    values = _values(text)
    try:
        if values["event"] == "chunks":
            return _chunks(values)  # type: ignore[return-value]
        return [_decoded_event(values)]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"its fields are not those of {values['event']!r} ({error})") from error


def joined(text: str | bytes) -> list[Event]:
    """The events of a line, with the chunks of each call joined: the same for a transcript, and faster."""
    values = _values(text)
    if values["event"] != "chunks":
        return from_line(text)
    try:
        ats, texts, owners, calls = _chunk_columns(values)
        found: list[Event] = []
        for place, call in enumerate(calls):
            mine = None if owners is None else [number for number, owner in enumerate(owners) if owner == place]
            if mine == []:
                continue
            at = ats if mine is None else [ats[number] for number in mine]
            said = texts if mine is None else [texts[number] for number in mine]
            chunk = Chunk(at=at[0], text="".join(said), count=len(said), until=at[-1], **call)
            found.append(chunk)
        return found
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"its fields are not those of 'chunks' ({error})") from error


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
    ats, texts, owners, calls = _chunk_columns(values)
    return [
        Chunk(at=at, text=text, **calls[owner])
        for at, text, owner in zip(ats, texts, owners or [0] * len(texts), strict=True)
    ]


def _chunk_columns(values: Mapping[str, Any]) -> tuple[array[float], list[str], list[int] | None, list[dict[str, Any]]]:
    """The times, the texts, the owners and the calls of a line of chunks."""
    ats, texts, owners = _times(values), values["text"], values.get("call")
    calls = [_call_members(call) for call in values["calls"]]
    if not calls or not len(ats) == len(texts) == len(owners or ats) or not len(ats):
        raise IndexError("its lists do not fit each other")
    if not all(type(text) is str for text in texts):
        raise TypeError("its texts are not all texts")
    if owners and not all(type(owner) is int and 0 <= owner < len(calls) for owner in owners):
        raise IndexError("its call is none of its calls")
    return ats, texts, owners, calls


def _call_members(values: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a chunk that say which call it is of."""
    chunk = decoded(Chunk, {**{name: values[name] for name in _CALL if name in values}, "at": 0, "text": ""})
    return {name: getattr(chunk, name) for name in _CALL}


def _times(values: Mapping[str, Any]) -> array[float]:
    try:
        found = times(values["at"], values["after"])
    except OverflowError as error:
        raise ValueError(f"its times lie outside of what a float holds ({error})") from error
    for time in (values["at"], min(found, default=0.0), max(found, default=0.0)):
        time_of(time)
    if not all(map(math.isfinite, found)):
        raise ValueError("its times are no numbers of seconds")
    return found


def _decoded_event(values: Mapping[str, Any]) -> Event:
    event: Event = decoded(_CLASSES[values["event"]], values)
    if isinstance(event, (TurnEnded, RunFinished)) and event.status not in _END_STATUSES:
        raise ValueError(f"nothing ends by {event.status.value!r}")
    return event


def dumps(value: Any) -> str:
    """JSON values as one line of strict JSON. What JSON has no form for becomes text, and NaN becomes null."""
    try:
        return _encode_json(value)
    except ValueError:
        return _encode_json(_finite(value))


def to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON values, without the fields that have their default value."""
    values: dict[str, Any] = {"event": event_word(type(event))}
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


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
