"""Exports as data: JSON that reads back, notebooks that nbformat takes, events that AG-UI takes."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math

import nbformat
import pytest
from ag_ui.core import Event
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from nb_stream import Transcript
from nb_stream.core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from nb_stream.core.typed_json import is_json
from nb_stream.demo import TEAMS
from nb_stream.errors import RecordingError
from nb_stream.export import SUFFIXES, export
from nb_stream.export.agui import events
from nb_stream.export.notebook import notebook
from nb_stream.recording.reader import load_transcript
from tests.support.hostile_texts import cells_of, corpus, run_of
from tests.support.paths import ROOT
from tests.support.recordings import record

SCHEMA = json.loads((ROOT / "nb_stream" / "schemas" / "transcript.schema.json").read_text("utf-8"))
PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(scope="module")
def transcripts(tmp_path_factory) -> dict[str, Transcript]:
    """What the demonstration teams said, two runs each."""
    import asyncio

    path = tmp_path_factory.mktemp("runs") / "run.jsonl"
    return {name: asyncio.run(record(name, path, runs=2)) for name in sorted(TEAMS)}


@pytest.fixture
def hostile() -> Transcript:
    """Every payload in every place."""
    texts = corpus()
    cells = tuple(cell for number, text in enumerate(texts) for cell in cells_of(text, 6 * number))
    return Transcript(settled=cells, runs=(run_of(texts[0]),))


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_writes_every_transcript(suffix: str, transcripts, hostile, tmp_path) -> None:
    for name, transcript in {**transcripts, "hostile": hostile, "empty": Transcript()}.items():
        path = tmp_path / f"{name}{suffix}"
        export(transcript, path)
        export(transcript, f"{path}.gz")
        assert gzip.decompress((tmp_path / f"{name}{suffix}.gz").read_bytes()) == path.read_bytes()
        path.read_text("utf-8")
    assert not list(tmp_path.glob(".*"))


def test_an_unknown_suffix_is_refused_with_those_there_are(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"Cannot tell .* 'run.pdf'. Let it end in .html, .md"):
        export(Transcript(), tmp_path / "run.pdf")
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_when_all_is_written(tmp_path) -> None:
    path = tmp_path / "run.json"
    path.write_text("before")
    around: dict[str, object] = {}
    around["x"] = around
    broken = Transcript(settled=(Cell("c1", "r1", "a", "a", CellKind.TEXT, data=around),))
    with pytest.raises((ValueError, RecursionError)):
        export(broken, path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


# --- JSON ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TEAMS))
def test_json_reads_back_as_the_same_transcript(name: str, transcripts, tmp_path) -> None:
    path = tmp_path / "run.json"
    export(transcripts[name], path)
    assert load_transcript(path) == transcripts[name]
    Draft202012Validator(SCHEMA).validate(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("name", ["run.json.gz", "RUN.JSON", "Run.Json.GZ"])
def test_json_reads_back_compressed_and_whatever_the_case_of_its_name(name: str, transcripts, tmp_path) -> None:
    path = tmp_path / name
    export(transcripts["writers"], path)
    assert load_transcript(path) == transcripts["writers"]
    if name.lower().endswith("gz"):
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(RecordingError, match="is damaged"):
            load_transcript(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300, 1.7e308])
def test_numbers_that_are_none_keep_nothing_from_being_written(number: float, suffix: str, tmp_path) -> None:
    cells = (
        Cell("c1", "r1", "ann", "ann", CellKind.STRUCTURED, '{"x": NaN}', data={"value": {"x": [number]}}),
        Cell("c2", "r1", "ann", "ann", CellKind.TEXT, "Hello", started_at=number, ended_at=number, ttft=number),
    )
    export(Transcript(settled=cells, runs=(RunInfo("r1", "task", started_at=number),)), tmp_path / f"run{suffix}")
    text = (tmp_path / f"run{suffix}").read_text("utf-8")
    assert "Hello" in text
    if suffix == ".json":
        kept = load_transcript(tmp_path / "run.json").cells[0].data["value"]["x"]
        assert kept == ([number] if math.isfinite(number) else [None])
        json.loads(text, parse_constant=pytest.fail)


def test_hostile_text_reads_back_from_json(hostile, tmp_path) -> None:
    path = tmp_path / "run.json"
    clean = dataclasses.replace(
        hostile, settled=tuple(cell for cell in hostile.settled if "\ud800" not in cell.text), next_id=1
    )
    export(clean, path)
    assert load_transcript(path).cells == clean.cells
    assert load_transcript(path).runs == clean.runs


def test_the_schema_names_the_fields_of_cells_and_runs() -> None:
    for kind, name in ((Cell, "cell"), (RunInfo, "run"), (ToolCall, "tool_call")):
        assert SCHEMA["$defs"][name]["properties"].keys() == {
            field.name for field in dataclasses.fields(kind) if is_json(field)
        }
    assert set(SCHEMA["$defs"]["kind"]["enum"]) == {kind.value for kind in CellKind}
    assert set(SCHEMA["$defs"]["status"]["enum"]) == {status.value for status in CellStatus}


@pytest.mark.parametrize("text", ["", "{", '{"version": 99}', '{"version": 1, "runs": [{}], "cells": []}', "[1]"])
def test_another_file_is_refused_in_a_sentence(text: str, tmp_path) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RecordingError, match="is not a transcript of nb_stream"):
        load_transcript(path)


# --- notebooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TEAMS))
def test_a_notebook_is_valid_and_has_a_cell_for_each_message(name: str, transcripts) -> None:
    transcript = transcripts[name]
    made = transcript.to_notebook()
    nbformat.validate(nbformat.from_dict(made), relax_add_props=False)
    assert len(made["cells"]) == len(transcript) + 2 * len(transcript.runs)
    assert {cell["cell_type"] for cell in made["cells"]} == {"markdown"}


def test_a_hostile_notebook_is_valid_and_nothing_in_it_loads(hostile) -> None:
    """Rendered as CommonMark: no HTML but the folds, and no image but an attachment."""
    import mistune

    made = notebook(hostile.cells, hostile.runs)
    nbformat.validate(nbformat.from_dict(made), relax_add_props=False)
    parse = mistune.create_markdown(renderer=None, plugins=["table", "math"])
    for cell in made["cells"]:
        for token in _tokens(parse(cell["source"])):
            assert token["type"] not in ("inline_html", "block_html") or token["raw"] in FOLDS, cell["source"]
            assert token["type"] != "image" or token["attrs"]["url"].startswith("attachment:"), cell["source"]
            assert token["type"] != "block_code" or token.get("attrs", {}).get("info", "").strip() != "mermaid"


FOLDS = ("<details><summary>Arguments and result</summary>\n", "</details>\n", "</details>")


def _tokens(found):
    for token in found:
        yield token
        yield from _tokens(token.get("children", ()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Some **bold** words, a [link](https://example.org), and `code`.", ""),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n\n$x^2$", ""),
        ("Look:\n\n```cpp\n#include <vector>\nvector<int> a = vec![1];\n```\n\nDone.", ""),
        ("The type is `list<int>`, and `vec![1]` is a macro.", ""),
        ("Look at <b>this</b>.", r"Look at \<b>this\</b>."),
        ("![x](https://evil.example/x.png) and `![y](z)`", r"\![x](https://evil.example/x.png) and `![y](z)`"),
        ("```html\n<b>\n```\nand <b>this</b>", "```html\n<b>\n```\nand \\<b>this\\</b>"),
        ("$\\href{javascript:alert(1)}{x}$", "```\n$\\href{javascript:alert(1)}{x}$\n```"),
        ("```mermaid\nA-->B\n```", "````\n```mermaid\nA-->B\n```\n````"),
        ("`` ` <b>`", "```\n`` ` <b>`\n```"),
        ("From $5 to $10, $x^2$.", r"From \\$5 to \\$10, $x^2$."),
        ("`$5 to $6`, \\$7 or\n\n```sh\n$A $B\n```\n\n$8", "`$5 to $6`, \\\\$7 or\n\n```sh\n$A $B\n```\n\n\\\\$8"),
        ("Only $5.", ""),
        ("$$\nx = 1\n$$\n\nand $5", "$$\nx = 1\n$$\n\nand \\\\$5"),
    ],
)
def test_messages_are_markdown_in_which_html_and_images_are_text_and_source_where_that_is_not_certain(
    text: str, shown: str
) -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, text)
    [_, made, _] = notebook([cell], [RunInfo("r1", "task")])["cells"]
    assert made["source"] == f"### ann\n\n{shown or text}"


def test_a_tool_call_is_folded_and_figures_stand_below() -> None:
    call = ToolCall("1", "look_up", '{"q": 1}', "42")
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TOOL_CALL, tool_calls=(call,), started_at=1.0, ended_at=3.5)
    [_, made, _] = notebook([cell], [RunInfo("r1", "task")])["cells"]
    assert made["source"] == (
        "### ann *(tool call)*\n\n`look_up`\n\n<details><summary>Arguments and result</summary>\n\n"
        '```json\n{"q": 1}\n```\n\n```\n42\n```\n\n</details>\n\n*2.5 s*'
    )


def test_an_image_of_a_message_is_an_attachment() -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "[image 1]", data={"images": [PIXEL]})
    made = notebook([cell], [RunInfo("r1", "task")])
    nbformat.validate(nbformat.from_dict(made))
    assert made["cells"][1]["attachments"] == {"image-1": {"image/png": "iVBORw0KGgo="}}
    assert "![image 1](attachment:image-1)" in made["cells"][1]["source"]


# --- AG-UI ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TEAMS))
def test_the_models_of_ag_ui_accept_every_event(name: str, transcripts) -> None:
    check(transcripts[name])


def test_the_models_of_ag_ui_accept_hostile_text(hostile) -> None:
    check(hostile)


def test_images_of_a_message_come_behind_it() -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "[image 1]", data={"images": [PIXEL]})
    transcript = Transcript(settled=(cell,), runs=(RunInfo("r1", "task", CellStatus.DONE),))
    check(transcript)
    (custom,) = (row for row in transcript.to_agui() if row["type"] == "CUSTOM")
    assert custom["name"] == "images"
    assert custom["value"] == {"messageId": "c1", "images": [PIXEL]}


def test_runs_that_were_cancelled_or_go_on_are_told_as_such() -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "Hel", CellStatus.CANCELLED)
    cancelled = list(events([cell], [RunInfo("r1", "task", CellStatus.CANCELLED, None, 1.0, 2.0)]))
    assert cancelled[-1]["outcome"] == {"type": "cancelled"}
    assert [row["type"] for row in events([cell], [RunInfo("r1", "task")])][-1] == "TEXT_MESSAGE_END"


def check(transcript: Transcript) -> None:
    """Each event is one of the protocol's and has no field that it does not know; their order is the protocol's."""
    adapter = TypeAdapter(Event)
    opened: set[tuple[str, str]] = set()
    run: str | None = None
    texts: dict[str, str] = {}
    ids: set[str] = set()
    for row in transcript.to_agui():
        event = adapter.validate_python(row)
        assert event.model_dump(mode="json", by_alias=True, exclude_none=True) == row
        assert event.model_extra == {}
        kind = row["type"]
        if kind == "RUN_STARTED":
            assert run is None
            run = row["runId"]
            continue
        assert run is not None
        if kind in ("RUN_FINISHED", "RUN_ERROR"):
            assert not opened
            run = None
        stem, _, step = kind.rpartition("_")
        key = (stem, str(row.get("toolCallId") or row.get("messageId")))
        if kind.startswith("TEXT") and step == "START":
            assert row["messageId"] not in ids
            ids.add(row["messageId"])
        if step == "START":
            opened.add(key)
        elif step == "END":
            opened.remove(key)
        elif step in ("CONTENT", "ARGS"):
            assert key in opened
            texts[key[1]] = texts.get(key[1], "") + row["delta"]
    results = {row["content"] for row in transcript.to_agui() if row["type"] == "TOOL_CALL_RESULT"}
    for cell in transcript:
        if cell.kind in (CellKind.TEXT, CellKind.THOUGHT):
            assert texts.get(cell.id, "") == cell.text
        assert results >= {call.result for call in cell.tool_calls if call.result is not None}


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix != ".json"])
def test_code_that_looks_like_a_word_of_the_text_is_not_taken_for_it(tmp_path, suffix: str) -> None:
    def exported(text: str) -> str:
        data = {"code_blocks": [{"code": "xyzzy", "language": "sh"}]}
        cell = Cell("c1", "r1", "ann", "ann", CellKind.CODE, text, data=data)
        path = tmp_path / f"run{suffix}"
        export(Transcript((cell,), runs=(RunInfo("r1", "Go on"),)), path)
        return path.read_text("utf-8")

    once = exported("```sh\nxyzzy\n```").count("xyzzy")
    assert exported("I say xyzzy.").count("xyzzy") == once + 1


def test_a_path_that_cannot_be_written_is_named_with_a_remedy_and_nothing_is_left(tmp_path) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").write_text("kept")
    for name, words in (
        ("nowhere/run.html", "There is no folder .*nowhere.*make it first"),
        ("folder.html", "A folder has this name"),
        ("file/run.html", "Name a place where you may write"),
    ):
        with pytest.raises(OSError, match=words) as caught:
            export(Transcript(), tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.html"]
