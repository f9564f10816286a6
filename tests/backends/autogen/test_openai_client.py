"""The scripted server seen through AutoGen's real OpenAI client: what arrives, what each fault raises."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import warnings
from json import JSONDecodeError
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import CreateResult, LLMMessage, RequestUsage, UserMessage
from autogen_core.tools import FunctionTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openai import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)
from pydantic import BaseModel

from tests.support.openai_client import client_of
from tests.support.openai_server import Answer, HttpError, OpenAIServer, Reply, ToolCall, by_system
from tests.support.openai_wire import Fault

TEXT = "Hello there,\n\n  this is the *whole* answer: é漢🦉."
MESSAGES: list[LLMMessage] = [UserMessage(content="Say hello, please.", source="user")]
BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


class Meal(BaseModel):
    dish: str
    guests: int


def weather(city: str) -> str:
    """The weather."""
    return f"It is sunny in {city}."


WEATHER = FunctionTool(weather, description="The weather.")
ASK_WEATHER = (
    ToolCall("weather", '{"city": "Oslo"}', id="call_oslo"),
    ToolCall("weather", '{"city": "Rome"}', id="call_rome"),
)


async def ask(
    client: OpenAIChatCompletionClient, stream: bool, into: list[str] | None = None, **options: Any
) -> CreateResult:
    """The result of one call; the chunks that came before it, or before an exception, go ``into`` a list."""
    try:
        if not stream:
            return await client.create(MESSAGES, **options)
        async for item in client.create_stream(MESSAGES, **options):
            if isinstance(item, CreateResult):
                return item
            if into is not None:
                into.append(item)
        raise AssertionError("The stream ended without a result.")
    finally:
        await client.close()


@BOTH
async def test_text_arrives_whole_and_in_chunks_of_the_given_size(stream: bool) -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply(TEXT, chunk=5)]) as server:
        result = await ask(client_of(server), stream, chunks)
    assert result.content == TEXT
    assert result.finish_reason == "stop"
    assert chunks == ([TEXT[i : i + 5] for i in range(0, len(TEXT), 5)] if stream else [])
    (request,) = server.requests
    assert bool(request.get("stream")) == stream
    assert request["messages"][-1]["content"] == "Say hello, please."


@BOTH
async def test_a_model_that_autogen_knows_needs_no_model_info(stream: bool) -> None:
    with OpenAIServer([Reply(TEXT)]) as server:
        client = client_of(server, model="gpt-4o-mini-2024-07-18", model_info=None)
        assert (await ask(client, stream)).content == TEXT


@BOTH
async def test_the_pace_is_kept(stream: bool) -> None:
    with OpenAIServer([Reply("x" * 10, chunk=1, pace=0.01)]) as server:
        started = time.monotonic()
        await ask(client_of(server), stream)
        assert time.monotonic() - started >= 0.1


@BOTH
async def test_parallel_tool_calls_arrive_with_their_ids_and_arguments(stream: bool) -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply("Let me look.", tool_calls=ASK_WEATHER, chunk=3)]) as server:
        result = await ask(client_of(server), stream, chunks, tools=[WEATHER])
    assert result.content == [
        FunctionCall(id=call.id, name=call.name, arguments=call.arguments) for call in ASK_WEATHER
    ]
    assert result.finish_reason == "function_calls"
    assert result.thought == "Let me look."
    assert "".join(chunks) == ("Let me look." if stream else "")
    assert server.requests[0]["tools"][0]["function"]["name"] == "weather"


async def test_reasoning_streams_between_think_tags_and_becomes_the_thought() -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply("42.", reasoning="Count, add.", chunk=4)]) as server:
        result = await ask(client_of(server), True, chunks)
    assert chunks == ["<think>Coun", "t, a", "dd.", "</think>", "42."]
    assert (result.thought, result.content) == ("Count, add.", "42.")


async def test_reasoning_without_streaming_becomes_the_thought() -> None:
    with OpenAIServer([Reply("42.", reasoning="Count, add.")]) as server:
        result = await ask(client_of(server), False)
    assert (result.thought, result.content) == ("Count, add.", "42.")


@BOTH
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_structured_output_arrives_as_json_of_the_requested_type(stream: bool) -> None:
    meal = Meal(dish="soup", guests=12)
    with OpenAIServer([Reply(meal.model_dump_json())]) as server:
        result = await ask(client_of(server), stream, json_output=Meal)
    assert isinstance(result.content, str)
    assert Meal.model_validate_json(result.content) == meal
    assert server.requests[0]["response_format"]["json_schema"]["name"] == "Meal"


async def test_usage_is_the_same_with_and_without_streaming_when_it_is_asked_for() -> None:
    with OpenAIServer([Reply("one two three")] * 2) as server:
        streamed = await ask(client_of(server), True, include_usage=True)
        whole = await ask(client_of(server), False)
    assert streamed.usage == whole.usage == RequestUsage(prompt_tokens=3, completion_tokens=3)
    assert streamed.finish_reason == "stop"


async def test_a_stream_that_was_not_asked_for_usage_reports_none() -> None:
    with OpenAIServer([Reply("one two three")]) as server:
        result = await ask(client_of(server), True)
    assert result.usage == RequestUsage(prompt_tokens=0, completion_tokens=0)


@BOTH
async def test_usage_can_be_withheld(stream: bool) -> None:
    with OpenAIServer([Reply("one two three", usage="never")]) as server:
        options: dict[str, Any] = {"include_usage": True} if stream else {}
        result = await ask(client_of(server), stream, **options)
    assert result.usage == RequestUsage(prompt_tokens=0, completion_tokens=0)


async def test_usage_in_every_chunk_hides_the_finish_reason_from_the_client() -> None:
    with OpenAIServer([Reply("one two three", usage="every")]) as server:
        result = await ask(client_of(server), True)
    assert result.usage == RequestUsage(prompt_tokens=3, completion_tokens=3)
    assert result.finish_reason == "unknown"


@BOTH
async def test_stream_options_are_refused_without_streaming(stream: bool) -> None:
    with OpenAIServer([Reply(TEXT)]) as server:
        client = client_of(server, stream_options={"include_usage": True})
        if stream:
            assert (await ask(client, True)).usage.completion_tokens > 0
        else:
            with pytest.raises(BadRequestError, match="'stream_options' parameter is only allowed"):
                await ask(client, False)


async def test_empty_chunks_are_skipped_with_a_warning_after_ten() -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply("Hello.", empty_chunks=9), Reply("Hello.", empty_chunks=10)]) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await ask(client_of(server), True)
        with pytest.warns(UserWarning, match="consecutive empty chunks"):
            result = await ask(client_of(server), True, chunks)
    assert ("".join(chunks), result.content) == ("Hello.", "Hello.")


@BOTH
async def test_the_reply_can_name_its_finish_reason(stream: bool) -> None:
    with OpenAIServer([Reply(TEXT, finish_reason="length")]) as server:
        assert (await ask(client_of(server), stream)).finish_reason == "length"


async def test_an_agent_calls_its_tool_and_answers() -> None:
    with OpenAIServer([Reply(tool_calls=ASK_WEATHER), Reply("Sunny.")]) as server:
        agent = AssistantAgent(
            "guide", client_of(server), tools=[weather], model_client_stream=True, reflect_on_tool_use=True
        )
        result = await agent.run(task="How is it?")
    assert result.messages[-1].to_text() == "Sunny."
    results = [message["content"] for message in server.requests[1]["messages"] if message["role"] == "tool"]
    assert results == ["It is sunny in Oslo.", "It is sunny in Rome."]


async def test_two_agents_of_a_team_get_the_answers_for_their_system_messages() -> None:
    answers: dict[str, Answer] = {"a poet": Reply("The sea."), "a critic": Reply("Less sea.")}
    with OpenAIServer(by_system(answers)) as server:
        agents = [
            AssistantAgent(name, client_of(server), system_message=f"You are {key}.", model_client_stream=True)
            for name, key in (("poet", "a poet"), ("critic", "a critic"))
        ]
        team = RoundRobinGroupChat([*agents], max_turns=4)
        streamed = {"poet": "", "critic": ""}
        async for item in team.run_stream(task="Write."):
            if isinstance(item, ModelClientStreamingChunkEvent):
                streamed[item.source] += item.content
    assert streamed == {"poet": "The sea." * 2, "critic": "Less sea." * 2}
    assert len(server.requests) == 4


async def test_a_system_message_without_an_answer_is_named_in_the_error() -> None:
    with (
        OpenAIServer(by_system({"a poet": Reply(TEXT)})) as server,
        pytest.raises(InternalServerError, match="No answer is scripted for the system message"),
    ):
        await ask(client_of(server), True)


async def test_a_request_too_many_says_that_the_script_is_at_its_end() -> None:
    with OpenAIServer([]) as server, pytest.raises(InternalServerError, match="No answer is left"):
        await ask(client_of(server), True)


async def test_another_address_is_not_found() -> None:
    with (
        OpenAIServer([Reply(TEXT)]) as server,
        pytest.raises(NotFoundError, match="There is no /v1/elsewhere/chat/completions"),
    ):
        await ask(client_of(server, base_url=f"{server.url}/elsewhere"), True)
    assert server.requests == ()


@BOTH
@pytest.mark.parametrize(("status", "error"), [(429, RateLimitError), (500, InternalServerError)])
async def test_an_error_status_raises_before_any_chunk(stream: bool, status: int, error: type[Exception]) -> None:
    chunks: list[str] = []
    with OpenAIServer([HttpError(status, "Not today.")]) as server, pytest.raises(error, match="Not today"):
        await ask(client_of(server), stream, chunks)
    assert chunks == []


async def test_a_client_that_retries_gets_the_next_answer() -> None:
    with OpenAIServer([HttpError(429, retry_after=0.01), Reply(TEXT)]) as server:
        result = await ask(client_of(server, max_retries=1), True)
    assert result.content == TEXT
    assert len(server.requests) == 2


@BOTH
@pytest.mark.parametrize("fault", ["drop", "reset"])
async def test_a_lost_connection_raises_after_the_partial_text(fault: Fault, stream: bool) -> None:
    chunks: list[str] = []
    with (
        OpenAIServer([Reply(TEXT, fault=fault, fault_after=2, chunk=4)]) as server,
        pytest.raises(APIConnectionError),
    ):
        await ask(client_of(server, max_retries=1 if stream else 0), stream, chunks)
    assert chunks == (["Hell", "o th"] if stream else [])
    assert len(server.requests) == 1, "a stream that has begun is not retried"


@BOTH
async def test_what_is_not_json_raises_after_the_partial_text(stream: bool) -> None:
    chunks: list[str] = []
    with (
        OpenAIServer([Reply(TEXT, fault="malformed", chunk=4)]) as server,
        pytest.raises(JSONDecodeError),
    ):
        await ask(client_of(server), stream, chunks)
    assert chunks == (["Hell"] if stream else [])


async def test_an_error_object_in_a_stream_raises_after_the_partial_text() -> None:
    chunks: list[str] = []
    with (
        OpenAIServer([Reply(TEXT, fault="error", chunk=4)]) as server,
        pytest.raises(APIError, match="The scripted server failed"),
    ):
        await ask(client_of(server), True, chunks)
    assert chunks == ["Hell"]


@pytest.mark.filterwarnings("ignore:Resolved model mismatch")
async def test_an_error_object_with_status_200_is_a_type_error_in_the_client() -> None:
    with OpenAIServer([Reply(TEXT, fault="error")]) as server, pytest.raises(TypeError, match="NoneType"):
        await ask(client_of(server), False)


async def test_a_stream_that_ends_cleanly_too_early_passes_for_the_whole_message() -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply(TEXT, fault="eof", fault_after=2, chunk=4)]) as server:
        result = await ask(client_of(server), True, chunks)
    assert "".join(chunks) == result.content == "Hello th"
    assert result.finish_reason == "unknown"


async def test_a_body_that_ends_cleanly_too_early_is_not_json() -> None:
    with OpenAIServer([Reply(TEXT, fault="eof")]) as server, pytest.raises(JSONDecodeError):
        await ask(client_of(server), False)


@BOTH
async def test_a_stall_runs_into_the_timeout_of_the_client(stream: bool) -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply(TEXT, fault="stall", chunk=4)]) as server:
        with pytest.raises(APITimeoutError):
            await ask(client_of(server, timeout=1.0), stream, chunks)
        await asyncio.to_thread(server.wait_until, lambda s: s.disconnects == 1)
    assert chunks == (["Hell"] if stream else [])


@BOTH
async def test_a_stalled_reply_goes_on_when_it_is_released(stream: bool) -> None:
    chunks: list[str] = []
    with OpenAIServer([Reply(TEXT, fault="stall", chunk=4)]) as server:
        asking = asyncio.create_task(ask(client_of(server), stream, chunks))
        await asyncio.to_thread(server.wait_until, lambda s: len(s.requests) == 1)
        done, _ = await asyncio.wait((asking,), timeout=0.2)
        assert not done
        assert chunks in ([], ["Hell"])
        server.release()
        result = await asyncio.wait_for(asking, 30)
    assert result.content == TEXT
    assert server.disconnects == 0


@BOTH
@pytest.mark.parametrize("reply", [Reply(TEXT, fault="stall"), Reply(TEXT, pace=3600)], ids=["stall", "pace"])
async def test_a_cancel_ends_the_call_at_once_and_the_server_sees_it(reply: Reply, stream: bool) -> None:
    token = CancellationToken()
    with OpenAIServer([reply]) as server:
        asking = asyncio.create_task(ask(client_of(server), stream, cancellation_token=token))
        await asyncio.to_thread(server.wait_until, lambda s: len(s.requests) == 1)
        started = time.monotonic()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 30)
        assert time.monotonic() - started < 1
        await asyncio.to_thread(server.wait_until, lambda s: s.disconnects == 1)


async def test_leaving_the_server_ends_what_it_was_still_sending() -> None:
    with OpenAIServer([Reply(TEXT, pace=3600), Reply(TEXT, fault="stall")]) as server:
        asking = [asyncio.create_task(ask(client_of(server), True)) for _ in range(2)]
        await asyncio.to_thread(server.wait_until, lambda s: len(s.requests) == 2)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, APIConnectionError)


def test_waiting_for_what_does_not_happen_raises_and_says_what_was_seen() -> None:
    with OpenAIServer([]) as server, pytest.raises(TimeoutError, match="0 requests and 0 disconnects"):
        server.wait_until(lambda s: s.disconnects == 1, timeout=0.01)


async def test_another_process_is_served_while_this_event_loop_is_busy() -> None:
    ask_from_outside = (
        "import sys, urllib.request as u; "
        "print(u.urlopen(u.Request(sys.argv[1], data=sys.argv[2].encode()), timeout=30).read().decode())"
    )
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi."}], "stream": True})
    with OpenAIServer([Reply(TEXT)]) as server:
        # Not asyncio's: this loop has to be blocked while the server answers.
        said = subprocess.run(
            [sys.executable, "-c", ask_from_outside, f"{server.url}/chat/completions", body],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    events = [line.removeprefix("data: ") for line in said.split("\n\n") if line.strip()]
    assert events[-1] == "[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == TEXT
