"""Durations are those of a clock that nobody sets; a reader sees the time of day."""

from __future__ import annotations

import asyncio
import time

from nb_stream import TeamStream
from nb_stream.concurrency.clock import counting, now
from nb_stream.core.model import Chunk, RunStarted
from nb_stream.demo import writers
from nb_stream.recording.reader import load_transcript


async def test_a_clock_that_is_set_back_or_forward_in_mid_run_changes_no_duration(tmp_path, monkeypatch) -> None:
    real, shift, began = time.time, 0.0, time.monotonic()
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    stream = TeamStream(writers(pace=0.001), record=tmp_path / "run.jsonl")
    times: list[float] = []

    def hear(event: object) -> None:
        nonlocal shift
        times.append(event.at)
        if isinstance(event, Chunk):
            shift = -3600.0 if shift >= 0 else 7200.0

    stream.on_event(hear)
    await stream.run(task="Go")
    took = time.monotonic() - began
    assert shift
    assert max(times) - min(times) <= took
    for transcript in (stream.transcript, load_transcript(tmp_path / "run.jsonl")):
        [run] = transcript.runs
        assert 0 < run.duration <= took
        assert all(0 <= cell.duration <= took for cell in transcript if cell.duration is not None)
    shift = -3600.0
    await stream.run(task="Again")
    [_, again] = stream.transcript.runs
    assert abs(again.started_at - (real() - 3600.0)) < 60
    assert 0 < again.duration <= took + time.monotonic() - began


def test_a_run_whose_loop_was_closed_holds_no_time_of_day(monkeypatch) -> None:
    async def never_ends() -> None:
        with counting():
            await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    left = loop.create_task(never_ends())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    before, real = now(), time.time
    with counting():
        pass
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert now() < before - 3000
    left.get_coro().close()


def test_the_time_of_day_is_read_anew_when_no_run_goes_on(monkeypatch) -> None:
    real = time.time
    with counting(), counting():
        before = now()
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        assert now() >= before
        assert RunStarted("r1", now()).at >= before
    assert now() < before - 3000
    with counting():
        assert now() < before - 3000
