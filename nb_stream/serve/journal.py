"""`Journal`: the lines of a worker, from the first one on. They only ever grow in number.

A viewer has a place in the journal and nothing else, so a slow one costs the worker nothing. Lines that nobody is
likely to ask for soon are kept compressed, in about the size of the text that they hold.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

SEGMENT_BYTES = 256_000
"""Bytes of lines that are compressed together."""

FRESH_BYTES = 1_000_000
"""Bytes of the newest lines that are kept as they are."""


class _Segment(NamedTuple):
    first: int
    data: bytes  # lines with their line feeds, compressed


class Journal:
    """The lines of one worker, which owns it. Used on one event loop."""

    def __init__(self) -> None:
        self._old: list[_Segment] = []
        self._fresh: list[bytes] = []
        self._begins = 0  # the number of the first fresh line
        self._fresh_bytes = 0
        self._unpacked: tuple[int, list[bytes]] = (-1, [])  # the segment that was read last

    def __len__(self) -> int:
        return self._begins + len(self._fresh)

    def extend(self, lines: Iterable[bytes]) -> None:
        """Add lines without line feeds."""
        lines = list(lines)
        self._fresh.extend(lines)
        self._fresh_bytes += sum(map(len, lines))
        while self._fresh_bytes > FRESH_BYTES + SEGMENT_BYTES and len(self._fresh) > 1:
            self._press()

    def _press(self) -> None:
        size = count = 0
        for line in self._fresh[:-1]:
            size, count = size + len(line), count + 1
            if size >= SEGMENT_BYTES:
                break
        data = zlib.compress(b"\n".join(self._fresh[:count]), 1)
        self._old.append(_Segment(self._begins, data))
        self._fresh, self._begins = self._fresh[count:], self._begins + count
        self._fresh_bytes -= size

    def read(self, first: int, most_bytes: int) -> list[bytes]:
        """Lines from `first` on: as many as `most_bytes` hold, and one at least if there is one."""
        lines, size = list[bytes](), 0
        for line in self._from(first):
            size += len(line)
            if lines and size > most_bytes:
                break
            lines.append(line)
        return lines

    def _from(self, first: int) -> Iterable[bytes]:
        if first >= self._begins:
            place = first - self._begins
            return self._fresh[place : place + 4096]
        index = next(i for i in range(len(self._old) - 1, -1, -1) if self._old[i].first <= first)
        if self._unpacked[0] != index:
            self._unpacked = index, zlib.decompress(self._old[index].data).split(b"\n")
        return self._unpacked[1][first - self._old[index].first :]
