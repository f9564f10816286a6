"""README's table of what a switch does: each row has tests, by the calls that a model client really received."""

from __future__ import annotations

import ast
import pathlib
import types
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core.tools import StaticWorkbench
from autogen_ext.agents.openai import OpenAIAgent
from openai import AsyncOpenAI

from nb_stream import TeamStream
from nb_stream.backends.autogen.discovery import _WITHOUT_STREAMING as WHOLE_CLASSES
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.errors import CannotStreamError
from tests.support.paths import ROOT
from tests.support.stubbed_packages import code_agent, stubbed


class Flipping:
    """Watches a stream: closes the gate of ann at her third piece of text and opens it at the ninth."""

    def __init__(self, stream: TeamStream) -> None:
        self.stream, self.pieces = stream, 0

    def touched(self, first: bool) -> None:
        self.pieces += 1
        if self.pieces in (3, 9):
            self.stream.switches["ann"] = self.pieces == 9

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


async def test_an_agent_built_to_stream_is_held_and_shown_whole_in_the_middle_of_a_message() -> None:
    client = ScriptedClient([Say("word " * 12)])
    stream = TeamStream(AssistantAgent("ann", client, model_client_stream=True))
    tokens: list[str] = []
    stream.on_token(lambda token: tokens.append(token.text))
    stream.watch(Flipping(stream))
    await stream.run("go")
    assert "".join(tokens) == "word " * 12
    assert [len(token.split()) for token in tokens[:4]] == [1, 1, 6, 1]
    assert [call.method for call in client.calls] == ["create_stream"]


async def without_a_switch(agent: Any, path: str, *, person: bool = False) -> None:
    """The box is disabled and says why; the agent answers all the same."""
    stream = TeamStream(agent)
    if person:
        stream.on_question(lambda question: "Yes.")
    info = next(info for info in stream.agents if info.path == path)
    assert not info.can_stream
    assert stream.note(path) == info.reason != ""
    with pytest.raises(CannotStreamError):
        stream.switches[path] = True
    tokens: list[Any] = []
    stream.on_token(tokens.append, agents=[path])
    await stream.run("go")
    assert not tokens


async def test_an_openai_agent_asks_the_responses_api_for_a_whole_answer() -> None:
    asked: list[dict[str, Any]] = []

    async def create(**options: Any) -> Any:
        asked.append(options)
        return types.SimpleNamespace(output_text="Whole.", id="r1")

    client = AsyncOpenAI(api_key="none", base_url="http://127.0.0.1:1")
    vars(client)["responses"] = types.SimpleNamespace(create=create)
    await without_a_switch(OpenAIAgent("ann", "d", client, "gpt-4o", "Answer."), "ann")
    assert [options.get("stream", False) for options in asked] == [False]


async def test_a_file_surfer_asks_for_whole_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    surfer = stubbed(monkeypatch, "autogen_ext.agents.file_surfer", "FileSurfer", "markitdown")
    client = ScriptedClient([Say("Whole.")])
    await without_a_switch(surfer("ann", client, base_path=str(tmp_path)), "ann")
    assert [call.method for call in client.calls] == ["create"]


async def test_a_person_and_code_without_a_model_have_nothing_to_stream() -> None:
    await without_a_switch(UserProxyAgent("ann"), "ann", person=True)
    await without_a_switch(code_agent(), "coder")


async def test_an_agent_in_a_workbench_that_does_not_stream_is_called_as_it_was_built() -> None:
    client = ScriptedClient([Say("With help.")])
    helper = AgentTool(AssistantAgent("helper", client, model_client_stream=True))
    boss = AssistantAgent(
        "boss", ScriptedClient([Call("helper", {"task": "Help."})]), workbench=StaticWorkbench([helper])
    )
    await without_a_switch(RoundRobinGroupChat([boss], max_turns=1), "boss/helper")
    assert [call.method for call in client.calls] == ["create_stream"]


ROWS: dict[str, list[str]] = {
    "`AssistantAgent` built to stream": [
        "test_switch_table.py::test_an_agent_built_to_stream_is_held_and_shown_whole_in_the_middle_of_a_message",
        "test_source_switches.py::test_a_closed_gate_changes_no_call_of_an_agent_built_to_stream",
        "test_source_switches.py::test_unchecked_create_lets_an_unticked_agent_answer_whole_from_its_next_turn",
    ],
    "`AssistantAgent` built without streaming": [
        "test_source_switches.py::test_a_ticked_box_lets_an_agent_built_without_streaming_stream_from_its_next_turn",
        "test_source_switches.py::test_the_flag_is_read_once_a_turn_and_a_switch_acts_from_the_next",
        "test_source_switches.py::test_the_coder_of_magentic_one_streams_although_its_constructor_takes_no_such_argument",
        "test_source_switches.py::test_a_video_surfer_streams_although_its_constructor_takes_no_such_argument",
        "test_source_switches.py::test_a_subclass_of_ones_own_is_switched",
    ],
    "`CodeExecutorAgent` with a model": [
        "test_source_switches.py::test_a_code_executor_streams_its_code_and_its_answer_and_never_its_decision_to_retry",
    ],
    "the selector of a `SelectorGroupChat`": [
        "test_source_switches.py::test_a_choice_of_a_selector_is_switched_between_two_choices_of_one_run",
        "test_source_switches.py::test_ticking_a_selector_changes_nothing_that_its_team_gives",
    ],
    "agents inside a team, `SocietyOfMindAgent`": [
        "test_source_switches.py::test_same_names_at_different_depths_are_switched_apart",
        "test_source_switches.py::test_a_ticked_box_lets_an_agent_built_without_streaming_stream_from_its_next_turn",
    ],
    "a class of your own that yields chunks": [
        "test_discovery.py::test_an_unknown_class_gets_its_switch_open_when_it_turns_out_to_stream",
        "test_discovery.py::test_a_switch_that_was_closed_by_hand_stays_closed",
    ],
    "`UserProxyAgent`, `SocietyOfMindAgent` itself": [
        "test_source_switches.py::test_what_answers_whole_has_a_switch_that_cannot_be_turned_on",
        "test_source_switches.py::test_the_orchestrator_of_magentic_one_asks_for_whole_answers_and_its_agents_stream",
        "test_switch_table.py::test_an_openai_agent_asks_the_responses_api_for_a_whole_answer",
        "test_switch_table.py::test_a_file_surfer_asks_for_whole_answers",
        "test_switch_table.py::test_a_person_and_code_without_a_model_have_nothing_to_stream",
        "test_switch_table.py::test_an_agent_in_a_workbench_that_does_not_stream_is_called_as_it_was_built",
        "test_discovery.py::test_what_cannot_stream_says_why",
    ],
}
"""By the beginning of a row, the tests beside this one that prove it."""


def functions_of(file: str) -> set[str]:
    tree = ast.parse(pathlib.Path(__file__).with_name(file).read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{file}::{function.name}" for function in functions}


def test_every_row_of_the_table_has_its_tests() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("## What a switch does")[2].partition("##")[0]
    rows = [line[2:] for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(ROWS)
    for row, beginning in zip(rows, ROWS, strict=True):
        assert row.startswith(beginning)
    named = {test for tests in ROWS.values() for test in tests}
    assert named <= set().union(*(functions_of(test.partition("::")[0]) for test in named))
    assert {*WHOLE_CLASSES, "MessageFilterAgent", "AgentTool", "TeamTool"} <= {*table.split("`")}
