"""What the model saw for a message, by AutoGen's own agents and clients."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_core.model_context import BufferedChatCompletionContext
from autogen_core.models import SystemMessage, UserMessage

from nb_stream import Cell, CellKind, TeamStream
from nb_stream.backends.autogen.contexts import GivenContext
from nb_stream.core.call_context import CallContext, GivenMessage
from nb_stream.demo import Call, Say, ScriptedClient


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def said(stream: TeamStream, kind: CellKind = CellKind.TEXT) -> list[Cell]:
    return [cell for cell in stream.transcript if cell.kind is kind and cell.agent != "user"]


def roles(context: CallContext) -> list[tuple[str, bool]]:
    return [(message.role, message.is_new) for message in context.messages]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_message_knows_the_messages_tools_and_options_of_its_call(streaming: bool) -> None:
    agent = AssistantAgent(
        "clerk",
        ScriptedClient([Call("add", {"a": 2, "b": 3}), Say("It is 5.")]),
        tools=[add],
        reflect_on_tool_use=True,
        model_client_stream=streaming,
        system_message="Add what you are given.",
    )
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1))
    await stream.run(task="2 + 3")
    (call,), (answer,) = said(stream, CellKind.TOOL_CALL), said(stream)
    first, second = stream.transcript.context(call), stream.transcript.context(answer.id)
    assert first.messages == (
        GivenMessage("system", text="Add what you are given."),
        GivenMessage("user", "user", "2 + 3"),
    )
    assert first.tools[0]["name"] == "add"
    assert first.tools[0]["parameters"]["required"] == ["a", "b"]
    assert roles(second) == [("system", False), ("user", False), ("assistant", True), ("tool", True)]
    assert second.messages[2].tool_calls[0].arguments == '{"a": 2, "b": 3}'
    assert (second.messages[3].tool_calls[0].name, second.messages[3].tool_calls[0].result) == ("add", "5")
    assert second.prompt_tokens == answer.usage.prompt_tokens  # type: ignore[union-attr]


async def test_what_is_new_counts_from_the_agents_call_before_also_in_the_next_run_and_with_a_sliding_window() -> None:
    client = ScriptedClient([Say("one"), Say("two"), Say("three")])
    agent = AssistantAgent("poet", client, model_context=BufferedChatCompletionContext(3))
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1))
    for task in ("a", "b", "c"):
        await stream.run(task=task)
    contexts = [stream.transcript.context(cell) for cell in said(stream)]
    assert [[message.text for message in context.messages if message.is_new][-2:] for context in contexts] == [
        [agent_system(agent), "a"],
        ["one", "b"],
        ["two", "c"],
    ]
    assert [message.text for message in contexts[2].messages][1:] == ["b", "two", "c"]


def agent_system(agent: Any) -> str:
    return str(agent._system_messages[0].content)


async def test_a_selector_shows_what_it_chose_from() -> None:
    agents = [AssistantAgent(name, ScriptedClient([Say(f"I am {name}.")]), description=name) for name in ("ann", "bo")]
    team = SelectorGroupChat(agents, ScriptedClient([Say("bo")]), max_turns=1, emit_team_events=True)
    stream = TeamStream(team)
    await stream.run(task="Who?")
    (choice,) = said(stream, CellKind.SELECTION)
    assert "Who?" in stream.transcript.context(choice).messages[0].text


async def test_a_cell_that_no_model_wrote_says_so() -> None:
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("poet", ScriptedClient([Say("one")]))], max_turns=1))
    await stream.run(task="go")
    with pytest.raises(ValueError, match="What a model saw for 'c1' is not known"):
        stream.transcript.context("c1")
    with pytest.raises(ValueError, match="The transcript has no cell 'c99'"):
        stream.transcript.context("c99")
    assert "context" not in said(stream)[0].to_dict()


def test_a_thousand_calls_with_a_thousand_messages_each_are_kept_as_references() -> None:
    system = SystemMessage(content="Go on.")
    messages = [UserMessage(content=f"message {number} " + "x" * 1000, source="user") for number in range(2000)]
    tracemalloc.start()
    before, kept = None, []
    for start in range(1000):
        before = GivenContext([system, *messages[start : start + 999]], {"tools": [{"name": "add"}]}, before)
        kept.append(before)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == 1000
    assert used <= 30e6
    assert [message.is_new for message in kept[-1]().messages] == [False] * 999 + [True]


def test_options_that_steer_the_model_are_shown_and_no_keys_or_headers() -> None:
    extra = {"temperature": 0.5, "extra_headers": {"api-key": "secret"}, "user": "ann"}
    context = GivenContext([], {"extra_create_args": extra, "json_output": True, "tool_choice": "auto"}, None)()
    assert context.options == {"json_output": True, "temperature": 0.5}
    assert "secret" not in str(context.to_dict())
