"""Chunks pressed together: some 20 bytes for each chunk in place of 300, because a stream keeps all that it heard.

Times are whole microseconds since the epoch, as in a file.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.model import Chunk, ModelCallKey


def microseconds(seconds: float) -> int:
    """A time in seconds as whole microseconds."""
    return round(seconds * 1e6)


class ChunkBatch(NamedTuple):
    """Single chunks in their order. `owners` says for each chunk which of `calls` wrote it; it is empty if there is one
    call. `at_us` is the time of each chunk in microseconds."""

    calls: tuple[ModelCallKey, ...]
    owners: array[int]
    at_us: array[int]
    lengths: array[int]
    text: str

    def chunks(self) -> list[Chunk]:
        """The chunks, as they were before they were pressed together."""
        made, start = [], 0
        owners = self.owners or (0,) * len(self.at_us)
        for at_us, length, owner in zip(self.at_us, self.lengths, owners, strict=True):
            call, text = self.calls[owner], self.text[start : start + length]
            made.append(Chunk(call.agent, call.path, at_us / 1e6, text, call.message_id, call.turn))
            start += length
        return made


def pack(chunks: Sequence[Chunk], texts: Sequence[str]) -> ChunkBatch:
    """Press chunks together. `texts` are their texts. The `count` of each chunk must be 1."""
    calls, owners = _owner_indices(chunks)
    return ChunkBatch(
        calls,
        array("I", owners),
        array("q", [round(chunk.at * 1e6) for chunk in chunks]),  # `microseconds`, without a call for each
        array("I", list(map(len, texts))),  # an array takes a list in half the time
        "".join(texts),
    )


def by_call(chunks: Sequence[Chunk]) -> Iterable[Sequence[int]]:
    """For each model call, the places of its chunks."""
    if _is_one_call(chunks):
        return (range(len(chunks)),)
    places: dict[ModelCallKey, list[int]] = {}
    for place, chunk in enumerate(chunks):
        places.setdefault(chunk.key, []).append(place)
    return places.values()


def _is_one_call(chunks: Sequence[Chunk]) -> bool:
    """Whether all chunks are of one call. False if that is not certain: a full comparison would cost much more."""
    turns = {chunk.turn for chunk in chunks}  # a turn is of one agent
    return len(turns) == 1 and turns != {None} and len({chunk.message_id for chunk in chunks}) == 1


def _owner_indices(chunks: Sequence[Chunk]) -> tuple[tuple[ModelCallKey, ...], Sequence[int]]:
    if _is_one_call(chunks):
        return (chunks[0].key,), ()
    owners = list(map(_key_of, chunks))
    places = {call: place for place, call in enumerate(dict.fromkeys(owners))}
    return tuple(map(ModelCallKey._make, places)), [places[call] for call in owners] if len(places) > 1 else ()


_key_of = operator.attrgetter(*ModelCallKey._fields)  # equal to `Chunk.key`, at a third of the price
