"""Gates: whose tokens pass now, and what a closed gate holds for callbacks and for `run_stream`.

The transcript takes every chunk, whatever the gates say; a gate decides only what is shown. So opening one in the
middle of a message loses nothing, and closing one changes no finished message.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .model import Chunk

Key = "tuple[str, str, str | None, str | None]"
"""The model call that a chunk belongs to: path, agent, turn, message id."""


def key_of(chunk: Chunk) -> tuple[str, str, str | None, str | None]:
    """The model call of a chunk."""
    return chunk.path, chunk.agent, chunk.turn, chunk.message_id


@dataclass
class Joined:
    """Chunks of one model call that wait together. `native` is the framework's own first one."""

    first: Chunk
    native: Any
    texts: list[str]
    until: float

    def chunk(self) -> Chunk:
        """All of them as one chunk."""
        first = self.first
        return Chunk(
            first.agent,
            first.path,
            first.at,
            "".join(self.texts),
            first.message_id,
            first.turn,
            len(self.texts),
            self.until,
        )


class Pile:
    """Chunks put aside, joined by model call, in the order in which the calls began."""

    def __init__(self) -> None:
        self._joined: dict[tuple[str, str, str | None, str | None], Joined] = {}

    def __bool__(self) -> bool:
        return bool(self._joined)

    def add(self, chunk: Chunk, native: Any = None) -> bool:
        """Put a chunk aside; true where it is the first one of its call."""
        key = (chunk.path, chunk.agent, chunk.turn, chunk.message_id)
        joined = self._joined.get(key)
        if joined is None:
            self._joined[key] = Joined(chunk, native, [chunk.text], chunk.at)
            return True
        joined.texts.append(chunk.text)
        joined.until = chunk.at
        return False

    def take(self, path: str | None = None) -> Iterator[Joined]:
        """Take out everything, or what belongs to the agent at `path`."""
        for key in [key for key in self._joined if path is None or key[0] == path]:
            yield self._joined.pop(key)

    def forget(self, path: str, turn: str | None) -> None:
        """Drop what belongs to a turn whose message has come."""
        for key in [key for key in self._joined if key[0] == path and (turn is None or key[2] == turn)]:
            del self._joined[key]
