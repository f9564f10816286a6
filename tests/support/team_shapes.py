"""Teams of every shape that AutoGen has, on scripted models, with the client of every agent by its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.agents import AssistantAgent, MessageFilterAgent, SocietyOfMindAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.tools import AgentTool, TeamTool

from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.demo.script import Step

SELECTOR = "SelectorGroupChatManager"
ORCHESTRATOR = "MagenticOneOrchestrator"


@dataclass
class Shape:
    """A team and the scripted clients of its agents by path. `stream` says how all of them are built."""

    stream: bool = True
    team: Any = None
    clients: dict[str, ScriptedClient] = field(default_factory=dict)

    def client(self, path: str, *script: Step) -> ScriptedClient:
        """A client that says what is scripted, or the path."""
        self.clients[path] = ScriptedClient(script or [Say(f"{path} says some words.")])
        return self.clients[path]

    def agent(self, path: str, *script: Step, **options: Any) -> AssistantAgent:
        """An agent whose name is the end of its path."""
        name = path.rpartition("/")[2]
        return AssistantAgent(name, self.client(path, *script), model_client_stream=self.stream, **options)

    def agents(self, *paths: str) -> list[Any]:
        return [self.agent(path) for path in paths]

    def methods(self, path: str) -> list[str]:
        """The model calls that an agent's client really received."""
        return [call.method for call in self.clients[path].calls]


def solo(stream: bool = True) -> Shape:
    shape = Shape(stream)
    shape.team = shape.agent("ann")
    return shape


def round_robin(stream: bool = True) -> Shape:
    shape = Shape(stream)
    shape.team = RoundRobinGroupChat(shape.agents("ann", "ben"), max_turns=3)
    return shape


def selector(stream: bool = True, *, events: bool = True, condition: Any = None, **options: Any) -> Shape:
    """Two agents, and a model that chooses the second, then the first."""
    shape = Shape(stream)
    shape.team = SelectorGroupChat(
        shape.agents("ann", "ben"),
        shape.client(SELECTOR, Say("I choose ben."), Say("ann")),
        max_turns=None if condition else 2,
        termination_condition=condition,
        emit_team_events=events,
        model_client_streaming=stream,
        **options,
    )
    return shape


def swarm(stream: bool = True) -> Shape:
    """The first agent hands over to the second."""
    shape = Shape(stream)
    ann = shape.agent("ann", Call("transfer_to_ben", {}, "ben knows."), handoffs=["ben"])
    shape.team = Swarm([ann, shape.agent("ben")], max_turns=2)
    return shape


def graph(stream: bool = True) -> Shape:
    """One agent, three at the same time, and one that joins them."""
    shape = Shape(stream)
    first, last = shape.agent("plan"), shape.agent("join")
    middle = shape.agents("x", "y", "z")
    builder = DiGraphBuilder().add_node(first).add_node(last)
    for agent in middle:
        builder.add_node(agent).add_edge(first, agent).add_edge(agent, last)
    shape.team = GraphFlow([first, *middle, last], builder.build())
    return shape


def ledger(done: bool, speaker: str = "ann") -> Say:
    """What the orchestrator's model answers to a progress question."""
    entries: dict[str, Any] = {
        "is_request_satisfied": done,
        "is_in_loop": False,
        "is_progress_being_made": True,
        "next_speaker": speaker,
        "instruction_or_question": f"Go on, {speaker}.",
    }
    return Say(json.dumps({key: {"reason": "So it is.", "answer": value} for key, value in entries.items()}))


def magentic_one(stream: bool = True) -> Shape:
    """Facts, a plan, one turn of an agent, a final answer."""
    shape = Shape(stream)
    script = [Say("Facts."), Say("A plan."), ledger(False), ledger(True), Say("The final answer.")]
    shape.team = MagenticOneGroupChat([shape.agent("ann")], shape.client(ORCHESTRATOR, *script))
    return shape


def nested(stream: bool = True) -> Shape:
    """Teams three deep, with agents of the same name."""
    shape = Shape(stream)
    inner = RoundRobinGroupChat(shape.agents("mid/inner/ann"), name="inner", max_turns=1)
    middle = RoundRobinGroupChat([*shape.agents("mid/ann"), inner], name="mid", max_turns=2)
    shape.team = RoundRobinGroupChat([middle, *shape.agents("ann")], max_turns=2)
    return shape


def selector_inside(stream: bool = True) -> Shape:
    """A team that chooses its speakers by a model, inside another one. AutoGen 0.7.5 cannot run it where the choice
    was built to stream, because the outer team does not take a SelectorEvent."""
    shape = Shape(stream)
    middle = SelectorGroupChat(
        shape.agents("mid/ann", "mid/ben"),
        shape.client(f"mid/{SELECTOR}", Say("I choose ben.")),
        name="mid",
        max_turns=1,
        emit_team_events=True,
    )
    shape.team = RoundRobinGroupChat([middle, *shape.agents("ann")], max_turns=2)
    return shape


def society(stream: bool = True) -> Shape:
    shape = Shape(stream)
    inner = RoundRobinGroupChat(shape.agents("mind/ann", "mind/ben"), max_turns=2)
    mind = SocietyOfMindAgent("mind", inner, shape.client("mind", Say("All in all, yes.")))
    shape.team = RoundRobinGroupChat([mind, *shape.agents("cy")], max_turns=2)
    return shape


def filtered(stream: bool = True) -> Shape:
    """An agent inside a filter, which stands in the team under another name."""
    shape = Shape(stream)
    inner = AssistantAgent("inner", shape.client("outer"), model_client_stream=stream)
    wrapped = MessageFilterAgent(
        "outer", inner, MessageFilterConfig(per_source=[PerSourceFilter(source="user", position="last", count=1)])
    )
    shape.team = RoundRobinGroupChat([wrapped, *shape.agents("ben")], max_turns=2)
    return shape


def agent_tool(stream: bool = True) -> Shape:
    """An agent that calls another one as a tool, before and after a third."""
    shape = Shape(stream)
    helper = AgentTool(shape.agent("boss/helper"), return_value_as_last_message=True)
    script = [Call("helper", {"task": "Help."}, "I ask for help."), Say("With help.")]
    boss = shape.agent("boss", *script, tools=[helper], reflect_on_tool_use=True)
    shape.team = RoundRobinGroupChat([boss, *shape.agents("ben")], max_turns=3)
    return shape


def team_tool(stream: bool = True) -> Shape:
    """An agent that calls a team as a tool."""
    shape = Shape(stream)
    crew = RoundRobinGroupChat(shape.agents("boss/crew/ann", "boss/crew/ben"), name="crew", max_turns=2)
    tool = TeamTool(crew, name="crew", description="The crew.")
    script = [Call("crew", {"task": "Work."}), Say("They worked.")]
    boss = shape.agent("boss", *script, tools=[tool], reflect_on_tool_use=True)
    shape.team = RoundRobinGroupChat([boss, *shape.agents("ann")], max_turns=2)
    return shape


def tool_alone(stream: bool = True) -> Shape:
    """A single agent with an agent as a tool."""
    shape = Shape(stream)
    helper = AgentTool(shape.agent("boss/helper"))
    script = [Call("helper", {"task": "Help."}), Say("With help.")]
    shape.team = shape.agent("boss", *script, tools=[helper], reflect_on_tool_use=True)
    return shape


SHAPES: dict[str, Callable[..., Shape]] = {
    build.__name__: build
    for build in (
        solo,
        round_robin,
        selector,
        swarm,
        graph,
        magentic_one,
        nested,
        society,
        filtered,
        agent_tool,
        team_tool,
        tool_alone,
    )
}
"""All shapes that AutoGen 0.7.5 runs whether they were built to stream or not."""

WHOLE = ("mind", ORCHESTRATOR)
"""Paths in these shapes that cannot stream."""
