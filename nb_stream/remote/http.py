"""The transport over HTTP: batches come as server-sent events, commands go as POST.

https://html.spec.whatwg.org/multipage/server-sent-events.html describes the events. They pass reverse proxies and
jupyter-server-proxy as any other answer does. Each batch is one event, and each of its lines is a line of data.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx

from .address import Remote
from .protocol import SILENCE_S, Batch, Position
from .transport import RefusedError, UnreachableError

CONNECT_TIMEOUT_S = 5.0
"""Seconds for which a connection is waited for."""

ANSWER_TIMEOUT_S = 10.0
"""Seconds for which the answer to a command is waited for."""

MAX_EVENT_BYTES = 256_000_000
"""Bytes of a batch that a viewer takes. A line is never cut, so a batch may be as large as a message."""

TOKEN_HEADER = "X-NB-Stream-Token"
"""The header for the token if the user gave an Authorization header for a proxy."""

RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which another try may work: the worker is busy, or a proxy does not find it."""


class HttpTransport:
    """A `Transport` over HTTP/1.1."""

    def __init__(self, remote: Remote) -> None:
        headers = dict(remote.headers)
        if remote.token:
            taken = any(name.lower() == "authorization" for name in headers)
            headers |= {TOKEN_HEADER: remote.token} if taken else {"Authorization": f"Bearer {remote.token}"}
        verify: Any = remote.verify
        if not isinstance(verify, bool):
            verify = ssl.create_default_context(cafile=str(verify))
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=verify,
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=remote.url.startswith("https:"),  # a proxy of the environment must not see loopback
        )
        self._url = remote.url

    async def follow(self, have: Position | None) -> AsyncGenerator[Batch, None]:
        """Read the worker's events."""
        query = {} if have is None else {"epoch": have.epoch, "since": str(have.seq)}
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._client.stream(
                "GET", f"{self._url}/v1/events", params=query, timeout=timeout, headers={"Accept": "text/event-stream"}
            ) as response:
                if response.status_code != 200:
                    raise _refusal(response, await _beginning(response))
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise RefusedError(f"{self._url} is no worker of nb_stream: it does not answer with events.")
                async for lines in _sent_events(response.aiter_bytes()):
                    yield Batch.unpacked(lines)
        except httpx.TimeoutException as error:
            raise UnreachableError(f"{self._url} does not answer.") from error
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self._url} {_trouble(error)}") from error
        except ValueError as error:
            raise UnreachableError(f"{self._url} sent what is no batch: {error}.") from error

    async def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Post a command."""
        try:
            response = await self._client.post(f"{self._url}/v1/commands", json=command)
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self._url} {_trouble(error)}") from error
        if response.status_code != 200:
            raise _refusal(response, response.content)
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise UnreachableError(f"{self._url} sent an answer that is no JSON object.")
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _trouble(error: httpx.HTTPError) -> str:
    """What happened to a request, for the end of a sentence."""
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached: {error or 'nobody answers there'}."
    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)):
        return "broke off."
    return f"cannot be reached: {error or type(error).__name__}."


async def _beginning(response: httpx.Response) -> bytes:
    data = b""
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > 64_000:
            break
    return data


def _refusal(response: httpx.Response, body: bytes) -> RefusedError:
    """The error for an answer that is no success. The worker's own refusals have a sentence."""
    retry = response.status_code in RETRY_STATUSES
    try:
        values = json.loads(body)
        return RefusedError(str(values["text"]), str(values["error"]), retry=retry)
    except (ValueError, KeyError, TypeError):
        where = f"{response.request.url.host} answers {response.status_code} {response.reason_phrase}"
        return RefusedError(f"{where}: it is no worker of nb_stream, or a proxy stands before it.", retry=retry)


async def _sent_events(pieces: Any) -> AsyncGenerator[list[bytes], None]:
    """The data lines of each server-sent event. An event that breaks off is dropped. Lines end with a line feed only:
    a text may hold every other character that Python takes for the end of a line."""
    waiting, data, size = list[bytes](), list[bytes](), 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size > MAX_EVENT_BYTES:
            raise ValueError(f"it is larger than {MAX_EVENT_BYTES:,} bytes")
        if b"\n" not in piece:
            continue
        *lines, rest = b"".join(waiting).split(b"\n")
        waiting = [rest]
        for line in lines:
            if line.startswith(b"data: "):
                data.append(line[6:])
            elif not line and data:
                yield data
                data, size = [], len(rest)
