"""Hooks: for the time of a run, everything that agents and teams say passes through our code, inside the team.

`hooked` replaces each method of an agent or a team once. These layers may stand round the method, from the inside out:

- The layer of `recovery` stands round the run of a team inside the tree. If an earlier failure has left the team unfit,
  it makes the team fit first.
- The layer of `turns` lets a turn that others begin go through as if there were no run. It tells each turn of the run
  which agent it belongs to.
- The layer of `own_run` is there only if the run is made by the `run` of the team or agent itself. It hears everything
  that passes.
- The layer of `steering` stands round the turns of participants. It gives each turn a cancellation token of its own, so
  that a turn can be cut while the run goes on.

An event of AutoGen 0.7.5 carries its agent's name and nothing else, and names are not unique. A hook stands where the
event is made, so it knows the agent's path, the turn, and whether a message ends the turn.

Tokens leave the team at the hook, for two reasons. They are for the eye alone, and the way through the team's runtime
costs ten times what making them costs. And AutoGen lets them end up in wrong places: an agent that calls other agents
as tools collects their chunks in `Response.inner_messages` (`_assistant_agent.py`), from where they reach termination
conditions, selectors and the saved state.

Everything but tokens goes its ordinary way. A token waits until the messages that were said before it have come out of
the team, so the order of the team is kept.

Code of the user's own may stand round an agent: a class that reads the stream of an agent inside it, a team with its
own `run_stream`, a runtime with intervention handlers. Such code may want the tokens of an agent that was built to
stream, so these tokens go the ordinary way.
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
from .steering import Steering, participants_of_takers
from .token_router import STREAM_BEGINS, Origin, TokenRouter, plain_chunk
from .turns import Approve, Caller, Scope, Turns, asker, begins, called, calling, given_to

YIELD_AFTER_S = 0.02
"""Seconds of tokens after which a turn lets the loop run. A model client that never waits would keep displays from
being painted."""

Method = Callable[..., Any]
Layer = Callable[[Method], Method]
"""Takes a method, and gives the method that stands round it."""


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
    steering: Steering,
) -> Iterator[None]:
    """For the time of a run of `root`, hook all agents and teams in the tree. It belongs to the loop of the run.

    `wanted` says by path whether an agent is to stream; a user may change it in mid-run. `renewed` is told of teams
    that were rebuilt in mid-run. `own` listens to a run that is made by `root.run`; it is None for `root.run_stream`.
    `steering` may cut the turns of participants.
    """
    scope = Scope(approve)
    turns.run = Caller("", _agent_name(root), scope, reach(tree, root))
    with contextlib.ExitStack() as stack:
        for node in tree.nodes:
            stack.enter_context(private.streams_put_back(node.agent))
        layers = _Layers(tree, root, out, wanted, turns, scope, renewed, own, steering)
        for thing, name, method in layers.methods():
            stack.enter_context(patched(thing, **{name: method}))
        try:
            yield
        finally:
            scope.approve = None  # background tasks of a tool keep the scope, and nobody answers them any more


class _Layers:
    """Makes the methods that take the place of agents' and teams' methods in one run. `hooked` owns it."""

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
        steering: Steering,
    ) -> None:
        self._steering = steering
        self._tree, self._root, self._out, self._wanted = tree, root, out, wanted
        self._turns, self._scope, self._renewed, self._own = turns, scope, renewed, own
        self._layers: dict[tuple[int, str], tuple[Any, list[Layer]]] = {}

    def methods(self) -> list[tuple[Any, str, Method]]:
        """Each agent or team, with the name of a method and the method that takes its place."""
        # The order of these calls is the order of the layers: the first call adds the innermost one.
        self._of_agents_as_tools()
        self._of_teams_inside()
        self._of_turns()
        self._of_own_run()
        self._of_cuts()
        return [
            (thing, name, functools.reduce(lambda method, layer: layer(method), layers, getattr(thing, name)))
            for (_, name), (thing, layers) in self._layers.items()
        ]

    def _add(self, thing: Any, name: str, layer: Layer) -> None:
        """Put a layer round those that the method has already."""
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
            if isinstance(agent, StandIn):  # others ask the stand-in, but the team behind it must answer
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

    def _of_cuts(self) -> None:
        for agent in participants_of_takers(self._root):
            self._add(agent, "on_messages_stream", self._steering.cuttable)

    # --- whose turn it is --------------------------------------------------------------------------------------------

    def _turn(self, agent: Any, name: str, who: Caller, node: AgentNode | None, inner: Method) -> Method:
        """The layer of an agent's turns, or of the runs of a stand-in for a team. `node` is None for an agent that is
        not shown."""
        turns, built = self._turns, private.streams(agent)
        ours = inner if node is None else self._shown(node, built, inner)
        if behind(agent) is not agent:  # looked up at the call, because the team of a stand-in is hooked, too
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
        """The layer of a team's runs."""
        turns = self._turns

        def begin(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            if not turns.is_of_run(team, given_to(args, options), self._scope):
                return turns.of_others(team, None, lambda: inner(*args, **options))
            return called(asker() or turns.run, lambda: inner(*args, **options))

        return begin

    def _whole_call(self, stand_in: StandIn, name: str, who: Caller, inner: Method) -> Method:
        """The layer of a stand-in's method that is no stream. In the run, the team behind it gets the call."""

        async def begin(*args: Any, **options: Any) -> Any:
            if not self._turns.is_of_run(stand_in, given_to(args, options), self._scope):
                return await inner(*args, **options)
            with calling(who):
                return await getattr(behind(stand_in), name)(*args, **options)

        return begin

    # --- what is said ------------------------------------------------------------------------------------------------

    def _shown(self, node: AgentNode, built: bool | None, inner: Method) -> Method:
        """The turns of the run, of an agent that is shown. Tokens leave the team here, and the router is told where
        each message was made."""
        agent, path, out, wanted = node.agent, node.info.path, self._out, self._wanted
        takes = node.direct or built is False  # nobody expects tokens of an agent that was built not to stream

        async def turn_of_the_run(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            with out.turn(agent.name, path) as turn:
                here, last = Origin(path, turn, False, agent.name), Origin(path, turn, True, agent.name)
                if built is not None and path in wanted:
                    private.set_streams(agent, wanted[path])
                # `kept`: how many workbenches hold a message back and need a mark before tokens pass (STREAM_BEGINS).
                breath, kept = time.monotonic(), node.behind
                given = {id_of(message) for message in given_to(args, options)}  # of others, and it may pass them on
                async with closing(inner(*args, **options)) as stream:
                    async for item in stream:
                        if not out.open:  # the run was cut off, and this agent took no notice
                            raise asyncio.CancelledError
                        if item is STREAM_BEGINS:
                            if not node.behind:  # no workbench above this agent holds a message back
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
        """The layer of an agent that is called as a tool. Its `run_stream` yields the task before the turn begins, so
        no turn notes it. Tokens must wait for the task, too."""

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
    """The response without the chunks in its `inner_messages`. Those of agents with code of the user's own round them
    went the ordinary way, and AutoGen has collected them."""
    inner = response.inner_messages
    if not inner or not any(isinstance(message, ModelClientStreamingChunkEvent) for message in inner):
        return response
    return replace(response, inner_messages=[m for m in inner if not isinstance(m, ModelClientStreamingChunkEvent)])
