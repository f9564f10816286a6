"""Agents of the user's own that run other agents and teams: these are found whatever they are called, are made fit for
the next run, and say everything once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken

from nb_stream import CellStatus, TeamStream, needs_approval
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from tests.support.failing_teams import FINE, agent, context, fine
from tests.support.own_classes import OwnTeam


class Own(BaseChatAgent):
    """An agent that holds another agent, or a team, under a name of its author's choice."""

    def __init__(self, name: str, attribute: str, inner: Any) -> None:
        super().__init__(name, "Lets others do the work.")
        self._attribute = attribute
        setattr(self, attribute, inner)

    @property
    def inner(self) -> Any:
        return getattr(self, self._attribute)

    @property
    def produced_message_types(self) -> tuple[type[BaseChatMessage], ...]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        raise AssertionError("only the stream is asked for")

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


class Crew(Own):
    """Runs a team."""

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        last = ""
        async for item in self.inner.run_stream(
            task=list(messages), cancellation_token=cancellation_token, output_task_messages=False
        ):
            if isinstance(item, TaskResult):
                last = item.messages[-1].to_text()
            else:
                yield item
        yield Response(chat_message=TextMessage(content=f"The crew says: {last}", source=self.name))


class Quiet(Own):
    """Runs a team, and says what came of it alone."""

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        result = await self.inner.run(task=list(messages), cancellation_token=cancellation_token)
        text = f"The crew says: {result.messages[-1].to_text()}"
        return Response(chat_message=TextMessage(content=text, source=self.name))


class Signing(Own):
    """Asks an agent, and signs the answer itself."""

    said: Callable[[str], str] = staticmethod(lambda text: text)

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        async for item in self.inner.on_messages_stream(messages, cancellation_token):
            if isinstance(item, Response):
                text = self.said(item.chat_message.to_text())
                yield Response(chat_message=TextMessage(content=text, source=self.name))
            else:
                yield item


class Echo(BaseChatAgent):
    """Answers with the very message that it was given."""

    @property
    def produced_message_types(self) -> tuple[type[BaseChatMessage], ...]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return Response(chat_message=messages[-1])

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


def shown(stream: TeamStream) -> list[tuple[str, str]]:
    """Who said what, as it stands in the transcript."""
    return [(cell.path, cell.text) for cell in stream.transcript]


@pytest.mark.parametrize("trouble", ["failed", "was cancelled"])
@pytest.mark.parametrize("place", ["_team", "crew", ""])
async def test_the_next_runs_are_whole_after_a_team_inside(place: str, trouble: str) -> None:
    """The team of an agent, under this name, or of another kind of team."""
    first = Fail(ConnectionError("gone"), 2) if trouble == "failed" else Say("word " * 200)
    clients = {"ann": ScriptedClient([first, Say(FINE)], pace=0.005, at_end="repeat"), "ben": fine()}
    crew = RoundRobinGroupChat([agent(name, clients.__getitem__) for name in clients], max_turns=2)
    team = RoundRobinGroupChat([Crew("outer", place, crew)], max_turns=1) if place else OwnTeam(crew)
    stream = TeamStream(team)
    run = stream.start("first")
    if trouble == "failed":
        with pytest.raises(RuntimeError, match="gone"):
            await run
    else:
        while not any("word word" in text for _, text in shown(stream)):
            await asyncio.sleep(0.005)
        await stream.cancel()
    for _ in range(2):
        result = await asyncio.wait_for(stream.run("again"), 30)
        said = [message.to_text() for message in result.messages if message.source != "user"]
        assert said == [FINE, FINE, *([f"The crew says: {FINE}"] if place else [])]
    await stream.reset()
    assert len((await asyncio.wait_for(stream.run("after a reset"), 30)).messages) == len(result.messages)


async def test_a_person_inside_an_agent_of_ones_own_is_asked_in_the_panel() -> None:
    crew = RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1)
    stream = TeamStream(RoundRobinGroupChat([Crew("outer", "crew", crew)], max_turns=1))
    stream.on_question(lambda question: "Here I am.")
    result = await asyncio.wait_for(stream.run("go"), 30)
    assert result.messages[-1].to_text() == "The crew says: Here I am."
    assert [info.path for info in stream.agents] == ["outer", "outer/human"]


@pytest.mark.parametrize("ticked", [False, True])
@pytest.mark.parametrize("depth", [1, 2])
async def test_what_an_agent_keeps_to_itself_is_shown_before_its_own_answer(depth: int, ticked: bool) -> None:
    crew: Any = RoundRobinGroupChat([agent(name, fine, stream=not ticked) for name in ("ann", "ben")], max_turns=2)
    for level in range(depth):
        crew = RoundRobinGroupChat([Quiet(f"outer{level}", "crew", crew)], max_turns=1)
    last = agent("last", fine)
    stream = TeamStream(RoundRobinGroupChat([*crew._participants, last], max_turns=2))
    for info in stream.agents:
        stream.switches[info.path] = info.can_stream
    await stream.run("go")
    path = "/".join(f"outer{level}" for level in reversed(range(depth)))
    assert [cell.agent for cell in stream.transcript] == ["user", "ann", "ben", f"outer{depth - 1}", "last"]
    assert stream.transcript.cells[1].path == f"{path}/ann"
    assert {cell.status for cell in stream.transcript} == {CellStatus.DONE}


async def test_an_agent_may_hold_the_team_that_it_takes_part_in() -> None:
    member = agent("ann", lambda name: ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)]))
    own = Signing("outer", "asked", member)
    team = RoundRobinGroupChat([own], max_turns=1)
    own.team = team
    stream = TeamStream(team)
    with pytest.raises(RuntimeError, match="gone"):
        await stream.run("first")
    assert (await asyncio.wait_for(stream.run("again"), 30)).messages[-1].to_text() == FINE


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_that_another_agent_signs_is_one_cell_in_its_place(streams: bool) -> None:
    inner = agent("inner", fine, stream=streams)
    members = [Signing("outer", "asked", inner), agent("ben", lambda name: ScriptedClient([Say("I agree.")]))]
    stream = TeamStream(RoundRobinGroupChat(members, max_turns=2))
    await stream.run("go")
    assert shown(stream) == [("user", "go"), ("outer", FINE), ("ben", "I agree.")]
    assert {cell.status for cell in stream.transcript} == {CellStatus.DONE}


async def test_a_text_that_another_agent_says_otherwise_stands_before_it() -> None:
    signing = Signing("outer", "asked", agent("inner", fine))
    signing.said = str.upper
    stream = TeamStream(RoundRobinGroupChat([signing, agent("ben", fine)], max_turns=2))
    await stream.run("go")
    assert [text for _, text in shown(stream)] == ["go", FINE, FINE.upper(), FINE]


async def test_a_call_of_an_inner_agent_that_was_cancelled_has_a_result() -> None:
    async def slow() -> str:
        """Take long."""
        began.set()
        await asyncio.sleep(60)
        return "late"

    began = asyncio.Event()
    client = ScriptedClient([Call("slow", {}), Say(FINE)])
    inner = AssistantAgent("inner", client, tools=[slow], model_client_stream=True)
    stream = TeamStream(RoundRobinGroupChat([Signing("outer", "asked", inner)], max_turns=1))
    stream.start("first")
    await began.wait()
    await stream.cancel()
    await stream.run("again")
    kinds = [message.type for message in await context(inner)]
    assert kinds[:3] == ["UserMessage", "AssistantMessage", "FunctionExecutionResultMessage"]


async def test_a_task_that_comes_back_as_an_answer_is_still_the_task() -> None:
    stream = TeamStream(RoundRobinGroupChat([Echo("echo", "Repeats.")], max_turns=1))
    await stream.run("go")
    assert shown(stream)[0] == ("user", "go")
    assert [info.path for info in stream.agents] == ["echo"]


async def test_the_words_of_an_agent_behind_an_approval_come_without_delay() -> None:
    script = [Say("One word follows the other.")]
    helper = AssistantAgent("helper", ScriptedClient(script, pace=0.02), model_client_stream=True)
    boss = AssistantAgent(
        "boss",
        ScriptedClient([Call("helper", {"task": "Help."}), Say(FINE)]),
        tools=[needs_approval(AgentTool(helper))],
        reflect_on_tool_use=True,
        model_client_stream=True,
    )
    stream, late = TeamStream(RoundRobinGroupChat([boss], max_turns=1)), list[int]()
    stream.on_question(lambda question: "approve")
    create_stream, made, heard = helper._model_client.create_stream, 0, 0

    async def counted(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        nonlocal made
        async for item in create_stream(*args, **options):
            if isinstance(item, str):
                late.append(made - heard)
                made += 1
            yield item

    def hear(_: Any) -> None:
        nonlocal heard
        heard += 1

    helper._model_client.create_stream = counted
    stream.on_token(hear, agents="boss/helper")
    await stream.run("go")
    assert len(late) > 3
    assert set(late) == {0}
