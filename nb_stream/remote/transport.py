"""`Transport`: the two things that a wire must do. It carries batches from a worker, and commands to it.

A second transport is one module here with a class that has the methods of `Transport`, a line in `TRANSPORTS`, and one
module in `serve/`. That module has three things to do with a `Worker`: it hands on the batches of
`worker.follow(position)`; it hands commands to `worker.command(values)` and carries back what that returns or raises;
it refuses whoever may not do either. Order, gaps, doubles, reconnects and restarts are not its business: `Connection`
cures them for all transports. So a transport may lose, double and reorder batches. It must never change one.
`Batch.packed` and `Batch.unpacked` give the bytes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from ..errors import RemoteError
from .protocol import Batch, Position


class UnreachableError(RemoteError):
    """The worker does not answer, or the connection broke. It is worth another try."""


class RefusedError(RemoteError):
    """The worker answers, and refuses. `kind` is the name of the error there (`AlreadyRunningError`). `retry` says
    that the same thing may work later."""

    def __init__(self, sentence: str, kind: str = "", *, retry: bool = False) -> None:
        super().__init__(sentence)
        self.kind, self.retry = kind, retry


class Transport(Protocol):
    """One viewer's wire to one worker. It is made, used and closed on one event loop."""

    def follow(self, have: Position | None) -> AsyncGenerator[Batch, None]:
        """Connect, say what the viewer has, and yield batches until the connection ends. Raises UnreachableError if
        nothing comes for `SILENCE_S`, and RefusedError."""

    async def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Carry a command to the worker and return its answer. Raises UnreachableError and RefusedError. A command has
        an `id`, and a worker carries out an id once, so a command may be sent again."""

    async def close(self) -> None:
        """Give up all connections."""


TRANSPORTS: dict[str, str] = {
    "http": ".http:HttpTransport",
    "https": ".http:HttpTransport",
    "grpc": ".grpc:GrpcTransport",
}
"""By the scheme of an address, the class that is its transport. Called with the `Remote`."""


def open_transport(scheme: str) -> Callable[[Any], Transport]:
    """The class of the transport for an address with this scheme, which is a key of `TRANSPORTS`. Raises ImportError
    if it needs a library that is not installed."""
    module, name = TRANSPORTS[scheme].split(":")
    found: Callable[[Any], Transport] = getattr(import_module(module, __package__), name)
    return found
