"""Turns: for the time of a run, what is known of each agent at work: who it is, what it was given, in which task.

Tools and approvals ask on behalf of the agent whose turn it is; recovery must know what an agent has been told.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from autogen_agentchat.agents import SocietyOfMindAgent
from autogen_agentchat.messages import BaseChatMessage

from .agents import Node
from .streams import closing


class Caller(NamedTuple):
    """The agent whose turn it is. `approve` asks a person, with a prompt and what is to be approved."""

    path: str
    name: str
    approve: Callable[[str, Mapping[str, Any]], Awaitable[str]]


CALLER: ContextVar[Caller | None] = ContextVar("nb_stream_caller", default=None)
"""Set in the task of a turn, so in all tasks that it makes: those of its tools."""

Approve = Callable[[Node, str, Mapping[str, Any]], Awaitable[str]]


class Turns:
    """The turns of one run."""

    def __init__(self) -> None:
        self.given: dict[int, list[BaseChatMessage]] = {}
        """By the agent's `id()`, what it was given in its latest turn."""
        self.unfinished: set[int] = set()
        """The SocietyOfMindAgents whose latest turn has not ended: what they were given they note down last of all."""
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()

    @contextlib.contextmanager
    def watched(self, nodes: Sequence[Node], approve: Approve) -> Iterator[None]:
        """Take note of the turns of these agents."""
        before = [(node.agent, vars(node.agent).get("on_messages_stream")) for node in nodes]
        try:
            for node in nodes:
                node.agent.on_messages_stream = self._watch(node, approve)
            yield
        finally:
            for agent, method in before:
                if method is None:
                    vars(agent).pop("on_messages_stream", None)
                else:
                    agent.on_messages_stream = method

    def _watch(self, node: Node, approve: Approve) -> Callable[..., AsyncGenerator[Any, None]]:
        agent, inner = node.agent, node.agent.on_messages_stream
        caller = Caller(node.info.path, agent.name, lambda prompt, what: approve(node, prompt, what))

        def on_messages_stream(
            messages: Sequence[BaseChatMessage], *args: Any, **options: Any
        ) -> AsyncGenerator[Any, None]:
            CALLER.set(caller)
            self.given[id(agent)] = list(messages)
            task = asyncio.current_task()
            if task is not None:
                self.tasks.add(task)
            stream: AsyncGenerator[Any, None] = inner(messages, *args, **options)
            return self._to_its_end(agent, stream) if isinstance(agent, SocietyOfMindAgent) else stream

        return on_messages_stream

    async def _to_its_end(self, agent: Any, stream: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        self.unfinished.add(id(agent))
        async with closing(stream):
            async for item in stream:
                yield item
        self.unfinished.discard(id(agent))
