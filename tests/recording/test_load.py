"""`load`: a recording is shown again without a team, and a team goes on with the conversation."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from nb_stream import Replay, TeamPanel, TeamStream
from nb_stream.core.model import CellStatus
from nb_stream.demo import TEAMS, Say, ScriptedClient
from nb_stream.errors import NoTeamError, RecordingError, RecordingWarning, StateError
from tests.support.recordings import record, rows


@pytest.mark.parametrize("team", TEAMS)
async def test_a_loaded_panel_shows_what_the_runs_ended_in(team: str, tmp_path) -> None:
    transcript = await record(team, tmp_path / "run.jsonl", runs=2)
    panel = TeamPanel.load(tmp_path / "run.jsonl", title="Earlier")
    assert panel.transcript.cells == transcript.cells
    assert panel.transcript.runs == transcript.runs
    assert panel.make_snapshot()["settled"] == TeamPanel.load(tmp_path / "run.jsonl").make_snapshot()["settled"] != []
    panel.close()


async def test_without_a_team_every_control_says_so(tmp_path) -> None:
    await record("writers", tmp_path / "run.jsonl")
    patched = hasattr(asyncio, "_nest_patched")
    panel = TeamPanel.load(tmp_path / "run.jsonl")
    assert [agent.path for agent in panel.agents] == ["poet", "critic"]
    assert {agent.reason for agent in panel.agents} == {"This is a recording: there is no team."}
    assert not panel.has_team
    for call in (lambda: panel.start("Go on"), lambda: panel.run_sync("Go on")):
        with pytest.raises(NoTeamError, match=r"TeamPanel.load\('.*run.jsonl', team=team\) goes on with one"):
            call()
    assert hasattr(asyncio, "_nest_patched") == patched, "what is refused has patched the loop"
    for wish in (panel.run("Go on"), panel.reset(), panel.save_state(), panel.load_state({})):
        with pytest.raises(NoTeamError):
            await wish
    await panel.stop()
    await panel.cancel()
    panel.close()


async def test_what_was_loaded_is_saved_again(tmp_path) -> None:
    await record("tools", tmp_path / "run.jsonl")
    TeamStream.load(tmp_path / "run.jsonl").save(tmp_path / "again.jsonl.gz")
    with gzip.open(tmp_path / "again.jsonl.gz") as file:
        again = [json.loads(line) for line in file]
    assert again == rows(tmp_path / "run.jsonl")
    stream = TeamStream(Replay(tmp_path / "again.jsonl.gz", speed=1e9))
    await stream.run()
    assert stream.transcript.cells == TeamStream.load(tmp_path / "run.jsonl").transcript.cells


def talker(name: str = "ann"):
    """A team whose model tells how many messages it was given."""
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.teams import RoundRobinGroupChat

    client = ScriptedClient([Say("One."), Say("Two."), Say("Three.")])
    return RoundRobinGroupChat([AssistantAgent(name, client, model_client_stream=True)], max_turns=1), client


async def test_a_team_goes_on_with_the_conversation(tmp_path) -> None:
    before = TeamStream(talker()[0])
    await before.run("First")
    await before.run("Second")
    before.save(tmp_path / "run.jsonl", state=await before.save_state())

    team, client = talker()
    after = TeamPanel.load(tmp_path / "run.jsonl", team=team)
    assert after.transcript.cells == before.transcript.cells
    await after.run("Third")
    assert client.calls[0].messages == 1 + 2 * 2 + 1  # the system message, both runs, and the new task
    assert [run.id for run in after.transcript.runs] == ["r1", "r2", "r3"]
    assert len({cell.id for cell in after.transcript}) == len(after.transcript) == 6
    after.save(tmp_path / "both.jsonl")
    assert TeamStream.load(tmp_path / "both.jsonl").transcript.cells == after.transcript.cells
    after.close()


async def test_the_state_can_be_kept_apart(tmp_path) -> None:
    before = TeamStream(talker()[0])
    await before.run("First")
    before.save(tmp_path / "run.jsonl")
    (tmp_path / "state.json").write_text(json.dumps(await before.save_state()))

    team, client = talker()
    after = TeamStream.load(tmp_path / "run.jsonl", team)
    await after.load_state(json.loads((tmp_path / "state.json").read_text()))
    await after.run("Second")
    assert client.calls[0].messages == 4


async def test_the_saved_state_can_be_had_before_the_first_run_and_be_left_alone(tmp_path) -> None:
    before = TeamStream(talker()[0])
    await before.run("First")
    state = await before.save_state()
    before.save(tmp_path / "run.jsonl", state=state)
    assert await TeamStream.load(tmp_path / "run.jsonl", talker()[0]).save_state() == state

    team, client = talker()
    fresh = TeamStream.load(tmp_path / "run.jsonl", team)
    await fresh.reset()
    await fresh.run("Second")
    assert client.calls[0].messages == 2


async def test_a_state_of_another_team_is_refused_with_the_remedy(tmp_path) -> None:
    before = TeamStream(talker()[0])
    await before.run("First")
    before.save(tmp_path / "run.jsonl", state=await before.save_state())
    other = TeamStream.load(tmp_path / "run.jsonl", talker("zoe")[0])
    with pytest.raises(StateError, match=r"Agent state for zoe not found.*reset\(\) goes on without"):
        await other.run("Second")
    assert other.transcript.runs[-1].status is CellStatus.FAILED
    await other.reset()
    await other.run("Third")


async def test_a_recording_that_breaks_off_in_a_run_ends_there(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    await record("writers", path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + lines[-3][:20])
    with pytest.warns(RecordingWarning, match="the file ends in the middle of it"):
        panel = TeamPanel.load(path)
    run = panel.transcript.runs[-1]
    assert (run.status, run.stop_reason) == (CellStatus.CANCELLED, "The recording ends here.")
    assert panel.transcript.live_cells == ()
    assert panel.transcript.cells
    panel.close()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Cannot open .*run.jsonl: No such file or directory"),
        (b"", "is not a recording of nb_stream"),
        (b"\x1f\x8bnonsense", "is not a recording of nb_stream"),
        (b'{"cells": []}', "is not a recording of nb_stream"),
        (b'{"nb_stream": "recording", "version": 99, "agents": []}\n', "has version 99"),
    ],
)
@pytest.mark.filterwarnings("ignore::nb_stream.errors.RecordingWarning")
def test_what_is_no_recording_is_refused_in_a_sentence(content: bytes | None, sentence: str, tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingError, match=sentence):
        TeamPanel.load(path)


async def test_redaction_reaches_the_state(tmp_path) -> None:
    stream = TeamStream(talker()[0])
    await stream.run("My name is Rumpelstiltskin")
    stream.save(
        tmp_path / "run.jsonl",
        state=await stream.save_state(),
        redact=lambda text: text.replace("Rumpelstiltskin", "somebody"),
    )
    assert "Rumpelstiltskin" not in (tmp_path / "run.jsonl").read_text()
    assert "My name is somebody" in json.dumps(rows(tmp_path / "run.jsonl")[0]["state"])
