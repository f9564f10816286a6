"""`Connection`: keeps a viewer at the state of its worker, whatever the wire does.

It asks for the journal from where the viewer is, puts batches in order, and passes over what the viewer has. If a batch
is missing or the connection breaks, it connects again and asks from there. If the worker was started anew, it says so.
Commands are sent one after the other, each with an id, and sent again until the worker has answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
import weakref
from collections.abc import Mapping
from typing import Any, Protocol

from .. import errors
from ..concurrency.event_loops import keep_alive
from ..errors import NbStreamError, RemoteError
from .address import Remote
from .protocol import Batch, Position
from .transport import RefusedError, Transport, UnreachableError, open_transport

log = logging.getLogger("nb_stream")

RETRY_AFTER_S = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each further attempt to connect, the last one for all that follow. Up to half as much is added."""

COMMAND_TIMEOUT_S = 15.0
"""Seconds for which a command is sent again if the worker cannot be reached."""


class Viewer(Protocol):
    """What a connection brings up to date. All methods are called on the event loop of the connection."""

    def begins(self, again: bool) -> None:
        """The journal of a worker begins. `again` says that another worker's was followed before: it was restarted."""

    def lines(self, lines: list[bytes], fresh: bool) -> None:
        """The next lines of the journal. `fresh` says that they were written after the first connection."""

    def status(self, version: int, changed: Mapping[str, Any]) -> None:
        """Parts of the status changed."""

    def connected(self) -> None:
        """The connection stands, and everything that was missing has come."""

    def lost(self, sentence: str) -> None:
        """The connection does not stand any more; it will be tried again."""


class Connection:
    """The connection of one viewer to its worker. The viewer owns it; it is used on one event loop at a time."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.have: Position | None = None
        self.reconnects = 0
        """How often the connection was made again."""
        self._goal = 0  # the length of the journal when this connection was made
        self._snapshot = 0  # and when the first one was made: what stands before it is old
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: Transport | None = None
        self._stands = False
        self._waiters: list[asyncio.Future[None]] = []
        self._refusal: RefusedError | None = None
        self._sending = asyncio.Lock()

    # --- the way here ------------------------------------------------------------------------------------------------

    def open(self, viewer: Viewer) -> None:
        """Connect on the running loop, if there is no connection on it yet. The viewer is held weakly: the connection
        ends with it."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and self._task is not None and not self._task.done():
            return
        self._loop, self._refusal, self._stands = loop, None, False
        self._sending, self._waiters = asyncio.Lock(), []
        self._transport = open_transport(self.remote.scheme)(self.remote)
        self._task = loop.create_task(_keep_connected(weakref.ref(self), weakref.ref(viewer), self._transport))
        keep_alive(self._task)  # it ends by itself soon after the viewer has gone

    async def ready(self) -> None:
        """Wait until everything has come that the worker had when this connected. Raises the worker's refusal."""
        if self._refusal is not None:
            raise self._refusal
        if not self._stands:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def take(self, viewer: Viewer, batch: Batch, expected_n: int) -> str:
        """Take the next batch of a connection. Returns what was done with it: "taken", "double", or "gap" if it cannot
        be taken before others have come."""
        if batch.n < expected_n:
            return "double"
        if batch.n > expected_n:
            return "gap"
        if batch.n == 0:
            self._goal = batch.head
        have = self.have
        if have is None or have.epoch != batch.epoch:
            if batch.first != 0:
                return "gap"
            self._snapshot = batch.head if have is None else 0
            again, have = have is not None, Position(batch.epoch, 0)
            viewer.begins(again)
        if batch.first > have.seq:
            return "gap"
        lines = list(batch.lines[have.seq - batch.first :])
        old = max(0, self._snapshot - have.seq)
        viewer.lines(lines[:old], fresh=False)
        viewer.lines(lines[old:], fresh=True)
        self.have = Position(batch.epoch, have.seq + len(lines))
        viewer.status(batch.version, batch.status)
        if self.have.seq >= self._goal:
            self._stand(viewer)
        return "taken"

    def _stand(self, viewer: Viewer) -> None:
        if not self._stands:
            self._stands = True
            viewer.connected()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def _fall(self, viewer: Viewer, error: RemoteError) -> None:
        self._stands = False
        viewer.lost(str(error))
        if isinstance(error, RefusedError) and not error.retry:
            self._refusal = error
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_exception(error)
            self._waiters.clear()

    # --- the way there -----------------------------------------------------------------------------------------------

    async def command(self, values: Mapping[str, Any], *, within_s: float = COMMAND_TIMEOUT_S) -> dict[str, Any]:
        """Send a command behind those that were sent before, and return the worker's answer. Raises the error that the
        worker raised, and UnreachableError if it cannot be reached for `within_s`."""
        if self._transport is None:
            raise RemoteError("There is no connection yet: await stream.ready() first.")
        body = {**values, "id": uuid.uuid4().hex}
        if self.have is not None:
            body["epoch"] = self.have.epoch
        until = asyncio.get_running_loop().time() + within_s
        async with self._sending:
            for attempt in range(1_000_000):
                try:
                    return await self._transport.send(body)
                except RefusedError as error:
                    if not error.retry or asyncio.get_running_loop().time() > until:
                        raise _as_raised(error) from None
                except UnreachableError:
                    if asyncio.get_running_loop().time() > until:
                        raise
                await asyncio.sleep(_seconds_before(attempt))
        raise AssertionError("the time is over before the attempts are")

    async def close(self) -> None:
        """End the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


async def _keep_connected(connection: weakref.ref[Connection], viewer: weakref.ref[Any], transport: Transport) -> None:
    """Follow the worker until the viewer is gone or the worker refuses for good. Nothing here holds the viewer while
    it waits, so that a stream that nobody needs goes away."""
    attempt = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            mine, seen = connection(), viewer()
            if mine is None or seen is None:
                break
            have, error = mine.have, RemoteError("")
            del mine, seen
            try:
                n = 0
                async with contextlib.aclosing(transport.follow(have)) as batches:
                    async for batch in batches:
                        mine, seen = connection(), viewer()
                        if mine is None or seen is None:
                            break
                        done = mine.take(seen, batch, n)
                        del mine, seen
                        if done == "gap":
                            break
                        if done == "taken":
                            attempt, n = 0, n + 1
                    else:
                        error = UnreachableError("The worker closed the connection.")
            except RemoteError as caught:
                error = caught
            except Exception as caught:
                log.exception("A worker sent what cannot be read")
                error = RefusedError(
                    f"The worker says what is not understood here: {caught}. Install the same version."
                )
            mine, seen = connection(), viewer()
            if mine is None or seen is None:
                break
            if str(error):
                mine._fall(seen, error)
            mine.reconnects += 1
            if mine._refusal is not None:
                break
            del mine, seen
            await asyncio.sleep(_seconds_before(attempt))
            attempt += 1
    with contextlib.suppress(Exception):
        await transport.close()


def _seconds_before(attempt: int) -> float:
    return RETRY_AFTER_S[min(attempt, len(RETRY_AFTER_S) - 1)] * (1 + random.random() / 2)


def _as_raised(error: RefusedError) -> Exception:
    """The error of this package that the worker raised, or the refusal itself."""
    kind = getattr(errors, error.kind, None)
    if isinstance(kind, type) and issubclass(kind, NbStreamError):
        return kind(str(error))
    return ValueError(str(error)) if error.kind == "ValueError" else error
