"""A switch changes nothing that decides when a run ends: counts of messages, and figures of usage."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent
from autogen_agentchat.conditions import MaxMessageTermination, TokenUsageTermination
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_core.models import RequestUsage
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.models.cache import ChatCompletionCache
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openai import BadRequestError
from pydantic import BaseModel

from nb_stream import TeamStream
from nb_stream.demo import Say, ScriptedClient
from tests.support.openai_server import HttpError, OpenAIServer, Reply, ToolCall
from tests.support.team_shapes import SELECTOR, SHAPES, WHOLE

ANSWER = Reply("one two three four five")  # the server counts words as tokens


class Meal(BaseModel):
    dish: str


def look(city: str) -> str:
    """Look at a city."""
    return f"It is sunny in {city}."


def set_all(stream: TeamStream, on: bool) -> None:
    for info in stream.agents:
        stream.switches[info.path] = on and info.can_stream


def client_of(server: OpenAIServer, **options: Any) -> OpenAIChatCompletionClient:
    settings: dict[str, Any] = {"model": "gpt-4o-mini", "api_key": "test", "max_retries": 0, "base_url": server.url}
    return OpenAIChatCompletionClient(**{**settings, **options})


def usages(result: Any) -> list[RequestUsage]:
    return [m.models_usage for m in result.messages if m.models_usage is not None]


# --- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("unchecked", ["hold", "create"])
@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"solo", "tool_alone"}))
async def test_a_condition_sees_the_same_with_switches_on_and_off(name: str, unchecked: str, built: bool) -> None:
    """The condition counts every message and event, those of agents used as tools included (there AutoGen alone counts
    tokens too)."""
    seen = []
    for on in (True, False):
        shape = SHAPES[name](stream=built)
        counter = Counter(1000)
        shape.team._termination_condition = counter
        stream = TeamStream(shape.team, unchecked=unchecked)
        set_all(stream, on)
        await stream.run("go")
        seen.append(counter.seen)
    assert seen[0] == seen[1]
    assert seen[0]


@pytest.mark.parametrize("limit", [3, 5, 8])
@pytest.mark.parametrize("name", ["agent_tool", "team_tool", "society", "nested"])
async def test_a_run_ends_at_the_same_message_with_switches_on_and_off(name: str, limit: int) -> None:
    ends = []
    for on in (True, False):
        shape = SHAPES[name](stream=False)
        shape.team._max_turns = 9
        shape.team._termination_condition = MaxMessageTermination(limit, include_agent_event=True)
        stream = TeamStream(shape.team)
        set_all(stream, on)
        result = await stream.run("go")
        ends.append((result.stop_reason, [(type(m), m.source) for m in result.messages]))
    assert ends[0] == ends[1]


class Counter(MaxMessageTermination):
    """Notes the classes and sources of everything that it is shown."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, include_agent_event=True)
        self.seen: list[tuple[str, str]] = []

    async def __call__(self, messages: Any) -> Any:
        self.seen.extend((type(m).__name__, m.source) for m in messages)
        return await super().__call__(messages)


# --- usage, scripted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [True, False], ids=["streaming", "whole"])
@pytest.mark.parametrize("unchecked", ["hold", "create"])
@pytest.mark.parametrize("name", SHAPES)
async def test_usage_totals_are_the_same_with_switches_on_and_off(name: str, unchecked: str, built: bool) -> None:
    totals, clients = [], []
    for on in (True, False):
        shape = SHAPES[name](stream=built)
        stream = TeamStream(shape.team, unchecked=unchecked)
        set_all(stream, on)
        result = await stream.run("go")
        totals.append((usages(result), stream.transcript.runs[-1].usage))
        clients.append({path: client.total_usage() for path, client in shape.clients.items()})
    assert totals[0] == totals[1]
    assert clients[0] == clients[1]
    assert all(path in WHOLE or usage.completion_tokens for path, usage in clients[0].items())


# --- usage, from a server ------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """It answers every request alike, and reports usage for a stream only where the request asks for it."""
    with OpenAIServer(lambda body: ANSWER) as made:
        yield made


@pytest.mark.parametrize("on", [True, False])
async def test_an_agent_built_without_streaming_keeps_its_usage_when_it_is_ticked(
    server: OpenAIServer, on: bool
) -> None:
    stream = TeamStream(AssistantAgent("ann", client_of(server)))
    stream.switches["ann"] = on
    result = await stream.run("go")
    assert [bool(body.get("stream")) for body in server.requests] == [on]
    assert [usage.completion_tokens for usage in usages(result)] == [5]
    assert stream.transcript.runs[-1].usage.completion_tokens == 5
    assert stream.transcript.cells[-1].usage == stream.transcript.runs[-1].usage


@pytest.mark.parametrize("unchecked", ["hold", "create"])
@pytest.mark.parametrize("on", [True, False])
async def test_a_limit_of_tokens_fires_at_the_same_turn(server: OpenAIServer, on: bool, unchecked: str) -> None:
    agents = [AssistantAgent(name, client_of(server)) for name in ("ann", "ben")]
    team = RoundRobinGroupChat(
        list(agents), termination_condition=TokenUsageTermination(max_completion_token=15), max_turns=9
    )
    stream = TeamStream(team, unchecked=unchecked)
    set_all(stream, on)
    result = await stream.run("go")
    assert len(server.requests) == 3
    assert "Token usage limit" in result.stop_reason


@pytest.mark.parametrize("on", [True, False])
async def test_unchecked_create_asks_for_usage_of_agents_built_to_stream_too(server: OpenAIServer, on: bool) -> None:
    team = RoundRobinGroupChat(
        [AssistantAgent("ann", client_of(server), model_client_stream=True)],
        termination_condition=TokenUsageTermination(max_completion_token=10),
        max_turns=9,
    )
    stream = TeamStream(team, unchecked="create")
    stream.switches["ann"] = on
    await stream.run("go")
    assert [bool(body.get("stream")) for body in server.requests] == [on] * 2


@pytest.mark.parametrize("on", [True, False])
async def test_an_agent_built_to_stream_makes_its_own_requests_under_any_gate(server: OpenAIServer, on: bool) -> None:
    bare = AssistantAgent("ann", client_of(server), model_client_stream=True)
    await bare.run(task="go")
    stream = TeamStream(AssistantAgent("ann", client_of(server), model_client_stream=True))
    stream.switches["ann"] = on
    await stream.run("go")
    asked = {"stream_options": {"include_usage": True}}  # for our figures alone
    assert {**server.requests[0], **asked} == server.requests[1]


@pytest.mark.parametrize("on", [True, False])
async def test_a_client_with_stream_options_can_be_unticked(server: OpenAIServer, on: bool) -> None:
    """OpenAI refuses stream_options in a request that does not stream, and AutoGen's client sends them always."""
    client = client_of(server, stream_options={"include_usage": True})
    stream = TeamStream(AssistantAgent("ann", client, model_client_stream=True), unchecked="create")
    stream.switches["ann"] = on
    result = await stream.run("go")
    assert [usage.completion_tokens for usage in usages(result)] == [5]
    assert server.requests[0].get("stream_options") == ({"include_usage": True} if on else None)


async def test_stream_options_of_the_users_own_are_left_alone(server: OpenAIServer) -> None:
    client = client_of(server, stream_options={"include_usage": False})
    stream = TeamStream(AssistantAgent("ann", client))
    stream.switches["ann"] = True
    await stream.run("go")
    assert server.requests[0]["stream_options"] == {"include_usage": False}


@pytest.mark.parametrize("stream_options", [None, {"include_usage": True}])
@pytest.mark.parametrize("on", [True, False])
async def test_structured_answers_keep_their_usage(on: bool, stream_options: Any) -> None:
    options = {} if stream_options is None else {"stream_options": stream_options}
    with OpenAIServer([Reply('{"dish": "soup"}')]) as server:
        agent = AssistantAgent(
            "ann", client_of(server, **options), output_content_type=Meal, model_client_stream=bool(options)
        )
        stream = TeamStream(agent, unchecked="create")
        stream.switches["ann"] = on
        result = await stream.run("go")
    assert result.messages[-1].content == Meal(dish="soup")
    assert [usage.completion_tokens for usage in usages(result)] == [2]


@pytest.mark.parametrize("on", [True, False])
async def test_every_call_of_a_turn_keeps_its_usage(on: bool) -> None:
    answers = [Reply(tool_calls=(ToolCall("look", '{"city": "Oslo"}'),)), ANSWER]
    with OpenAIServer(answers) as server:
        agent = AssistantAgent("ann", client_of(server), tools=[look], reflect_on_tool_use=True)
        stream = TeamStream(agent)
        stream.switches["ann"] = on
        result = await stream.run("go")
    assert [usage.completion_tokens for usage in usages(result)] == [3, 5]
    assert [bool(body.get("stream")) for body in server.requests] == [on, on]


@pytest.mark.parametrize("on", [True, False])
async def test_a_code_executor_keeps_its_usage(on: bool) -> None:
    with OpenAIServer([Reply("```python\nprint(2)\n```"), ANSWER]) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = client_of(server)
        stream = TeamStream(CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(), model_client=client))
        stream.switches["coder"] = on
        result = await stream.run("go")
    assert [usage.completion_tokens for usage in usages(result)] == [5]
    assert client.total_usage().completion_tokens == 8


@pytest.mark.parametrize("on", [True, False])
async def test_a_cache_in_front_of_the_client_is_kept_and_its_usage_too(server: OpenAIServer, on: bool) -> None:
    cache = ChatCompletionCache(client_of(server))
    stream = TeamStream(AssistantAgent("ann", cache))
    stream.switches["ann"] = on
    for _ in range(2):
        result = await stream.run("go")
        await stream.reset()
        assert [usage.completion_tokens for usage in usages(result)] == [5]
    assert len(server.requests) == 1


@pytest.mark.parametrize("on", [True, False])
async def test_the_client_of_a_selector_counts_the_same(server: OpenAIServer, on: bool) -> None:
    with OpenAIServer([Reply("I choose ben.")]) as choosing:
        client = client_of(choosing)
        agents = [AssistantAgent(name, client_of(server)) for name in ("ann", "ben")]
        stream = TeamStream(SelectorGroupChat(list(agents), client, max_turns=1, emit_team_events=True))
        stream.switches[SELECTOR] = on
        await stream.run("go")
        assert [bool(body.get("stream")) for body in choosing.requests] == [on]
    assert client.total_usage().completion_tokens == 3


async def test_two_agents_with_one_client_are_told_apart(server: OpenAIServer) -> None:
    """Usage is asked for in both requests, and only the agent that we switched sees it."""
    client = client_of(server)
    built, switched = AssistantAgent("ann", client, model_client_stream=True), AssistantAgent("ben", client)
    stream = TeamStream(RoundRobinGroupChat([built, switched], max_turns=2))
    stream.switches["ben"] = True
    result = await stream.run("go")
    assert [body.get("stream_options") for body in server.requests] == [{"include_usage": True}] * 2
    assert [usage.completion_tokens for usage in usages(result)] == [0, 5]
    assert built._model_client is switched._model_client is client


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("reason", ["the kind thought within", "think", "\nA line.\n", "plain"])
async def test_a_thought_is_the_same_in_results_and_contexts(reason: str, on: bool) -> None:
    """AutoGen's client takes letters off a streamed thought, sometimes all of them."""
    with OpenAIServer([Reply("one two", reasoning=reason)]) as server:
        info: Any = {"vision": False, "function_calling": True, "json_output": True, "structured_output": True}
        agent = AssistantAgent("ann", client_of(server, model_info={**info, "family": "unknown"}))
        stream = TeamStream(agent)
        stream.switches["ann"] = on
        result = await stream.run("go")
    assert [m.to_text() for m in result.messages] == ["go", reason, "one two"]
    assert [getattr(m, "thought", None) for m in await agent.model_context.get_messages()] == [None, reason]


async def test_a_service_that_does_not_know_the_option_is_asked_without_it() -> None:
    def answer(body: dict[str, Any]) -> Any:
        if "stream_options" in body:
            return HttpError(400, "Unrecognized request argument supplied: stream_options")
        return ANSWER

    with OpenAIServer(answer) as server:
        stream = TeamStream(AssistantAgent("ann", client_of(server)))
        stream.switches["ann"] = True
        assert (await stream.run("go")).messages[-1].content == ANSWER.text
        assert len(server.requests) == 2


async def test_any_other_refusal_is_the_runs() -> None:
    with OpenAIServer([HttpError(400, "No such model.")]) as server:
        stream = TeamStream(AssistantAgent("ann", client_of(server)))
        stream.switches["ann"] = True
        with pytest.raises(BadRequestError, match="No such model"):
            await stream.run("go")
        assert len(server.requests) == 1


# --- clients of the user's own -------------------------------------------------------------------------------------


class Strict(ScriptedClient):
    """Takes no other arguments than AutoGen's base class names, and knows itself by its class."""

    def create_stream(self, messages: Any, *, tools: Any = (), tool_choice: Any = "auto", json_output: Any = None,
                      extra_create_args: Any = None, cancellation_token: Any = None) -> Any:  # fmt: skip
        assert extra_create_args is None
        return super().create_stream(messages, cancellation_token=cancellation_token)


class Asking(AssistantAgent):
    """Looks at its own client."""

    async def on_messages_stream(self, *args: Any, **options: Any) -> Any:
        assert isinstance(self._model_client, Strict)
        assert self._model_client.colour == "red"
        async for item in super().on_messages_stream(*args, **options):
            yield item


@pytest.mark.parametrize("unchecked", ["hold", "create"])
async def test_a_client_that_takes_no_such_argument_is_called_as_ever(unchecked: str) -> None:
    client = Strict([Say("Mine.")])
    client.colour = "red"
    agent = Asking("ann", client)
    stream = TeamStream(agent, unchecked=unchecked)
    stream.switches["ann"] = True
    result = await stream.run("go")
    assert [call.method for call in client.calls] == ["create_stream"]
    assert usages(result)[0].completion_tokens
    assert agent._model_client is client
