"""Agents that speak at the same time, teams of every shape, and runs that end early: everything in its right cell."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, SocietyOfMindAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool

from nb_stream import CellKind, CellStatus, TeamStream
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from tests.support.team_shapes import SHAPES
from tests.support.watched_run import MODES, watch

TEXT = "A first line,\n\n  and an *indented* one: é漢🦉."


# --- at the same time ----------------------------------------------------------------------------------------------


@MODES
async def test_three_branches_of_a_graph_at_the_same_time(mode: str) -> None:
    texts = {name: f"{name} writes: " + f"{name * 3} " * 40 for name in "xyz"}

    def build(stream: bool) -> Any:
        def agent(name: str, *script: Any) -> AssistantAgent:
            return AssistantAgent(name, ScriptedClient(script), model_client_stream=stream)

        first, last = agent("plan", Say("Go.")), agent("join", Say("Done."))
        middle = [agent(name, Say(text, thought=f"{name}?")) for name, text in texts.items()]
        builder = DiGraphBuilder().add_node(first).add_node(last)
        for branch in middle:
            builder.add_node(branch).add_edge(first, branch).add_edge(branch, last)
        return GraphFlow([first, *middle, last], builder.build())

    watched = await watch(build, mode)
    assert sorted(watched.rows) == sorted(
        [
            ("text", "plan", "Go."),
            *(("thought", name, f"{name}?") for name in texts),
            *(("text", name, text) for name, text in texts.items()),
            ("text", "join", "Done."),
        ]
    )
    if mode in ("on", "ticked"):
        order = [token.source for token in watched.tokens if token.source in texts]
        assert sum(before != after for before, after in itertools.pairwise(order)) > 20


@MODES
async def test_the_same_agent_twice_at_once_is_two_turns(mode: str) -> None:
    """Two calls of one AgentTool in one step: their tokens mix, their cells do not."""
    answers = ["The first answer is " + "one " * 30, "The second answer is " + "two " * 30]

    def build(stream: bool) -> Any:
        helper = AssistantAgent(
            "helper", ScriptedClient([Say(text, thought="Hm.") for text in answers]), model_client_stream=stream
        )
        calls = (Call("helper", {"task": "One."}, "Both."), Call("helper", {"task": "Two."}))
        boss = AssistantAgent(
            "boss",
            ScriptedClient([calls, Say(TEXT)]),
            tools=[AgentTool(helper, return_value_as_last_message=True)],
            reflect_on_tool_use=True,
            model_client_stream=stream,
        )
        return RoundRobinGroupChat([boss], max_turns=1)

    watched = await watch(build, mode)
    said = [row for row in watched.rows if row[1] == "boss/helper"]
    assert sorted(said) == sorted(
        [*(("thought", "boss/helper", "Hm."),) * 2, *(("text", "boss/helper", text) for text in answers)]
    )
    assert [row for row in watched.rows if row[1] == "boss"] == [
        ("thought", "boss", "Both."),
        ("tool call", "boss", ""),
        ("text", "boss", TEXT),
    ]
    assert sorted(row[2] for row in watched.rows if row[1] == "boss/user") == ["One.", "Two."]
    if mode in ("on", "ticked"):
        ids = [token.full_message_id for token in watched.tokens if token.source == "helper"]
        assert sum(before != after for before, after in itertools.pairwise(ids)) > 20


@MODES
async def test_two_agents_called_at_once_do_not_mix(mode: str) -> None:
    def build(stream: bool) -> Any:
        helpers = [
            AssistantAgent(name, ScriptedClient([Say(f"{name} " * 30)]), model_client_stream=stream)
            for name in ("left", "right")
        ]
        calls = (Call("left", {"task": "L."}), Call("right", {"task": "R."}))
        boss = AssistantAgent(
            "boss", ScriptedClient([calls]), tools=[AgentTool(h) for h in helpers], model_client_stream=stream
        )
        return RoundRobinGroupChat([boss], max_turns=1)

    watched = await watch(build, mode)
    for name in ("left", "right"):
        assert [row[2] for row in watched.rows if row[1] == f"boss/{name}"] == [f"{name} " * 30]


@MODES
async def test_messages_of_a_near_branch_that_overtake_those_of_a_deep_one_mix_nothing_up(mode: str) -> None:
    """What an agent says deep inside takes more turns of the loop on its way out than what is said beside it."""

    async def look() -> str:
        return "seen"

    def build(stream: bool) -> Any:
        def agent(name: str, calls: int, answer: str) -> AssistantAgent:
            script = [*[Call("look", {})] * calls, Say(answer)]
            options: dict[str, Any] = {
                "tools": [look],
                "max_tool_iterations": max(1, calls),
                "reflect_on_tool_use": calls > 0,
            }
            return AssistantAgent(name, ScriptedClient(script), model_client_stream=stream, **options)

        deep: Any = RoundRobinGroupChat([agent("deep", 2, "deep " * 20)], name="t0", max_turns=1)
        for depth in range(1, 4):
            deep = SocietyOfMindAgent(f"s{depth}", deep, ScriptedClient([Say("So.")]))
            deep = deep if depth == 3 else RoundRobinGroupChat([deep], name=f"t{depth}", max_turns=1)
        start, near = agent("start", 0, "Go."), agent("near", 12, "near " * 20)
        builder = DiGraphBuilder().add_node(start)
        for branch in (deep, near):
            builder.add_node(branch).add_edge(start, branch)
        return GraphFlow([start, deep, near], builder.build())

    watched = await watch(build, mode)
    for path, calls, text in (("s3/s2/s1/deep", 2, "deep " * 20), ("near", 12, "near " * 20)):
        assert [row for row in watched.rows if row[1] == path] == [
            *[("tool call", path, "")] * calls,
            ("text", path, text),
        ]


# --- every shape ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("built", [True, False], ids=["streaming", "whole"])
async def test_a_team_of_every_shape_gives_what_it_gives_alone_in_the_same_order(name: str, built: bool) -> None:
    def shape_of(message: Any) -> tuple[Any, ...]:
        text = "" if "Tool" in type(message).__name__ else getattr(message, "content", "")
        return type(message).__name__, getattr(message, "source", ""), str(text)

    bare = [shape_of(m) async for m in SHAPES[name](built).team.run_stream(task="go")]
    ours = [shape_of(m) async for m in TeamStream(SHAPES[name](built).team).run_stream(task="go")]
    assert ours == bare


@MODES
@pytest.mark.parametrize("name", SHAPES)
async def test_a_team_of_every_shape_loses_nothing(name: str, mode: str) -> None:
    watched = await watch(lambda stream: SHAPES[name](stream).team, mode)
    other = await watch(lambda stream: SHAPES[name](stream).team, "whole")
    words = "\n\nI choose ben."  # of a choice: reported only where it is streamed
    assert [(*row[:2], row[2].removesuffix(words)) for row in watched.rows] == other.rows


# --- what ends early -----------------------------------------------------------------------------------------------


async def test_a_failure_closes_what_every_agent_was_writing() -> None:
    first = AssistantAgent("plan", ScriptedClient([Say("Go.")]), model_client_stream=True)
    fails = AssistantAgent(
        "bad", ScriptedClient([Fail(ConnectionError("gone"), 6, "A text that is lost on its way here")]),
        model_client_stream=True,
    )  # fmt: skip
    slow = AssistantAgent("slow", ScriptedClient([Say("word " * 50)], pace=0.01), model_client_stream=True)
    builder = DiGraphBuilder().add_node(first)
    for agent in (fails, slow):
        builder.add_node(agent).add_edge(first, agent)
    stream = TeamStream(GraphFlow([first, fails, slow], builder.build()))
    with pytest.raises(RuntimeError, match="gone"):
        await stream.run("go")
    cells = {cell.path: cell for cell in stream.transcript if cell.kind is CellKind.TEXT}
    assert cells["bad"].status is CellStatus.FAILED
    assert cells["bad"].text == "A text that is lost on"
    assert stream.transcript.cells[-1].kind is CellKind.ERROR
    assert not stream.transcript.live


@pytest.mark.parametrize("fails", [True, False], ids=["failed", "cancelled"])
async def test_an_agent_used_as_a_tool_that_breaks_off_is_closed_while_the_run_goes_on(fails: bool) -> None:
    """Its caller gets an error as the tool's result, and the team works on."""
    error = ConnectionError("gone") if fails else asyncio.CancelledError()
    steps = [Call("look", {}, "I look."), Fail(error, 3, "Cut off here, and the rest is lost.")]

    async def look() -> str:
        return "seen"

    helper = AssistantAgent(
        "helper", ScriptedClient(steps), tools=[look], model_client_stream=True, reflect_on_tool_use=True
    )
    boss = AssistantAgent(
        "boss", ScriptedClient([Call("helper", {"task": "Help."}), Say("Without help. " * 9)]), tools=[AgentTool(helper)],
        reflect_on_tool_use=True, model_client_stream=True,
    )  # fmt: skip
    stream = TeamStream(RoundRobinGroupChat([boss], max_turns=1))
    seen: list[Any] = []

    def look_at_it(token: Any) -> None:
        if not seen:
            seen.extend(stream.transcript.of("boss/helper"))
            seen.append(stream.statuses["boss/helper"])

    stream.on_token(look_at_it, agents=["boss"])
    await stream.run("go")
    status = "failed" if fails else "cancelled"
    *cells, agent_status = seen
    assert [(cell.kind.value, cell.text, cell.status.value) for cell in cells] == [
        ("thought", "I look.", "done"),
        ("tool call", "", "done"),
        ("text", "Cut off here,", status),
    ]
    assert agent_status.value == ("failed" if fails else "done")
    assert stream.transcript.of("boss")[0].tool_calls[0].is_error
    assert stream.transcript.of("boss")[-1].text == "Without help. " * 9
    assert stream.transcript.runs[0].status is CellStatus.DONE
