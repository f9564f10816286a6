"""A turn belongs to the run that began it: whoever else calls an agent while a stream runs its team gets what the bare
agent gives, and the stream neither shows it, nor answers for it, nor ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import BaseChatMessage, ModelClientStreamingChunkEvent, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken, SingleThreadedAgentRuntime
from autogen_core.models import CreateResult, RequestUsage

from nb_stream import TeamStream, needs_approval
from nb_stream.backends.autogen.discovery import discover
from nb_stream.demo import Call, Say, ScriptedClient
from tests.support.team_shapes import SHAPES, Shape, agent_tool, filtered, nested, round_robin, society, solo, team_tool
from tests.support.wait_until import until

TASK = "What is it, beside all that?"
WORDS = ("Beside ", "all ", "that.")


class Stage:
    """The clients of a shape: calls of the run wait until it is let go, and calls beside it until they are."""

    def __init__(self, shape: Shape) -> None:
        self.run, self.others = asyncio.Event(), asyncio.Event()
        self.waiting = 0
        for client in shape.clients.values():
            self._set(client)

    def _set(self, client: ScriptedClient) -> None:
        create, create_stream = client.create, client.create_stream

        async def whole(messages: Any, **options: Any) -> Any:
            if messages[-1].content != TASK:
                await self.run.wait()
                return await create(messages, **options)
            self.waiting += 1
            await self.others.wait()
            return answer()

        async def streamed(messages: Any, **options: Any) -> Any:
            if messages[-1].content != TASK:
                await self.run.wait()
                async for item in create_stream(messages, **options):
                    yield item
                return
            yield WORDS[0]
            self.waiting += 1
            await self.others.wait()
            for word in WORDS[1:]:
                yield word
            yield answer()

        vars(client).update(create=whole, create_stream=streamed)


def answer() -> CreateResult:
    usage = RequestUsage(prompt_tokens=1, completion_tokens=3)
    return CreateResult(finish_reason="stop", content="".join(WORDS), usage=usage, cached=False)


def ticked(team: Any, **options: Any) -> TeamStream:
    stream = TeamStream(team, **options)
    for agent in stream.agents:
        if agent.can_stream:
            stream.switches[agent.path] = True
    return stream


async def said(stream: Any) -> list[str]:
    return [item.content async for item in stream if not isinstance(item, TaskResult)]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("name", SHAPES)
async def test_a_call_of_an_agent_beside_the_run_goes_through_untouched(name: str, built: bool) -> None:
    shape = SHAPES[name](built)
    agents = [node.agent for node in discover(shape.team).nodes if isinstance(node.agent, AssistantAgent)]
    stage, stream = Stage(shape), ticked(shape.team)
    run = stream.start("Go.")
    await until(lambda: stream.transcript.runs)
    calls = [asyncio.ensure_future(said(agent.run_stream(task=TASK))) for agent in agents]
    calls += [asyncio.ensure_future(agents[-1].run(task=TASK))]
    await until(lambda: stage.waiting == len(calls))
    stage.run.set()
    result = await run
    assert not any(call.done() for call in calls)
    stage.others.set()
    *streams, whole = await asyncio.gather(*calls)
    assert streams == [[TASK, *(WORDS if built else ()), "".join(WORDS)]] * len(agents)
    assert [message.to_text() for message in whole.messages] == [TASK, "".join(WORDS)]
    assert not any("eside" in cell.text for cell in stream.transcript)
    assert not any("eside" in message.to_text() for message in result.messages)
    assert all(shape.methods(path) for path in shape.clients)


@pytest.mark.parametrize("own_runtime", [False, True])
@pytest.mark.parametrize("built", [True, False])
async def test_another_team_with_the_same_agents_goes_on_when_the_run_is_cancelled(
    built: bool, own_runtime: bool
) -> None:
    shape = round_robin(built)
    agents = [node.agent for node in discover(shape.team).nodes]
    runtime = SingleThreadedAgentRuntime() if own_runtime else None
    if runtime is not None:
        runtime.start()
        shape.team = RoundRobinGroupChat(agents, max_turns=2, runtime=runtime)
    stage, stream = Stage(shape), ticked(shape.team)
    run = stream.start("Go.")
    await until(lambda: stream.statuses.get("ann"))
    other = RoundRobinGroupChat(agents[1:], max_turns=1, runtime=runtime)
    call = asyncio.ensure_future(said(other.run_stream(task=TASK)))
    await until(lambda: stage.waiting == 1)
    await stream.cancel()
    assert run.cancelled()
    stage.others.set()
    assert await call == [TASK, *(WORDS if built else ()), "".join(WORDS)]
    assert [cell.text for cell in stream.transcript if "eside" in cell.text] == []
    stage.run.set()
    assert len((await stream.run("Again.")).messages) > 2
    if runtime is not None:
        await runtime.stop()


@pytest.mark.parametrize("build", [nested, society, team_tool])
async def test_a_team_inside_that_others_run_is_neither_shown_nor_ended(build: Any) -> None:
    shape = build()
    inner = discover(shape.team).chats[-1].team
    stage, stream = Stage(shape), ticked(shape.team)
    run = stream.start("Go.")
    await until(lambda: stream.statuses)
    if build is society:  # its first turn uses the team already: AutoGen refuses
        with pytest.raises(ValueError, match="already running"):
            await said(inner.run_stream(task=TASK))
        stage.run.set()
        await run
        return
    call = asyncio.ensure_future(said(inner.run_stream(task=TASK)))
    await until(lambda: stage.waiting == 1)
    await stream.cancel()
    assert run.cancelled()
    stage.others.set()
    stage.run.set()
    assert (await call)[:5] == [TASK, *WORDS, "".join(WORDS)]
    assert not any("eside" in cell.text for cell in stream.transcript)
    assert (await stream.run("Again.")).messages


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("hands_on", [True, False])
async def test_a_tool_that_calls_a_participant_has_its_tokens_for_itself(streams: bool, hands_on: bool) -> None:
    helper = AssistantAgent("helper", ScriptedClient([Say("one two three")]), model_client_stream=streams)
    heard: list[list[str]] = []

    async def ask(cancellation_token: CancellationToken) -> str:
        token = cancellation_token if hands_on else None
        heard.append(await said(helper.run_stream(task="Help.", cancellation_token=token)))
        return "asked"

    script = [Call("ask", {}), Say("I asked.")]
    boss = AssistantAgent("boss", ScriptedClient(script), tools=[ask], reflect_on_tool_use=True)
    stream = ticked(RoundRobinGroupChat([boss, helper], max_turns=2))
    result = await stream.run("Go.")
    assert heard == [["Help.", *(("one", " two", " three") if streams else ()), "one two three"]]
    assert [cell.text for cell in stream.transcript if cell.path == "helper"] == ["one two three"]
    assert result.messages[-1].to_text() == "one two three"


class Asking(BaseChatAgent):
    """Asks a participant of its team, and counts what it hears."""

    def __init__(self, other: Any, way: str) -> None:
        super().__init__("asking", "Asks another one.")
        self.other, self.way, self.chunks = other, way, 0

    @property
    def produced_message_types(self) -> tuple[type[BaseChatMessage], ...]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        if self.way == "run_stream":
            stream = self.other.run_stream(task="Help.", cancellation_token=cancellation_token)
        elif self.way == "same list":
            stream = self.other.on_messages_stream(messages, cancellation_token)
        else:
            stream = self.other.on_messages_stream(list(messages), cancellation_token)
        async for item in stream:
            self.chunks += isinstance(item, ModelClientStreamingChunkEvent)
        return Response(chat_message=TextMessage(content="I asked.", source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        pass


@pytest.mark.parametrize("way", ["run_stream", "same list", "a list of its own"])
async def test_an_agent_of_ones_own_that_calls_a_participant_has_its_tokens_for_itself(way: str) -> None:
    helper = AssistantAgent("helper", ScriptedClient([Say("one two three")]), model_client_stream=True)
    asking = Asking(helper, way)
    stream = ticked(RoundRobinGroupChat([asking, helper], max_turns=2))
    await stream.run("Go.")
    assert asking.chunks == 3
    assert [(cell.path, cell.text) for cell in stream.transcript][1:] == [
        ("asking", "I asked."),
        ("helper", "one two three"),
    ]


async def test_a_person_is_asked_in_the_panel_by_the_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt="": "typed")
    paid: list[str] = []

    def pay(to: str) -> str:
        paid.append(to)
        return "paid"

    person = UserProxyAgent("person")
    clerk = AssistantAgent("clerk", ScriptedClient([Call("pay", {"to": "x"})]), tools=[needs_approval(pay)])
    stream = ticked(RoundRobinGroupChat([person, clerk], max_turns=2))
    run = stream.start("Go.")
    await until(lambda: stream.questions)
    assert (await person.run(task="Say something.")).messages[-1].to_text() == "typed"
    assert "nobody can be asked" in (await clerk.run(task="Pay.")).messages[-1].to_text()
    assert len(stream.questions) == 1
    assert not paid
    stream.answer(stream.questions[0].request_id, "in the panel")
    await until(lambda: stream.questions and stream.questions[0].what)
    stream.answer(stream.questions[0].request_id, True)
    assert [message.to_text() for message in (await run).messages][2] == "in the panel"
    assert paid == ["x"]


@pytest.mark.parametrize("build", [solo, round_robin, filtered, agent_tool])
async def test_what_was_begun_beside_a_run_lasts_longer_than_two_runs(build: Any) -> None:
    shape = build()
    agent = discover(shape.team).nodes[0].agent
    stage, stream = Stage(shape), ticked(shape.team)
    call = asyncio.ensure_future(said(AgentTool(agent).run_json_stream({"task": TASK}, CancellationToken())))
    await until(lambda: stage.waiting == 1)
    stage.run.set()
    await stream.run("Go.")
    await stream.run("Go on.")
    stage.others.set()
    assert await call == [TASK, *WORDS, "".join(WORDS)]
