"""A wire inside the process: the worker's batches go as bytes to the viewer, and a seeded injector makes trouble.

It is a second transport behind the interface that HTTP stands behind, so what is tested over it holds for all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from nb_stream import Remote
from nb_stream.errors import NbStreamError
from nb_stream.remote import transport
from nb_stream.remote.protocol import Batch, Position
from nb_stream.remote.transport import RefusedError, UnreachableError
from nb_stream.serve.worker import Worker

STALL_S = 0.3
"""Seconds for which a line that stalls stands still."""


class MemoryRemote(Remote):
    """The address of a worker in this process. `trouble` is the probability of each kind of trouble for each batch and
    each command. `worker` may be replaced, as a worker that was started anew."""

    def __init__(self, worker: Worker, *, trouble: float = 0.0, seed: int = 0) -> None:
        super().__init__("memory://here")
        self.worker = worker
        self.trouble = trouble
        self.chance = random.Random(seed)
        self.made: list[str] = []
        """The trouble that was made."""

    def makes(self, kind: str) -> bool:
        """Whether this trouble is made now."""
        if self.trouble and self.chance.random() < self.trouble:
            self.made.append(kind)
            return True
        return False


class MemoryTransport:
    """A `Transport` to `MemoryRemote.worker`."""

    def __init__(self, remote: MemoryRemote) -> None:
        self._remote = remote

    async def follow(self, have: Position | None) -> AsyncGenerator[Batch, None]:
        remote, worker, waiting = self._remote, self._remote.worker, list[Batch]()
        if remote.makes("no connection"):
            raise UnreachableError("No connection.")
        batches = worker.follow(have)
        try:
            async for batch in batches:
                if remote.worker is not worker or remote.makes("cut"):
                    raise UnreachableError("The line was cut.")
                if remote.makes("stall"):
                    await asyncio.sleep(STALL_S)
                if remote.makes("drop"):
                    continue
                batch = Batch.unpacked(b"\n".join(batch.packed()).split(b"\n"))
                if remote.makes("reorder") and not waiting:
                    waiting.append(batch)
                    continue
                yield batch
                if remote.makes("double"):
                    yield batch
                if waiting:
                    yield waiting.pop()
        finally:
            await batches.aclose()

    async def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        remote = self._remote
        if remote.makes("command lost"):
            raise UnreachableError("The command was lost.")
        try:
            answer = await remote.worker.command(dict(command))
            if remote.makes("command doubled"):
                answer = await remote.worker.command(dict(command))
        except (NbStreamError, ValueError) as error:
            raise RefusedError(str(error), type(error).__name__) from error
        if remote.makes("answer lost"):
            raise UnreachableError("The answer was lost.")
        return answer

    async def close(self) -> None:
        pass


@pytest.fixture
def memory_wire(monkeypatch: pytest.MonkeyPatch) -> type[MemoryRemote]:
    """The class of addresses in this process, which `TeamStream` takes while the test runs."""
    monkeypatch.setitem(transport.TRANSPORTS, "memory", f"{__name__}:MemoryTransport")
    return MemoryRemote
