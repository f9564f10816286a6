"""What AutoGen's agents say ends in the right cells, streamed or not: every order in which it was seen to speak."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.messages import (
    HandoffMessage,
    MultiModalMessage,
    StructuredMessage,
)
from autogen_agentchat.teams import RoundRobinGroupChat, Swarm
from autogen_core import Image
from autogen_core.memory import ListMemory, MemoryContent, MemoryMimeType
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from pydantic import BaseModel

from nb_stream import CellKind, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from tests.support.team_shapes import SELECTOR, SHAPES, selector
from tests.support.watched_run import MODES, watch

TEXT = "A first line,\n\n  and an *indented* one: é漢🦉."
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Meal(BaseModel):
    dish: str
    guests: int


def look(city: str) -> str:
    """Look at a city."""
    if city == "Atlantis":
        raise ValueError("No such city.")
    return f"It is sunny in {city}."


def one(*script: Any, **options: Any) -> Any:
    """A team of one agent `ann`."""

    def build(stream: bool) -> Any:
        client = options.pop("client", ScriptedClient)(script)
        agent = AssistantAgent("ann", client, model_client_stream=stream, **options)
        return RoundRobinGroupChat([agent], max_turns=1)

    return build


# --- plain ---------------------------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("chunk", [None, 1, 3, 1000])
async def test_a_plain_answer_is_one_cell(mode: str, chunk: int | None) -> None:
    watched = await watch(one(Say(TEXT, chunk=chunk)), mode)
    assert watched.rows == [("text", "ann", TEXT)]
    assert [cell.agent for cell in watched.cells] == ["user", "ann"]


@MODES
async def test_a_thought_comes_before_its_answer(mode: str) -> None:
    watched = await watch(one(Say(TEXT, thought="Let me think.")), mode)
    assert watched.rows == [("thought", "ann", "Let me think."), ("text", "ann", TEXT)]


@pytest.mark.parametrize("mode", ["closed", "whole"])
async def test_an_empty_answer_is_a_cell_too(mode: str) -> None:
    assert (await watch(one(Say("")), mode)).rows == [("text", "ann", "")]


# --- tools ---------------------------------------------------------------------------------------------------------


@MODES
async def test_a_tool_call_with_its_result_and_a_summary(mode: str) -> None:
    watched = await watch(one(Call("look", {"city": "Oslo"}, "I look."), tools=[look]), mode)
    assert watched.rows == [
        ("thought", "ann", "I look."),
        ("tool call", "ann", ""),
        ("text", "ann", "It is sunny in Oslo."),
    ]
    [cell] = watched.of(CellKind.TOOL_CALL)
    assert [(c.name, json.loads(c.arguments), c.result) for c in cell.tool_calls] == [
        ("look", {"city": "Oslo"}, "It is sunny in Oslo.")
    ]


@MODES
async def test_a_tool_call_and_a_reflection(mode: str) -> None:
    script = [Call("look", {"city": "Oslo"}, "I look."), Say(TEXT, thought="It was sunny.")]
    watched = await watch(one(*script, tools=[look], reflect_on_tool_use=True), mode)
    assert watched.rows == [
        ("thought", "ann", "I look."),
        ("tool call", "ann", ""),
        ("thought", "ann", "It was sunny."),
        ("text", "ann", TEXT),
    ]


@MODES
async def test_a_loop_of_tool_calls(mode: str) -> None:
    script = [
        Call("look", {"city": "Oslo"}, "First Oslo."),
        Call("look", {"city": "Rome"}),
        Call("look", {"city": "Bern"}, "Then Bern."),
        Say(TEXT, thought="That is all."),
    ]
    watched = await watch(one(*script, tools=[look], max_tool_iterations=5), mode)
    assert watched.rows == [
        ("thought", "ann", "First Oslo."),
        ("tool call", "ann", ""),
        ("tool call", "ann", ""),
        ("thought", "ann", "Then Bern."),
        ("tool call", "ann", ""),
        ("thought", "ann", "That is all."),
        ("text", "ann", TEXT),
    ]
    results = [cell.tool_calls[0].result for cell in watched.of(CellKind.TOOL_CALL)]
    assert results == [f"It is sunny in {city}." for city in ("Oslo", "Rome", "Bern")]


class Mute(ScriptedClient):
    """Reports no thought, as many clients do: text before a tool call has no message (AutoGen 0.7.5)."""

    async def create_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        async for item in super().create_stream(*args, **options):
            yield item if isinstance(item, str) else item.model_copy(update={"thought": None})

    async def create(self, *args: Any, **options: Any) -> Any:
        return (await super().create(*args, **options)).model_copy(update={"thought": None})


@MODES
async def test_text_before_a_tool_call_without_a_message_stays_and_its_id_may_come_again(mode: str) -> None:
    script = [Call("look", {"city": "Oslo"}, "I look."), Call("look", {"city": "Rome"}, "And again."), Say(TEXT)]
    build = one(*script, tools=[look], max_tool_iterations=5, client=Mute)
    watched = await watch(build, mode, unclaimed=2)
    streamed = mode != "whole"
    assert watched.rows == [
        *([("text", "ann", "I look.")] * streamed),
        ("tool call", "ann", ""),
        *([("text", "ann", "And again.")] * streamed),
        ("tool call", "ann", ""),
        ("text", "ann", TEXT),
    ]


@MODES
async def test_parallel_tools_with_one_that_fails_one_unknown_and_one_with_broken_arguments(mode: str) -> None:
    calls = (
        Call("look", {"city": "Oslo"}, "All at once."),
        Call("look", {"city": "Atlantis"}),
        Call("nothing", {}),
        Call("look", "{"),
    )
    watched = await watch(one(calls, Say(TEXT), tools=[look], reflect_on_tool_use=True), mode)
    assert [row[0] for row in watched.rows] == ["thought", "tool call", "text"]
    [cell] = watched.of(CellKind.TOOL_CALL)
    assert [call.is_error for call in cell.tool_calls] == [False, True, True, True]
    assert cell.tool_calls[0].result == "It is sunny in Oslo."
    assert "No such city" in (cell.tool_calls[1].result or "")
    assert "not found" in (cell.tool_calls[2].result or "")


# --- handoff, structured output, memory, images --------------------------------------------------------------------


@MODES
async def test_a_handoff_says_to_whom(mode: str) -> None:
    watched = await watch(lambda stream: SHAPES["swarm"](stream).team, mode)
    assert watched.rows == [
        ("thought", "ann", "ben knows."),
        ("tool call", "ann", ""),
        ("handoff", "ann", "Transferred to ben, adopting the role of ben immediately."),
        ("text", "ben", "ben says some words."),
    ]
    assert [cell.data["target"] for cell in watched.of(CellKind.HANDOFF)] == ["ben"]


@MODES
async def test_a_swarm_may_hand_over_to_a_person(mode: str) -> None:
    async def answer(prompt: str, token: Any = None) -> str:
        return "Fine."

    def build(stream: bool) -> Any:
        client = ScriptedClient([Call("transfer_to_human", {}), Say("Thanks.")])
        agent = AssistantAgent("ann", client, handoffs=["human"], model_client_stream=stream)
        return Swarm([agent, UserProxyAgent("human", input_func=answer)], max_turns=3)

    watched = await watch(build, mode)
    assert [row[0] for row in watched.rows] == ["tool call", "handoff", "human input", "handoff", "text"]
    assert [(cell.agent, cell.text) for cell in watched.of(CellKind.HANDOFF)][1] == ("human", "Fine.")
    assert any(isinstance(m, HandoffMessage) and m.target == "ann" for m in watched.messages)


@MODES
async def test_a_structured_answer_replaces_its_json(mode: str) -> None:
    def build(stream: bool) -> Any:
        client = ScriptedClient([Say('{"dish":  "soup",\n "guests": 3}')])
        agent = AssistantAgent("ann", client, output_content_type=Meal, model_client_stream=stream)
        return RoundRobinGroupChat([agent], max_turns=1, custom_message_types=[StructuredMessage[Meal]])

    watched = await watch(build, mode)
    assert watched.rows == [("structured output", "ann", '{"dish": "soup", "guests": 3}')]
    assert watched.cells[-1].data["value"] == {"dish": "soup", "guests": 3}
    assert watched.cells[-1].type == "StructuredMessage[Meal]"


@MODES
async def test_a_structured_answer_after_tools_and_a_thought(mode: str) -> None:
    def build(stream: bool) -> Any:
        script = [Call("look", {"city": "Oslo"}), Say('{"dish": "fish", "guests": 1}', thought="Oslo is by the sea.")]
        agent = AssistantAgent(
            "ann",
            ScriptedClient(script),
            tools=[look],
            output_content_type=Meal,
            reflect_on_tool_use=True,
            model_client_stream=stream,
        )
        return RoundRobinGroupChat([agent], max_turns=1, custom_message_types=[StructuredMessage[Meal]])

    watched = await watch(build, mode)
    assert watched.rows == [
        ("tool call", "ann", ""),
        ("thought", "ann", "Oslo is by the sea."),
        ("structured output", "ann", '{"dish": "fish", "guests": 1}'),
    ]


async def test_a_structured_answer_that_the_team_refuses_keeps_what_was_streamed() -> None:
    def build() -> Any:
        agent = AssistantAgent(
            "ann", ScriptedClient([Say('{"dish": "soup", "guests": 3}')]), output_content_type=Meal,
            model_client_stream=True,
        )  # fmt: skip
        return RoundRobinGroupChat([agent], max_turns=1)

    stream = TeamStream(build())
    with pytest.raises(RuntimeError, match="not registered"):
        await stream.run("go")
    cells = stream.transcript.cells
    assert [(cell.kind.value, cell.status.value) for cell in cells[1:]] == [("text", "failed"), ("error", "failed")]
    assert cells[1].text == '{"dish": "soup", "guests": 3}'


@MODES
async def test_memory_comes_first(mode: str) -> None:
    async def recall() -> ListMemory:
        memory = ListMemory()
        await memory.add(MemoryContent(content="Guests eat no fish.", mime_type=MemoryMimeType.TEXT))
        await memory.add(MemoryContent(content="Dinner is at eight.", mime_type=MemoryMimeType.TEXT))
        return memory

    memory = await recall()
    watched = await watch(one(Say(TEXT), memory=[memory]), mode)
    assert watched.rows == [("memory", "ann", "Guests eat no fish.\nDinner is at eight."), ("text", "ann", TEXT)]
    assert watched.cells[1].data["count"] == 2


@MODES
async def test_the_images_of_a_task_are_in_its_cell(mode: str) -> None:
    task = MultiModalMessage(content=["Look:", Image.from_base64(PIXEL), "Nice?"], source="user")
    watched = await watch(one(Say(TEXT)), mode, task=task)
    cell = watched.cells[0]
    assert (cell.kind, cell.text) == (CellKind.TEXT, "Look:\n[image 1]\nNice?")
    [uri] = cell.data["images"]
    assert uri.startswith("data:image/png;base64,")
    assert watched.rows == [("text", "ann", TEXT)]


# --- code ----------------------------------------------------------------------------------------------------------


def coder(*script: Any, **options: Any) -> Any:
    def build(stream: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agent = CodeExecutorAgent(
                "coder",
                LocalCommandLineCodeExecutor(),
                model_client=ScriptedClient(script),
                model_client_stream=stream,
                **options,
            )
        return RoundRobinGroupChat([agent], max_turns=1)

    return build


def block(code: str) -> str:
    return f"I run:\n```python\n{code}\n```"


@MODES
async def test_code_is_generated_run_tried_again_and_reflected_on_without_any_id(mode: str) -> None:
    retry = Say(json.dumps({"reason": "It failed.", "retry": True}))
    script = [Say(block("raise SystemExit(3)")), retry, Say(block("print(6 * 7)"), thought="Now."), Say(TEXT)]
    watched = await watch(coder(*script, max_retries_on_error=1), mode)
    assert watched.rows == [
        ("code", "coder", block("raise SystemExit(3)")),
        ("code", "coder", "Attempt number: 1\nProposed correction: It failed."),
        ("thought", "coder", "Now."),
        ("code", "coder", block("print(6 * 7)")),
        ("text", "coder", TEXT),
    ]
    first, attempt, second = watched.of(CellKind.CODE)
    assert (first.data["exit_code"], second.data["exit_code"]) == (3, 0)
    assert second.data["output"] == "42\n"
    assert second.data["code_blocks"] == [{"code": "print(6 * 7)\n", "language": "python"}]
    assert [cell.data["retry_attempt"] for cell in (first, attempt, second)] == [0, 0, 1]
    assert "exit_code" not in attempt.data


@MODES
async def test_an_answer_of_a_code_executor_without_code_is_a_text(mode: str) -> None:
    assert (await watch(coder(Say(TEXT, thought="No code.")), mode)).rows == [
        ("thought", "coder", "No code."),
        ("text", "coder", TEXT),
    ]


async def test_code_that_a_person_does_not_approve_says_so() -> None:
    from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse

    def refuse(request: ApprovalRequest) -> ApprovalResponse:
        return ApprovalResponse(approved=False, reason="No.")

    watched = await watch(coder(Say(block("print(1)")), Say(TEXT), approval_func=refuse))
    [cell] = watched.of(CellKind.CODE)
    assert "not approved. Reason: No." in cell.data["output"]


async def test_an_executor_without_a_model_shows_what_it_ran() -> None:
    def build(stream: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            executor = CodeExecutorAgent("executor", LocalCommandLineCodeExecutor())
        writer = AssistantAgent("ann", ScriptedClient([Say(block("print(6 * 7)"))]), model_client_stream=stream)
        return RoundRobinGroupChat([writer, executor], max_turns=2)

    watched = await watch(build)
    assert watched.rows == [("text", "ann", block("print(6 * 7)")), ("text", "executor", "42\n")]


# --- people, selectors ---------------------------------------------------------------------------------------------


async def test_a_request_for_input_and_its_answer() -> None:
    async def answer(prompt: str, token: Any = None) -> str:
        return "forty-two"

    watched = await watch(lambda stream: RoundRobinGroupChat([UserProxyAgent("human", input_func=answer)], max_turns=1))
    assert [row[0] for row in watched.rows] == ["human input", "text"]
    assert watched.rows[-1] == ("text", "human", "forty-two")


async def test_a_request_for_input_that_the_stream_answers_is_one_cell() -> None:
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1))
    stream.on_event(
        lambda event: (
            asyncio.get_running_loop().call_soon(stream.answer, event.data["request_id"], "Yes.")
            if getattr(event, "kind", None) is CellKind.INPUT and event.text
            else None
        )
    )
    await asyncio.wait_for(stream.run("go"), 30)
    assert [(c.kind.value, c.status.value) for c in stream.transcript] == [
        ("text", "done"),
        ("human input", "done"),
        ("text", "done"),
    ]


@MODES
async def test_the_choices_of_a_selector(mode: str) -> None:
    watched = await watch(lambda stream: selector(stream).team, mode)
    chosen = "ben" if mode == "whole" else "ben\n\nI choose ben."  # a choice that was streamed has its words, too
    assert watched.rows == [
        ("speaker selection", SELECTOR, chosen),
        ("text", "ben", "ben says some words."),
        ("speaker selection", SELECTOR, "ann"),
        ("text", "ann", "ann says some words."),
    ]
    assert [cell.data.get("agents") for cell in watched.of(CellKind.SELECTION)][-1] == ["ann"]
