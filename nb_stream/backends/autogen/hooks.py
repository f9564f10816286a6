"""Hooks: for the time of a run, what agents and teams say passes through our code, inside the team.

Each method of an agent or a team is replaced once, by `hooked`. What may stand before it, from the inside out:

- before a team's own run, a team that an earlier failure has left unfit is made fit (`recovery`);
- a turn that others begin goes through as if there were no run, and each turn of the run knows its agent (`turns`);
- of a run by the `run` of the team or agent itself, everything that passes is heard (`own_run`).

An event of AutoGen 0.7.5 carries its agent's name and nothing else, and names are not unique. A hook stands where the
event is made, so it knows the agent's path, the turn, and whether a message ends the turn.

Tokens leave the team at the hook. They are for the eye alone, so they need not travel through the team's runtime, which
costs ten times what making them costs, and they cannot end up where AutoGen lets them: an agent that calls other agents
as tools collects their chunks in `Response.inner_messages` (`_assistant_agent.py`), from where they reach termination
conditions, selectors and the saved state. Everything else goes its ordinary way; a token waits until the messages that
were said before it have come through, so the order stays that of the team. If code of the user's own stands round an
agent (a class that reads the stream of an agent inside it, a team with its own `run_stream`, a runtime with
intervention handlers), that code may want the tokens of an agent that was built to stream: these go the ordinary way.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autogen_agentchat.agents import SocietyOfMindAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import BaseGroupChat

from ..stand_in import StandIn, behind
from . import private
from .closing import closing
from .discovery import AgentNode, TeamTree, reach
from .messages import chunk_of
from .own_run import OwnRun
from .patching import patched
from .reading import id_of, source_of
from .recovery import healed
from .token_router import STREAM_BEGINS, Origin, TokenRouter, plain_chunk
from .turns import Approve, Caller, Scope, Turns, asker, begins, called, calling, given_to

YIELD_AFTER_S = 0.02
"""Seconds after which a model client that never waits is made to: displays want to be painted."""

Method = Callable[..., Any]
Layer = Callable[[Method], Method]
"""Takes a method, and gives what stands before it."""


@contextlib.contextmanager
def hooked(
    tree: TeamTree,
    root: Any,
    out: TokenRouter,
    wanted: Mapping[str, bool],
    turns: Turns,
    approve: Approve,
    renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]],
    own: OwnRun | None,
) -> Iterator[None]:
    """For the time of a run of `root`, hook all agents and teams in the tree. `wanted` says by path who is to stream,
    `renewed` hears of teams that were made fit in mid-run, and `own` listens, unless `run_stream` is what is run."""
    scope = Scope(approve)
    turns.run = Caller("", _agent_name(root), scope, reach(tree, root))
    with contextlib.ExitStack() as stack:
        for node in tree.nodes:
            stack.enter_context(private.streams_put_back(node.agent))
        layers = _Layers(tree, root, out, wanted, turns, scope, renewed, own)
        for thing, name, method in layers.methods():
            stack.enter_context(patched(thing, **{name: method}))
        try:
            yield
        finally:
            scope.approve = None


class _Layers:
    """What stands before the methods of agents and teams in one run."""

    def __init__(
        self,
        tree: TeamTree,
        root: Any,
        out: TokenRouter,
        wanted: Mapping[str, bool],
        turns: Turns,
        scope: Scope,
        renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]],
        own: OwnRun | None,
    ) -> None:
        self._tree, self._root, self._out, self._wanted = tree, root, out, wanted
        self._turns, self._scope, self._renewed, self._own = turns, scope, renewed, own
        self._layers: dict[tuple[int, str], tuple[Any, list[Layer]]] = {}

    def methods(self) -> list[tuple[Any, str, Method]]:
        """Each thing, with the name of a method and what takes its place."""
        self._of_agents_as_tools()
        self._of_teams_inside()
        self._of_turns()
        self._of_own_run()
        return [
            (thing, name, functools.reduce(lambda method, layer: layer(method), layers, getattr(thing, name)))
            for (_, name), (thing, layers) in self._layers.items()
        ]

    def _add(self, thing: Any, name: str, layer: Layer) -> None:
        """Put a layer outside of those that the method has already."""
        self._layers.setdefault((id(thing), name), (thing, []))[1].append(layer)

    def _of_agents_as_tools(self) -> None:
        for node in self._tree.nodes:
            if node.shown and node.called and node.direct:
                self._add(node.agent, "run_stream", functools.partial(self._run_as_tool, node.agent))

    def _of_teams_inside(self) -> None:
        for chat in self._tree.chats:
            if chat.team is not self._root:
                self._add(chat.team, "run_stream", healed(chat.team, self._turns, self._renewed))

    def _of_turns(self) -> None:
        tree, shown = self._tree, {id(node.agent): node for node in self._tree.nodes if node.shown}
        for holder in tree.holders:
            agent = holder.thing
            name = "on_messages_stream" if hasattr(agent, "on_messages_stream") else "run_stream"
            who = Caller(holder.path, _agent_name(agent), self._scope, reach(tree, agent) - {id(agent)})
            node = shown.get(id(agent)) if name == "on_messages_stream" else None
            self._add(agent, name, functools.partial(self._turn, agent, name, who, node))
            if isinstance(agent, StandIn):  # its team runs, and it looks on
                for name in ("run", "reset"):
                    self._add(agent, name, functools.partial(self._whole_call, agent, name, who))
        for chat in tree.chats:
            self._add(chat.team, "run_stream", functools.partial(self._team_run, chat.team))

    def _of_own_run(self) -> None:
        if self._own is None:
            return
        things = {id(thing): thing for thing in [self._root, *(chat.team for chat in self._tree.chats)]}
        things |= {id(holder.thing): holder.thing for holder in self._tree.holders}
        for near in [things[key] for key in reach(self._tree, self._root) if key in things]:
            for name in ("on_messages_stream", "run_stream"):
                if hasattr(near, name):
                    self._add(near, name, functools.partial(self._own.listening, near, self._turns))
        if hasattr(self._root, "on_messages"):
            self._add(self._root, "on_messages", functools.partial(self._own.hearing_task, self._turns))

    # --- whose turn it is --------------------------------------------------------------------------------------------

    def _turn(self, agent: Any, name: str, who: Caller, node: AgentNode | None, inner: Method) -> Method:
        """The turns of an agent, or the runs of what stands in for a team. `node` is that of an agent that is shown."""
        turns, built = self._turns, private.streams(agent)
        ours = inner if node is None else self._shown(node, built, inner)
        if behind(agent) is not agent:
            ours = lambda *args, **options: getattr(behind(agent), name)(*args, **options)  # noqa: E731

        def begin(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            given = given_to(args, options)
            if not turns.is_of_run(agent, given, self._scope):
                return turns.of_others(agent, built, lambda: inner(*args, **options))
            turns.note(agent, given)
            stream = called(who, lambda: ours(*args, **options))
            return turns.to_its_end(agent, stream) if isinstance(agent, SocietyOfMindAgent) else stream

        return begin

    def _team_run(self, team: BaseGroupChat, inner: Method) -> Method:
        """The runs of a team."""
        turns = self._turns

        def begin(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            if not turns.is_of_run(team, given_to(args, options), self._scope):
                return turns.of_others(team, None, lambda: inner(*args, **options))
            return called(asker() or turns.run, lambda: inner(*args, **options))

        return begin

    def _whole_call(self, stand_in: StandIn, name: str, who: Caller, inner: Method) -> Method:
        """What is asked of a stand-in that is no stream: in the run it is asked of what stands behind it."""

        async def begin(*args: Any, **options: Any) -> Any:
            if not self._turns.is_of_run(stand_in, given_to(args, options), self._scope):
                return await inner(*args, **options)
            with calling(who):
                return await getattr(behind(stand_in), name)(*args, **options)

        return begin

    # --- what is said ------------------------------------------------------------------------------------------------

    def _shown(self, node: AgentNode, built: bool | None, inner: Method) -> Method:
        """The turns of the run: tokens leave the team here, and it is noted where each message was made."""
        agent, path, out, wanted = node.agent, node.info.path, self._out, self._wanted
        takes = node.direct or built is False  # nobody reckons with tokens of an agent that was built without

        async def turn_of_the_run(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            with out.turn(agent.name, path) as turn:
                here, last = Origin(path, turn, False, agent.name), Origin(path, turn, True, agent.name)
                if built is not None and path in wanted:
                    private.set_streams(agent, wanted[path])
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

        return turn_of_the_run

    def _run_as_tool(self, agent: Any, inner: Method) -> Method:
        """An agent that is run yields its task before its turn begins: that is under way, too."""

        async def run_of_ours(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            async with closing(inner(*args, **options)) as stream:
                async for item in stream:
                    if not isinstance(item, (ModelClientStreamingChunkEvent, TaskResult)):
                        self._out.order.sent(id_of(item))
                    yield item

        def run_stream(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            stream: AsyncGenerator[Any, None] = (run_of_ours if begins(agent) else inner)(*args, **options)
            return stream

        return run_stream


def _agent_name(thing: Any) -> str:
    return str(getattr(thing, "name", "") or type(thing).__name__)


def _without_chunks(response: Response) -> Response:
    """A response of an agent whose inner agents' chunks could not be taken out where they were made."""
    inner = response.inner_messages
    if not inner or not any(isinstance(message, ModelClientStreamingChunkEvent) for message in inner):
        return response
    return replace(response, inner_messages=[m for m in inner if not isinstance(m, ModelClientStreamingChunkEvent)])
