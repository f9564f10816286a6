"""`TeamStream(x).run()` gives what `x.run()` gives, whatever `run` and `on_messages` are, and shows what is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, SocietyOfMindAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import RequestUsage

from nb_stream import TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from tests.support.own_classes import OwnTeam
from tests.support.team_shapes import SHAPES, filtered, society, solo, tool_alone
from tests.support.wait_until import until


class Louder(AssistantAgent):
    """Says what its class says, louder, where it is not streamed."""

    async def on_messages(self, *args: Any, **options: Any) -> Response:
        response = await super().on_messages(*args, **options)
        said = response.chat_message.to_text()
        return Response(chat_message=TextMessage(content=said + "!", source=self.name))


class Silent(BaseChatAgent):
    """Its `run` and its stream have nothing in common."""

    produced_message_types = (TextMessage,)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        return Response(chat_message=TextMessage(content="whole", source=self.name))

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        yield Response(chat_message=TextMessage(content="streamed", source=self.name))

    async def on_reset(self, cancellation_token: Any) -> None: ...


class Closing(RoundRobinGroupChat):
    """A team that adds a word to its result."""

    async def run(self, **options: Any) -> TaskResult:
        result = await super().run(**options)
        return TaskResult(messages=[*result.messages, TextMessage(content="The end.", source="team")], stop_reason="so")


class Short(OwnTeam):
    """A team of the user's own whose `run` gives the last message alone."""

    async def run(self, **options: Any) -> TaskResult:
        return TaskResult(messages=(await self.crew.run(**options)).messages[-1:])


def louder(streams: bool = True) -> Louder:
    return Louder("loud", ScriptedClient([Say("hello")]), model_client_stream=streams)


def crew() -> RoundRobinGroupChat:
    agents = [AssistantAgent(name, ScriptedClient([Say(f"{name} speaks.")]), model_client_stream=True) for name in "ab"]
    return RoundRobinGroupChat(agents, max_turns=2)


def mind(streams: bool = True) -> SocietyOfMindAgent:
    return SocietyOfMindAgent("mind", crew(), ScriptedClient([Say("All in all, yes.")]))


def filter_alone(streams: bool = True) -> Any:
    from nb_stream.backends.autogen import private

    return private.participants(filtered(streams).team)[0]


ROOTS: dict[str, Callable[..., Any]] = {
    "an agent with its own on_messages": louder,
    "an agent with two ways": lambda streams: Silent("silent", "Says two things."),
    "a team with its own run": lambda streams: Closing([louder(streams)], max_turns=1),
    "a team of another kind": lambda streams: Short(crew()),
    "a society": mind,
    "a filter": filter_alone,
    "an agent": lambda streams: solo(streams).team,
    "an agent with an agent": lambda streams: tool_alone(streams).team,
    "a society in a team": lambda streams: society(streams).team,
}


def plain(result: TaskResult) -> list[tuple[str, str, str, RequestUsage | None]]:
    return [(type(m).__name__, m.source, m.to_text().partition("id=")[0], m.models_usage) for m in result.messages]


@pytest.mark.parametrize("task_messages", [True, False])
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("name", ROOTS)
async def test_the_result_is_that_of_run(name: str, streams: bool, task_messages: bool) -> None:
    bare = await ROOTS[name](False).run(task="Go.", output_task_messages=task_messages)
    stream = TeamStream(ROOTS[name](streams))
    for row in stream.agents:
        if row.can_stream:
            stream.switches[row.path] = True
    result = await stream.run("Go.", output_task_messages=task_messages)
    assert plain(result) == plain(bare)
    assert result.stop_reason == bare.stop_reason
    shown = [cell.text for cell in stream.transcript]
    for message in result.messages:
        if isinstance(message, TextMessage):
            assert shown.count(message.content) == 1
    started = TeamStream(ROOTS[name](streams)).start("Go.", output_task_messages=task_messages)
    assert plain(await started) == plain(bare)


async def test_what_is_said_on_the_way_is_shown_while_it_is_said() -> None:
    stream, tokens = TeamStream(mind()), []
    stream.on_token(lambda token: tokens.append(token.agent))
    result = await stream.run("Go.")
    assert len(result.messages) == 2
    assert [cell.path for cell in stream.transcript] == ["user", "mind/a", "mind/b", "mind"]
    assert set(tokens) == {"a", "b"}


@pytest.mark.parametrize("name", ["an agent", "a society", "a team with its own run"])
async def test_a_run_by_its_own_run_can_be_cancelled_and_the_next_one_works(name: str) -> None:
    stream = TeamStream(ROOTS[name](True))
    stream.on_token(lambda token: asyncio.ensure_future(stream.cancel()))
    with pytest.raises(asyncio.CancelledError):
        await stream.run("Go.")
    fresh = TeamStream(ROOTS[name](True))
    run = fresh.start("Go.")
    await fresh.cancel()
    assert run.cancelled()
    assert (await fresh.run("Again.")).messages


async def test_a_failure_is_that_of_run() -> None:
    class Failing(AssistantAgent):
        async def on_messages(self, *args: Any, **options: Any) -> Response:
            raise LookupError("no way")

    stream = TeamStream(Failing("failing", ScriptedClient([Say("hello")])))
    with pytest.raises(LookupError, match="no way"):
        await stream.run("Go.")
    assert "no way" in stream.detail


@pytest.mark.parametrize("name", SHAPES)
async def test_every_shape_gives_what_it_gives_bare(name: str) -> None:
    bare = await SHAPES[name](False).team.run(task="Go.")
    assert plain(await TeamStream(SHAPES[name](False).team).run("Go.")) == plain(bare)


async def test_a_tool_of_an_agent_alone_may_ask_in_a_run_by_its_own_run() -> None:
    from nb_stream import needs_approval

    def pay(to: str) -> str:
        return "paid"

    class Own(AssistantAgent):
        async def on_messages(self, *args: Any, **options: Any) -> Response:
            return await super().on_messages(*args, **options)

    clerk = Own("clerk", ScriptedClient([Call("pay", {"to": "x"})]), tools=[needs_approval(pay)])
    stream = TeamStream(clerk)
    run = stream.start("Pay.")
    await until(lambda: stream.questions)
    stream.answer(stream.questions[0].request_id, True)
    assert (await run).messages[-1].to_text() == "paid"
