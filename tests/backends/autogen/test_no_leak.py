"""Tokens never get into a team: not into its state, contexts or results, nor before its conditions and functions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, StopMessage
from autogen_agentchat.teams import BaseGroupChat, MagenticOneGroupChat, RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core import SingleThreadedAgentRuntime

from nb_stream import TeamStream
from nb_stream.backends.autogen import private_runtime
from nb_stream.backends.autogen.discovery import discover
from nb_stream.demo import Call, Say
from tests.support.team_shapes import ORCHESTRATOR, SHAPES, Shape, ledger

BUILT = pytest.mark.parametrize("built", [True, False], ids=["streaming", "ticked"])


def is_token(thing: Any) -> bool:
    return isinstance(thing, ModelClientStreamingChunkEvent)


def all_on(team: Any) -> TeamStream:
    stream = TeamStream(team)
    for info in stream.agents:
        stream.switches[info.path] = info.can_stream
    return stream


def parts(value: Any) -> Iterator[Any]:
    """All values in a nest of mappings and lists."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from parts(part)


class Watching(TerminationCondition):
    """Never ends a run, and keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Sequence[Any]) -> StopMessage | None:
        self.seen.extend(messages)
        return None

    async def reset(self) -> None:
        """Nothing to forget."""


async def clean(stream: TeamStream, team: Any, result: Any) -> None:
    """Nothing that outlives a run, or that it was decided by, holds a token."""
    assert not any(map(is_token, result.messages))
    for state in (await team.save_state(), await stream.save_state()):
        assert not any(part == "ModelClientStreamingChunkEvent" for part in parts(state))
    tree = discover(team)
    for node in tree.nodes:
        context = getattr(node.agent, "model_context", None)
        if context is not None:
            assert not any(map(is_token, await context.get_messages()))
            assert "StreamingChunk" not in str(await context.save_state())
    for chat in tree.chats:
        manager = await private_runtime.manager(chat.team)
        assert not any(map(is_token, manager._message_thread))


@BUILT
@pytest.mark.parametrize("name", SHAPES)
async def test_after_two_runs_of_any_shape_no_token_is_left_anywhere(name: str, built: bool) -> None:
    shape = SHAPES[name](stream=built)
    condition = Watching()
    if isinstance(shape.team, BaseGroupChat):
        shape.team._termination_condition = condition
    stream = all_on(shape.team)
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    for _ in range(2):
        await clean(stream, shape.team, await stream.run("go"))
    assert tokens
    assert not any(map(is_token, condition.seen))


class Listening(SingleThreadedAgentRuntime):
    """A runtime that keeps what agents answer to their managers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []

    async def publish_message(self, message: Any, *args: Any, **options: Any) -> None:
        answer = getattr(message, "response", None) or getattr(message, "result", None)
        if answer is not None:
            self.answers.append(answer)
        await super().publish_message(message, *args, **options)


def tool_team(shape: Shape, **options: Any) -> Any:
    """A boss with an agent and a team as tools, whose inner agents stream."""
    crew = RoundRobinGroupChat(shape.agents("boss/crew/ann"), name="crew", max_turns=1)
    deep = shape.agent("boss/helper", Call("deep", {"task": "D."}), tools=[AgentTool(shape.agent("boss/helper/deep"))])
    script = [(Call("helper", {"task": "H."}), Call("crew", {"task": "C."})), Say("Done.")]
    tools: list[Any] = [AgentTool(deep), TeamTool(crew, name="crew", description="d")]
    boss = shape.agent("boss", *script, tools=tools, reflect_on_tool_use=True)
    return RoundRobinGroupChat([boss, *shape.agents("ben")], max_turns=3, **options)


@BUILT
async def test_what_agents_answer_to_their_team_holds_no_token(built: bool) -> None:
    """`Response.inner_messages` is what a manager gets; AutoGen puts the tokens of agents used as tools there (T1)."""
    runtime = Listening()
    runtime.start()
    team = tool_team(Shape(built), runtime=runtime)
    stream = all_on(team)
    assert all(info.can_stream for info in stream.agents)
    await stream.run("go")
    await runtime.stop()
    inner = [message for answer in runtime.answers for message in (getattr(answer, "inner_messages", None) or ())]
    assert len(inner) > 5
    assert not any(map(is_token, inner))


async def test_autogen_alone_leaks_and_this_is_the_measure() -> None:
    """The tests above can fail: without us the same team keeps its tokens."""
    team = tool_team(Shape(True))
    await team.run(task="go")
    assert any(part == "ModelClientStreamingChunkEvent" for part in parts(await team.save_state()))


@BUILT
async def test_the_functions_of_a_selector_see_no_token(built: bool) -> None:
    seen: list[Any] = []

    def candidates(thread: Sequence[Any]) -> list[str]:
        seen.extend(thread)
        return ["boss", "ben"]

    def select(thread: Sequence[Any]) -> str | None:
        seen.extend(thread)
        return "boss" if len(seen) < 3 else None

    shape = Shape(built)
    inner = tool_team(shape)._participants
    team = SelectorGroupChat(
        inner,
        shape.client("selector", Say("ben")),
        selector_func=select,
        candidate_func=candidates,
        emit_team_events=True,
        model_client_streaming=built,
        max_turns=3,
    )
    await clean(all_on(team), team, await all_on(team).run("go"))
    assert len(seen) > 10
    assert not any(map(is_token, seen))


@BUILT
async def test_an_orchestrator_with_agents_that_call_agents_sees_no_token(built: bool) -> None:
    shape, condition = Shape(built), Watching()
    boss = tool_team(shape)._participants[0]
    script = [Say("Facts."), Say("A plan."), ledger(False, "boss"), ledger(True, "boss"), Say("The end.")]
    team = MagenticOneGroupChat([boss], shape.client(ORCHESTRATOR, *script), termination_condition=condition)
    stream = all_on(team)
    await clean(stream, team, await stream.run("go"))
    assert condition.seen
    assert not any(map(is_token, condition.seen))


@BUILT
async def test_a_single_agents_result_holds_no_token(built: bool) -> None:
    shape = Shape(built)
    boss = tool_team(shape)._participants[0]
    stream = all_on(boss)
    await clean(stream, boss, await stream.run("go"))


async def test_a_state_saved_here_loads_into_a_bare_team_and_back() -> None:
    stream = all_on(tool_team(Shape(True)))
    await stream.run("go")
    state = await stream.save_state()
    bare = tool_team(Shape(True))
    await bare.load_state(state)
    result = await bare.run(task="again")
    assert not any(map(is_token, result.messages))
    other = all_on(tool_team(Shape(False)))
    await other.load_state(state)
    assert (await other.run("again")).messages


@BUILT
async def test_a_run_that_is_cancelled_midway_leaves_no_token_either(built: bool) -> None:
    shape = Shape(built)
    team = tool_team(shape)
    shape.clients["boss/helper/deep"].pace = 0.01
    shape.clients["boss/helper/deep"].script = (Say("word " * 200),)
    stream = all_on(team)
    begun = asyncio.Event()
    stream.on_token(lambda token: begun.set(), agents=["boss/helper/deep"])
    run = stream.start("go")
    await asyncio.wait_for(begun.wait(), 30)
    await stream.cancel()
    assert run.cancelled()
    assert not any(part == "ModelClientStreamingChunkEvent" for part in parts(await team.save_state()))


def test_a_token_in_a_state_is_known_by_its_type() -> None:
    assert is_token(ModelClientStreamingChunkEvent(content="", source="a"))
    assert ModelClientStreamingChunkEvent(content="", source="a").dump()["type"] == "ModelClientStreamingChunkEvent"
