"""A worker over HTTP: an ASGI application with two addresses, `/v1/events` (server-sent events) and `/v1/commands`.

Whoever has the token may do everything that the panel can, so all that comes is refused unless it has the token.
A page of another site has no token, and no CORS header lets it read or send anything; a request that names a foreign
origin is refused before its token is looked at. Every refusal is a JSON object: the name of an error, and a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import urllib.parse
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..errors import AlreadyRunningError, NbStreamError, NotRunningError, UnsupportedError
from ..remote.address import TOKEN_VARIABLE
from ..remote.http import TOKEN_HEADER
from ..remote.protocol import MAX_COMMAND_BYTES, Batch, Position
from .limits import TOO_FAST, CommandRate, checked_token
from .worker import BusyError, RestartedError, Worker

log = logging.getLogger("nb_stream")

SEND_TIMEOUT_S = 60.0
"""Seconds after which a viewer that reads nothing is let go. It may come back and say what it has."""

_STATUS = {
    AlreadyRunningError: 409,
    NotRunningError: 409,
    UnsupportedError: 409,
    RestartedError: 409,
    BusyError: 503,
}


class _Refusal(Exception):
    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.response = JSONResponse({"error": kind, "text": sentence}, status)


def asgi_application(worker: Worker, token: str | None) -> Any:
    """The ASGI application for a worker. Raises ValueError for a missing or short token."""
    door = _Door(worker, checked_token(token))
    routes = [
        Route("/v1/events", door.events, methods=["GET"]),
        Route("/v1/commands", door.commands, methods=["POST"]),
    ]
    made = Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})
    made.state.worker = worker
    return made


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return JSONResponse({"error": "NotFound", "text": "A worker of nb_stream has no such address."}, status)


class _Door:
    """Looks at every request before the worker does."""

    def __init__(self, worker: Worker, token: str) -> None:
        self._worker, self._token = worker, token.encode()
        self._rate = CommandRate()

    async def events(self, request: Request) -> Response:
        """Follow the worker."""
        try:
            self._check(request)
            return _EventResponse(self._worker, _position(request))
        except _Refusal as refusal:
            return refusal.response

    async def commands(self, request: Request) -> Response:
        """Carry out a command."""
        try:
            self._check(request)
            if not self._rate.takes():
                raise _Refusal(429, "TooMany", TOO_FAST)
            values = await _body(request)
        except _Refusal as refusal:
            return refusal.response
        except ClientDisconnect:
            return Response(status_code=400)
        try:
            return JSONResponse(await self._worker.command(values))
        except NbStreamError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
            return JSONResponse({"error": type(error).__name__, "text": str(error)}, status)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": "ValueError", "text": str(error)}, 400)
        except Exception as error:
            log.exception("A command of a viewer failed")
            sentence = f"That did not work: {type(error).__name__}: {error}"
            return JSONResponse({"error": "RemoteError", "text": sentence}, 422)

    def _check(self, request: Request) -> None:
        origin = request.headers.get("origin")
        if origin is not None and urllib.parse.urlsplit(origin).netloc != request.headers.get("host"):
            raise _Refusal(403, "ForeignOrigin", "A worker of nb_stream answers no page of another site.")
        given = request.headers.get(TOKEN_HEADER)
        if given is None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            given = given.strip() if scheme.lower() == "bearer" else ""
        if not given:
            raise _Refusal(401, "NoToken", f"The token is missing: Remote(url, token=…), or {TOKEN_VARIABLE}.")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            raise _Refusal(401, "WrongToken", "The token is not the worker's.")


def _position(request: Request) -> Position | None:
    epoch, since = request.query_params.get("epoch"), request.query_params.get("since")
    if epoch is None and since is None:
        return None
    if (
        epoch is None
        or since is None
        or len(epoch) > 64
        or not (since.isascii() and since.isdigit())
        or len(since) > 15
    ):
        raise _Refusal(400, "ValueError", "A position is an epoch, and since, a number of lines.")
    return Position(epoch, int(since))


async def _body(request: Request) -> object:
    """The JSON of a request. It is read no further than a command may be long."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refusal(415, "ValueError", "A command is sent as application/json.")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MAX_COMMAND_BYTES:
            raise _Refusal(413, "ValueError", f"A command has at most {MAX_COMMAND_BYTES:,} bytes.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _Refusal(400, "ValueError", "A command is a JSON object.") from None


def sent_event(batch: Batch) -> bytes:
    """A batch as a server-sent event."""
    return b"".join(b"data: %b\n" % line for line in batch.packed()) + b"\n"


class _EventResponse(Response):
    """Batches as server-sent events, until the viewer goes or reads nothing any more."""

    def __init__(self, worker: Worker, have: Position | None) -> None:
        super().__init__()
        self._batches = worker.follow(have)
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and end when the viewer has gone."""
        async with contextlib.aclosing(self._batches):
            try:
                first = await anext(self._batches)
            except BusyError as error:
                await JSONResponse({"error": "BusyError", "text": str(error)}, 503)(scope, receive, send)
                return
            sending = asyncio.ensure_future(self._send(first, send))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._over = True
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.wait((sending, leaving))

    async def _send(self, batch: Batch, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # nginx would wait for more
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while not self._over:  # a wait that ends as it is cancelled would go on
            message = {"type": "http.response.body", "body": sent_event(batch), "more_body": True}
            await asyncio.wait_for(send(message), SEND_TIMEOUT_S)
            try:
                batch = await anext(self._batches)
            except StopAsyncIteration:  # the worker ends
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
