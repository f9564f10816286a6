"""Tokens take a short way out of a team, keep their place among its messages, and are never held for ever."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core.memory import ListMemory, MemoryContent, MemoryMimeType
from autogen_ext.models.replay import ReplayChatCompletionClient
from hypothesis import given
from hypothesis import strategies as st

from nb_stream import TeamStream
from nb_stream.backends.autogen.sequencer import LOST_AFTER_S, MessageSequencer
from nb_stream.demo import Call, Say, ScriptedClient


class Log:
    """What came out of an `Order`, in order."""

    def __init__(self) -> None:
        self.order = MessageSequencer()
        self.out: list[str] = []

    def token(self, name: str, turn: str = "a") -> None:
        self.order.after_all(lambda: self.out.append(name), turn)

    def send(self, name: str, turn: str = "a") -> None:
        self.order.sent(name, turn)

    def arrive(self, name: str) -> None:
        self.order.comes(name)
        self.out.append(name)
        self.order.arrived(name)


async def test_a_token_goes_at_once_where_nothing_is_under_way() -> None:
    log = Log()
    assert log.order.free
    log.token("t")
    assert log.out == ["t"]


async def test_a_token_waits_for_what_was_sent_before_it_and_not_for_what_comes_after() -> None:
    log = Log()
    log.send("m1")
    log.token("t1")
    log.send("m2")
    log.token("t2")
    assert log.out == []
    log.arrive("m1")
    assert log.out == ["m1", "t1"]
    log.arrive("m2")
    assert log.out == ["m1", "t1", "m2", "t2"]
    assert log.order.free


async def test_a_message_that_overtakes_others_takes_the_tokens_of_its_own_turn_along() -> None:
    """The way out of a nested team is longer than that of a branch beside it."""
    log = Log()
    log.send("m1", "deep")
    log.token("d1", "deep")
    log.token("t1", "near")
    log.send("m2", "near")
    log.token("t2", "near")
    log.arrive("m2")
    assert log.out == ["t1", "m2"]
    log.arrive("m1")
    assert log.out == ["t1", "m2", "m1", "d1", "t2"]
    assert log.order.free


async def test_what_a_message_took_along_is_waited_for_no_more() -> None:
    log = Log()
    log.send("lost", "deep")
    log.token("t1", "near")
    log.send("m1", "near")
    log.arrive("m1")
    assert log.out == ["t1", "m1"]
    await asyncio.sleep(0)
    assert log.order._timer is None


async def test_a_message_that_is_sent_on_by_others_keeps_its_place() -> None:
    log = Log()
    log.send("m1")
    log.token("t1")
    log.send("m1")
    log.arrive("m1")
    assert log.out == ["m1", "t1"]
    assert log.order.free


async def test_the_end_lets_everything_out() -> None:
    log = Log()
    log.send("lost")
    log.token("t1")
    log.order.close()
    assert log.out == ["t1"]
    assert log.order.free


async def test_what_a_turn_has_lost_holds_up_neither_its_own_tokens_nor_those_of_others() -> None:
    log = Log()
    log.send("lost", "a")
    log.token("t1", "a")
    log.token("t2", "b")
    log.send("m", "b")
    log.token("t3", "b")
    log.order.lost("a")
    assert log.out == ["t1", "t2"]
    log.arrive("m")
    assert log.out == ["t1", "t2", "m", "t3"]
    assert log.order.free


async def test_a_lost_message_holds_nobody_up_for_long() -> None:
    log = Log()
    began = time.monotonic()
    log.send("lost")
    log.token("t1")
    log.send("slow")
    log.token("t2")
    while "t1" not in log.out:
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.01)
    assert time.monotonic() - began > LOST_AFTER_S
    log.arrive("slow")
    assert log.out == ["t1", "slow", "t2"]
    assert log.order.free


async def test_a_loop_that_was_blocked_loses_nothing() -> None:
    """Code that blocks the loop delays messages too: they are not lost for that."""
    log = Log()
    log.send("m1")
    log.token("t1")
    time.sleep(2.5 * LOST_AFTER_S)
    for _ in range(20):
        await asyncio.sleep(0)
    assert log.out == []
    log.arrive("m1")
    assert log.out == ["m1", "t1"]


@given(st.lists(st.tuples(st.sampled_from(["send", "token", "arrive"]), st.sampled_from("ab")), max_size=60))
def test_each_turn_keeps_its_order_however_the_turns_overtake_each_other(steps: list[tuple[str, str]]) -> None:
    async def play() -> None:
        log, said = Log(), []
        way: dict[str, list[str]] = {"a": [], "b": []}
        for number, (step, turn) in enumerate(steps):
            name = f"{step[0]}{number}{turn}"
            if step == "send":
                said.append(name)
                way[turn].append(name)
                log.send(name, turn)
            elif step == "token":
                said.append(name)
                log.token(name, turn)
            elif way[turn]:
                log.arrive(way[turn].pop(0))
        for turn in "ba":
            for name in way[turn]:
                log.arrive(name)
        for turn in "ab":
            assert [name for name in log.out if name[-1] == turn] == [name for name in said if name[-1] == turn]
        assert log.order.free
        assert log.order._timer is None

    asyncio.run(play())


# --- in real teams -------------------------------------------------------------------------------------------------


def agent(name: str, text: str, pace: float = 0.0) -> AssistantAgent:
    return AssistantAgent(name, ScriptedClient([Say(text)], pace=pace), model_client_stream=True)


async def test_a_client_that_never_waits_is_seen_to_stream() -> None:
    """AutoGen's own replay client gives all its chunks without a pause."""
    client = ReplayChatCompletionClient(["word " * 3000])
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client, model_client_stream=True)], max_turns=1))
    given = [m async for m in stream.run_stream("go")]
    assert isinstance(given[0], TextMessage)
    kinds = [type(m).__name__ for m in given]
    assert kinds == ["TextMessage", *["ModelClientStreamingChunkEvent"] * 3000, "TextMessage", "TaskResult"]


@pytest.mark.parametrize("depth", [0, 2])
async def test_tokens_of_a_slow_model_come_one_by_one(depth: int) -> None:
    team: Any = RoundRobinGroupChat([agent("ann", ("word " * 30).strip(), 0.005)], name="t", max_turns=1)
    for number in range(depth):
        team = RoundRobinGroupChat([team], name=f"t{number}", max_turns=1)
    stream = TeamStream(team)
    times: list[float] = []
    stream.on_token(lambda token: times.append(time.monotonic()))
    await stream.run("go")
    assert times[-1] - times[0] > 0.1
    assert len(times) == 30


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("crew", [False, True], ids=["agents", "teams"])
async def test_what_an_agent_used_as_a_tool_says_is_seen_before_its_next_token(depth: int, crew: bool) -> None:
    """AutoGen's workbench keeps each message of a tool until the tool says something more."""

    async def look() -> str:
        return "seen"

    memory = ListMemory()
    await memory.add(MemoryContent(content="A fact.", mime_type=MemoryMimeType.TEXT))
    script = [Call("look", {}), Say("slow " * 40)]
    inner: Any = AssistantAgent(
        "inner", ScriptedClient(script, pace=0.02), model_client_stream=True, tools=[look], memory=[memory],
        reflect_on_tool_use=True,
    )  # fmt: skip
    for number in range(depth):
        if crew:
            team = RoundRobinGroupChat([inner], name=f"crew{number}", max_turns=1)
            tool: Any = TeamTool(team, name=team.name, description="A crew.")
        else:
            tool = AgentTool(inner)
        client = ScriptedClient([Call(tool.name, {"task": "Help."}), Say("Done.")])
        inner = AssistantAgent(f"boss{number}", client, tools=[tool], reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([inner], max_turns=1))
    path = next(info.path for info in stream.agents if info.name == "inner")
    seen: list[list[tuple[str, str]]] = []

    def look_at_first(token: Any) -> None:
        if not seen:
            seen.append([(cell.kind.value, cell.status.value) for cell in stream.transcript.of(path)])

    stream.on_token(look_at_first, agents=[path])
    result = await stream.run("go")
    assert seen == [[("memory", "done"), ("tool call", "done"), ("text", "writing")]]
    said = [(cell.kind.value, cell.text) for cell in stream.transcript.of(path)]
    assert said == [("memory", "A fact."), ("tool call", ""), ("text", "slow " * 40)]
    assert not any(isinstance(message, ModelClientStreamingChunkEvent) for message in result.messages)
    assert "StreamingChunk" not in str(await stream.save_state())


async def test_a_branch_that_never_rests_holds_up_no_agent_used_as_a_tool() -> None:
    async def nap() -> str:
        await asyncio.sleep(0.02)
        return "awake"

    helper = agent("helper", "word " * 20, pace=0.01)
    boss = AssistantAgent("boss", ScriptedClient([Call("helper", {"task": "Help."})]), tools=[AgentTool(helper)])
    busy = AssistantAgent("busy", ScriptedClient([Call("nap", {})]), tools=[nap], max_tool_iterations=40)
    start = agent("start", "Go.")
    graph = DiGraphBuilder().add_node(start)
    for branch in (boss, busy):
        graph.add_node(branch).add_edge(start, branch)
    stream = TeamStream(GraphFlow([start, boss, busy], graph.build()))
    late: list[float] = []
    stream.on_token(lambda token: late.append(time.time() - token.at), agents=["boss/helper"])
    await stream.run("go")
    assert len(late) >= 20
    assert statistics.median(late) < LOST_AFTER_S
