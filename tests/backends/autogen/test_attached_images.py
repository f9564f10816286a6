"""Images that a reader attaches to a task reach the models that can see, as AutoGen's own message."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import MultiModalMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import UserMessage
from PIL import Image

from nb_stream import TeamStream
from nb_stream.demo import Say, ScriptedClient


def uri(kind: str = "png") -> str:
    made = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(made, kind.upper())
    return f"data:image/{kind};base64,{base64.b64encode(made.getvalue()).decode()}"


def team(**options: Any) -> RoundRobinGroupChat:
    agent = AssistantAgent("painter", ScriptedClient([Say("Red.")], **options))
    return RoundRobinGroupChat([agent], max_turns=1)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
async def test_a_task_with_images_is_a_message_that_models_and_readers_see(kind: str) -> None:
    stream = TeamStream(team())
    task = stream.with_images("What colour?", [uri(kind), uri(kind)])
    assert isinstance(task, MultiModalMessage)
    result = await stream.run(task=task)
    assert result.messages[0] == task
    (cell,) = stream.transcript.of("user")
    assert cell.text.startswith("What colour?")
    assert len(cell.data["images"]) == 2
    assert cell.data["images"][0].startswith("data:image/png;base64,")


async def test_without_images_the_task_is_the_text() -> None:
    assert TeamStream(team()).with_images("What colour?", []) == "What colour?"


@pytest.mark.parametrize(
    "bad", ["", "data:image/png;base64,AAAA", "data:image/svg+xml;base64,PHN2Zz4=", "file:///etc/hosts"]
)
def test_what_is_no_image_is_refused_in_a_sentence(bad: str) -> None:
    with pytest.raises(ValueError, match="An attached image cannot be read"):
        TeamStream(team()).with_images("What colour?", [bad])


def test_agents_whose_models_take_no_images_are_known() -> None:
    assert TeamStream(team()).text_only == frozenset({"painter"})


async def test_a_model_without_sight_gets_the_text_and_the_transcript_keeps_the_image() -> None:
    stream = TeamStream(team())
    await stream.run(task=stream.with_images("What colour?", [uri()]))
    answer = stream.transcript.of("painter")[0]
    user = stream.transcript.context(answer).messages[-1]
    assert isinstance(user.text, str)
    assert UserMessage(content=user.text, source="user").content.startswith("What colour?")
