"""Thoughts of models, as AutoGen's real OpenAI client reports them for what a server really sends."""

from __future__ import annotations

from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient

from nb_stream import CellKind
from tests.support.openai_server import OpenAIServer, Reply, ToolCall
from tests.support.watched_run import MODES, Watched, watch

REASONS = [
    "Let me count the zeros.",
    "the kind thought within",  # AutoGen 0.7.5 strips characters from both ends (T11)
    "think about this hint",
    "\nFirst line.\n\nSecond line.\n",
    "a < b > c",
]
TEXT = "There are\n\n* three\n* or four."


def look(city: str) -> str:
    """Look at a city."""
    return f"It is sunny in {city}."


ASK = ToolCall("look", '{"city": "Oslo"}')


async def answered(
    *replies: Reply, mode: str = "on", family: str = "unknown", unclaimed: int = 0, **options: Any
) -> Watched:
    """A run of one agent on a server that gives these replies."""
    info = ModelInfo(vision=False, function_calling=True, json_output=True, structured_output=True, family=family)
    with OpenAIServer(replies) as server:
        client = OpenAIChatCompletionClient(
            model="scripted", base_url=server.url, api_key="test", max_retries=0, model_info=info
        )

        def build(stream: bool) -> Any:
            agent = AssistantAgent("ann", client, model_client_stream=stream, **options)
            return RoundRobinGroupChat([agent], max_turns=1)

        return await watch(build, mode, unclaimed=unclaimed)


@MODES
@pytest.mark.parametrize("chunk", [1, 8, 500])
@pytest.mark.parametrize("reason", REASONS)
async def test_a_thought_is_whole_and_apart_from_its_answer(mode: str, reason: str, chunk: int) -> None:
    watched = await answered(Reply(TEXT, reasoning=reason, chunk=chunk), mode=mode)
    thought, answer = watched.rows
    assert answer == ("text", "ann", TEXT)
    assert thought[:2] == ("thought", "ann")
    assert thought[2].strip() == reason.strip()


@MODES
@pytest.mark.parametrize("chunk", [1, 8])
async def test_a_thought_that_the_model_writes_into_its_text_is_split_off(mode: str, chunk: int) -> None:
    watched = await answered(Reply(f"<think>Let me see.</think>\n\n{TEXT}", chunk=chunk), mode=mode)
    assert watched.rows == [("thought", "ann", "Let me see."), ("text", "ann", TEXT)]


@MODES
async def test_a_thought_that_autogen_splits_off_itself_is_the_same(mode: str) -> None:
    watched = await answered(Reply(f"<think>Let me see.</think>\n\n{TEXT}"), mode=mode, family="r1")
    assert watched.rows == [("thought", "ann", "Let me see."), ("text", "ann", TEXT)]


@MODES
async def test_marks_in_the_middle_of_a_text_are_text(mode: str) -> None:
    text = "Write <think> and </think> round a thought."
    assert (await answered(Reply(text), mode=mode)).rows == [("text", "ann", text)]


@MODES
async def test_a_mark_that_is_never_closed_is_text(mode: str) -> None:
    text = "<think>I was cut"
    assert (await answered(Reply(text), mode=mode)).rows == [("text", "ann", text)]


async def test_reasoning_before_a_tool_call_is_kept_although_autogen_reports_none() -> None:
    replies = [Reply(reasoning="Which city?", tool_calls=(ASK,)), Reply(TEXT, reasoning="Sunny.")]
    watched = await answered(*replies, unclaimed=1, tools=[look], reflect_on_tool_use=True)
    assert watched.rows == [
        ("thought", "ann", "Which city?"),
        ("tool call", "ann", ""),
        ("thought", "ann", "Sunny."),
        ("text", "ann", TEXT),
    ]


@MODES
async def test_text_before_a_tool_call_is_a_thought_as_autogen_says(mode: str) -> None:
    replies = [Reply("I look.", tool_calls=(ASK,)), Reply(TEXT)]
    watched = await answered(*replies, mode=mode, tools=[look], max_tool_iterations=3)
    assert watched.rows[-1] == ("text", "ann", TEXT)
    assert [row[0] for row in watched.rows if row[0] != "thought"] == ["tool call", "text"]
    if mode != "whole":  # AutoGen drops such a text where the call does not stream
        assert watched.rows[0] == ("thought", "ann", "I look.")


@MODES
async def test_a_loop_of_thoughts_and_calls(mode: str) -> None:
    replies = [
        Reply("I look.", reasoning="Where?", tool_calls=(ASK,)),
        Reply("And again.", tool_calls=(ASK,)),
        Reply(TEXT, reasoning="Enough."),
    ]
    watched = await answered(*replies, mode=mode, unclaimed=1, tools=[look], max_tool_iterations=5)
    assert [cell.tool_calls[0].result for cell in watched.of(CellKind.TOOL_CALL)] == ["It is sunny in Oslo."] * 2
    assert watched.rows[-2:] == [("thought", "ann", "Enough."), ("text", "ann", TEXT)]
    if mode != "whole":
        assert [row[2] for row in watched.rows if row[0] == "thought"] == ["Where?", "I look.", "And again.", "Enough."]
