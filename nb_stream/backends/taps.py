"""Taps: for the time of a run, every agent's message stream passes through our code, inside the team.

An event of AutoGen 0.7.5 carries its agent's name and nothing else, and names are not unique. A tap stands where the
event is made, so it knows the agent's path, the turn, and whether a message ends the turn. It is also the one place
where chunks can be taken out of `Response.inner_messages`: an agent that calls other agents as tools puts their chunks
there (`_assistant_agent.py`, `_execute_tool_call`), from where they would reach termination conditions, selectors and
the saved state.
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

from ..model import Event, TurnStarted
from . import autogen_private as private
from .agents import Node

_turns = itertools.count(1)


class Origin(NamedTuple):
    """Where a message was made."""

    path: str
    turn: str
    final: bool


class Taps:
    """The taps of one run. `origins` says for the id of each message where it was made; the reader takes it out."""

    def __init__(self, nodes: Sequence[Node], wanted: Mapping[str, bool], emit: Callable[[Event], None]) -> None:
        self.origins: dict[str, Origin] = {}
        self._nodes = nodes
        self._wanted = wanted
        self._emit = emit
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
        self.origins.clear()

    def cut_off(self) -> None:
        """Cancel every task that is inside an agent's turn."""
        self._open = False
        for task in list(self._tasks):
            task.cancel()

    def _tap(
        self, node: Node, inner: Callable[..., AsyncGenerator[Any, None]]
    ) -> Callable[..., AsyncGenerator[Any, None]]:
        agent, path, origins = node.agent, node.info.path, self.origins

        async def on_messages_stream(
            messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
        ) -> AsyncGenerator[Any, None]:
            turn = f"t{next(_turns)}"
            here, last = Origin(path, turn, False), Origin(path, turn, True)
            task = asyncio.current_task()
            if task is not None:
                self._tasks.add(task)
            self._emit(TurnStarted(agent.name, path, time.time(), turn))
            want = self._wanted.get(path)
            if want is not None and private.streams(agent) is not None:
                private.set_streams(agent, want)
            try:
                async for item in inner(messages, cancellation_token):
                    if not self._open:
                        raise asyncio.CancelledError
                    if isinstance(item, Response):
                        item = _without_chunks(item)
                        origins.setdefault(item.chat_message.id, last)
                    else:
                        origins.setdefault(item.id, here)
                    yield item
            finally:
                self._tasks.discard(task)

        return on_messages_stream


def _without_chunks(response: Response) -> Response:
    inner = response.inner_messages
    if not inner or not any(isinstance(message, ModelClientStreamingChunkEvent) for message in inner):
        return response
    return replace(
        response,
        inner_messages=[m for m in inner if not isinstance(m, ModelClientStreamingChunkEvent)],
    )
