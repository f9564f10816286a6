"""What the scripted client promises about a model call, and the ready teams about a run."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
from math import factorial
from typing import Any

import pytest
from autogen_agentchat.base import TaskResult, Team
from autogen_agentchat.messages import (
    ModelClientStreamingChunkEvent,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, FunctionCall, Image
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pixels

from nb_stream import demo
from nb_stream.demo import Call, Fail, Say, ScriptedClient, Step, split_chunks

RUNNABLE = sorted(set(demo.TEAMS) - {"faulty"})
MESSAGES: list[LLMMessage] = [
    SystemMessage(content="You are brief."),
    UserMessage(content="Say something.", source="user"),
]
CONVERT = FunctionTool(demo.teams.convert_units, description="Convert units.")

texts = st.text(alphabet=st.characters() | st.sampled_from(" \n\t`$<>|*é漢🦉"))
steps = st.one_of(
    st.builds(Say, text=texts, thought=st.none() | texts, chunk=st.none() | st.integers(min_value=1, max_value=50)),
    st.builds(
        Call,
        name=st.just("convert_units"),
        arguments=st.dictionaries(st.text(), st.integers()),
        text_before=st.none() | texts,
    ),
)


async def streamed(client: ScriptedClient, **options: Any) -> tuple[list[str], CreateResult]:
    *chunks, result = [item async for item in client.create_stream(MESSAGES, **options)]
    assert isinstance(result, CreateResult)
    return [chunk for chunk in chunks if isinstance(chunk, str)], result


@settings(deadline=None)
@given(text=texts, size=st.none() | st.integers(min_value=1, max_value=50))
def test_chunks_join_to_exactly_the_text(text: str, size: int | None) -> None:
    chunks = split_chunks(text, size)
    assert "".join(chunks) == text
    assert all(chunks)


def test_chunks_are_about_a_word_long() -> None:
    assert split_chunks("Two  words,\n\n    indented incomprehensibly.\n") == (
        ("Two", "  words,", "\n\n    indented", " incompre", "hensibly", ".", "\n")
    )
    assert split_chunks("abcdefg", 3) == ("abc", "def", "g")


@settings(deadline=None)
@given(step=steps)
def test_streamed_chunks_are_the_thought_in_tags_and_then_the_content(step: Say | Call) -> None:
    chunks, result = asyncio.run(streamed(ScriptedClient([step])))
    if isinstance(step, Call):
        assert "".join(chunks) == (step.text_before or "") == (result.thought or "")
        assert isinstance(result.content, list)
        (call,) = result.content
        assert (call.name, json.loads(call.arguments)) == (step.name, step.arguments)
        assert result.finish_reason == "function_calls"
    else:
        thinking = f"<think>{step.thought}</think>" if step.thought else ""
        assert "".join(chunks) == thinking + step.text
        assert (result.thought or "") == (step.thought or "")
        assert result.content == step.text
        assert result.finish_reason == "stop"


@settings(deadline=None)
@given(step=steps)
def test_create_and_create_stream_report_the_same_usage(step: Step) -> None:
    async def both() -> tuple[ScriptedClient, CreateResult, CreateResult]:
        client = ScriptedClient([step])
        _, from_stream = await streamed(client, tools=[CONVERT])
        return client, from_stream, await client.create(MESSAGES, tools=[CONVERT])

    client, one, other = asyncio.run(both())
    assert one.usage == other.usage
    assert (
        client.total_usage()
        == client.actual_usage()
        == RequestUsage(prompt_tokens=2 * one.usage.prompt_tokens, completion_tokens=2 * one.usage.completion_tokens)
    )


async def test_usage_is_scripted_or_counted_in_thought_text_and_calls() -> None:
    client = ScriptedClient(
        [
            Say("one two", prompt_tokens=0, completion_tokens=9000),
            Say("one two", thought="and three"),
            Call("convert", {}, "one two"),
        ]
    )
    _, scripted = await streamed(client)
    assert scripted.usage == RequestUsage(prompt_tokens=0, completion_tokens=9000)
    prompt = client.count_tokens(MESSAGES)
    answered = await client.create(MESSAGES)
    assert answered.usage == RequestUsage(prompt_tokens=prompt, completion_tokens=2 + 2)
    called = await client.create(MESSAGES)
    assert called.usage == RequestUsage(prompt_tokens=prompt, completion_tokens=2 + len(["convert", "{}"]))


async def test_a_tuple_of_calls_is_one_parallel_call_with_distinct_ids() -> None:
    client = ScriptedClient([(Call("a", {"x": 1}, "First "), Call("b", "not json", "both."))])
    chunks, result = await streamed(client)
    assert "".join(chunks) == result.thought == "First both."
    calls = [call for call in result.content if isinstance(call, FunctionCall)]
    assert [(call.name, call.arguments) for call in calls] == [("a", '{"x": 1}'), ("b", "not json")]
    assert len({call.id for call in calls}) == 2


async def test_tokens_of_tool_results_images_and_schemas_are_counted() -> None:
    client = ScriptedClient([Say("x")])
    call = FunctionCall(id="1", name="convert", arguments="of miles")
    done = FunctionExecutionResult(content="five words in this result", name="convert", call_id="1")
    image = Image(Pixels.new("RGB", (2, 2)))
    history: list[LLMMessage] = [
        UserMessage(content=["two words", image], source="user"),
        AssistantMessage(content=[call], source="a"),
        FunctionExecutionResultMessage(content=[done]),
    ]
    assert client.count_tokens(history) == 2 + 85 + 3 + 5
    with_tools = client.count_tokens(history, tools=[CONVERT])
    assert with_tools == client.count_tokens(history, tools=[CONVERT.schema]) > 95
    assert client.remaining_tokens(history) == client.remaining_tokens([]) - 95
    assert client.remaining_tokens(history, tools=[CONVERT]) == client.remaining_tokens([]) - with_tools


@pytest.mark.parametrize("method", ["create", "create_stream"])
async def test_a_failing_step_raises_its_exception_after_its_chunks(method: str) -> None:
    error = ConnectionError("dropped")
    client = ScriptedClient([Fail(error, after_chunks=3, text="one two three four")])
    seen: list[str | CreateResult] = []

    async def call() -> None:
        if method == "create":
            await client.create(MESSAGES)
        async for item in client.create_stream(MESSAGES):
            seen.append(item)

    with pytest.raises(ConnectionError, match="dropped") as caught:
        await call()
    assert caught.value is error
    assert seen == ([] if method == "create" else ["one", " two", " three"])
    assert client.total_usage() == RequestUsage(prompt_tokens=0, completion_tokens=0)
    assert len(client.calls) == 1


async def said(client: ScriptedClient, times: int) -> list[object]:
    return [(await client.create(MESSAGES)).content for _ in range(times)]


async def test_a_script_cycles_repeats_its_last_step_or_says_that_it_ended() -> None:
    script = [Say("a"), Say("b")]
    assert await said(ScriptedClient(script), 5) == ["a", "b", "a", "b", "a"]
    assert await said(ScriptedClient(script, at_end="repeat"), 4) == ["a", "b", "b", "b"]
    ending = ScriptedClient(script, at_end="raise")
    assert await said(ending, 2) == ["a", "b"]
    with pytest.raises(RuntimeError, match=r"has 2 steps and this is model call 3.*at_end="):
        await ending.create(MESSAGES)
    with pytest.raises(RuntimeError, match="model call 4"):
        await streamed(ending)


async def test_every_call_is_recorded() -> None:
    client = ScriptedClient([Say("a"), Fail(ConnectionError("b"))])
    assert not client.calls
    await streamed(client, tools=[CONVERT])
    with pytest.raises(ConnectionError):
        await client.create(MESSAGES[:1])
    assert client.calls == (("create_stream", 2, ("convert_units",)), ("create", 1, ()))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ScriptedClient([]), "at least one step"),
        (lambda: ScriptedClient([Say("a")], pace=-1), "cannot be negative"),
        (lambda: Say("a", chunk=0), "at least 1"),
        (lambda: Fail(ValueError(), after_chunks=3, text="one two"), "has 2 chunks"),
    ],
)
def test_a_script_that_cannot_be_played_is_refused_at_once(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


async def test_a_cancel_while_the_client_waits_ends_the_call_at_once() -> None:
    """The whole answer would take 100 chunks of an hour each."""
    for method in ("create", "create_stream"):
        client = ScriptedClient([Say("word " * 100)], pace=3600)
        token = CancellationToken()

        async def call(client: ScriptedClient = client, token: CancellationToken = token, method: str = method) -> None:
            if method == "create":
                await client.create(MESSAGES, cancellation_token=token)
            else:
                await streamed(client, cancellation_token=token)

        task = asyncio.create_task(call())
        while not client.calls:
            await asyncio.sleep(0)
        started = time.monotonic()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        assert time.monotonic() - started < 2
        assert client.total_usage() == RequestUsage(prompt_tokens=0, completion_tokens=0)


@pytest.mark.parametrize("pace", [0, 0.001])
@pytest.mark.parametrize("after", [1, 5, 10])
async def test_a_cancel_between_chunks_lets_no_further_chunk_and_no_result_through(pace: float, after: int) -> None:
    client = ScriptedClient([Say("word " * 10, chunk=5)], pace=pace)
    token = CancellationToken()
    seen = 0

    async def read() -> None:
        nonlocal seen
        async for _ in client.create_stream(MESSAGES, cancellation_token=token):
            seen += 1
            if seen == after:
                token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await read()
    assert seen == after


async def test_a_token_that_is_cancelled_before_the_call_uses_up_no_step() -> None:
    client = ScriptedClient([Say("a")])
    token = CancellationToken()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.create(MESSAGES, cancellation_token=token)
    with pytest.raises(asyncio.CancelledError):
        await streamed(client, cancellation_token=token)
    assert client.calls == ()


async def test_a_token_keeps_one_callback_for_a_call_and_not_one_for_a_chunk() -> None:
    """Tokens never forget a callback, so a long answer would otherwise grow with its chunks."""

    class Counting(CancellationToken):
        links = 0

        def link_future(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
            Counting.links += 1
            return super().link_future(future)

    await streamed(ScriptedClient([Say("word " * 500)], pace=0), cancellation_token=Counting())
    assert Counting.links == 1


async def test_the_pace_is_kept_by_both_methods() -> None:
    for method in ("create", "create_stream"):
        client = ScriptedClient([Say("a b c d e f g h i j")], pace=0.01)
        started = time.monotonic()
        if method == "create":
            await client.create(MESSAGES)
        else:
            await streamed(client)
        assert time.monotonic() - started >= 0.095


async def test_at_pace_zero_other_tasks_get_their_turn() -> None:
    finished = False
    turns_while_streaming = 0

    async def other() -> None:
        nonlocal turns_while_streaming
        while not finished:
            turns_while_streaming += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    chunks, _ = await streamed(ScriptedClient([Say("word " * 1000)]))
    finished = True
    await task
    assert turns_while_streaming >= len(chunks)


def test_a_script_survives_being_dumped_and_loaded_as_a_component() -> None:
    script: list[Step] = [
        Say("a", thought="b", chunk=2),
        Call("f", {"x": 1}),
        (Call("g", "{"), Call("h", {}, "text")),
    ]
    client = ScriptedClient(script, pace=0.5, at_end="raise")
    dumped = client.dump_component()
    assert dumped.provider == "nb_stream.demo.ScriptedClient"
    loaded = ChatCompletionClient.load_component(json.loads(dumped.model_dump_json()))
    assert isinstance(loaded, ScriptedClient)
    assert loaded.dump_component() == dumped
    assert [type(step) for step in dumped_script(loaded)] == [type(step) for step in script]
    with pytest.raises(TypeError, match="Fail step cannot be dumped"):
        ScriptedClient([Say("a"), Fail(ValueError())]).dump_component()


def dumped_script(client: ScriptedClient) -> list[Any]:
    return client.component_config_schema.model_validate(client.dump_component().config).script


def test_the_client_has_what_autogen_asks_of_a_model() -> None:
    client = ScriptedClient([Say("a")])
    assert client.capabilities == client.model_info
    assert client.model_info["function_calling"]
    assert not inspect.isabstract(ScriptedClient)


async def collect(team: Team) -> list[Any]:
    async def run() -> list[Any]:
        return [item async for item in team.run_stream(task="Go ahead.")]

    return await asyncio.wait_for(run(), 30)


def content(result: TaskResult) -> list[tuple[str, str, str]]:
    """Source, type and text of each message; the ids of tool calls differ from run to run."""
    return [
        (message.source, type(message).__name__, re.sub("call_[0-9a-f]+", "call", message.to_text()))
        for message in result.messages
    ]


@pytest.mark.parametrize("name", RUNNABLE)
async def test_a_ready_team_says_the_same_in_every_run_and_after_a_reset(name: str) -> None:
    team = demo.TEAMS[name](pace=0)
    first = content(await asyncio.wait_for(team.run(task="Go ahead."), 30))
    assert len(first) > 2
    for _ in range(2):
        assert content(await asyncio.wait_for(team.run(task="Go ahead."), 30)) == first
    await team.reset()
    assert content(await asyncio.wait_for(team.run(task="Go ahead."), 30)) == first
    assert content(await asyncio.wait_for(demo.TEAMS[name](pace=0).run(task="Go ahead."), 30)) == first


@pytest.mark.parametrize("name", RUNNABLE)
async def test_what_a_ready_team_streams_joins_to_its_final_messages(name: str) -> None:
    *items, result = await collect(demo.TEAMS[name](pace=0))
    assert isinstance(result, TaskResult)
    streamed_by_id: dict[str, str] = {}
    for item in items:
        if isinstance(item, ModelClientStreamingChunkEvent):
            assert item.full_message_id is not None
            streamed_by_id[item.full_message_id] = streamed_by_id.get(item.full_message_id, "") + item.content
    said_by_streaming = "\n".join(streamed_by_id.values())
    silent = {"archivist"} if name == "silent" else set()
    for message in result.messages:
        if isinstance(message, TextMessage) and message.source not in silent | {"user"}:
            assert message.content in said_by_streaming
        elif isinstance(message, ThoughtEvent) and name == "reasoning":
            assert f"<think>{message.content}</think>" in said_by_streaming


def test_every_ready_team_is_listed_by_its_name_with_a_reading_pace() -> None:
    assert list(demo.TEAMS) == ["writers", "parallel", "tools", "reasoning", "nested", "silent", "faulty"]
    for name, build in demo.TEAMS.items():
        assert getattr(demo, name) is build
        assert inspect.signature(build).parameters["pace"].default == 0.02
        assert build() is not build()


@pytest.mark.parametrize("name", demo.TEAMS)
async def test_a_ready_team_ends_at_once_when_its_token_is_cancelled(name: str) -> None:
    """At this pace the first message alone would take more than ten seconds."""
    token = CancellationToken()
    cancelled_at = 0.0

    async def run_until_a_chunk_comes() -> None:
        nonlocal cancelled_at
        async for item in demo.TEAMS[name](pace=0.2).run_stream(task="Go.", cancellation_token=token):
            if isinstance(item, ModelClientStreamingChunkEvent):
                cancelled_at = time.monotonic()
                token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run_until_a_chunk_comes(), 30)
    assert time.monotonic() - cancelled_at < 2


async def test_writers_take_turns() -> None:
    result = await demo.writers(pace=0).run(task="Go ahead.")
    assert [message.source for message in result.messages] == ["user", "poet", "critic", "poet", "critic"]


async def test_parallel_researchers_write_at_the_same_time() -> None:
    *items, result = await collect(demo.parallel(pace=0.001))
    sources = [item.source for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    researchers = {"historian", "physicist", "mechanic"}
    firsts = [sources.index(name) for name in researchers]
    lasts = [len(sources) - 1 - sources[::-1].index(name) for name in researchers]
    assert max(firsts) < min(lasts)
    assert result.messages[-1].source == "editor"


async def test_the_baker_says_what_the_tools_returned() -> None:
    result = await demo.tools(pace=0).run(task="Go ahead.")
    requests = [m for m in result.messages if isinstance(m, ToolCallRequestEvent)]
    assert [len(request.content) for request in requests] == [2, 1]
    executed = [r for m in result.messages if isinstance(m, ToolCallExecutionEvent) for r in m.content]
    assert not any(done.is_error for done in executed)
    answer = result.messages[-1].to_text()
    assert all(f"`{done.content}`" in answer for done in executed)
    assert "**510 g**" in answer
    assert "177 °C" in answer


def test_the_tools_are_right() -> None:
    assert demo.teams.convert_units(26.2188, "mi", "km") == "26.2188 mi = 42.1951 km"
    assert demo.teams.convert_units(-40, "C", "F") == "-40 C = -40 F"
    assert demo.teams.calculate("divide", 12, 8) == "12 / 8 = 1.5"


def test_the_tools_say_what_they_can_do_when_asked_for_something_else() -> None:
    with pytest.raises(ValueError, match=r"Cannot convert oz to km.*oz to g"):
        demo.teams.convert_units(1, "oz", "km")
    with pytest.raises(ValueError, match="knows add, subtract"):
        demo.teams.calculate("__import__('os')", 1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="another divisor"):
        demo.teams.calculate("divide", 12, 0)


async def test_the_thinker_thinks_first_and_is_right() -> None:
    *items, result = await collect(demo.reasoning(pace=0))
    chunks = [item.content for item in items if isinstance(item, ModelClientStreamingChunkEvent)]
    assert chunks[0].startswith("<think>")
    assert "</think>" in chunks
    answer = result.messages[-1].to_text()
    digits = str(factorial(100))
    assert f"**{len(digits) - len(digits.rstrip('0'))} zeros**" in answer
    assert "<think>" not in answer
    assert any(isinstance(m, ThoughtEvent) for m in result.messages)


async def test_nested_has_two_writers_who_say_different_things() -> None:
    result = await demo.nested(pace=0).run(task="Go ahead.")
    sources = [message.source for message in result.messages]
    assert sources == ["user", "reader", "writer", "writer", "editor"]
    assert result.messages[2].to_text() != result.messages[3].to_text()


async def test_the_archivist_does_not_stream_and_the_narrator_does() -> None:
    *items, result = await collect(demo.silent(pace=0))
    assert {item.source for item in items if isinstance(item, ModelClientStreamingChunkEvent)} == {"narrator"}
    assert [message.source for message in result.messages] == ["user", "narrator", "archivist"]


async def test_faulty_fails_in_the_middle_of_a_message_and_works_with_the_same_agents_afterwards() -> None:
    team = demo.faulty(pace=0)
    partial = ""

    async def read() -> None:
        nonlocal partial
        async for item in team.run_stream(task="Go ahead."):
            if isinstance(item, ModelClientStreamingChunkEvent) and item.source == "forecaster":
                partial += item.content

    with pytest.raises(RuntimeError, match="ConnectionError: The model server closed the connection"):
        await asyncio.wait_for(read(), 30)
    assert partial == "".join(split_chunks(demo.texts.CLOUD_BASE)[:24])
    # The team itself cannot run again in AutoGen 0.7.5, and no public way leads to its agents.
    assert isinstance(team, RoundRobinGroupChat)
    again = RoundRobinGroupChat(team._participants, max_turns=2)
    for _ in range(3):
        result = await asyncio.wait_for(again.run(task="Go ahead."), 30)
        assert result.messages[-1].to_text() == demo.texts.CLOUD_BASE
