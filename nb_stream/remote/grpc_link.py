"""`Link`: a mailbox in AutoGen's distributed runtime, and the pages that go between mailboxes.

Its runtime (autogen-ext 0.7.5, `GrpcWorkerAgentRuntimeHost` and `GrpcWorkerAgentRuntime`) has traps. This is how they
are avoided:

* The runtime starts a task for each message that comes, so a handler that waits loses the order. A mailbox only hands a
  page to a function that must not wait.
* `publish_message` returns at once and its queues have no bound. So nothing is published unasked: each page answers one
  that was sent, and a viewer has one question open at a time.
* A message above gRPC's 4 MB silences the connection that receives it. A text is cut into pages below 1 MB, and
  whoever is connected takes more than the host lets through.
* The runtime writes each message into log lines that nobody reads, and takes 16 ms for 64 kB that are not ASCII. A text
  goes compressed, as base64.
* A connection that broke stays broken, and says nothing. A `Link` that answers no more is thrown away.
* If two clients call `send_message` to one agent at a time, one may get the answer of the other, which gets none: the
  host knows answers by a number that each client counts from 1. So questions and answers are published, and each
  mailbox is an agent type of its own, which no other may register.
* Whoever reaches the port may publish and subscribe. A page carries an HMAC (`proof`) whose key is the token, so nobody
  without the token can give commands or change what a viewer sees. Everybody on the port can read, and disturb. It is
  for loopback and for networks that you trust.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import zlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else it writes into the notebook whenever a connection breaks

try:
    import grpc
    from autogen_core import BaseAgent, MessageContext, TopicId, TypeSubscription, try_get_known_serializers_for_type
    from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime, GrpcWorkerAgentRuntimeHost
except ImportError as _error:
    raise ImportError(f'grpc:// needs more: pip install "nb_stream[grpc]" ({_error}).') from _error

JOIN_TIMEOUT_S = 5.0
"""Seconds for which a host is waited for."""

PAGE_BYTES = 500_000
"""Bytes of the text of a page, which is ASCII."""

HOST_TAKES_BYTES = 4_000_000
"""Bytes of a message that a host of ours lets through. Whoever sends more loses the connection."""

_HOST_OPTIONS = [
    ("grpc.max_receive_message_length", HOST_TAKES_BYTES),
    ("grpc.max_send_message_length", 2 * HOST_TAKES_BYTES),
    ("grpc.so_reuseport", 0),  # else a second host at the port is no error
    ("grpc.keepalive_time_ms", 10_000),  # finds out whose computer is gone
    ("grpc.keepalive_timeout_ms", 5_000),
]

_CLIENT_OPTIONS = [
    ("grpc.max_receive_message_length", 2 * HOST_TAKES_BYTES),
    ("grpc.max_send_message_length", HOST_TAKES_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # else a new connection waits as long as the broken one would
    ("grpc.enable_http_proxy", 0),
]


_T = TypeVar("_T")


class TakenError(Exception):
    """Another connection has the mailbox."""


class Page(BaseModel):
    """A part of a text between a viewer and a worker. `viewer` is the name of the viewer's mailbox. On each `lane` the
    questions of a viewer have rising numbers, and an answer has the number of its question."""

    viewer: str
    lane: str
    number: int
    part: int
    parts: int
    text: str
    proof: str = ""

    def proved(self, token: str, nonce: str, *, answer: bool) -> Page:
        """The page with its proof. `nonce` is what the worker gave the viewer, so that no page can be sent again."""
        return self.model_copy(update={"proof": self._proof(token, nonce, answer)})

    def is_proved(self, token: str, nonce: str, *, answer: bool) -> bool:
        """Whether somebody wrote the page who has the token."""
        return hmac.compare_digest(self.proof.encode("utf-8", "replace"), self._proof(token, nonce, answer).encode())

    def _proof(self, token: str, nonce: str, answer: bool) -> str:
        said = [answer, nonce, self.viewer, self.lane, self.number, self.part, self.parts, self.text]
        return hmac.new(token.encode(), json.dumps(said).encode(), hashlib.sha256).hexdigest()


def pages_of(data: bytes, viewer: str, lane: str, number: int) -> Iterator[Page]:
    """Data as pages without proofs."""
    text = base64.b64encode(zlib.compress(data, 1)).decode()
    pieces = [text[at : at + PAGE_BYTES] for at in range(0, len(text), PAGE_BYTES)]
    for part, piece in enumerate(pieces):
        yield Page(viewer=viewer, lane=lane, number=number, part=part, parts=len(pieces), text=piece)


class PageCollector:
    """Puts the pages of a lane together, in whatever order they come. Pages of an older number are dropped.
    `most_bytes` is the size of the largest data that are taken."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._number = -1
        self._parts: dict[int, str] | None = None

    def add(self, page: Page) -> bytes | None:
        """Take a page. Returns the data if it was the last one that was missing. All data are returned once. Raises
        ValueError for data that are too large or none."""
        if page.number < self._number or not 0 <= page.part < page.parts:
            return None
        if (page.parts - 2) * PAGE_BYTES > self._most_bytes:
            raise ValueError(f"It has more than {self._most_bytes:,} bytes.")
        if page.number > self._number:
            self._number, self._parts = page.number, {}
        if self._parts is None:
            return None
        self._parts[page.part] = page.text
        if len(self._parts) < page.parts:
            return None
        text = "".join(self._parts[part] for part in range(page.parts))
        self._parts = None
        try:
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(base64.b64decode(text, validate=True), self._most_bytes + 1)
        except zlib.error as error:
            raise ValueError("It is no page of nb_stream.") from error
        if len(data) > self._most_bytes:
            raise ValueError(f"It has more than {self._most_bytes:,} bytes.")
        return data


async def within(seconds: float, work: Awaitable[_T]) -> _T:
    """What `work` gives. Raises asyncio.TimeoutError if it takes longer. `asyncio.wait_for` of Python 3.11 would forget
    that its task was cancelled, if the work was done at the same moment."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


class _Mailbox(BaseAgent):
    def __init__(self, receive: Callable[[Page], None]) -> None:
        super().__init__("A mailbox of nb_stream")
        self._receive = receive

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> None:
        if isinstance(message, Page):
            self._receive(message)  # nothing is awaited here, see above


class Link:
    """A mailbox at a host. `receive` gets every page that comes, on the event loop, and must not wait."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime

    @classmethod
    async def open(cls, host: str, mailbox: str, receive: Callable[[Page], None]) -> Link:
        """Connect to the host ("127.0.0.1:50051"). Raises ConnectionError if nobody answers there, and TakenError if
        somebody has the mailbox."""
        runtime = GrpcWorkerAgentRuntime(host, extra_grpc_config=_CLIENT_OPTIONS)
        runtime.add_message_serializer(try_get_known_serializers_for_type(Page))
        link = cls(runtime)

        async def join() -> None:
            await runtime.start()
            name = _address(mailbox)
            await runtime.register_factory(name, lambda: _Mailbox(receive))
            await runtime.add_subscription(TypeSubscription(name, name))

        try:
            await within(JOIN_TIMEOUT_S, join())
        except (asyncio.TimeoutError, grpc.RpcError) as error:
            await link.close()
            if getattr(error, "code", lambda: None)() is grpc.StatusCode.INVALID_ARGUMENT:
                raise TakenError(mailbox) from error
            raise ConnectionError(f"{host} does not answer") from error
        except BaseException:
            await link.close()
            raise
        return link

    async def send(self, mailbox: str, page: Page) -> None:
        """Send a page. Nothing says whether it arrives."""
        await self._runtime.publish_message(page, TopicId(_address(mailbox), "default"))

    async def close(self) -> None:
        """Leave the host. A link that broke is left behind in the same way."""
        nothing = Page(viewer="", lane="", number=0, part=0, parts=1, text="")
        with contextlib.suppress(Exception):  # of the connection that broke
            await self.send("nobody", nothing)  # else gRPC waits for ever for something to send
            await self._runtime.stop()
        reading = getattr(self._runtime, "_read_task", None)  # 0.7.5: it goes on if the connection broke
        if isinstance(reading, asyncio.Task):
            reading.cancel()


@contextlib.asynccontextmanager
async def hosting(host: str) -> Any:
    """A host at this address, for the time of a block. Raises OSError if the address is taken."""
    try:
        served = GrpcWorkerAgentRuntimeHost(host, extra_grpc_config=_HOST_OPTIONS)
    except RuntimeError as error:
        raise OSError(f"{host} is taken, or is no address of this computer") from error
    served.start()
    try:
        yield
    finally:
        await served.stop(grace=0)


def _address(mailbox: str) -> str:
    return f"nb_stream.{mailbox}"
