"""Interactive exports: one file that holds the panel and the recording, lets nothing in, and plays what was said when it
was said."""

from __future__ import annotations

import gzip
import json
import random
import re
from itertools import pairwise

import pytest

from nb_stream import Replay, TeamPanel, TeamStream
from nb_stream.__main__ import main
from nb_stream.core.model import (
    AgentStatus,
    Branched,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    Message,
    ModelCalls,
    Notice,
    RunFinished,
    RunStarted,
    Usage,
)
from nb_stream.core.transcript import Transcript
from nb_stream.demo import TEAMS, writers
from nb_stream.export import export, export_interactive, timed_frames
from nb_stream.export.html import page as static_page
from nb_stream.recording.reader import CUT, Recording, load_transcript
from nb_stream.wire.protocol import cell_whole, run_row
from tests.support.browser_mirror import through_json
from tests.support.exported_page import ExportedPage, source_hash
from tests.support.hostile_texts import cells_of, corpus, run_of
from tests.support.random_runs import Author
from tests.support.recordings import ANN, BEN, record, said, slow_run, write
from tests.support.transcript_oracle import folded


def exported(recorded: object, tmp_path, **options: object) -> ExportedPage:
    """The page of a transcript or of events."""
    path = tmp_path / "run.html"
    export_interactive(recorded, path, **options)  # type: ignore[arg-type]
    return ExportedPage(path.read_text("utf-8"))


def shown(transcript: Transcript) -> tuple[object, object]:
    """What a page must show of a transcript."""
    cells = [cell_whole(cell) for cell in transcript.cells]
    rows = through_json({"cells": cells, "runs": [run_row(run) for run in transcript.runs]})
    return rows["cells"], rows["runs"]


# --- the policy ----------------------------------------------------------------------------------------------------


def test_nothing_may_be_loaded_and_nothing_may_run_but_the_panel_by_its_hash(tmp_path) -> None:
    page = exported(slow_run(), tmp_path)
    assert page.policy.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert page.policy["default-src"] == page.policy["base-uri"] == page.policy["form-action"] == ["'none'"]
    assert page.policy["img-src"] == ["data:", "blob:"]
    assert page.policy["script-src"] == [source_hash(source) for source in (page.script, *page.parts.values())]
    assert page.text.index("Content-Security-Policy") < page.text.index("<script")
    for source in (page.script, *page.parts.values()):
        assert "</script" not in source.lower()


def test_the_parts_are_those_of_a_notebook_and_formulas_come_only_where_one_may_be(tmp_path) -> None:
    plain = exported(slow_run(), tmp_path)
    assert [name.split(".")[0] for name in plain.parts] == ["panel", "extras"]
    events = [RunStarted("r1", 1000.0, "go"), *said("ann", 1, 1000.0, "So ", "$x^", "2$")]
    assert [name.split(".")[0] for name in exported(events, tmp_path).parts] == ["panel", "extras", "math"]


@pytest.mark.parametrize(
    "sign", ["</script><script>alert(1)</script>", "</noscript><img src=x onerror=alert(1)>", "<!--"]
)
def test_no_text_ends_the_element_in_which_it_stands(sign: str, tmp_path) -> None:
    events = [RunStarted("r1", 1000.0, sign), *said("ann", 1, 1000.0, sign)]
    path = tmp_path / "run.html"
    export_interactive(events, path, agents=(ANN,), title=sign)
    text = path.read_text("utf-8")
    assert sign not in text
    assert len(re.findall(r"</?(?:script|noscript|style)\b", text)) == 10
    assert ExportedPage(text).at_the_end().cells[0]["text"] == sign


def test_every_hostile_text_is_in_the_page_and_none_is_markup(tmp_path) -> None:
    cells = tuple(cell for number, text in enumerate(corpus()) for cell in cells_of(text, 6 * number))
    said_by_all = Transcript(settled=cells, runs=(run_of("go"),))
    page = exported(said_by_all, tmp_path)
    assert len(page.data["start"]["settled"]) == len(cells)
    assert len(re.findall(r"<script\b", page.text)) == 2


# --- what it holds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TEAMS))
async def test_its_end_is_the_transcript_of_the_team(name: str, tmp_path) -> None:
    await record(name, tmp_path / "run.jsonl", runs=2)
    recording = Recording(tmp_path / "run.jsonl")
    transcript = load_transcript(recording.path)
    page = exported(recording.events(), tmp_path, agents=recording.agents).at_the_end()
    assert (page.cells, list(page.runs.values())) == shown(transcript)
    assert {row["path"] for row in page.agents} == {agent.path for agent in recording.agents}


@pytest.mark.parametrize("seed", range(40))
def test_its_end_is_the_transcript_whatever_was_said(seed: int, tmp_path) -> None:
    events = Author(random.Random(seed)).scenario().events
    transcript = folded(events)
    page = exported(events, tmp_path).at_the_end()
    if transcript.runs and transcript.runs[-1].ended_at is None:
        assert page.runs[transcript.runs[-1].id]["stop_reason"] == CUT
    else:
        assert (page.cells, list(page.runs.values())) == shown(transcript)


async def test_a_panel_writes_its_title_its_models_and_all_runs(tmp_path) -> None:
    panel = TeamPanel(writers(), title="Poems & notes")
    await panel.run("Write.")
    await panel.run("Again.")
    panel.export(tmp_path / "run.html", interactive=True)
    page = ExportedPage((tmp_path / "run.html").read_text("utf-8"))
    assert page.data["start"]["title"] == "Poems & notes"
    end = page.at_the_end()
    assert (end.cells, list(end.runs.values())) == shown(panel.transcript)
    assert end.state == (panel.state, panel.stream.detail)
    now = {row["path"]: (row["status"], row["model"]) for row in panel.make_snapshot()["agents"]}
    assert {row["path"]: (row["status"], row["model"]) for row in end.agents} == now
    panel.close()


async def test_a_stream_in_the_middle_of_a_run_writes_what_was_said_so_far(tmp_path) -> None:
    stream = TeamStream(writers(pace=0.0), streaming=True)
    async for _ in stream.run_stream("Write."):
        if any(cell.text for cell in stream.transcript.live_cells):
            break
    else:
        raise AssertionError("no text was live")
    stream.export(tmp_path / "run.html", interactive=True)
    end = ExportedPage((tmp_path / "run.html").read_text("utf-8")).at_the_end()
    assert [run["stop_reason"] for run in end.runs.values()] == [CUT]
    assert end.cells[-1]["status"] == "cancelled"
    await stream.cancel()


def test_a_stream_that_has_said_nothing_writes_an_empty_panel(tmp_path) -> None:
    TeamStream(writers()).export(tmp_path / "run.html", interactive=True)
    page = ExportedPage((tmp_path / "run.html").read_text("utf-8"))
    assert page.data["frames"] == []
    assert [row["name"] for row in page.data["start"]["agents"]] == ["poet", "critic"]


def test_a_transcript_without_times_is_shown_and_not_played(tmp_path) -> None:
    transcript = folded(slow_run())
    page = exported(transcript, tmp_path)
    assert page.data["frames"] == []
    assert page.data["start"]["state"] == "idle"
    assert page.data["start"]["detail"] == "enough"
    assert (page.at_the_end().cells, list(page.at_the_end().runs.values())) == shown(transcript)


async def test_a_replay_that_was_played_can_be_exported_too(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    stream = TeamStream(Replay(path, speed=float("inf")))
    await stream.run()
    stream.export(tmp_path / "run.html", interactive=True)
    end = ExportedPage((tmp_path / "run.html").read_text("utf-8")).at_the_end()
    assert (end.cells, list(end.runs.values())) == shown(load_transcript(path))


def test_a_recording_that_was_loaded_keeps_its_times(tmp_path) -> None:
    recording = write(tmp_path / "run.jsonl", slow_run())
    TeamStream.load(recording).export(tmp_path / "run.html", interactive=True)
    page = ExportedPage((tmp_path / "run.html").read_text("utf-8"))
    assert page.times[-1] == 2000
    assert [row["path"] for row in page.data["start"]["agents"]] == ["ann", "ben"]


def test_without_scripts_the_static_page_is_there(tmp_path) -> None:
    page = exported(slow_run(), tmp_path)
    transcript = folded(slow_run())
    static = "".join(static_page(transcript.cells, transcript.runs))
    assert page.head in static
    assert page.body in static
    assert "word0 word1" in page.body
    assert "<title>go</title>" in page.text


async def test_secrets_of_the_environment_are_in_no_part_of_the_file(monkeypatch, tmp_path) -> None:
    secret = "zx81-4711-secret-of-the-house"
    monkeypatch.setenv("SERVICE_API_KEY", secret)
    recorded = write(tmp_path / "run.jsonl", slow_run())
    played = recorded.read_text("utf-8").replace("word3 ", secret[:9]).replace("word4 ", f"{secret[9:]} ")
    recorded.write_text(played, "utf-8")
    stream = TeamStream(Replay(recorded, speed=float("inf")))
    await stream.run()
    assert any(secret in cell.text for cell in stream.transcript)
    stream.export(tmp_path / "run.html", interactive=True)
    page = ExportedPage((tmp_path / "run.html").read_text("utf-8"))
    for place in (page.text, json.dumps(page.data)):
        assert secret not in place
        assert secret[9:] not in place
    assert "[key removed]" in page.body


# --- when it was said ----------------------------------------------------------------------------------------------


def test_text_comes_at_its_time_and_no_sooner(tmp_path) -> None:
    spoken = [(event.at, event.text) for event in slow_run() if isinstance(event, Chunk)]
    shown_at: dict[str, int] = {}
    for time, page in exported(slow_run(), tmp_path, agents=(ANN, BEN)).played():
        length = sum(len(cell["text"]) for cell in page.cells)
        while sum(len(text) for _, text in spoken[: len(shown_at)]) < length:
            shown_at[f"{len(shown_at)}"] = time
    late = [shown - round(1000 * (at - 1000.0)) for shown, (at, _) in zip(shown_at.values(), spoken, strict=True)]
    assert min(late) >= 0
    assert max(late) <= 50


def test_agents_are_seen_at_work(tmp_path) -> None:
    seen: dict[str, list[str]] = {"ann": [], "ben": []}
    for _, page in exported(slow_run(), tmp_path, agents=(ANN, BEN)).played():
        for row in page.agents:
            if seen[row["path"]][-1:] != [row["status"]]:
                seen[row["path"]].append(row["status"])
    writing, done = AgentStatus.WRITING.value, AgentStatus.DONE.value
    assert seen["ann"] in ([writing, done], ["silent", writing, done])
    assert seen["ben"] in (["idle", writing, done], ["idle", "silent", writing, done])


def test_the_state_of_the_run_is_told(tmp_path) -> None:
    states = [page.state for _, page in exported(slow_run(), tmp_path).played()]
    assert set(states[:-1]) == {("running", "")}
    assert states[-1] == ("idle", "enough")
    failed = [*slow_run()[:-1], RunFinished("r1", 1002.0, CellStatus.FAILED, None, "Boom: x\ny", "", "ben", "ben")]
    end = exported(failed, tmp_path, agents=(ANN, BEN)).at_the_end()
    assert end.state == ("failed", "ben failed: Boom: x")
    assert [row["status"] for row in end.agents] == ["done", "failed"]


def test_the_time_between_runs_is_left_out(tmp_path) -> None:
    page = exported([*slow_run(), Notice(1500.0, "A pause."), *slow_run("r2", 90_000.0)], tmp_path)
    assert page.times[-1] == 4000
    assert len(page.at_the_end().runs) == 2


def test_a_run_that_was_set_aside_is_so_from_then_on(tmp_path) -> None:
    events = [*slow_run(), Branched(1500.0), *slow_run("r2", 1510.0)]
    page = exported(events, tmp_path)
    first = [mirror.runs["r1"]["set_aside"] for _, mirror in page.played()]
    assert first == sorted(first)
    assert {True, False} == set(first)
    assert (page.at_the_end().cells, list(page.at_the_end().runs.values())) == shown(folded(events))


def test_times_that_go_back_stop_nothing(tmp_path) -> None:
    events = slow_run()
    events[5:5] = [Notice(3.0, "A clock was set.")]
    page = exported(events, tmp_path)
    assert all(before <= after for before, after in pairwise(page.times))
    assert page.times[-1] == 2000


def test_each_message_ends_a_frame_so_that_a_reader_can_go_from_one_to_the_next(tmp_path) -> None:
    events: list[Event] = [RunStarted("r1", 1000.0, "go")]
    for number in range(5):  # all within a moment
        events.append(Message("ann", "ann", 1000.001, CellKind.TEXT, f"{number}", "TextMessage", f"m{number}", None))
    page = exported(events, tmp_path)
    assert [len(mirror.settled) for _, mirror in page.played()][:5] == [1, 2, 3, 4, 5]


def test_an_agent_that_the_recording_does_not_name_gets_a_row(tmp_path) -> None:
    end = exported(slow_run(), tmp_path, agents=(BEN,)).at_the_end()
    assert [row["path"] for row in end.agents] == ["ben", "ann"]


def test_model_calls_are_told_once_and_not_with_every_call_that_follows(tmp_path) -> None:
    def of(count: int) -> int:
        calls = [ModelCalls("ann", "ann", 1000.5, Usage(1, 1), 1) for _ in range(count)]
        page = exported([RunStarted("r1", 1000.0, "go"), *calls, *slow_run()[1:]], tmp_path)
        assert len(page.at_the_end().runs["r1"]["calls"]) == count
        return len(json.dumps(page.data["frames"]))

    few, many = of(200), of(400)
    assert many < 2.2 * few


# --- size ----------------------------------------------------------------------------------------------------------

BESIDE_THE_TEXT = 500_000
"""Bytes that a page may have beside its text and the page for browsers without scripts, which has the text once more."""


def test_the_front_end_leaves_room_for_a_recording(tmp_path) -> None:
    page = exported([RunStarted("r1", 1000.0, "go"), *said("ann", 1, 1000.0, "$x^2$")], tmp_path)
    print(f"\nBytes of a page with a formula: {len(page.text.encode())}")
    assert "math" in page.parts
    assert len(page.text.encode()) < BESIDE_THE_TEXT * 0.6


WORDS = ["the", "of", "and", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are"]


def streamed(messages: int, chunks: int) -> list[Event]:
    """Messages of random words, a chunk every 20 ms."""
    chance, at = random.Random(4), 1000.0
    events: list[Event] = [RunStarted("r1", at, "go")]
    for number in range(messages):
        pieces = [f"{chance.choice(WORDS)} " for _ in range(chunks)]
        for piece in pieces:
            at += 0.02
            events.append(Chunk("ann", "ann", at, piece, f"m{number}", f"t{number}"))
        text = "".join(pieces)
        events.append(Message("ann", "ann", at, CellKind.TEXT, text, "TextMessage", f"m{number}", f"t{number}", True))
    return [*events, RunFinished("r1", at, CellStatus.DONE)]


def test_a_long_recording_stays_within_the_budget_beside_its_text(tmp_path) -> None:
    events = streamed(1000, 150)
    text = sum(len(event.text) for event in events if isinstance(event, Message))
    page = exported(events, tmp_path)
    size, static = len(page.text.encode()), len(page.body.encode())
    print(f"\n{text} characters, {len(page.times)} frames: {size} bytes, of which the static page takes {static}.")
    assert size - static < text + BESIDE_THE_TEXT


def test_a_very_long_recording_has_a_bounded_number_of_frames(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(timed_frames, "MAX_EVEN_FRAMES", 200)
    events = streamed(40, 100)
    page = exported(events, tmp_path)
    assert 100 <= len(page.times) <= 200
    assert page.times[-1] == 80_000
    assert (page.at_the_end().cells, list(page.at_the_end().runs.values())) == shown(folded(events))
    settled = [len(mirror.settled) for _, mirror in page.played()]
    assert all(after - before <= 1 for before, after in pairwise(settled)), "a step still ends behind each message"


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.md", "run.ipynb", "run", "run.html.txt"])
def test_only_a_page_can_be_interactive(name: str, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"Only a page can be interactive: .* end in \.html"):
        TeamStream(writers()).export(tmp_path / name, interactive=True)
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        export_interactive(slow_run(), tmp_path / "nowhere" / "run.html")
    (tmp_path / "run.html").write_text("before")
    with pytest.raises(TypeError):
        export_interactive([*slow_run(), "no event"], tmp_path / "run.html")  # type: ignore[list-item]
    assert (tmp_path / "run.html").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]


def test_a_compressed_page_holds_the_same_page(tmp_path) -> None:
    export_interactive(slow_run(), tmp_path / "run.html")
    export_interactive(slow_run(), tmp_path / "run.html.gz")
    assert gzip.decompress((tmp_path / "run.html.gz").read_bytes()) == (tmp_path / "run.html").read_bytes()


def test_the_command_line_writes_a_page_of_a_recording_and_of_a_transcript(tmp_path, capsys) -> None:
    recording = write(tmp_path / "run.jsonl", slow_run())
    out = tmp_path / "run.html"
    assert main(["export", str(recording), str(out), "--interactive"]) == 0
    page = ExportedPage(out.read_text("utf-8"))
    assert page.times[-1] == 2000
    export(load_transcript(recording), tmp_path / "run.json")
    assert main(["export", str(tmp_path / "run.json"), str(out), "--interactive"]) == 0
    assert ExportedPage(out.read_text("utf-8")).data["frames"] == []
    assert main(["export", str(recording), str(tmp_path / "run.md"), "--interactive"]) == 1
    assert main(["export", str(tmp_path / "none.jsonl"), str(out), "--interactive"]) == 1
    assert main(["export", str(recording), str(tmp_path / "no" / "run.html"), "--interactive"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" ")[0] for line in told] == ["Only", "Cannot", "Cannot"]
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(recording.read_bytes()[:-40])
    assert main(["export", str(damaged), str(out), "--interactive"]) == 3
    assert "broken" in capsys.readouterr().err
    assert [run["stop_reason"] for run in ExportedPage(out.read_text("utf-8")).at_the_end().runs.values()] == [CUT]
