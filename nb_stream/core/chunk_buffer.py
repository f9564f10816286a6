"""Chunks that wait behind a closed gate, or for the next fold, joined by the model call that wrote them.

Joining keeps the cost low: a message of a thousand chunks is folded as a few texts. It loses nothing, because the
transcript takes every chunk, whatever the switches say, and a closed gate only keeps text from callbacks and from
`run_stream`. So a gate may open or close in the middle of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .model import Chunk, ModelCallKey


@dataclass
class BufferedCall:
    """Chunks of one model call that wait together. `native` is the framework's own object for the first of them."""

    first: Chunk
    native: Any
    texts: list[str]
    count: int
    until: float

    def chunk(self) -> Chunk:
        """All of them as one chunk."""
        first, text = self.first, "".join(self.texts)
        return Chunk(first.agent, first.path, first.at, text, first.message_id, first.turn, self.count, self.until)


class ChunkBuffer:
    """Chunks that wait, joined by model call, in the order in which the calls began. Only the loop of its stream
    changes it; other threads may call `chunks`."""

    def __init__(self) -> None:
        self._joined: dict[ModelCallKey, BufferedCall] = {}

    def __bool__(self) -> bool:
        return bool(self._joined)

    def add(self, chunk: Chunk, native: Any = None) -> bool:
        """Add a chunk. Returns whether it is the first of its call that waits."""
        key = chunk.key
        until = chunk.at if chunk.until is None else chunk.until
        joined = self._joined.get(key)
        if joined is None:
            self._joined[key] = BufferedCall(chunk, native, [chunk.text], chunk.count, until)
            return True
        joined.texts.append(chunk.text)
        joined.count += chunk.count
        joined.until = until
        return False

    def chunks(self) -> list[Chunk]:
        """The chunks that wait, one for each call. They stay in the buffer. Any thread."""
        return [joined.chunk() for joined in list(self._joined.values())]  # a copy, as the loop may add calls meanwhile

    def paths(self) -> set[str]:
        """The paths of the agents whose chunks wait."""
        return {key.path for key in self._joined}

    def take(self, path: str | None = None) -> Iterator[BufferedCall]:
        """Take out all calls, or those of the agent at `path`."""
        return self.take_where(lambda key: path is None or key.path == path)

    def take_where(self, fits: Callable[[ModelCallKey], bool]) -> Iterator[BufferedCall]:
        """Take out the calls that fit."""
        for key in [key for key in self._joined if fits(key)]:
            yield self._joined.pop(key)

    def forget(self, path: str, turn: str | None) -> None:
        """Drop the chunks of a turn, because its whole message has come. If the turn is not known (None), drop the
        chunks of all turns of the agent."""
        for key in [key for key in self._joined if key.path == path and turn in (None, key.turn)]:
            del self._joined[key]
