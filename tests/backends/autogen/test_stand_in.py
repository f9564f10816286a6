"""A TeamStream stands wherever AgentChat takes a team: as a participant, inside an agent, as a tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, SocietyOfMindAgent
from autogen_agentchat.base import Team
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import MagenticOneGroupChat, RoundRobinGroupChat, SelectorGroupChat, Swarm
from autogen_agentchat.tools import AgentTool, TeamTool

from nb_stream import TeamStream
from nb_stream.demo import Call, Say, ScriptedClient


def agent(name: str, **options: Any) -> AssistantAgent:
    script = options.pop("script", [Say(f"{name} speaks.")])
    return AssistantAgent(name, ScriptedClient(script), model_client_stream=True, **options)


def crew() -> RoundRobinGroupChat:
    return RoundRobinGroupChat([agent("ann"), agent("ben")], name="crew", description="A crew.", max_turns=2)


def participant(inner: Any) -> Any:
    return RoundRobinGroupChat([inner, agent("cy")], max_turns=2)


def chosen(inner: Any) -> Any:
    return SelectorGroupChat([inner, agent("cy")], ScriptedClient([Say("crew"), Say("cy")]), max_turns=2)


def society(inner: Any) -> Any:
    return SocietyOfMindAgent("mind", inner, ScriptedClient([Say("All in all.")]))


def tool(inner: Any) -> Any:
    used = TeamTool(inner, name="crew", description="A crew.")
    return agent("boss", script=[Call("crew", {"task": "Go."}), Say("Done.")], tools=[used], reflect_on_tool_use=True)


PLACES: list[Callable[[Any], Any]] = [participant, chosen, society, tool]


def texts(messages: Any) -> list[tuple[str, str]]:
    left_out = ("Tool", "Chunk")  # tools have ids, and AutoGen's tools leave chunks in results
    return [(m.source, m.to_text()) for m in messages if not any(word in type(m).__name__ for word in left_out)]


@pytest.mark.parametrize("outer", [False, True], ids=["bare", "in a stream"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_stream_in_the_place_of_a_team_gives_what_the_team_gives(place: Any, outer: bool) -> None:
    bare = await place(crew()).run(task="Go.")
    inner = TeamStream(crew())
    assert isinstance(inner, Team)
    whole = place(inner)
    runner = TeamStream(whole) if outer else whole
    assert texts((await runner.run(task="Go.")).messages) == texts(bare.messages)
    assert texts((await runner.run(task="Go.")).messages)
    spoken = {cell.text for cell in inner.transcript}
    assert ("ann speaks." in spoken) is not outer


@pytest.mark.parametrize("place", PLACES)
async def test_an_outer_stream_finds_the_agents_inside_and_shows_what_they_say(place: Any) -> None:
    known = {row.path for row in TeamStream(place(crew())).agents}
    stream = TeamStream(place(TeamStream(crew())))
    assert {row.path for row in stream.agents} == known
    heard: set[str] = set()
    stream.on_token(lambda token: heard.add(token.path))
    seen = [m async for m in stream.run_stream(task="Go.")]
    inside = {path for path in known if path.endswith(("ann", "ben"))}
    assert inside <= heard
    assert any(isinstance(m, ModelClientStreamingChunkEvent) and m.source == "ann" for m in seen)
    assert {cell.path for cell in stream.transcript} >= inside


@pytest.mark.parametrize("kind", [Swarm, MagenticOneGroupChat])
def test_a_team_that_takes_agents_alone_says_so(kind: Any) -> None:
    options = {} if kind is Swarm else {"model_client": ScriptedClient([Say("no")])}
    with pytest.raises(TypeError, match="must be a ChatAgent"):
        kind([TeamStream(crew())], **options)


async def test_a_stream_over_an_agent_is_a_tool_and_a_participant() -> None:
    helper = TeamStream(agent("helper"))
    script = [Call("helper", {"task": "Help."}), Say("Done.")]
    boss = agent("boss", script=script, tools=[AgentTool(helper)], reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([boss, TeamStream(agent("cy"))], max_turns=2))
    assert [row.path for row in stream.agents] == ["boss", "boss/helper", "cy"]
    assert [m.to_text() for m in (await stream.run("Go.")).messages][-2:] == ["Done.", "cy speaks."]
    assert {"boss/helper", "cy"} <= {cell.path for cell in stream.transcript}


async def test_a_stream_has_what_a_team_has() -> None:
    team = crew()
    stream = TeamStream(team)
    assert (stream.team, stream.name, stream.description) == (team, "crew", "A crew.")
    assert TeamStream(stream).team is team
    with pytest.raises(RuntimeError, match="not been initialized"):
        await stream.pause()
    alone = TeamStream(agent("ann"))
    await alone.pause()
    await alone.resume()
    loadable = TeamStream(RoundRobinGroupChat([agent("ann")]))
    assert type(RoundRobinGroupChat.load_component(loadable.dump_component())) is RoundRobinGroupChat
