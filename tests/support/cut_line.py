"""A line between viewers and a worker that can be cut, held up and broken in the middle of a batch: a TCP proxy."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator


class CutLine:
    """Forwards connections to a port. `open` lets new ones in; `flows` lets bytes through. Each connection breaks after
    a random number of bytes around `breaks_after`, if that is set."""

    def __init__(self, port: int, *, breaks_after: int = 0, seed: int = 0) -> None:
        self._port = port
        self.breaks_after = breaks_after
        self._chance = random.Random(seed)
        self.open = True
        self.flows = asyncio.Event()
        self.flows.set()
        self.bytes_down = self.pieces_down = 0
        self.cuts = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """The line for the time of a block; gives its address."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.cut()
            self.flows.set()

    def cut(self) -> None:
        """Break all connections, as a network does that goes away."""
        for writer in list(self._writers):
            self.cuts += 1
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:  # the worker is gone
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        up = asyncio.ensure_future(self._pump(reader, up_writer, 0))
        limit = self._chance.randrange(1, 2 * self.breaks_after) if self.breaks_after else 0
        try:
            await self._pump(up_reader, writer, limit, down=True)
        finally:
            up.cancel()
            self._writers -= {writer, up_writer}
            for end in (writer, up_writer):
                end.transport.abort()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, limit: int, down: bool = False
    ) -> None:
        passed = 0
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self.flows.wait()
                data = data[: limit - passed] if limit else data
                passed += len(data)
                if down:
                    self.bytes_down, self.pieces_down = self.bytes_down + len(data), self.pieces_down + 1
                sink.write(data)
                await sink.drain()
                if limit and passed >= limit:
                    self.cuts += 1
                    return
