"""Replay: a recording in place of a team, in time and out of it, to the very transcript of the live run."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import subprocess
import sys
import threading
import time

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from hypothesis import given
from hypothesis import strategies as st

from nb_stream import CellKind, CellStatus, RunState, TeamPanel, TeamStream
from nb_stream.backends.replay import ReplayedMessage, ReplayedResult
from nb_stream.core.model import Chunk, Message, Notice, RunFinished, RunStarted
from nb_stream.demo import TEAMS, Say, ScriptedClient, writers
from nb_stream.errors import AlreadyRunningError, RecordingError, RecordingWarning, ReplayedError, UnknownAgentError
from nb_stream.recording.codec import header
from nb_stream.recording.reader import load_transcript
from nb_stream.recording.replay import Replay
from nb_stream.runtime.event_hub import EventHub
from nb_stream.runtime.token_gate import TokenGate
from nb_stream.wire.commands import decode
from tests.support.handoff_team import desk
from tests.support.paths import ROOT
from tests.support.random_runs import Author
from tests.support.recordings import ANN, BEN, record, slow_run, write
from tests.support.team_shapes import SHAPES
from tests.support.wait_until import until


def written(stream: TeamStream) -> str:
    return "".join(cell.text for cell in stream.transcript)


# --- the same transcript -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [math.inf, 20.0])
@pytest.mark.parametrize("name", sorted(TEAMS))
async def test_a_replay_ends_in_exactly_the_transcript_of_the_live_runs(name: str, speed: float, tmp_path) -> None:
    live = await record(name, tmp_path / "run.jsonl", pace=0.001, runs=2)
    stream = TeamStream(Replay(tmp_path / "run.jsonl", speed))
    for _ in range(2):
        with contextlib.suppress(ReplayedError):
            await stream.run()
    assert stream.transcript == live


class Restless:
    """A display that looks at the text that waits now and then, so that chunks are folded in ever other portions."""

    def __init__(self, stream: TeamStream, r: random.Random) -> None:
        self._stream, self._r = stream, r

    def touched(self, first: bool) -> None:
        if self._r.random() < 0.3:
            self._stream.drain()

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


@given(seed=st.integers(0, 2**32))
def test_any_runs_end_in_the_same_transcript_when_they_are_replayed(tmp_path_factory, seed: int) -> None:
    """Parallel and nested agents, thoughts, tools, questions, failures and cancels, in every order, looked at at any
    time: live, read from the file, and replayed."""
    r = random.Random(seed)
    events = Author(r, turns=r.random() < 0.7).scenario().events
    path = tmp_path_factory.mktemp("any") / "run.jsonl"
    live = EventHub((ANN, BEN), TokenGate((ANN, BEN), {}), lambda first, text: first)
    live.event_log.record(path, header((ANN, BEN), {}, 0.0), complain=pytest.fail)
    live.watchers.append(Restless(live, r))
    for event in events:
        live.chunk(None, event) if isinstance(event, Chunk) else live.event(event)
    stream = TeamStream(Replay(path, math.inf))
    stream.watch(Restless(stream, r))
    asyncio.run(played(stream, len(live.transcript.runs)))
    assert stream.transcript == live.transcript
    assert load_transcript(path) == live.transcript


@pytest.mark.parametrize("name", SHAPES)
async def test_teams_of_every_shape_are_replayed_as_they_ran_were_stopped_and_cancelled(name: str, tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    live = TeamStream(SHAPES[name](stream=True).team, record=path)
    for end in (None, live.stop, live.cancel):
        before, run = len(live.transcript), live.start("go")
        if end is not None:
            await until(lambda before=before, run=run: len(live.transcript) > before + 1 or run.done())
            await end()
        with contextlib.suppress(asyncio.CancelledError):
            await run
    await live.reset()
    stream = TeamStream(Replay(path, math.inf))
    await played(stream, 3)
    assert stream.transcript == live.transcript
    assert load_transcript(path) == live.transcript


async def played(stream: TeamStream, runs: int) -> None:
    """Play runs, whatever they ended with."""
    for _ in range(runs):
        run = stream.start()
        with contextlib.suppress(ReplayedError, asyncio.CancelledError):
            await run


async def test_a_question_between_runs_is_replayed_with_its_answer(tmp_path) -> None:
    live = TeamStream(desk(), record=tmp_path / "run.jsonl")
    await live.run("Book a table.")
    live.answer(live.questions[0].request_id, "For two, please.")
    await live.current
    stream = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    await played(stream, 1)
    assert [cell.status for cell in stream.transcript if cell.kind is CellKind.INPUT] == [CellStatus.DONE]
    await played(stream, 1)
    assert stream.transcript == live.transcript


async def test_a_cancelled_run_is_replayed_as_it_was(tmp_path) -> None:
    stream = TeamStream(writers(pace=0.005), record=tmp_path / "run.jsonl")
    run = stream.start("go")
    await until(lambda: len(stream.transcript.cells) > 1 and len(stream.transcript.cells[1].text) > 40)
    await stream.cancel()
    assert run.cancelled()
    again = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    replayed = again.start()
    with pytest.raises(asyncio.CancelledError):
        await replayed
    assert again.transcript == stream.transcript
    assert again.state is RunState.CANCELLED


async def test_a_failed_run_raises_what_it_failed_with(tmp_path) -> None:
    live = await record("faulty", tmp_path / "run.jsonl")
    stream = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    with pytest.raises(ReplayedError, match="ConnectionError: The model server closed the connection"):
        await stream.run()
    assert stream.state is RunState.FAILED
    assert stream.transcript == live


async def test_human_input_is_replayed_and_asks_nobody(tmp_path) -> None:
    ann = AssistantAgent("ann", ScriptedClient([Say("What is your name?")]), model_client_stream=True)
    live = TeamStream(RoundRobinGroupChat([ann, UserProxyAgent("me")], max_turns=2), record=tmp_path / "run.jsonl")
    run = live.start("go")
    await until(lambda: live.state is RunState.WAITING)
    await until(lambda: [cell for cell in live.transcript if cell.kind is CellKind.INPUT])
    waiting = [cell for cell in live.transcript if cell.kind is CellKind.INPUT]
    live.answer(waiting[0].data["request_id"], "Rumpelstiltskin")
    await run
    stream = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    await stream.run()
    assert stream.transcript == live.transcript


async def test_notices_between_runs_stand_where_they_stood(tmp_path) -> None:
    events = [
        Notice(999.0, "before"),
        *slow_run(),
        Notice(1002.5, "between"),
        *slow_run("r2", 1003.0),
        Notice(1006.0, "after"),
    ]
    path = write(tmp_path / "run.jsonl", events)
    stream = TeamStream(Replay(path, math.inf))
    await stream.run()
    await stream.run()
    assert stream.transcript == load_transcript(path)


async def test_after_the_last_run_the_first_is_played_again_as_a_run_of_its_own(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    stream = TeamStream(Replay(path, math.inf))
    for _ in range(3):
        await stream.run("whatever")
    runs = stream.transcript.runs
    assert len({run.id for run in runs}) == 3
    assert [run.task for run in runs] == ["go"] * 3
    assert [cell.run for cell in stream.transcript] == [run.id for run in runs for _ in range(2)]


async def test_a_recording_of_a_loop_is_played_in_a_loop_and_no_run_has_the_id_of_another(tmp_path) -> None:
    looped = TeamStream(Replay(write(tmp_path / "run.jsonl", slow_run()), math.inf), record=tmp_path / "looped.jsonl")
    for _ in range(2):
        await looped.run()
    stream = TeamStream(Replay(tmp_path / "looped.jsonl", math.inf))
    for _ in range(5):
        await stream.run()
    ids = [run.id for run in stream.transcript.runs]
    assert ids[:2] == [run.id for run in looped.transcript.runs]
    assert len(set(ids)) == 5
    assert [cell.run for cell in stream.transcript] == [run for run in ids for _ in range(2)]


async def test_a_task_from_somebody_outside_the_team_makes_no_agent_of_him(tmp_path) -> None:
    agent = AssistantAgent("ann", ScriptedClient([Say("Hello.")]), model_client_stream=True)
    live = TeamStream(agent, record=tmp_path / "run.jsonl")
    await live.run(task=[TextMessage(source="boss", content="Do it."), TextMessage(source="aide", content="Please.")])
    stream = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    await stream.run()
    assert [agent.path for agent in stream.agents] == [agent.path for agent in live.agents] == ["ann"]
    assert stream.transcript == live.transcript


async def test_an_agent_whom_nobody_announced_gets_his_switch_in_a_replay_too(tmp_path) -> None:
    guest = Message("eve", "eve", 1002.5, CellKind.TEXT, "Hi.", "TextMessage", "m9")
    events = slow_run()
    stream = TeamStream(Replay(write(tmp_path / "run.jsonl", [*events[:-1], guest, events[-1]]), math.inf))
    await stream.run()
    assert [agent.path for agent in stream.agents] == ["ann", "ben", "eve"]


async def test_a_recording_that_breaks_off_is_played_to_its_end(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run()[:8])
    stream = TeamStream(Replay(path, math.inf))
    with pytest.raises(asyncio.CancelledError):
        await stream.start()
    [run] = stream.transcript.runs
    assert (run.status, run.stop_reason, run.ended_at) == (CellStatus.CANCELLED, "The recording ends here.", 1000.6)
    assert written(stream) == "word0 word1 word2 word3 word4 word5 "


async def test_a_broken_line_ends_the_replay_with_a_warning(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:6], b"{", *lines[7:]]))
    stream = TeamStream(Replay(path, math.inf))
    with pytest.warns(RecordingWarning, match="broken at line 7"), pytest.raises(asyncio.CancelledError):
        await stream.start()
    assert [cell.agent for cell in stream.transcript] == ["ann"]


# --- in place of a team --------------------------------------------------------------------------------------------


async def test_a_panel_plays_a_recording_and_knows_its_agents(tmp_path) -> None:
    live = await record("nested", tmp_path / "run.jsonl")
    panel = TeamPanel(Replay(tmp_path / "run.jsonl", math.inf))
    assert [agent.path for agent in panel.agents] == ["research/reader", "research/writer", "writer", "editor"]
    await panel.run()
    assert panel.transcript == live
    assert len(panel.make_snapshot()["settled"]) == len(live)


async def test_agents_keep_how_they_were_built(tmp_path) -> None:
    await record("silent", tmp_path / "run.jsonl")
    assert dict(TeamStream(Replay(tmp_path / "run.jsonl")).switches) == {"narrator": True, "archivist": False}


async def test_run_stream_yields_messages_with_the_members_of_agentchats(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    items = [item async for item in TeamStream(Replay(path, math.inf)).run_stream(task="go")]
    result = items.pop()
    assert isinstance(result, ReplayedResult)
    assert result.stop_reason == "enough"
    assert [(m.source, m.to_text()) for m in result.messages] == [
        (agent, "".join(f"word{number} " for number in range(9))) for agent in ("ann", "ben")
    ]
    assert [item.content for item in items if item.source == "ann"][:9] == [f"word{number} " for number in range(9)]
    assert all(isinstance(item, ReplayedMessage) for item in items)


def test_a_replay_needs_no_autogen(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    code = (
        "import asyncio, math, sys\n"
        "for name in ('autogen_agentchat', 'autogen_core', 'autogen_ext', 'openai'):\n"
        "    sys.modules[name] = None\n"
        "from nb_stream import TeamStream\n"
        "from nb_stream.recording.replay import Replay\n"
        "stream = TeamStream(Replay(sys.argv[1], math.inf))\n"
        "result = asyncio.run(stream.run())\n"
        "print(len(result.messages), len(stream.transcript))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout.split() == ["2", "2"], done.stderr


@pytest.mark.parametrize("speed", [0, -1, math.nan, "fast", None])
def test_a_speed_that_is_none_is_refused(speed: object, tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    with pytest.raises(ValueError, match="speed is a number above zero"):
        Replay(path, speed)


def test_a_recording_without_a_run_is_refused(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [Notice(1.0, "nothing")])
    with pytest.raises(RecordingError, match="holds no run"):
        Replay(path)


async def test_a_stream_plays_one_run_at_a_time(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    stream = TeamStream(Replay(path, 4.0))
    run = stream.start()
    with pytest.raises(AlreadyRunningError):
        stream.start()
    await run


async def test_a_replay_is_played_by_one_stream_at_a_time(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", slow_run()))
    first, second = TeamStream(replay), TeamStream(replay)
    replay.pause()
    run = first.start()
    with pytest.raises(AlreadyRunningError, match=r"Replay\(\"run.jsonl\"\)"):
        second.start()
    replay.speed = math.inf
    replay.resume()
    await run
    await second.run()
    assert second.transcript == first.transcript


def test_a_replay_whose_loop_was_closed_is_cancelled_and_played_again(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", slow_run()))
    stream = TeamStream(replay)
    replay.seek(0.25)
    replay.pause()

    async def begin() -> None:
        stream.start()
        await until(lambda: "word1" in written(stream))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    replay.speed = math.inf
    replay.resume()
    asyncio.run(stream.run())
    assert [run.status for run in stream.transcript.runs] == [CellStatus.CANCELLED, CellStatus.DONE]


# --- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 4.0])
@pytest.mark.alone
async def test_tokens_come_when_they_came(speed: float, tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    stream = TeamStream(Replay(path, speed))
    came: list[tuple[float, float]] = []
    stream.on_token(lambda token: came.append((time.monotonic(), token.at)))
    began = time.monotonic()
    await stream.run()
    took = time.monotonic() - began
    assert 2.0 / speed <= took < 2.0 / speed + 0.5
    late = [(at - began) - (recorded - 1000.0) / speed for at, recorded in came]
    assert len(late) == 18
    assert min(late) > -0.01
    assert sorted(late)[9] < 0.05  # the median: a busy machine may delay some


async def test_speed_can_be_changed_on_the_way(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path, 0.001)
    stream = TeamStream(replay)
    run = stream.start()
    await until(lambda: stream.state is RunState.RUNNING)
    await asyncio.sleep(0.05)
    assert not written(stream)
    replay.speed = 8.0
    await asyncio.wait_for(asyncio.shield(_over(run)), 1.5)
    assert stream.transcript == load_transcript(path)


async def _over(run) -> None:
    await run


async def test_pause_stands_still_and_resume_goes_on(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path, 4.0)
    stream = TeamStream(replay)
    run = stream.start()
    await until(lambda: "word2" in written(stream))
    replay.pause()
    await asyncio.sleep(0.05)  # what was due when it came to a stand is played
    before, position = written(stream), replay.position
    await asyncio.sleep(0.2)
    assert written(stream) == before
    assert replay.position == position
    assert replay.paused
    replay.resume()
    await run
    assert stream.transcript == load_transcript(path)


async def test_step_plays_one_whole_message(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path)
    replay.pause()
    stream = TeamStream(replay)
    run = stream.start()
    await asyncio.sleep(0.05)
    assert not stream.transcript.cells
    replay.step()
    await until(lambda: [cell.agent for cell in stream.transcript.settled] == ["ann"])
    await asyncio.sleep(0.05)
    assert [cell.agent for cell in stream.transcript.cells] == ["ann"]
    assert replay.position == pytest.approx(1.0)
    replay.step()  # to the last message, and the run ends at the same moment
    await run
    assert stream.transcript == load_transcript(path)


async def test_seek_goes_on_at_once_from_there(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path, 0.01)
    stream = TeamStream(replay)
    replay.seek(0.55)
    run = stream.start()
    await until(lambda: "word4" in written(stream))
    assert "word5" not in written(stream)
    replay.seek(1.35)
    await until(lambda: len(stream.transcript) == 2)
    assert stream.transcript.cells[1].text == "word0 word1 word2 "
    replay.seek(1e9)
    await run
    assert stream.transcript == load_transcript(path)


async def test_seek_back_takes_the_run_off_the_transcript_and_ends_in_the_same(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [*slow_run(), *slow_run("r2", 1010.0)])
    replay = Replay(path, math.inf)
    panel = TeamPanel(replay)
    await panel.run()
    first = panel.transcript
    replay.pause()
    run = panel.start()
    replay.seek(1.35)
    await until(lambda: len(panel.transcript) == 4)
    replay.seek(0.25)
    await until(lambda: len(panel.transcript) == 3)
    assert panel.transcript.cells[2].text == "word0 word1 "
    assert panel.transcript.settled == first.settled
    assert len(panel.make_snapshot()["settled"]) == 2
    panel.save(tmp_path / "again.jsonl")
    assert load_transcript(tmp_path / "again.jsonl") == panel.transcript
    replay.resume()
    await run
    assert panel.transcript == load_transcript(path)


def test_seek_before_the_beginning_is_refused(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", slow_run()))
    with pytest.raises(ValueError, match="0 seconds and beyond"):
        replay.seek(-1)


async def test_a_panel_shows_controls_for_a_replay_and_carries_them_out(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [*slow_run(), *slow_run("r2", 1010.0)])
    replay = Replay(path, 4.0)
    panel = TeamPanel(replay)
    frames: list[dict[str, object]] = []
    panel.send_frame = frames.append  # type: ignore[method-assign, assignment]
    opened = panel.make_snapshot()

    def row() -> dict[str, object]:
        """Where the replay stands, as a page knows it: by its first snapshot, then by the frames."""
        told = [op["replay"] for frame in frames for op in frame["ops"] if op["op"] == "replay"]
        return told[-1] if told else opened["replay"]

    def steer(act: str, value: float | None = None) -> None:
        panel.receive(decode({"type": "replay", "act": act, "value": value}))

    assert row() == {"run": 1, "runs": 2, "position": 0.0, "length": 2.0, "paused": False, "speed": 4.0}
    steer("pause")
    panel.receive(decode({"type": "start", "task": ""}))
    steer("step")
    await until(lambda: [cell.agent for cell in panel.transcript] == ["ann"] and row()["position"] == 1.0)
    assert row()["paused"]
    steer("seek", 1.35)
    await until(lambda: len(panel.transcript) == 2)
    assert panel.transcript.cells[1].text == "word0 word1 word2 "
    steer("speed", None)
    await until(lambda: row()["speed"] is None)
    steer("resume")
    await panel.stream.current
    await until(lambda: row() == {**row(), "run": 2, "position": 0.0, "length": 2.0, "paused": False})
    steer("speed", 0)
    steer("dance")

    def notices() -> list[str]:
        return [op["text"] for frame in frames for op in frame["ops"] if op["op"] == "notice"]

    await until(lambda: len(notices()) == 2)
    told = notices()
    assert "speed is a number above zero" in told[0]
    assert "A replay cannot 'dance'" in told[1]
    panel.start()
    await panel.stream.current
    assert row()["run"] == 1
    assert panel.transcript == load_transcript(path)
    assert panel.stream.replay is replay
    assert TeamPanel(writers()).make_snapshot()["replay"] is None


def test_the_lengths_of_runs_are_known_also_where_one_breaks_off(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [*slow_run(), *slow_run("r2", 1010.0)[:8]])
    assert Replay(path).lengths == (2.0, pytest.approx(0.6))
    path.write_bytes(path.read_bytes() + b'{"event":"chunks","at":10')
    assert Replay(path).lengths == (2.0, pytest.approx(0.6))


async def test_the_controls_work_from_another_thread(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path, 0.001)
    stream = TeamStream(replay)
    run = stream.start()
    await until(lambda: stream.state is RunState.RUNNING)

    def hurry() -> None:
        replay.pause()
        replay.step()
        replay.seek(1.5)
        replay.speed = math.inf
        replay.resume()

    thread = threading.Thread(target=hurry)
    thread.start()
    await asyncio.wait_for(asyncio.shield(_over(run)), 2.0)
    thread.join()
    assert stream.transcript == load_transcript(path)


async def test_an_instant_replay_leaves_the_loop_its_turns(tmp_path) -> None:
    chunks = [Chunk("ann", "ann", 1000.0 + number / 1e4, "x", "m1", "t1") for number in range(20_000)]
    path = write(
        tmp_path / "run.jsonl", [RunStarted("r1", 1000.0), *chunks, RunFinished("r1", 1003.0, CellStatus.DONE)]
    )
    stream = TeamStream(Replay(path, math.inf))
    run = stream.start()
    turns = 0
    while not run.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    assert len(written(stream)) == 20_000


# --- switches and ends ---------------------------------------------------------------------------------------------


async def test_switches_work_as_in_the_live_run(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    replay = Replay(path)
    stream = TeamStream(replay)
    stream.switches["ben"] = False
    tokens: dict[str, list[str]] = {"ann": [], "ben": []}
    stream.on_token(lambda token: tokens[token.agent].append(token.text))
    replay.seek(1.55)
    replay.pause()
    run = stream.start()
    await until(lambda: len(stream.transcript) == 2 and "word4" in stream.transcript.cells[1].text)
    assert len(tokens["ann"]) == 9
    assert not tokens["ben"]
    stream.switches["ben"] = True
    assert tokens["ben"] == ["word0 word1 word2 word3 word4 "]
    replay.speed = math.inf
    replay.resume()
    await run
    assert "".join(tokens["ben"]) == stream.transcript.cells[1].text
    with pytest.raises(UnknownAgentError, match="'ann', 'ben'"):
        stream.switches["cy"] = True


async def test_stop_ends_after_the_turn_and_the_next_run_is_the_next_one(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [*slow_run(), *slow_run("r2", 1010.0)])
    replay = Replay(path)
    stream = TeamStream(replay)
    replay.seek(0.25)
    replay.pause()
    run = stream.start()
    await until(lambda: "word1" in written(stream))
    stopping = asyncio.ensure_future(stream.stop())
    await asyncio.sleep(0)
    replay.speed = math.inf
    replay.resume()
    await stopping
    assert (await run).stop_reason == "Stopped after the turn."
    assert [cell.agent for cell in stream.transcript] == ["ann"]
    assert stream.transcript.runs[0].ended_at == 1001.0
    await stream.run()
    assert [run.id for run in stream.transcript.runs] == ["r1", "r2"]
    assert [cell.agent for cell in stream.transcript] == ["ann", "ann", "ben"]


async def test_a_stop_right_after_the_start_is_not_forgotten(tmp_path) -> None:
    stream = TeamStream(Replay(write(tmp_path / "run.jsonl", slow_run()), math.inf))
    run = stream.start()
    await stream.stop()
    assert (await run).stop_reason == "Stopped after the turn."
    assert [cell.agent for cell in stream.transcript] == ["ann"]


async def test_cancel_ends_at_once(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    stream = TeamStream(Replay(path, 0.01))
    run = stream.start()
    await until(lambda: stream.state is RunState.RUNNING)
    began = time.monotonic()
    await stream.cancel()
    assert time.monotonic() - began < 0.3
    assert run.cancelled()
    assert stream.transcript.runs[0].status is CellStatus.CANCELLED


async def test_reset_begins_with_the_first_run_again(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", [*slow_run(), *slow_run("r2", 1010.0)])
    stream = TeamStream(Replay(path, math.inf))
    await stream.run()
    await stream.reset()
    await stream.run()
    assert [run.started_at for run in stream.transcript.runs] == [1000.0, 1000.0]
