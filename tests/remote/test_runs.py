"""Runs of a remote team: they end, fail, stop and are cancelled as here, and several viewers share them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import pathlib
import weakref
from typing import Any

import pytest
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_core import CancellationToken

from nb_stream import CellKind, CellStatus, RunState, TeamStream, Transcript
from nb_stream.errors import (
    AlreadyRunningError,
    EmptyTaskError,
    NoTeamError,
    NotRunningError,
    RemoteError,
    RemoteRunError,
    StateError,
    UnsupportedError,
)
from nb_stream.recording.reader import Recording
from nb_stream.serve.worker import Worker
from tests.support import served_teams
from tests.support.memory_transport import MemoryRemote
from tests.support.wait_until import until

Wire = type[MemoryRemote]


async def viewers(wire: Wire, team: Any, count: int = 1, **options: Any) -> tuple[Worker, list[TeamStream]]:
    """A worker of a team, and streams that are ready."""
    worker = Worker.of(team, options)
    streams = [TeamStream(wire(worker)) for _ in range(count)]
    await asyncio.gather(*(stream.ready() for stream in streams))
    return worker, streams


async def test_run_stream_gives_what_the_team_gives(memory_wire: Wire) -> None:
    _, (stream,) = await viewers(memory_wire, served_teams.tooled)
    given = [message async for message in stream.run_stream(task=TextMessage(content="Begin.", source="boss"))]
    bare = [message async for message in served_teams.tooled().run_stream(task="Begin.")]
    assert isinstance(given[-1], TaskResult)
    kinds = [type(message) for message in given if not isinstance(message, ModelClientStreamingChunkEvent)]
    assert kinds == [type(message) for message in bare if not isinstance(message, ModelClientStreamingChunkEvent)]
    whole = [message for message in given[:-1] if not isinstance(message, ModelClientStreamingChunkEvent)]
    assert given[-1].messages == whole
    assert whole[0].source == "boss"
    texts = ["".join(m.content for m in all if isinstance(m, ModelClientStreamingChunkEvent)) for all in (given, bare)]
    assert texts[0] == texts[1] != ""


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "held"])
async def test_the_messages_are_equal_to_the_workers(memory_wire: Wire, is_open: bool) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.tooled, streaming=is_open)
    result = await stream.run("Begin.", output_task_messages=False)
    current = worker.stream.current
    assert current is not None
    assert result == current.result()


async def test_a_failure_in_the_worker_is_raised_here_with_its_words(memory_wire: Wire) -> None:
    worker, (stream, other) = await viewers(memory_wire, served_teams.faulty(), 2)
    with pytest.raises(RemoteRunError, match="the model is gone") as caught:
        await stream.run("Begin.")
    assert "Traceback" in caught.value.traceback
    assert stream.state is other.state is RunState.FAILED
    assert stream.detail == worker.stream.detail
    result = await other.run("Again.")
    assert result.messages[-1].content == served_teams.TEXT
    assert [run.status for run in stream.transcript.runs] == [CellStatus.FAILED, CellStatus.DONE]


@pytest.mark.parametrize("how", ["cancel", "token", "left", "task"])
async def test_a_cancel_here_ends_the_run_there(memory_wire: Wire, how: str) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.slow())
    heard: list[str] = []
    stream.on_token(lambda token: heard.append(token.text))
    token = CancellationToken()
    if how == "left":
        async with contextlib.aclosing(stream.run_stream(task="Begin.")) as messages:
            async for _ in messages:
                if heard:
                    break
    else:
        task = asyncio.ensure_future(stream.run("Begin.", cancellation_token=token))
        await until(lambda: heard)
        if how == "cancel":
            await stream.cancel()
        elif how == "token":
            token.cancel()
        else:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: worker.stream.state is RunState.CANCELLED)
    await until(lambda: stream.state is RunState.CANCELLED)
    assert stream.transcript == worker.stream.transcript
    assert stream.transcript.runs[-1].status is CellStatus.CANCELLED


async def test_stop_ends_the_run_after_the_turn(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.pair())
    run = stream.start("Begin.")
    await until(lambda: stream.transcript.live_cells)
    await stream.stop()
    assert (await run).messages[-1].source == "ann"
    assert stream.detail == worker.stream.detail


async def test_a_start_during_a_run_is_refused_and_names_the_run(memory_wire: Wire) -> None:
    worker, (stream, other) = await viewers(memory_wire, served_teams.slow(), 2)
    run = stream.start("Plan a trip.")
    await until(lambda: other.state is RunState.RUNNING)
    with pytest.raises(AlreadyRunningError, match=r"the run r1 \('Plan a trip.'\) of this remote team is under way"):
        other.start("Another.")
    with pytest.raises(AlreadyRunningError, match="r1"):
        await other.run("Another.")
    await other.cancel()
    assert run.cancelled()
    assert len(worker.stream.transcript.runs) == 1


async def test_of_two_starts_at_the_same_time_one_is_refused_by_the_worker(memory_wire: Wire) -> None:
    worker, streams = await viewers(memory_wire, served_teams.pair(), 2)
    outcomes = await asyncio.gather(*(stream.run("Begin.") for stream in streams), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyRunningError", "TaskResult"]
    assert "r1" in str(next(one for one in outcomes if isinstance(one, AlreadyRunningError)))
    assert len(worker.stream.transcript.runs) == 1
    assert streams[0].transcript == streams[1].transcript == worker.stream.transcript
    assert streams[0].state is streams[1].state is RunState.IDLE


async def test_a_question_is_answered_by_whoever_is_first(memory_wire: Wire) -> None:
    worker, (stream, other) = await viewers(memory_wire, served_teams.asker(), 2)
    run = stream.start("Begin.")
    await until(lambda: stream.questions and other.questions)
    (question,) = other.questions
    assert question == worker.stream.questions[0]
    assert stream.state is RunState.WAITING
    other.answer(question.request_id, "Mine.")
    stream.answer(question.request_id, "Too late.")
    result = await run
    assert result.messages[-1].content == "Mine."
    await until(lambda: not stream.questions and not other.questions)
    (cell,) = [cell for cell in stream.transcript.cells if cell.kind is CellKind.INPUT]
    assert cell.data["answer"] == "Mine."
    with pytest.raises(NotRunningError, match="not open any more"):
        stream.answer(question.request_id, "Once more.")


async def test_a_callback_answers_questions(memory_wire: Wire) -> None:
    _, (stream,) = await viewers(memory_wire, served_teams.asker())
    stream.on_question(lambda question: f"You are {question.agent}.")
    assert (await stream.run("Begin.")).messages[-1].content == "You are person."


async def test_reset_and_state_are_the_teams(memory_wire: Wire) -> None:
    worker, (stream, other) = await viewers(memory_wire, served_teams.pair(), 2)
    await stream.run("Begin.")
    state = await stream.save_state()
    assert state == await worker.stream.save_state()
    await other.reset()
    assert await worker.stream.save_state() != state
    await until(lambda: "reset" in stream.transcript.cells[-1].text)
    await other.load_state(state)
    assert await worker.stream.save_state() == state
    with pytest.raises(StateError):
        await other.load_state({"no": "state"})


async def test_a_task_without_text_is_refused_here(memory_wire: Wire) -> None:
    _, (stream,) = await viewers(memory_wire, served_teams.pair())
    with pytest.raises(EmptyTaskError):
        stream.start("  ")
    with pytest.raises(TypeError, match="a text, a message or a list of messages"):
        stream.start({"no": "task"})


async def test_a_recording_here_is_the_one_there(memory_wire: Wire, tmp_path: pathlib.Path) -> None:
    worker = Worker.of(served_teams.tooled, {"record": tmp_path / "there.jsonl"})
    stream = TeamStream(memory_wire(worker), record=tmp_path / "here.jsonl")
    await stream.run("Begin.")
    here, there = (list(Recording(tmp_path / f"{name}.jsonl").events()) for name in ("here", "there"))
    assert here == there
    late = TeamStream(memory_wire(worker))
    await late.ready()
    late.save(tmp_path / "late.jsonl")
    assert list(Recording(tmp_path / "late.jsonl").events()) == there
    late.export(tmp_path / "late.html")
    assert "Now I know." in (tmp_path / "late.html").read_text("utf-8")


async def test_callbacks_hear_what_comes_after_ready_and_nothing_from_before(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.pair())
    await stream.run("Begin.")
    late = TeamStream(memory_wire(worker))
    tokens: list[str] = []
    events: list[Any] = []
    late.on_token(lambda token: tokens.append(token.text))
    late.on_event(events.append)
    await late.ready()
    assert len(late.transcript.cells) == 3
    assert (tokens, events) == ([], [])
    await late.run("Again.")
    assert "".join(tokens) == served_teams.TEXT + served_teams.SECRET


async def test_a_worker_that_was_started_anew_is_told_and_its_run_has_failed(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.slow())
    remote = stream._backend.connection.remote  # type: ignore[attr-defined]
    run = stream.start("Begin.")
    await until(lambda: stream.transcript.live_cells)
    remote.worker = Worker.of(served_teams.pair(), {})
    await worker.stream.cancel()
    with pytest.raises(RemoteRunError, match="started anew"):
        await run
    assert stream.transcript.runs[0].status is CellStatus.FAILED
    assert "started anew" in stream.transcript.cells[-1].text
    assert [agent.path for agent in stream.agents] == ["ann", "bob"]
    result = await stream.run("Again.")
    assert result.messages[-1].source == "bob"
    assert [info.id for info in stream.transcript.runs] == ["r1", "r1.2"]
    assert [cell.text for cell in stream.transcript.cells[-2:]] == [served_teams.TEXT, served_teams.SECRET]


async def test_a_run_goes_on_when_every_viewer_is_gone(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.pair())
    stream.start("Begin.")
    await until(lambda: stream.transcript.live_cells)
    await stream._backend.connection.close()  # type: ignore[attr-defined]
    await until(lambda: worker.stream.transcript.runs[0].status is CellStatus.DONE)
    late = TeamStream(memory_wire(worker))
    await late.ready()
    assert late.transcript == worker.stream.transcript


async def test_a_served_replay_goes_back_for_everybody(memory_wire: Wire, tmp_path: pathlib.Path) -> None:
    from nb_stream import Replay

    worker = Worker.of(served_teams.pair, {"record": tmp_path / "run.jsonl"})
    await worker.stream.run("Begin.")
    replay = Replay(tmp_path / "run.jsonl", speed=float("inf"))
    worker, (stream,) = await viewers(memory_wire, replay)
    result = await stream.run("Anything.")
    assert result.messages[-1].content == served_teams.SECRET
    assert stream.transcript == worker.stream.transcript


async def test_ready_returns_at_once_where_the_team_runs_here() -> None:
    await TeamStream(served_teams.pair()).ready()


def test_options_of_the_worker_are_refused_here(memory_wire: Wire) -> None:
    remote = memory_wire(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Give streaming, input_timeout to the worker"):
        TeamStream(remote, streaming=False, input_timeout=3)
    assert TeamStream(remote, streaming=True).state is RunState.IDLE


def test_a_script_without_await(memory_wire: Wire) -> None:
    worker = Worker.of(served_teams.pair(), {})
    stream = TeamStream(memory_wire(worker))
    assert stream.agents == ()
    result = stream.run_sync("Begin.")
    assert result.messages[-1].content == served_teams.SECRET
    heard: list[str] = []
    stream.on_token(lambda token: heard.append(token.path))
    stream.switches["bob"] = False  # no loop runs: it goes out before the next run
    assert stream.run_sync("Again.").messages[-1].content == served_teams.SECRET
    assert set(heard) == {"ann"}
    assert not worker.stream.switches["bob"]
    assert isinstance(stream.transcript, Transcript)


async def test_what_is_said_in_mid_run_and_what_it_may_use_are_the_workers(memory_wire: Wire) -> None:
    worker, (stream, other) = await viewers(memory_wire, served_teams.pair(), 2, limit_tokens=1_000_000)
    run = stream.start("Begin.")
    await until(lambda: stream.transcript.live_cells)
    other.say("And hurry.")
    result = await run
    assert "And hurry." in [getattr(message, "content", "") for message in result.messages]
    await until(lambda: other.transcript == stream.transcript == worker.stream.transcript)
    assert other.budget == stream.budget == worker.stream.budget
    assert stream.budget[0].spent > 0


async def test_a_stream_that_nobody_holds_leaves_its_worker(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.pair())
    await stream.run("Begin.")
    gone = weakref.ref(stream)
    assert len(worker._viewers) == 1
    del stream
    await asyncio.sleep(0)
    gc.collect()
    assert gone() is None
    worker.stream.switches["ann"] = False  # the next batch finds nobody
    await until(lambda: not worker._viewers)


async def test_a_worker_of_another_version_is_refused_in_a_sentence(memory_wire: Wire) -> None:
    worker, (stream,) = await viewers(memory_wire, served_teams.pair())
    worker._waiting.append(b'{"event":"of_another_version"}')
    worker.state_changed()
    await until(lambda: "Install the same version" in stream.detail)
    with pytest.raises(RemoteError, match="not understood here"):
        await stream.run("Begin.")


async def test_a_remote_team_cannot_stand_in_a_team_here(memory_wire: Wire) -> None:
    _, (stream,) = await viewers(memory_wire, served_teams.pair())
    with pytest.raises(NoTeamError, match="in its worker"):
        stream.team  # noqa: B018
    with pytest.raises(UnsupportedError, match="in its worker"):
        await stream.pause()
