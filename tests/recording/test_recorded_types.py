"""A recording whose fields are of wrong types: a line that does not fit is left out and named, all else is shown."""

from __future__ import annotations

import copy
import json
import math
import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from nb_stream import Replay, TeamPanel, TeamStream
from nb_stream.core.model import (
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    InputResolved,
    Message,
    Notice,
    RunFinished,
    RunStarted,
    ToolCall,
    ToolResults,
    TurnEnded,
    TurnStarted,
    Usage,
)
from nb_stream.errors import NbStreamError, RecordingWarning
from nb_stream.export import SUFFIXES, export
from nb_stream.recording.codec import from_line, joined
from nb_stream.recording.reader import Recording, load_transcript
from tests.support.recordings import write

SAID = ("ann", "ann", 1000.0)
CODE = {"code_blocks": [{"code": "1", "language": "python"}], "retry_attempt": 0}
EVENTS = [
    RunStarted("r1", 1000.0, "task"),
    TurnStarted(*SAID, "t1"),
    Chunk(*SAID, "he", "m1", "t1"),
    Chunk(*SAID, "llo", "m1", "t1", count=2, until=1000.5),
    Message(*SAID, CellKind.TEXT, "hello", "TextMessage", "m1", "t1", True, Usage(1, 2), (), {"images": ["x"]}, 0.5),
    Message(*SAID, CellKind.TOOL_CALL, "", "Call", "m2", "t2", tool_calls=(ToolCall("1", "f", "{}", None, False),)),
    ToolResults(*SAID, (ToolCall("1", "f", "", "42", True),), "m3", "t2", "Result"),
    Message(*SAID, CellKind.CODE, "", "Code", "m4", "t3", data=CODE),
    CodeResult(*SAID, "1", 0, "m5", "t3", "Result"),
    Message(*SAID, CellKind.INPUT, "Well?", "Asked", "m6", "t4", data={"request_id": "q", "preformatted": True}),
    InputResolved(*SAID, "q", "answered", "yes"),
    TurnEnded(*SAID, "t4", CellStatus.FAILED),
    Notice(1000.0, "A notice."),
    RunFinished("r1", 1001.0, CellStatus.FAILED, "why", "Error", "Traceback"),
]
LAST = [
    RunStarted("r2", 2000.0, "again"),
    Message(*SAID, CellKind.TEXT, "the end", "TextMessage"),
    Notice(2000.0, "Bye."),
]
LAST.append(RunFinished("r2", 2001.0, CellStatus.DONE))

WRONG = [
    *(
        None,
        True,
        7,
        -1,
        1.5,
        1e18,
        10**400,
        math.nan,
        math.inf,
        "",
        "text",
        "\ud800",
        [],
        {},
        [1],
        ["x"],
        [None],
        [{}],
    ),
    *({"a": {"b": [math.nan]}}, [["x"]], {"code": 5}, [{"code": 5, "language": []}], "writing", "x" * 100_000),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a line a value stands, inside of others too."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from places(part, (*path, name))


def wrong_lines(row: dict[str, Any]) -> Iterator[str]:
    """A line with each of its values in turn made wrong, or taken away."""
    for place in places(row):
        for value in (*WRONG, KeyError):
            changed = copy.deepcopy(row)
            inside: Any = changed
            for name in place[:-1]:
                inside = inside[name]
            if value is KeyError:
                del inside[place[-1]]
            else:
                inside[place[-1]] = value
            yield json.dumps(changed)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = write(tmp_path_factory.mktemp("runs") / "run.jsonl", [*EVENTS, *LAST])
    return path.read_text("utf-8").splitlines()


def test_what_is_read_of_any_line_fits_the_fields_of_its_event(lines: list[str]) -> None:
    """Both ways of reading refuse the same lines, in a sentence; what they take is written again as it was read."""
    refused = taken = 0
    for row in lines[1:]:
        for wrong in wrong_lines(json.loads(row)):
            outcomes = []
            for read in (from_line, joined):
                try:
                    outcomes.append(read(wrong))
                except ValueError:
                    outcomes.append([])
            refused, taken = refused + (outcomes == [[], []]), taken + (outcomes[0] != [])
            assert bool(outcomes[0]) == bool(outcomes[1]), wrong[:200]
            for event in outcomes[0]:
                assert abs(getattr(event, "at", 0)) < 1e12
                for name in ("agent", "path", "text", "type", "task", "run"):
                    assert type(getattr(event, name, "")) is str
    assert refused > 1000
    assert taken > 300


def test_all_that_is_not_left_out_is_shown_saved_and_exported(lines: list[str], tmp_path: pathlib.Path) -> None:
    """One file holds all wrong lines of one event, before a run that is right."""
    for number, row in enumerate(lines[1 : len(lines) - len(LAST)], 1):
        path = tmp_path / f"{number}.jsonl"
        wrong = list(wrong_lines(json.loads(row)))[::3]
        path.write_text("\n".join([*lines[:number], *wrong, *lines[number:]]) + "\n")
        with pytest.warns(RecordingWarning, match=r"broken at line \d+, byte \d+: .*The line is left out"):
            panel = TeamPanel.load(path)
        transcript = panel.transcript
        assert {"hello", "A notice.", "the end", "Bye."} <= {cell.text for cell in transcript}
        json.dumps(panel.make_snapshot(), allow_nan=False).encode("utf-8")
        panel.save(tmp_path / "again.jsonl")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert load_transcript(tmp_path / "again.jsonl").cells == transcript.cells
        for suffix in SUFFIXES:
            export(transcript, tmp_path / f"run{suffix}")
            assert "the end" in (tmp_path / f"run{suffix}").read_text("utf-8").replace("\\", "")
        panel.close()


async def test_such_a_recording_is_played(lines: list[str], tmp_path: pathlib.Path) -> None:
    path = tmp_path / "run.jsonl"
    wrong = [line for row in lines[3:8] for line in list(wrong_lines(json.loads(row)))[::40]]
    path.write_text("\n".join([*lines[:8], *wrong, *lines[8:]]) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        stream = TeamStream(Replay(path, math.inf))
        with pytest.raises(NbStreamError):
            await stream.run()
        await stream.run()
    assert [cell.text for cell in stream.transcript][-2:] == ["the end", "Bye."]


def test_a_header_that_does_not_fit_still_opens(lines: list[str], tmp_path: pathlib.Path) -> None:
    head = {**json.loads(lines[0]), "state": {"a": 1}, "agents": [{"name": "ann", "path": "ann", "description": "d"}]}
    path = tmp_path / "run.jsonl"
    for wrong in wrong_lines(head):
        path.write_text("\n".join([wrong, *lines[1:]]) + "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecordingWarning)
            try:
                recording = Recording(path)
            except NbStreamError:
                assert '"nb_stream": "recording", "version": 2,' not in wrong
                continue
        assert all(type(part) is str for agent in recording.agents for part in (agent.name, agent.path, agent.reason))
        assert recording.state is None or isinstance(recording.state, dict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RecordingWarning)
        path.write_text(
            "\n".join([json.dumps({**head, "agents": [*WRONG, {"name": "ann", "path": "ann"}]}), *lines[1:]])
        )
        panel = TeamPanel.load(path)
    assert [agent.path for agent in panel.agents] == ["ann"]
    json.dumps(panel.make_snapshot(), allow_nan=False).encode("utf-8")
    panel.close()
