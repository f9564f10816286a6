"""Chunks pressed together: some 20 bytes each in place of 300, for a stream that keeps what it heard."""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.model import Chunk

call_of = operator.attrgetter("agent", "path", "message_id", "turn")
"""The model call that a chunk belongs to."""

CallKey = tuple[str, str, "str | None", "str | None"]


class ChunkBatch(NamedTuple):
    """Single chunks in their order. `owners` says for each which of `calls` wrote it; empty where there is one."""

    calls: tuple[CallKey, ...]
    owners: array[int]
    at: array[float]
    lengths: array[int]
    text: str

    def chunks(self) -> list[Chunk]:
        """The chunks again."""
        made, start = [], 0
        owners = self.owners or (0,) * len(self.at)
        for at, length, owner in zip(self.at, self.lengths, owners, strict=True):
            agent, path, message_id, turn = self.calls[owner]
            made.append(Chunk(agent, path, at, self.text[start : start + length], message_id, turn))
            start += length
        return made


def pack(chunks: Sequence[Chunk], texts: Sequence[str]) -> ChunkBatch:
    """Press chunks together. `texts` are their texts; each chunk is single: its `count` is 1."""
    calls, owners = _owner_indices(chunks)
    return ChunkBatch(
        calls,
        array("I", owners),
        array("d", [chunk.at for chunk in chunks]),
        array("I", list(map(len, texts))),  # an array takes a list in half the time
        "".join(texts),
    )


def by_call(chunks: Sequence[Chunk]) -> Iterable[Sequence[int]]:
    """The places of the chunks of each model call."""
    if _is_one_call(chunks):
        return (range(len(chunks)),)
    places: dict[CallKey, list[int]] = {}
    for place, call in enumerate(map(call_of, chunks)):
        places.setdefault(call, []).append(place)
    return places.values()


def _is_one_call(chunks: Sequence[Chunk]) -> bool:
    """Whether chunks are surely of one call, told at a fraction of the price of looking at all of them."""
    turns = {chunk.turn for chunk in chunks}  # a turn is of one agent
    return len(turns) == 1 and turns != {None} and len({chunk.message_id for chunk in chunks}) == 1


def _owner_indices(chunks: Sequence[Chunk]) -> tuple[tuple[CallKey, ...], Sequence[int]]:
    if _is_one_call(chunks):
        return (call_of(chunks[0]),), ()
    owners = list(map(call_of, chunks))
    places = {call: place for place, call in enumerate(dict.fromkeys(owners))}
    return tuple(places), [places[call] for call in owners] if len(places) > 1 else ()


def steps(times: array[float]) -> list[int]:
    """How far each time lies behind the one before it, exactly: in steps from one float to the next (IEEE 754, 64
    bits). The first is 0.

    A step is 1/4194304 s for times between 2004 and 2038. An exact whole number is written in a fifth of the time that
    a float takes.
    """
    numbers = array("q", times.tobytes())
    return [0, *map(operator.sub, numbers[1:], numbers)]


def times(first: float, after: Sequence[int]) -> array[float]:
    """The times that lie so many steps behind each other, from the first on."""
    start = array("q", array("d", (first,)).tobytes())[0]
    return array("d", array("q", itertools.islice(itertools.accumulate(after, initial=start), 1, None)).tobytes())
