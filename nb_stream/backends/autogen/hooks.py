"""Taps: for the time of a run, every agent's message stream passes through our code, inside the team.

An event of AutoGen 0.7.5 carries its agent's name and nothing else, and names are not unique. A tap stands where the
event is made, so it knows the agent's path, the turn, and whether a message ends the turn.

Tokens leave the team at the tap. They are for the eye alone, so they need not travel through the team's runtime, which
costs ten times what making them costs, and they cannot end up where AutoGen lets them: an agent that calls other agents
as tools collects their chunks in `Response.inner_messages` (`_assistant_agent.py`), from where they reach termination
conditions, selectors and the saved state. Everything else goes its ordinary way; a token waits until the messages that
were said before it have come through, so the order stays that of the team. Where code of the user's own stands round an
agent (a class that reads the stream of an agent inside it, a team with its own `run_stream`, a runtime with
intervention handlers), that code may want the tokens of an agent that was built to stream: these go the ordinary way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent

from . import private
from .closing import closing
from .discovery import AgentNode, TeamNode, TeamTree
from .managers import ManagerTap
from .messages import chunk_of
from .reading import id_of, source_of
from .token_router import STREAM_BEGINS, Origin, TokenRouter, plain_chunk
from .turns import Turns, begins, caller, given_to

YIELD_AFTER_S = 0.02
"""Seconds after which a model client that never waits is made to: displays want to be painted."""

StreamMethod = Callable[..., AsyncGenerator[Any, None]]


class AgentTap:
    """The tap of one agent; made when a run begins, removed when it ends."""

    def __init__(self, node: AgentNode, out: TokenRouter, wanted: Mapping[str, bool]) -> None:
        self._node = node
        self._out = out
        self._wanted = wanted
        agent = self._agent = node.agent
        self._built = private.streams(agent)
        self._before = {name: vars(agent).get(name) for name in ("on_messages_stream", "run_stream")}
        agent.on_messages_stream = self._turns(agent.on_messages_stream)
        if node.called and node.direct:
            agent.run_stream = self._called(agent.run_stream)

    def remove(self) -> None:
        """Leave the agent as it was."""
        for name, before in self._before.items():
            if before is None:
                vars(self._agent).pop(name, None)
            else:
                setattr(self._agent, name, before)
        if self._built is not None:
            private.set_streams(self._agent, self._built)

    def _turns(self, inner: StreamMethod) -> StreamMethod:
        agent, node, out = self._agent, self._node, self._out
        path = node.info.path
        takes = node.direct or self._built is False  # nobody reckons with tokens of an agent that was built without

        async def turn_of_the_run(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            with out.turn(agent.name, path) as turn:
                here, last = Origin(path, turn, False, agent.name), Origin(path, turn, True, agent.name)
                if self._built is not None and path in self._wanted:
                    private.set_streams(agent, self._wanted[path])
                breath, kept = time.monotonic(), node.behind
                given = {id_of(message) for message in given_to(args, options)}  # it may hand on: they are not its own
                async with closing(inner(*args, **options)) as stream:
                    async for item in stream:
                        if not out.open:
                            raise asyncio.CancelledError
                        if item is STREAM_BEGINS:
                            if not node.behind:
                                continue
                        elif item.__class__ is ModelClientStreamingChunkEvent:
                            if takes and source_of(item) == agent.name:
                                out.token(item, here)
                                while kept:
                                    kept -= 1
                                    yield STREAM_BEGINS
                                if time.monotonic() - breath > YIELD_AFTER_S:
                                    await asyncio.sleep(0)
                                    breath = time.monotonic()
                                continue
                            item = plain_chunk(item, chunk_of(item, agent.name, path, turn).text)
                            out.mark(item, here, arrives=False)
                        elif isinstance(item, Response):
                            item = _without_chunks(item)
                            out.end_inside(turn)
                            if id_of(item.chat_message) not in given:
                                out.mark(item.chat_message, last, takes)
                        else:
                            out.mark(item, here, takes)
                        kept = node.behind
                        yield item

        def on_messages_stream(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            return (inner if caller() is None else turn_of_the_run)(*args, **options)

        return on_messages_stream

    def _called(self, inner: StreamMethod) -> StreamMethod:
        """An agent that is run yields its task before its turn begins: that is under way too."""

        async def run_of_ours(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            async with closing(inner(*args, **options)) as stream:
                async for item in stream:
                    if not isinstance(item, (ModelClientStreamingChunkEvent, TaskResult)):
                        self._out.order.sent(id_of(item))
                    yield item

        def run_stream(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            return (run_of_ours if begins(self._agent) else inner)(*args, **options)

        return run_stream


@contextlib.contextmanager
def hooked(
    tree: TeamTree, managers: Sequence[tuple[TeamNode, Any]], out: TokenRouter, wanted: Mapping[str, bool], turns: Turns
) -> Iterator[Callable[[Sequence[tuple[TeamNode, Any]]], None]]:
    """For the time of a run, tap all agents and managers of a team that are shown; gives what taps managers that come
    later."""
    taps: list[AgentTap | ManagerTap] = []

    def tap_managers(managers: Sequence[tuple[TeamNode, Any]]) -> None:
        taps.extend(ManagerTap(chat, manager, out, wanted, turns) for chat, manager in managers if chat.shown)

    try:
        taps += [AgentTap(node, out, wanted) for node in tree.nodes if node.shown]
        tap_managers(managers)
        yield tap_managers
    finally:
        for tap in taps:
            tap.remove()
        out.close()


def _without_chunks(response: Response) -> Response:
    """A response of an agent whose inner agents' chunks could not be taken out where they were made."""
    inner = response.inner_messages
    if not inner or not any(isinstance(message, ModelClientStreamingChunkEvent) for message in inner):
        return response
    return replace(response, inner_messages=[m for m in inner if not isinstance(m, ModelClientStreamingChunkEvent)])
