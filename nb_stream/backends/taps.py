"""Taps: for the time of a run, every agent's message stream passes through our code, inside the team.

An event of AutoGen 0.7.5 carries its agent's name and nothing else, and names are not unique. A tap stands where the
event is made, so it knows the agent's path, the turn, and whether a message ends the turn.

Tokens leave the team at the tap. They are for the eye alone, so they need not travel through the team's runtime, which
costs ten times what making them costs, and they cannot end up where AutoGen lets them: an agent that calls other agents
as tools collects their chunks in `Response.inner_messages` (`_assistant_agent.py`), from where they reach termination
conditions, selectors and the saved state. Everything else goes its ordinary way; a token waits until the messages that
were said before it have come through, so the order stays that of the team.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseChatMessage, ModelClientStreamingChunkEvent
from autogen_core import CancellationToken

from ..model import Chunk, Event, TurnStarted
from . import autogen_private as private
from .agents import Node

Hear = Callable[[Any, Chunk], None]

BREATH = 0.02
"""Seconds after which a model client that never waits is made to: displays want to be painted."""

LATE = 0.25
"""Seconds that a token waits for the messages before it; an agent of the user's own may swallow one."""

_numbers = itertools.count(1)


class Origin(NamedTuple):
    """Where a message was made, and whether it is the last one of its turn."""

    path: str
    turn: str
    final: bool


class Taps:
    """The taps of one run. `hear` gets the tokens, `emit` the beginnings of turns, both at once."""

    def __init__(
        self,
        nodes: Sequence[Node],
        wanted: Mapping[str, bool],
        emit: Callable[[Event], None],
        hear: Hear,
        queued: Callable[[], bool],
    ) -> None:
        self._nodes = nodes
        self._wanted = wanted
        self._emit = emit
        self._hear = hear
        self._queued = queued
        self._origins: dict[str, Origin] = {}
        self._ahead: set[str] = set()  # messages under way that tokens wait for
        self._waiting: list[tuple[Any, Chunk]] = []
        self._late: asyncio.TimerHandle | None = None
        self._built = [private.streams(node.agent) for node in nodes]
        self._before = [node.agent.__dict__.get("on_messages_stream") for node in nodes]
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open = False

    def __enter__(self) -> Taps:
        self._open = True
        for node in self._nodes:
            node.agent.on_messages_stream = self._tap(node, node.agent.on_messages_stream)
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        for node, built, before in zip(self._nodes, self._built, self._before, strict=True):
            if before is None:
                node.agent.__dict__.pop("on_messages_stream", None)
            else:
                node.agent.on_messages_stream = before
            if built is not None:
                private.set_streams(node.agent, built)
        self._pass_on()

    def origin(self, message: Any) -> Origin | None:
        """Where a message that came out of the team was made; None for what no tapped agent said. Ask once."""
        return self._origins.pop(message.id, None)

    def came_through(self, message: Any) -> None:
        """A message has been dealt with: the tokens behind it may go on. `queued` tells of those without a tap."""
        self._ahead.discard(message.id)
        if self._waiting and not self._ahead and not self._queued():
            self._pass_on()

    def _pass_on(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self._ahead.clear()
        waiting, self._waiting = self._waiting, []
        for native, chunk in waiting:
            self._hear(native, chunk)

    def cut_off(self) -> None:
        """Cancel every task that is inside an agent's turn."""
        self._open = False
        for task in list(self._tasks):
            task.cancel()

    def _tap(
        self, node: Node, inner: Callable[..., AsyncGenerator[Any, None]]
    ) -> Callable[..., AsyncGenerator[Any, None]]:
        agent, path = node.agent, node.info.path

        async def on_messages_stream(
            messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[Any, None]:
            turn = f"t{next(_numbers)}"
            here, last = Origin(path, turn, False), Origin(path, turn, True)
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
            self._emit(TurnStarted(agent.name, path, time.time(), turn))
            want = self._wanted.get(path)
            if want is not None and private.streams(agent) is not None:
                private.set_streams(agent, want)
            breath = time.monotonic()
            try:
                async for item in inner(messages, cancellation_token):
                    if not self._open:
                        raise asyncio.CancelledError
                    if item.__class__ is ModelClientStreamingChunkEvent:
                        if node.direct and item.source == agent.name:
                            self._token(item, here)
                            if time.monotonic() - breath > BREATH:
                                await asyncio.sleep(0)
                                breath = time.monotonic()
                            continue
                        self._mark(item, here)
                    elif isinstance(item, Response):
                        item = _without_chunks(item)
                        self._mark(item.chat_message, last)
                    else:
                        self._mark(item, here)
                    yield item
            finally:
                if task is not None:
                    self._tasks.discard(task)

        return on_messages_stream

    def _token(self, item: ModelClientStreamingChunkEvent, here: Origin) -> None:
        chunk = Chunk(item.source, here.path, time.time(), item.content, item.full_message_id, here.turn)
        if self._waiting or self._ahead or self._queued():
            if not self._waiting:
                self._late = asyncio.get_running_loop().call_later(LATE, self._pass_on)
            self._waiting.append((item, chunk))
        else:
            self._hear(item, chunk)

    def _mark(self, message: Any, origin: Origin) -> None:
        """Note where a message was made; the innermost tap that sees it knows."""
        if message.id not in self._origins:
            self._origins[message.id] = origin
            self._ahead.add(message.id)


def _without_chunks(response: Response) -> Response:
    """A response of an agent whose inner agents' chunks could not be taken out where they were made."""
    inner = response.inner_messages
    if not inner or not any(isinstance(message, ModelClientStreamingChunkEvent) for message in inner):
        return response
    return replace(response, inner_messages=[m for m in inner if not isinstance(m, ModelClientStreamingChunkEvent)])
