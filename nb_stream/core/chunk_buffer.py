"""What waits behind a gate, or for the next fold: chunks, joined by the model call that wrote them.

The transcript takes every chunk, whatever the switches say; a closed gate only keeps text from callbacks and from
`run_stream`. So opening one in the middle of a message loses nothing, and closing one changes no finished message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .model import Chunk, ModelCallKey


@dataclass
class BufferedCall:
    """Chunks of one model call that wait together. `native` is the framework's own first one."""

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
    """Chunks put aside, joined by model call, in the order in which the calls began."""

    def __init__(self) -> None:
        self._joined: dict[ModelCallKey, BufferedCall] = {}

    def __bool__(self) -> bool:
        return bool(self._joined)

    def add(self, chunk: Chunk, native: Any = None) -> bool:
        """Put a chunk aside; true where nothing of its call was waiting."""
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
        """What is there, joined, and stays there. Any thread."""
        return [joined.chunk() for joined in list(self._joined.values())]

    def paths(self) -> set[str]:
        """The agents of whom something is there."""
        return {key.path for key in self._joined}

    def take(self, path: str | None = None) -> Iterator[BufferedCall]:
        """Take out everything, or what belongs to the agent at `path`."""
        for key in [key for key in self._joined if path is None or key.path == path]:
            yield self._joined.pop(key)

    def forget(self, path: str, turn: str | None) -> None:
        """Drop what belongs to a turn whose message has come; to the agent's every turn where it is not known."""
        for key in [key for key in self._joined if key.path == path and turn in (None, key.turn)]:
            del self._joined[key]
