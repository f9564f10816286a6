"""What models saw is recorded if somebody wishes it: whole, once, without secrets, and read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import CellKind, TeamStream
from nb_stream.core.call_context import CallContext
from nb_stream.core.transcript import Transcript
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.errors import RecordingWarning
from nb_stream.recording.reader import load_transcript

SECRET = "sk-4f9a8b7c6d5e4f3a2b1c"


def look(word: str) -> str:
    """Look a word up."""
    return f"{word}: a place for ships"


def team() -> RoundRobinGroupChat:
    script = [Call("look", {"word": "harbour"}), Say("A harbour."), Say("Another one.")]
    poet = AssistantAgent("poet", ScriptedClient(script), tools=[look], reflect_on_tool_use=True)
    critic = AssistantAgent("critic", ScriptedClient([Say("Fine."), Say("Finer.")]))
    return RoundRobinGroupChat([poet, critic], max_turns=2)


def contexts(transcript: Transcript) -> list[CallContext]:
    found = [transcript.context(cell) for cell in transcript if cell.context is not None]
    assert len(found) == len([c for c in transcript if c.agent != "user" and c.kind is not CellKind.OTHER])
    return found


async def recorded(path: Path, **options: Any) -> TeamStream:
    stream = TeamStream(team(), record=path, **options)
    await stream.run(task="Harbours.")
    await stream.run(task="More.")
    return stream


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
async def test_contexts_are_read_as_they_were(tmp_path: Path, name: str) -> None:
    stream = await recorded(tmp_path / name, record_context=True)
    heard = contexts(stream.transcript)
    stream.save(tmp_path / f"saved.{name}")
    loaded = TeamStream.load(tmp_path / name)
    loaded.save(tmp_path / f"again.{name}")
    for path in (tmp_path / name, tmp_path / f"saved.{name}", tmp_path / f"again.{name}"):
        read = load_transcript(path)
        assert read == stream.transcript
        assert contexts(read) == heard
        assert [[m.is_new for m in c.messages] for c in contexts(read)] == [
            [m.is_new for m in c.messages] for c in heard
        ]


async def test_a_message_stands_once_in_the_lines_of_a_run(tmp_path: Path) -> None:
    await recorded(tmp_path / "run.jsonl", record_context=True)
    text = (tmp_path / "run.jsonl").read_text("utf-8")
    first, second = text.split('"run_started"')[1:]
    for run in (first, second):
        assert run.count('"role":"user","source":"user","text":"Harbours."') == 1


async def test_nothing_is_recorded_without_the_wish(tmp_path: Path) -> None:
    await recorded(tmp_path / "run.jsonl")
    assert '"context"' not in (tmp_path / "run.jsonl").read_text("utf-8")
    read = load_transcript(tmp_path / "run.jsonl")
    with pytest.raises(ValueError, match="record_context=True"):
        read.context(read.cells[-1])


async def test_secrets_and_what_the_user_rewrites_are_not_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARBOUR_API_KEY", SECRET)
    poet = AssistantAgent("poet", ScriptedClient([Say("Fine.")]), system_message=f"The key is {SECRET}. Ann pays.")
    stream = TeamStream(
        RoundRobinGroupChat([poet], max_turns=1),
        record=tmp_path / "run.jsonl",
        record_context=True,
        redact=lambda text: text.replace("Ann", "NAME"),
    )
    await stream.run(task="Go on.")
    text = (tmp_path / "run.jsonl").read_text("utf-8")
    assert SECRET not in text
    assert "Ann" not in text
    assert "NAME pays." in contexts(load_transcript(tmp_path / "run.jsonl"))[0].messages[0].text


@pytest.mark.parametrize(
    "context",
    [7, {}, {"messages": 3}, {"messages": [99]}, {"messages": [{"text": "no role"}]}, {"messages": [], "options": []}],
)
async def test_a_context_that_does_not_fit_is_named(tmp_path: Path, context: object) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path, record_context=True)
    lines = path.read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if '"context"' in line)
    values = json.loads(lines[at])
    values["data"]["context"] = context
    lines[at] = json.dumps(values)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.warns(RecordingWarning, match="context"):
        read = load_transcript(path)
    assert len(read) > 3
