"""Recordings: what gets in and what does not, what a crash leaves, and what damaged files still give."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import math
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from typing import Any
from unittest.mock import patch

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.messages import StructuredMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from nb_stream import Replay, TeamPanel, TeamStream
from nb_stream.concurrency.clock import now
from nb_stream.core.model import (
    CellKind,
    CellStatus,
    Chunk,
    Event,
    Message,
    RunFinished,
    RunStarted,
    ToolCall,
    ToolResults,
)
from nb_stream.core.typed_json import is_json
from nb_stream.demo import TEAMS, Call, Say, ScriptedClient, writers
from nb_stream.errors import RecordingError, RecordingWarning
from nb_stream.export import export
from nb_stream.recording.codec import KINDS, event_word, from_line, header, joined, line, to_dict
from nb_stream.recording.reader import Recording, load_transcript
from nb_stream.recording.redaction import KEY_REMOVED, REDACT_FAILED, Redactor, scrub
from nb_stream.recording.writer import BATCH_CHUNKS, EventLog, save_recording
from tests.support.openai_server import HttpError, OpenAIServer, Reply
from tests.support.paths import ROOT
from tests.support.random_runs import Author
from tests.support.recordings import record, rows, write
from tests.support.transcript_oracle import folded

HERE = pathlib.Path(__file__).parent
SCHEMA = json.loads((ROOT / "nb_stream" / "schemas" / "recording.schema.json").read_text("utf-8"))

RUN = [
    RunStarted("r1", 100.0, "Say it."),
    Chunk("ann", "ann", 100.5, "Hel", "m1", "t1"),
    Chunk("ann", "ann", 100.75, "lo\u2028", "m1", "t1"),
    Message("ann", "ann", 101.0, CellKind.TEXT, "Hello\u2028", "TextMessage", "m1", "t1", True),
    RunFinished("r1", 101.5, CellStatus.DONE, "enough"),
]


def opened(path: pathlib.Path) -> list[object]:
    """The events of a recording; its warnings are somebody else's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        return list(Recording(path).events())


# --- what is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("name", sorted(TEAMS))
async def test_a_recording_gives_the_transcript_of_the_live_runs(name: str, suffix: str, tmp_path) -> None:
    path = tmp_path / f"run{suffix}"
    live = await record(name, path, runs=2)
    assert load_transcript(path) == live


async def test_every_line_is_an_object_that_fits_the_schema(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    validator = Draft202012Validator(SCHEMA)
    for name in sorted(TEAMS):
        await record(name, path)
        lines = rows(path)
        assert lines[0]["nb_stream"] == "recording"
        assert [agent["path"] for agent in lines[0]["agents"]]
        for row in lines:
            validator.validate(row)
        assert sum(len(row["after"]) for row in lines if row.get("event") == "chunks") > 10


def test_the_schema_names_the_fields_of_every_event() -> None:
    for kind in KINDS:
        described = SCHEMA["$defs"][event_word(kind)]["properties"].keys() - {"event"}
        assert described == {field.name for field in dataclasses.fields(kind) if is_json(field)}
    assert set(SCHEMA["$defs"]["kind"]["enum"]) == {kind.value for kind in CellKind}


def test_chunks_are_recorded_one_by_one_with_the_time_of_each(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", RUN)
    assert opened(path) == RUN
    assert [row["at"] for row in rows(path)[1:]] == [100_000_000, 100_500_000, 101_000_000, 101_500_000]
    assert rows(path)[2]["text"] == ["Hel", "lo\u2028"]


@given(seed=st.integers(0, 2**32))
def test_any_events_come_back_as_they_were(tmp_path_factory, seed: int) -> None:
    events = Author(random.Random(seed)).scenario().events
    path = write(tmp_path_factory.mktemp("any") / "run.jsonl", events)
    assert [repr(event) for event in opened(path)] == [repr(event) for event in events]
    assert load_transcript(path) == folded(events)


@given(text=st.text(alphabet=st.characters(), max_size=20) | st.sampled_from(['","agent":', '\\","agent":"', "\ud83c"]))
def test_any_text_of_a_chunk_comes_back(text: str) -> None:
    chunks = [Chunk('a"b', "p\\q", 1.5, text, None, "t1"), Chunk("b", "b", 2.5, text), Chunk("b", "b", 3.5, "x")]
    for row in ([chunks[0]], chunks, chunks[1:]):
        data = line(row)
        assert data.count(b"\n") == 1
        assert data.isascii() or data.decode("utf-8")
        assert from_line(data) == row
    assert joined(line(chunks[1:])) == [Chunk("b", "b", 2.5, f"{text}x", count=2, until=3.5)]


@given(texts=st.lists(st.text(alphabet='a"\\\x7f\n\uffff\ud83c,', max_size=4), min_size=1, max_size=5))
def test_texts_with_signs_that_json_and_the_lines_use_themselves_come_back(texts: list[str]) -> None:
    chunks = [Chunk("ann", "ann", 1.5 + place, text) for place, text in enumerate(texts)]
    assert from_line(line(chunks)) == chunks
    assert json.loads(line(chunks))["text"] == texts


@given(times=st.lists(st.integers(0, 2**32 * 10**6), min_size=1, max_size=9))  # up to the year 2106
def test_any_times_of_whole_microseconds_come_back_exactly(times: list[int]) -> None:
    chunks = [Chunk("ann", "ann", at / 1e6, "x") for at in times]
    assert [repr(chunk.at) for chunk in from_line(line(chunks))] == [repr(at / 1e6) for at in times]


@given(times=st.lists(st.floats(-62_135_596_800, 253_402_300_799), min_size=1, max_size=9))  # the years 1 to 9999
def test_any_times_come_back_to_the_microsecond(times: list[float]) -> None:
    chunks = [Chunk("ann", "ann", at, "x") for at in times]
    for at, chunk in zip(times, from_line(line(chunks)), strict=True):
        assert abs(chunk.at - at) <= max(1e-6, 2 * math.ulp(at))


def test_times_are_written_as_the_schema_says() -> None:
    values = json.loads(line([Chunk("ann", "ann", 1_760_000_000.25, "x"), Chunk("ann", "ann", 1_760_000_000.75, "y")]))
    assert (values["at"], values["after"]) == (1_760_000_000_250_000, [0, 500_000])
    values = json.loads(line(Chunk("ann", "ann", 1.5, "xyz", count=3, until=1.75)))
    assert (values["at"], values["until"]) == (1_500_000, 1_750_000)


def test_the_clock_gives_whole_microseconds() -> None:
    for at in (now(), now()):
        assert round(at * 1e6) / 1e6 == at


def test_a_recording_of_version_1_is_read() -> None:
    """Both files were written by nb_stream 0.1: a recording, and its events with times in seconds."""
    old = [json.loads(row) for row in (HERE / "version_1_events.jsonl").read_text("utf-8").splitlines()]
    expected = [
        {name: round(value * 1e6) if name in ("at", "until") else value for name, value in row.items()} for row in old
    ]
    recording = Recording(HERE / "version_1.jsonl")
    events = list(recording.events())
    assert [to_dict(event) for event in events] == expected
    assert recording.created == pytest.approx(events[0].at, abs=1)
    assert load_transcript(recording.path) == folded(events)
    assert recording.lengths() == tuple(run.duration for run in recording.transcript().runs)


async def test_a_recording_of_version_1_is_played_and_saved_as_version_2(tmp_path) -> None:
    stream = TeamStream(Replay(HERE / "version_1.jsonl", math.inf))
    for _ in range(stream.replay.runs):
        await stream.run()
    stream.save(tmp_path / "run.jsonl")
    assert load_transcript(tmp_path / "run.jsonl") == stream.transcript
    assert Recording(tmp_path / "run.jsonl").version == 2
    TeamStream.load(HERE / "version_1.jsonl").save(tmp_path / "again.jsonl")
    assert opened(tmp_path / "again.jsonl") == opened(HERE / "version_1.jsonl")


def test_values_that_json_does_not_know_are_written_all_the_same(tmp_path) -> None:
    odd = {"nan": float("nan"), "deep": [float("inf"), {"object": pathlib.PurePosixPath("a/b")}]}
    path = write(tmp_path / "run.jsonl", [dataclasses.replace(RUN[3], data=odd)])
    assert rows(path)[1]["data"] == {"nan": None, "deep": [None, {"object": "a/b"}]}


async def test_a_panel_records_and_saves_what_it_heard(tmp_path) -> None:
    panel = TeamPanel(writers(pace=0), record=tmp_path / "live.jsonl")
    with pytest.raises(RecordingError, match="no run has begun"):
        panel.save(tmp_path / "early.jsonl")
    await panel.run("Do it.")
    panel.save(tmp_path / "saved.jsonl")
    panel.save(tmp_path / "saved.jsonl.gz")
    live = opened(tmp_path / "live.jsonl")
    assert opened(tmp_path / "saved.jsonl") == live
    assert opened(tmp_path / "saved.jsonl.gz") == live
    assert load_transcript(tmp_path / "saved.jsonl") == panel.transcript
    assert not (tmp_path / "early.jsonl").exists()


async def test_a_file_that_is_there_is_kept_and_a_panel_without_a_run_touches_nothing(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("of value")
    TeamStream(writers(pace=0), record=path)
    assert path.read_text() == "of value"
    await record("silent", path)
    assert (tmp_path / "run.jsonl.bak").read_text() == "of value"
    assert load_transcript(path).runs


async def test_a_gzip_file_is_complete_when_a_run_has_ended(tmp_path) -> None:
    path = tmp_path / "run.jsonl.gz"
    stream = TeamStream(writers(pace=0), record=path)
    for runs in (1, 2):
        await stream.run("Do it.")
        text = gzip.decompress(path.read_bytes()).decode()
        assert text.count('"event":"run_finished"') == runs


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
async def test_notices_between_runs_are_recorded(suffix: str, tmp_path) -> None:
    path = tmp_path / f"run{suffix}"
    stream = TeamStream(writers(pace=0), record=path)
    await stream.run("Do it.")
    await stream.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # also a gzip file is whole
        assert load_transcript(path) == stream.transcript
    await stream.run("Do it.")
    assert load_transcript(path) == stream.transcript
    assert [cell.kind for cell in load_transcript(path)].count(CellKind.NOTICE) == 1


def test_chunks_in_memory_take_some_20_bytes_each() -> None:
    tape = EventLog()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100_000):
        tape.chunks.append(Chunk("ann", "ann", 1e9 + number * 0.0123, f" word{number % 97}", "m1", "t1"))
        if len(tape.chunks) >= BATCH_CHUNKS:
            tape.pack()
    tape.pack()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 100_000 < 25


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
async def test_what_is_saved_onto_the_file_that_is_recorded_goes_on_there(suffix: str, tmp_path) -> None:
    path, link = tmp_path / f"run{suffix}", tmp_path / f"link{suffix}"
    stream = TeamStream(writers(pace=0), record=path)
    with pytest.raises(RecordingError, match="no run has begun"):
        stream.save(path)
    await stream.run("One.")
    stream.save(path, state=await stream.save_state())
    assert Recording(path).state
    run = stream.start("Two.")
    while not stream.transcript.live:
        await asyncio.sleep(0)
    stream.save(tmp_path / "x" / ".." / path.name)  # in mid-message
    await run
    link.symlink_to(path)
    stream.save(link)
    await stream.run("Three.")
    assert load_transcript(path) == load_transcript(link) == stream.transcript
    assert link.is_symlink()
    assert [info.task for info in load_transcript(path).runs] == ["One.", "Two.", "Three."]
    assert sorted(file.name for file in tmp_path.iterdir()) == [link.name, path.name, f"{path.name}.bak"]


async def test_a_file_that_is_recorded_keeps_its_redact_when_it_is_saved(tmp_path) -> None:
    path, tape = tmp_path / "run.jsonl", EventLog()
    tape.record(path, header((), {}, 0.0), redact=hide, complain=pytest.fail)
    tape(RunStarted("r1", 1.0, "Well?"))
    for text in ("I am Rumpel", "stiltskin, and ", "that is all."):
        tape.chunks.append(Chunk("ann", "ann", 2.0, text, "m1", "t1"))
        tape.save(path, header((), {}, 0.0))
    tape(Message("ann", "ann", 3.0, CellKind.TEXT, "I am Rumpelstiltskin, and that is all.", "TextMessage", "m1", "t1"))
    tape(RunFinished("r1", 4.0, CellStatus.DONE))
    said = "I am <name>, and that is all."
    assert "".join(event.text for event in opened(path) if isinstance(event, Chunk)) == said
    assert [cell.text for cell in load_transcript(path)] == [said]


async def test_where_saving_onto_the_file_that_is_recorded_fails_the_recording_goes_on(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    stream = TeamStream(writers(pace=0), record=path)
    await stream.run("One.")
    with pytest.raises(RecordingError, match="redact function failed"):
        stream.save(path, redact=lambda text: 1 / 0)
    await stream.run("Two.")
    assert load_transcript(path) == stream.transcript
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


# --- what a crash leaves -------------------------------------------------------------------------------------------

CHILD = """
import asyncio, sys, time
from nb_stream import TeamStream
from nb_stream.demo import writers

path, blocks = sys.argv[1], sys.argv[2] == "blocks"
stream = TeamStream(writers(pace=0.005), record=path)
seen = []

def token(token):
    seen.append(token)
    if blocks and len(seen) == 60:
        print("blocked", flush=True)
        time.sleep(60)

stream.on_token(token)
asyncio.run(stream.run("Do it."))
"""


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("state", ["streams", "blocks"])
def test_a_killed_process_loses_at_most_the_last_second(suffix: str, state: str, tmp_path) -> None:
    path = tmp_path / f"run{suffix}"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), state],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        if state == "blocks":  # the event loop stands still inside of a callback
            assert child.stdout.readline().strip() == b"blocked"
            time.sleep(1.0)  # what is promised
        else:
            wait_for(lambda: path.exists() and path.stat().st_size and len(opened(path)) > 100)
        killed = time.time()
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    events = opened(path)
    if state == "blocks":
        assert sum(isinstance(event, Chunk) for event in events) == 60
    else:
        assert killed - events[-1].at < 1.0
    assert load_quietly(path).runs[0].status is CellStatus.RUNNING


async def test_the_file_can_be_followed_while_it_grows(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    stream = TeamStream(writers(pace=0.002), record=path)
    run = stream.start("Do it.")
    sizes, before = set(), b""
    while not run.done():
        if path.exists():
            data = path.read_bytes()
            assert data.startswith(before)
            assert not data or data.endswith(b"\n")
            before = data
            sizes.add(len(data))
        await asyncio.sleep(0.02)
    await run
    assert len(sizes) > 2
    assert path.read_bytes().startswith(before)


def wait_for(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


def load_quietly(path: pathlib.Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        return load_transcript(path)


# --- what must not get in ------------------------------------------------------------------------------------------

KEY = "sk-proj-4f9ZqThisKeyMustNotBeFoundAnywhere0123"
OTHER = "an-odd-key-without-a-known-beginning-77"


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
async def test_keys_and_the_environment_never_get_in(suffix: str, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ELSEWHERE_TOKEN", OTHER)
    refusal = HttpError(401, f"Incorrect API key provided: {KEY}, Bearer {OTHER}.")
    with OpenAIServer([Reply("One."), refusal]) as server:
        client = OpenAIChatCompletionClient(
            model="gpt-4o-mini", base_url=server.url, api_key=KEY, max_retries=0, default_headers={"X-Key": OTHER}
        )
        agent = AssistantAgent("ann", client, model_client_stream=True)
        stream = TeamStream(RoundRobinGroupChat([agent], max_turns=2), record=tmp_path / f"run{suffix}")
        with pytest.raises(RuntimeError):
            await stream.run("Do it.")
    stream.save(tmp_path / f"saved{suffix}")
    for name in ("run", "saved"):
        data = (tmp_path / f"{name}{suffix}").read_bytes()
        text = (gzip.decompress(data) if suffix.endswith("gz") else data).decode()
        assert "Incorrect API key provided: [key removed]" in text
        assert KEY not in text
        assert OTHER not in text
        assert server.url not in text
        assert os.environ["PATH"] not in text


async def test_a_key_in_a_tools_error_does_not_get_in(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ELSEWHERE_TOKEN", OTHER)

    def ask_service() -> str:
        """Ask a service that repeats what it refuses."""
        raise RuntimeError(f"Incorrect API key provided: {KEY}, and {OTHER}.")

    client = ScriptedClient([Call("ask_service", {}), Say(f"It refused {OTHER}.")])
    agent = AssistantAgent("ann", client, tools=[ask_service], reflect_on_tool_use=True)
    await TeamStream(RoundRobinGroupChat([agent], max_turns=1), record=tmp_path / "run.jsonl").run("Do it.")
    text = (tmp_path / "run.jsonl").read_text()
    assert text.count("[key removed]") == 3
    assert KEY not in text
    assert OTHER not in text


class Out(BaseModel):
    said: dict[str, list[str]]


async def test_no_secret_of_the_environment_gets_in_wherever_it_is_said(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ELSEWHERE_TOKEN", OTHER)

    def pay(key: str) -> str:
        """Pay."""
        return f"paid with {key}"

    scripts = (
        [Call("pay", {"key": OTHER})],
        [Say(json.dumps({"said": {"it": [OTHER]}}))],
        [Say(f"It is {OTHER}.", chunk=5)],
    )
    ann, ben, cy = (ScriptedClient(script) for script in scripts)
    team = RoundRobinGroupChat(
        [
            AssistantAgent("ann", ann, tools=[pay], model_client_stream=True, description=f"pays with {OTHER}"),
            AssistantAgent("ben", ben, output_content_type=Out),
            UserProxyAgent("human"),
            AssistantAgent("cy", cy, model_client_stream=True),
        ],
        max_turns=4,
        custom_message_types=[StructuredMessage[Out]],
    )
    stream = TeamStream(team, record=tmp_path / "run.jsonl")
    stream.on_question(lambda question: OTHER)
    await stream.run(task=f"Use {OTHER}.")
    stream.save(tmp_path / "saved.jsonl", state=await stream.save_state())
    live = stream.transcript.to_dict()["cells"]
    clean = json.loads(json.dumps(live).replace(OTHER, KEY_REMOVED))
    assert clean != live
    for name in ("run", "saved"):
        assert OTHER not in (tmp_path / f"{name}.jsonl").read_text("utf-8")
        assert load_transcript(tmp_path / f"{name}.jsonl").to_dict()["cells"] == clean


@given(st.data())
def test_no_border_of_chunks_or_of_lines_hides_a_secret(data: st.DataObject) -> None:
    """Two agents write at the same time, and what came so far is written at any moment."""
    secret = "abc-abc-abd-12"
    texts = {
        path: "".join(data.draw(st.lists(st.sampled_from([secret, "abc-", "ab", "d-12", " "]), max_size=8)))
        for path in ("ann", "ben")
    }
    left = dict(texts)
    tape = EventLog()
    with patch.dict(os.environ, {"A_KEY": secret}):
        tape(RunStarted("r1", 1.0))
        while any(left.values()):
            path = data.draw(st.sampled_from([path for path, text in left.items() if text]))
            length = data.draw(st.integers(1, 9))
            tape.chunks.append(Chunk(path, path, 2.0, left[path][:length], path, path))
            left[path] = left[path][length:]
            if data.draw(st.booleans()):
                tape.flush()
                assert sum(map(len, left.values())) > 0 or len(tape.chunks) <= 2 * len(secret)
        tape(RunFinished("r1", 3.0, CellStatus.DONE))
    written = events_of(tape)
    for path, text in texts.items():
        said = "".join(event.text for event in written if isinstance(event, Chunk) and event.path == path)
        assert said == text.replace(secret, KEY_REMOVED)


def texts_of(tape: EventLog) -> list[str]:
    """The texts of the chunks that a tape has kept."""
    return [event.text for event in events_of(tape) if isinstance(event, Chunk)]


def events_of(tape: EventLog) -> list[Event]:
    """What a tape has kept, as whoever opens its file reads it."""
    with tempfile.TemporaryDirectory() as folder:
        tape.save(path := pathlib.Path(folder) / "run.jsonl", header((), {}, 0.0))
        return list(Recording(path).events())


def test_what_is_saved_in_the_middle_of_a_secret_gives_no_half_of_it_away(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("A_KEY", "abc-abc-abd-12")
    tape = EventLog()
    tape(RunStarted("r1", 1.0))
    for text in ("It is abc-", "abc-abd-12, is", " it?"):
        tape.chunks.append(Chunk("ann", "ann", 2.0, text, "m1", "t1"))
        tape.save(tmp_path / "run.jsonl", header((), {}, 0.0))
        assert "abc" not in (tmp_path / "run.jsonl").read_text("utf-8")
    tape(RunFinished("r1", 3.0, CellStatus.DONE))
    assert "".join(texts_of(tape)) == f"It is {KEY_REMOVED}, is it?"


def test_a_run_that_is_rewound_leaves_no_half_of_a_secret(monkeypatch) -> None:
    monkeypatch.setenv("A_KEY", "abc-abc-abd-12")
    tape = EventLog()
    tape(RunStarted("r1", 1.0))
    tape.chunks.append(Chunk("ann", "ann", 2.0, "It is abc-", "m1", "t1"))
    tape.rewind()
    tape.chunks.append(Chunk("ann", "ann", 2.0, "Nothing.", "m1", "t1"))
    tape(RunFinished("r1", 3.0, CellStatus.DONE))
    assert texts_of(tape) == ["Nothing."]


def test_two_threads_that_write_at_once_tell_once_that_a_recording_has_ended() -> None:
    told, tape = list[str](), EventLog()

    class Sentences(list[str]):
        def pop(self, *place: Any) -> str:
            if self and not told:
                told.append("")
                thread = threading.Thread(target=tape.flush)
                thread.start()
                thread.join(10)
            return super().pop(*place)

    tape._sentences = Sentences(["The disk is full."])
    tape._complain = told.append
    tape.flush()
    assert told == ["", "The disk is full."]


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("no option skip_connections_enabled in pkg-config-wrapper-0.1", None),
        ('duplicate key value violates "pk_orders_by_customer_2024"', None),
        ("Bearer authentication is required, as is sk-learn-and-other-things", None),
        ("hf_transformers_are_not_installed, gho", None),
        *(
            (f"refused: {key}!", f"refused: {KEY_REMOVED}!")
            for key in (
                KEY,
                "sk-ant-api03-abcDEF0123456789abcDEF0123456789",
                "sk_live_51HabcdefABCDEF0123",
                "rk_test_51HabcdefABCDEF0123",
                "xoxb-123456789012-abcdefABCDEF",
                "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
                "github_pat_11ABCDEFG0123456789_abcdef",
                "hf_abcdefABCDEF0123456789abcdef",
                "AIzaSyA0123456789abcdefABCDEF0123456789",
            )
        ),
        ("Authorization: Bearer eyJhbGciOi.e30.4f9Z", f"Authorization: Bearer {KEY_REMOVED}"),
    ],
)
def test_errors_lose_keys_and_keep_words(error: str, kept: str | None) -> None:
    failed = scrub(RunFinished("r1", 1.0, CellStatus.FAILED, None, error, error))
    assert isinstance(failed, RunFinished)
    assert failed.error == failed.traceback == (error if kept is None else kept)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("KEYCLOAK_URL", "https://keycloak.example.com/auth/realms/7", False),
        ("TOKENIZERS_PARALLELISM", "true, with 8 of them", False),
        ("TOKEN_URL", "https://login.example.com/oauth2/v2/token", False),
        ("TOKEN_URL", "https://ann:sesame1234@login.example.com/", True),
        ("KEY_URL", "https://example.com/?sig=abc123def456ghi789jkl", True),
        ("SSH_KEY_FILE", "/home/ann/.ssh/id_ed25519", False),
        ("SECRET_PATH", "C:\\Users\\ann\\secret.txt", False),
        ("AWS_SECRET_ACCESS_KEY", "/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", True),
        ("TOKEN_EXPIRY", "2026-11-30T10:00:00Z", False),
        ("MONKEY", "island-of-the-apes", False),
        ("APIKEY2", "abcd1234efgh", True),
        ("api_key", "aBcDeFgHiJkLmN", True),
        ("DB_PASSWORD", "correct horse battery", True),
    ],
)
def test_a_secret_of_the_environment_has_the_name_and_the_looks_of_one(
    name: str, value: str, secret: bool, monkeypatch
) -> None:
    monkeypatch.setenv(name, value)
    kept = scrub(RunStarted("r1", 1.0, f"It is {value}."))
    assert kept == RunStarted("r1", 1.0, f"It is {KEY_REMOVED}." if secret else f"It is {value}.")


def test_redact_sees_through_a_message_that_comes_in_the_middle_of_a_text() -> None:
    events = [
        Chunk("ann", "ann", 1.0, "Rumpel", "m1", "t1"),
        Message("ann", "ann", 2.0, CellKind.OTHER, "ping", "Ping", "m2", "t1"),
        Message("ann", "ann", 2.0, CellKind.INPUT, "Well?", "Asked", "m3", "t1", data={"request_id": "q"}),
        Chunk("ann", "ann", 3.0, "stiltskin", "m1", "t1"),
        Message("ann", "ann", 4.0, CellKind.TEXT, "Rumpelstiltskin", "TextMessage", "m1", "t1"),
    ]
    kept = list(Redactor(hide, pytest.fail).all(events))
    assert [type(event) for event in kept] == [type(event) for event in events]
    assert "".join(event.text for event in kept if isinstance(event, Chunk)) == "<name>"


def test_a_file_that_an_editor_has_marked_as_utf_8_is_read(tmp_path) -> None:
    events = [RunStarted("r1", 1.0, "Häll\ufeffo"), RunFinished("r1", 3.0, CellStatus.DONE)]
    for name in ("run.jsonl", "run.jsonl.gz"):
        save_recording(tmp_path / name, header((), {}, 0.0), events)
    export(load_transcript(tmp_path / "run.jsonl"), tmp_path / "run.json")
    kept = load_transcript(tmp_path / "run.jsonl")
    for path in (tmp_path / name for name in ("run.jsonl", "run.jsonl.gz", "run.json")):
        write, read = (gzip.compress, gzip.decompress) if path.suffix == ".gz" else (bytes, bytes)
        path.write_bytes(write(b"\xef\xbb\xbf" + read(path.read_bytes())))
        assert load_transcript(path) == kept


def hide(text: str) -> str:
    return text.replace("Rumpelstiltskin", "<name>")


async def test_redact_sees_whole_texts_so_that_no_chunk_border_hides_a_secret(tmp_path) -> None:
    said = "My name is Rumpelstiltskin, and Rumpelstiltskin is not to be told. " * 4
    client = ScriptedClient([Say(said, chunk=4)], pace=0.001)
    agent = AssistantAgent("ann", client, description="knows Rumpelstiltskin", model_client_stream=True)
    stream = TeamStream(agent, record=tmp_path / "run.jsonl", redact=hide)
    await stream.run("Is it Rumpelstiltskin?")
    stream.save(tmp_path / "saved.jsonl", redact=hide)
    for name in ("run", "saved"):
        text = (tmp_path / f"{name}.jsonl").read_text("utf-8")
        kept = load_transcript(tmp_path / f"{name}.jsonl")
        assert "Rumpel" not in text
        assert [cell.text for cell in kept] == ["Is it <name>?", hide(said)]
        chunks = [event for event in opened(tmp_path / f"{name}.jsonl") if isinstance(event, Chunk)]
        assert len(chunks) == len(said) // 4
        assert "".join(chunk.text for chunk in chunks) == hide(said)
        assert [chunk.at for chunk in chunks] == sorted(chunk.at for chunk in chunks)


def test_redact_reaches_tools_data_and_errors(tmp_path) -> None:
    name = "Rumpelstiltskin"
    events = [
        RunStarted("r1", 1.0, name),
        Message("ann", "ann", 2.0, CellKind.TOOL_CALL, "", "X", tool_calls=(ToolCall("1", "guess", name),)),
        ToolResults("ann", "ann", 3.0, (ToolCall("1", "guess", "", f"no {name}"),)),
        Message("ann", "ann", 4.0, CellKind.STRUCTURED, name, "X", data={"value": {"a": [name, {"path": name}]}}),
        RunFinished("r1", 5.0, CellStatus.FAILED, None, name, f"line\n{name}"),
    ]
    save_recording(tmp_path / "run.jsonl", header((), {}, 0.0), events, redact=hide)
    assert name not in (tmp_path / "run.jsonl").read_text("utf-8")
    assert (tmp_path / "run.jsonl").read_text("utf-8").count("<name>") == 8


@pytest.mark.parametrize("bad", [lambda text: 1 / 0, lambda text: None], ids=["raises", "gives nothing"])
async def test_a_redact_function_that_fails_lets_nothing_through_and_harms_no_run(bad, tmp_path) -> None:
    stream = TeamStream(writers(pace=0), record=tmp_path / "run.jsonl", redact=bad)
    result = await stream.run("Do it.")
    assert len(result.messages) == 5
    recorded = load_transcript(tmp_path / "run.jsonl")
    assert {cell.text for cell in recorded} == {REDACT_FAILED}
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert len(notices) == 1
    assert "redact function failed" in notices[0]


async def test_a_recording_that_cannot_go_on_harms_no_run(tmp_path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    stream = TeamStream(writers(pace=0), record=folder / "run.jsonl")
    folder.rmdir()
    result = await stream.run("Do it.")
    assert len(result.messages) == 5
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert len(notices) == 1
    assert "has ended: FileNotFoundError" in notices[0]


@pytest.mark.parametrize("path", ["missing/run.jsonl", "."])
def test_a_place_that_cannot_be_written_to_is_refused_at_once(path: str, tmp_path) -> None:
    with pytest.raises(RecordingError, match="Cannot record to"):
        TeamStream(writers(pace=0), record=tmp_path / path)


# --- damaged files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["1e999", "-1e999", "NaN", "9" * 400, '"now"'])
@pytest.mark.parametrize("place", ["message", "chunks"])
def test_a_time_that_is_none_leaves_its_line_out_with_a_sentence(place: str, at: str, tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", RUN)
    lines = path.read_text("utf-8").split("\n")
    (number,) = (number for number, text in enumerate(lines) if f'"event":"{place}"' in text)
    lines[number] = re.sub(r'"at":[\d.]+', lambda _: f'"at":{at}', lines[number])
    path.write_text("\n".join(lines), "utf-8")
    for look in (load_transcript, lambda path: list(Recording(path).events())):
        with pytest.warns(RecordingWarning, match=f"is broken at line {number + 1}, byte"):
            assert look(path) is not None


def test_a_file_cut_anywhere_opens_up_to_its_last_whole_line(tmp_path) -> None:
    whole = write(tmp_path / "whole.jsonl", RUN).read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    path = tmp_path / "cut.jsonl"
    held = [0, 1, 3, 4, 5]  # events up to the end of each line
    for length in range(ends[0], len(whole)):
        path.write_bytes(whole[:length])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            events = list(Recording(path).events())
        lines = sum(end <= length for end in ends)
        if length + 1 in ends:  # only the line feed is missing
            lines += 1
        assert events == RUN[: held[lines - 1]]
        if length in ends or length + 1 in ends:
            assert not caught
        else:
            assert len(caught) == 1
            assert f"broken at line {lines + 1}, byte {ends[lines - 1]}: the file ends in the middle of it" in str(
                caught[0].message
            )


def test_a_compressed_file_cut_anywhere_opens(tmp_path) -> None:
    events = [RUN[0]] + [
        Chunk("ann", "ann", 100.0 + number, random.Random(number).randbytes(4).hex(), "m1", "t1")
        for number in range(9999)
    ]
    whole = write(tmp_path / "whole.jsonl.gz", events).read_bytes()
    path = tmp_path / "cut.jsonl.gz"
    lengths = []
    for length in range(len(whole) // 3, len(whole), 3701):
        path.write_bytes(whole[:length])
        with pytest.warns(RecordingWarning, match="compressed data ends"):
            got = list(Recording(path).events())
        assert got == events[: len(got)]
        lengths.append(len(got))
    assert lengths == sorted(lengths)
    assert lengths[-1] > 3000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken}", "Expecting property name"),
        (b'{"event":"notice","at":1,"text":"\xff"}', "it is not UTF-8"),
    ],
)
def test_a_corrupt_line_ends_a_recording_with_a_warning_that_says_where(line: bytes, reason: str, tmp_path) -> None:
    path, offset = with_fourth_line(line, tmp_path)
    with pytest.warns(RecordingWarning, match=f"broken at line 4, byte {offset}: .*{reason}"):
        assert list(Recording(path).events()) == RUN[:3]
    with pytest.warns(RecordingWarning, match="broken at line 4"):
        assert [cell.text for cell in load_transcript(path)] == ["Hello\u2028"]


def with_fourth_line(line: bytes, folder: pathlib.Path) -> tuple[pathlib.Path, int]:
    """A recording whose fourth line is another one, and where that begins."""
    path = write(folder / "run.jsonl", RUN)
    lines = path.read_bytes().split(b"\n")
    lines[3] = line
    path.write_bytes(b"\n".join(lines))
    return path, sum(len(line) + 1 for line in lines[:3])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"event":"chunk"}', "its fields are not those of 'chunk'"),
        (b'{"event":"dance","at":1}', "it is no event"),
        (b"[1]", "it is no event"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"event":"message","at":1,"agent":"a","path":"a","kind":"song","text":"","type":""}', "'song'"),
        (b'{"event":"chunks","at":1,"calls":[],"after":[0],"text":["x"]}', "its fields are not those of 'chunks'"),
        (
            b'{"event":"chunks","at":1,"calls":[{"agent":"a","path":"a"}],"after":[0],"text":["x"],"call":[3]}',
            "'chunks'",
        ),
    ],
    ids=range(7),
)
def test_a_line_that_fits_no_event_is_left_out_with_a_warning_that_says_where(
    line: bytes, reason: str, tmp_path
) -> None:
    path, offset = with_fourth_line(line, tmp_path)
    rest = [event for event in RUN if event not in RUN[3:4]]
    with pytest.warns(RecordingWarning, match=f"broken at line 4, byte {offset}: .*{reason}.*The line is left out"):
        assert list(Recording(path).events()) == rest
    with pytest.warns(RecordingWarning, match="broken at line 4"):
        assert load_transcript(path).runs[0].ended_at is not None


def test_fields_that_a_later_release_may_add_are_passed_over(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", RUN)
    lines = [json.dumps({**row, "novelty": 1}) + "\n" for row in rows(path)]
    path.write_text("".join(lines))
    assert opened(path) == RUN


def test_a_newer_version_is_refused_with_the_remedy(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"nb_stream":"recording","version":3,"agents":[]}\n')
    with pytest.raises(RecordingError, match="has version 3; this nb_stream reads .* Install a newer nb_stream"):
        Recording(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b'{"a":1}\n', b"[1]\n", b"\xff\xfe\n", b"\x1f\x8b\x00"])
@pytest.mark.filterwarnings("ignore::nb_stream.errors.RecordingWarning")
def test_another_file_is_refused_in_a_sentence(content: bytes, tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="is not a recording of nb_stream"):
        Recording(path)


@pytest.mark.parametrize("agents", [5, None, [5], [{"nme": "ann"}], [{"name": 5, "path": 7}]])
async def test_a_header_whose_agents_are_damaged_still_opens(agents: object, tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    stream = TeamStream(writers(pace=0), record=path)
    await stream.run("Go")
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(first), "agents": agents}), *rest]) + "\n")
    assert Recording(path).agents == ()
    assert Recording(path).transcript().to_dict() == stream.transcript.to_dict()


def test_a_missing_file_is_refused_in_a_sentence(tmp_path) -> None:
    with pytest.raises(RecordingError, match="Cannot open .*No such file"):
        Recording(tmp_path / "none.jsonl")
