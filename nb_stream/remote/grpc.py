"""The transport over gRPC: `Remote("grpc://host:50051/team")`.

A viewer asks, and the worker answers each question once: "hello", for a number that makes the proofs of this connection
its own; "next", for the next batch, which the worker holds back until there is one; and commands. So batches come in
order, a slow viewer is owed one batch, and a viewer that was not there asks for what it missed. If no answer comes, the
connection is thrown away and a new one is made. `remote.grpc_link` says how pages travel, and whom it keeps out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.parse
import uuid
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from .address import Remote
from .grpc_link import Link, Page, PageCollector, pages_of, within
from .http import ANSWER_TIMEOUT_S, MAX_EVENT_BYTES
from .protocol import SILENCE_S, WIRE_VERSION, Batch, Position
from .transport import RefusedError, UnreachableError

GRPC_PORT = 50051
"""The port of a host if the address names none."""

HELLO_TIMEOUT_S = 2.0
"""Seconds for which a worker is waited for that may not have joined the host yet."""

HELLO, NEXT, COMMAND = "hello", "next", "command"
"""The lanes, which are the questions that a viewer has. On each lane one question is open at a time."""


def team_mailbox(name: str) -> str:
    """The mailbox of the worker that serves the team `name`."""
    return f"team.{name}"


def viewer_mailbox(viewer: str) -> str:
    """The mailbox of a viewer's connection."""
    return f"viewer.{viewer}"


class GrpcTransport:
    """A `Transport` to a team at a gRPC host."""

    def __init__(self, remote: Remote) -> None:
        parts = urllib.parse.urlsplit(remote.url)
        host = parts.hostname or ""
        self._host = f"{f'[{host}]' if ':' in host else host}:{parts.port or GRPC_PORT}"
        self._team = parts.path.strip("/")
        self._url, self._token = remote.url, remote.token
        self._client = uuid.uuid4().hex
        self._line: _Line | None = None
        self._joining = asyncio.Lock()
        self._closed = False

    async def follow(self, have: Position | None) -> AsyncGenerator[Batch, None]:
        """Ask for one batch after the other."""
        line = await self._joined()
        place = {} if have is None else {"epoch": have.epoch, "since": have.seq}
        try:
            while True:
                lines = (await line.ask(NEXT, place, SILENCE_S)).split(b"\n")
                yield Batch.unpacked(lines)
        except ValueError as error:
            raise UnreachableError(f"{self._url} sent what is no batch: {error}.") from error
        finally:
            await self._leave(line)

    async def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command as a question."""
        line = await self._joined()
        answer: dict[str, Any] = json.loads(await line.ask(COMMAND, command, ANSWER_TIMEOUT_S))
        return answer

    async def close(self) -> None:
        """Leave the host."""
        self._closed = True
        if self._line is not None:
            await self._leave(self._line)

    async def _joined(self) -> _Line:
        """The line that stands, or a new one."""
        async with self._joining:
            if self._closed:
                raise UnreachableError("The connection was closed.")
            if self._line is None:
                line = _Line(self._url, self._team, self._token)
                try:
                    await line.open(self._host, self._client)
                except BaseException:
                    await line.close()
                    raise
                self._line = line
            return self._line

    async def _leave(self, line: _Line) -> None:
        if self._line is line:
            self._line = None
        await line.close()


class _Line:
    """One viewer's connection to a worker by way of a host, until it breaks."""

    def __init__(self, url: str, team: str, token: str) -> None:
        self._url, self._team, self._token = url, team, token
        self._viewer, self._nonce = uuid.uuid4().hex, ""
        self._number = 0
        self._asked: dict[str, tuple[int, asyncio.Future[bytes]]] = {}
        self._pages: dict[str, PageCollector] = {}
        self._link: Link | None = None

    async def open(self, host: str, client: str) -> None:
        """Join the host and say hello. Raises UnreachableError, and RefusedError without the token."""
        try:
            self._link = await Link.open(host, viewer_mailbox(self._viewer), self._receive)
        except ConnectionError as error:
            raise UnreachableError(f"{self._url} cannot be reached: {error}.") from error
        hello = {"version": WIRE_VERSION, "client": client}
        self._nonce = json.loads(await self.ask(HELLO, hello, HELLO_TIMEOUT_S))["nonce"]

    async def ask(self, lane: str, values: Mapping[str, Any], within_s: float) -> bytes:
        """Ask the worker and return its answer. Raises UnreachableError if none comes, and RefusedError."""
        if self._link is None:
            raise UnreachableError(f"{self._url} cannot be reached any more.")
        self._number += 1
        number = self._number
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked[lane] = number, answer
        try:
            for page in pages_of(json.dumps(values).encode(), self._viewer, lane, number):
                proved = page.proved(self._token, self._nonce, answer=False)
                await self._link.send(team_mailbox(self._team), proved)
            data: bytes = await within(within_s, answer)
        except asyncio.TimeoutError as error:
            raise UnreachableError(f"{self._url} does not answer: no worker is at the host for this team.") from error
        kind, _, body = data.partition(b"\n")
        if kind == b"refused":
            refusal = json.loads(body)
            raise RefusedError(refusal["text"], refusal["error"], retry=refusal["retry"])
        return body

    def _receive(self, page: Page) -> None:
        number, answer = self._asked.get(page.lane, (-1, None))
        if answer is None or answer.done() or page.number != number or page.viewer != self._viewer:
            return
        stranger = not page.is_proved(self._token, self._nonce, answer=True)
        if stranger and (page.lane != HELLO or page.parts != 1):
            return
        try:
            data = self._pages.setdefault(page.lane, PageCollector(MAX_EVENT_BYTES)).add(page)
        except ValueError as error:
            answer.set_exception(UnreachableError(f"{self._url} sent what is no answer. {error}"))
            return
        if data is not None and (not stranger or data.startswith(b"refused\n")):  # without the token, only that
            answer.set_result(data)

    async def close(self) -> None:
        """Leave the host. Whoever waits for an answer hears that it does not come."""
        link, self._link = self._link, None
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(UnreachableError(f"The connection to {self._url} was given up."))
        if link is not None:
            with contextlib.suppress(Exception):
                await link.close()
