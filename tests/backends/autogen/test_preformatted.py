"""Text that no model wrote says so: what programs printed, what tools gave, what a class of the user's own says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, MessageFilterAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.messages import BaseTextChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from nb_stream import Replay, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.recording.reader import load_transcript
from tests.support.own_classes import Speaker

PRINTED = "d = a*b*c, __init__\n# params: 12\n  col   col\n"
SAID = [PerSourceFilter(source="user", position="last", count=1)]
CODE = f"Look:\n```python\nprint({PRINTED!r}, end='')\n```"


class Printed(BaseTextChatMessage):
    """A user's message that says that no model wrote it."""

    preformatted: bool = True


def look_up() -> str:
    """Look something up."""
    return PRINTED


def runner(folder: Any, filtered: bool) -> list[Any]:
    executor = LocalCommandLineCodeExecutor(work_dir=folder)
    agent = CodeExecutorAgent("inner" if filtered else "runner", executor)
    return [MessageFilterAgent("runner", agent, MessageFilterConfig(per_source=SAID)) if filtered else agent]


@pytest.mark.parametrize("who", ["runner", "filtered", "tools", "own", "told", "model"])
async def test_text_that_no_model_wrote_is_marked_and_stays_so(who: str, tmp_path) -> None:
    team = {
        "runner": lambda: runner(tmp_path, False),
        "filtered": lambda: runner(tmp_path, True),
        "tools": lambda: [AssistantAgent("a", ScriptedClient([Call("look_up", {})]), tools=[look_up])],
        "own": lambda: [Speaker("a", [], Printed(content=PRINTED, source="a"))],
        "told": lambda: [Speaker("a", [], TextMessage(content=PRINTED, source="a", metadata={"preformatted": "true"}))],
        "model": lambda: [AssistantAgent("a", ScriptedClient([Say(PRINTED)]))],
    }[who]()
    stream = TeamStream(
        RoundRobinGroupChat(team, max_turns=1, custom_message_types=[Printed]), record=tmp_path / "run.jsonl"
    )
    await stream.run(task=CODE)
    *_, last = stream.transcript
    assert last.text.strip() == PRINTED.strip()
    assert last.is_markdown is (who == "model")
    assert stream.transcript.cells[0].is_markdown
    assert load_transcript(tmp_path / "run.jsonl").cells == stream.transcript.cells
    again = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    await again.run()
    assert again.transcript.cells == stream.transcript.cells
