"""A worker at a gRPC host: it answers the questions that `remote.grpc` asks.

Without the token nobody is answered but with a refusal. Every page is proved by an HMAC with the token, and the worker
gives each connection a number of its own for it (`nonce`), so a page that somebody has overheard does nothing if it is
sent again. Texts go in the clear: this is for loopback and for networks that you trust.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from ..concurrency.event_loops import keep_alive
from ..errors import NbStreamError
from ..remote.connection import RETRY_AFTER_S
from ..remote.grpc import COMMAND, HELLO, NEXT, team_mailbox, viewer_mailbox
from ..remote.grpc_link import Link, Page, PageCollector, TakenError, hosting, pages_of, within
from ..remote.protocol import MAX_COMMAND_BYTES, Batch, Position
from .limits import TOO_FAST, CommandRate
from .worker import MAX_VIEWERS, BusyError, Worker

log = logging.getLogger("nb_stream")

PULSE_EVERY_S = 1.0
"""Seconds after which a worker sends itself a page by way of its host. If three of them do not come back, it takes the
host for lost and joins again."""

IDLE_S = 60.0
"""Seconds after which a viewer that asks for nothing is let go. It may come back and say what it has."""

ATTEMPTS = 8
"""How often a worker tries to join a host at first, half a second apart: the host may not have noticed yet that the
worker before it is gone."""

_VIEWER = re.compile("[0-9a-f]{32}")


class _AnswerRefused(Exception):
    def __init__(self, kind: str, sentence: str, retry: bool = False) -> None:
        super().__init__(sentence)
        self.body = json.dumps({"error": kind, "text": sentence, "retry": retry}).encode()


class _Viewer:
    """One connection of a viewer. `client` is the viewer itself, which connects again under another name."""

    def __init__(self, name: str) -> None:
        self.name, self.client = name, ""
        self.nonce = secrets.token_hex(16)
        self.batches: AsyncGenerator[Batch, None] | None = None
        self.asking = asyncio.Lock()
        self.pages = {lane: PageCollector(MAX_COMMAND_BYTES) for lane in (HELLO, NEXT, COMMAND)}
        self.seen_at = time.monotonic()


class GrpcDoor:
    """Looks at every page before the worker does, and sends back the answers. Used on the worker's loop."""

    def __init__(self, worker: Worker, token: str) -> None:
        self.link: Link | None = None
        self.pulse = uuid.uuid4().hex
        self.beating = asyncio.Event()
        self._worker, self._token = worker, token
        self._viewers: dict[str, _Viewer] = {}
        self._commands, self._strangers = CommandRate(), CommandRate()

    def receive(self, page: Page) -> None:
        """Take a page from the host. Nothing is awaited here, so that pages keep their order."""
        if page.viewer == self.pulse:
            self.beating.set()
            return
        if page.lane not in (HELLO, NEXT, COMMAND) or not _VIEWER.fullmatch(page.viewer):
            return
        viewer = self._viewers.get(page.viewer)
        if page.lane == HELLO:
            if not page.is_proved(self._token, "", answer=False):
                if self._strangers.takes():
                    keep_alive(asyncio.ensure_future(self._refuse_stranger(page)))
                return
            viewer = viewer or _Viewer(page.viewer)
        elif viewer is None or not page.is_proved(self._token, viewer.nonce, answer=False):
            return
        viewer.seen_at = time.monotonic()
        try:
            data = viewer.pages[page.lane].add(page)
        except ValueError as error:
            keep_alive(asyncio.ensure_future(self._refuse(viewer, page, _AnswerRefused("ValueError", str(error)))))
            return
        if data is not None:
            keep_alive(asyncio.ensure_future(self._answer(viewer, page, data)))

    def forget_idle(self) -> None:
        """Let go of viewers that ask for nothing any more."""
        for viewer in list(self._viewers.values()):
            if time.monotonic() > viewer.seen_at + IDLE_S:
                self._forget(viewer)

    def _forget(self, viewer: _Viewer) -> None:
        async def leave() -> None:
            async with viewer.asking:
                if viewer.batches is not None:
                    await viewer.batches.aclose()

        self._viewers.pop(viewer.name, None)
        keep_alive(asyncio.ensure_future(leave()))

    # --- answers -----------------------------------------------------------------------------------------------------

    async def _answer(self, viewer: _Viewer, question: Page, data: bytes) -> None:
        try:
            values = _question(data)
            if question.lane == HELLO:
                body = self._hello(viewer, values)
            elif question.lane == NEXT:
                body = await self._next(viewer, values)
            else:
                body = await self._command(values)
        except _AnswerRefused as refusal:
            await self._refuse(viewer, question, refusal)
        except BusyError as error:
            await self._refuse(viewer, question, _AnswerRefused("BusyError", str(error), retry=True))
        except NbStreamError as error:
            await self._refuse(viewer, question, _AnswerRefused(type(error).__name__, str(error)))
        except (ValueError, TypeError) as error:
            await self._refuse(viewer, question, _AnswerRefused("ValueError", str(error)))
        except Exception as error:
            log.exception("A command of a viewer failed")
            sentence = f"That did not work: {type(error).__name__}: {error}"
            await self._refuse(viewer, question, _AnswerRefused("RemoteError", sentence))
        else:
            await self._send(viewer, question, b"answered\n" + body)

    def _hello(self, viewer: _Viewer, values: Mapping[str, Any]) -> bytes:
        viewer.client = str(values.get("client", ""))
        for other in list(self._viewers.values()):
            if other is not viewer and other.client == viewer.client:
                self._forget(other)
        if viewer.name not in self._viewers and len(self._viewers) >= 2 * MAX_VIEWERS:
            raise BusyError(f"{len(self._viewers)} connections are open. Close one, or try later.")
        self._viewers[viewer.name] = viewer
        return json.dumps({"nonce": viewer.nonce}).encode()

    async def _next(self, viewer: _Viewer, values: Mapping[str, Any]) -> bytes:
        async with viewer.asking:
            if viewer.batches is None:
                viewer.batches = self._worker.follow(_place(values))
            try:
                batch = await anext(viewer.batches)
            except StopAsyncIteration:
                raise _AnswerRefused("RemoteError", "The worker closed the connection.", retry=True) from None
            except BusyError:
                viewer.batches = None
                raise
        return b"\n".join(batch.packed())

    async def _command(self, values: Mapping[str, Any]) -> bytes:
        if not self._commands.takes():
            raise _AnswerRefused("TooMany", TOO_FAST, retry=True)
        return json.dumps(await self._worker.command(values)).encode()

    async def _refuse(self, viewer: _Viewer, question: Page, refusal: _AnswerRefused) -> None:
        await self._send(viewer, question, b"refused\n" + refusal.body)

    async def _send(self, viewer: _Viewer, question: Page, data: bytes) -> None:
        nonce = "" if question.lane == HELLO else viewer.nonce
        for page in pages_of(data, viewer.name, question.lane, question.number):
            await self._publish(page.proved(self._token, nonce, answer=True))

    async def _refuse_stranger(self, question: Page) -> None:
        if question.is_proved("", "", answer=False):
            refusal = _AnswerRefused("NoToken", "The token is missing: Remote(url, token=…), or NB_STREAM_TOKEN.")
        else:
            refusal = _AnswerRefused("WrongToken", "The token is not the worker's.")
        for page in pages_of(b"refused\n" + refusal.body, question.viewer, HELLO, question.number):
            await self._publish(page)

    async def _publish(self, page: Page) -> None:
        if self.link is not None:
            with contextlib.suppress(Exception):  # the link is being replaced: the viewer will ask again
                await self.link.send(viewer_mailbox(page.viewer), page)


def _question(data: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise _AnswerRefused("ValueError", "A question is a JSON object.")
    return values


def _place(values: Mapping[str, Any]) -> Position | None:
    epoch, since = values.get("epoch"), values.get("since")
    if epoch is None and since is None:
        return None
    if not isinstance(epoch, str) or type(since) is not int or since < 0:
        raise _AnswerRefused("ValueError", "A position is an epoch, and since, a number of lines.")
    return Position(epoch, since)


async def serve_at_host(
    worker: Worker, token: str, host: str, team: str, *, own: bool, ready: Callable[[], None], end: asyncio.Event
) -> None:
    """Serve a worker as `team` at a gRPC host, until `end`. `own` says that the host is opened here,
    else one runs there already. `ready` is called once, when viewers may come. If the host is lost, the worker joins it
    again as soon as it is back; the team runs on.

    Raises OSError if the host cannot be opened or joined, and ValueError if it has a team of this name.
    """
    door = GrpcDoor(worker, token)
    async with contextlib.AsyncExitStack() as stack:
        if own:
            await stack.enter_async_context(hosting(host))
        link = await _first_link(host, team, door)
        ready()
        ending = asyncio.ensure_future(end.wait())
        stack.callback(ending.cancel)
        while not end.is_set():
            door.link = link
            beating = asyncio.ensure_future(_beat(link, team, door))
            await asyncio.wait((beating, ending), return_when=asyncio.FIRST_COMPLETED)
            beating.cancel()
            await link.close()
            attempt = 0
            while not end.is_set():
                try:
                    link = await Link.open(host, team_mailbox(team), door.receive)
                    break
                except (ConnectionError, TakenError):
                    await asyncio.wait((ending,), timeout=RETRY_AFTER_S[min(attempt, len(RETRY_AFTER_S) - 1)])
                    attempt += 1
        worker.close()


async def _first_link(host: str, team: str, door: GrpcDoor) -> Link:
    """The first link."""
    for attempt in range(ATTEMPTS):
        try:
            return await Link.open(host, team_mailbox(team), door.receive)
        except TakenError:
            if attempt + 1 == ATTEMPTS:
                raise ValueError(f"The host {host} has a team of the name {team!r}. Give yours another one.") from None
            await asyncio.sleep(0.5)
    raise AssertionError("the attempts are over")


async def _beat(link: Link, team: str, door: GrpcDoor) -> None:
    """Returns when pages do not come back from the host any more."""
    missed = 0
    while missed < 3:
        door.forget_idle()
        door.beating.clear()
        pulse = Page(viewer=door.pulse, lane="", number=0, part=0, parts=1, text="")
        with contextlib.suppress(Exception):
            await link.send(team_mailbox(team), pulse)
        try:
            await within(PULSE_EVERY_S, door.beating.wait())
            missed = 0
            await asyncio.sleep(PULSE_EVERY_S)
        except asyncio.TimeoutError:
            missed += 1
