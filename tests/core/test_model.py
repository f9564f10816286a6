"""The plain data: words, sums and JSON."""

from __future__ import annotations

import dataclasses
import json
import typing

import pytest

from nb_stream.core import model
from nb_stream.core.model import Cell, CellKind, CellStatus, Event, RunInfo, RunState, ToolCall, Usage


@pytest.mark.parametrize("word", [*CellKind, *CellStatus, *RunState])
def test_kinds_and_statuses_are_plain_words(word: str) -> None:
    assert str(word) == f"{word}" == f"{word:}" == word.value  # type: ignore[attr-defined]
    assert word == word.value  # type: ignore[attr-defined]
    assert f"{word:>30}".strip() == word.value  # type: ignore[attr-defined]
    assert json.loads(json.dumps(word)) == word.value  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", list(RunState))
def test_a_state_knows_whether_a_run_is_under_way(state: RunState) -> None:
    assert state.active is (state in (RunState.RUNNING, RunState.STOPPING, RunState.WAITING))


def test_usage_adds_up_and_is_false_where_nothing_was_counted() -> None:
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)
    assert not Usage()
    assert Usage(0, 1)


def test_a_cell_comes_back_from_json_as_it_was() -> None:
    cell = Cell(
        "c1",
        "r1",
        "ann",
        "team/ann",
        CellKind.TOOL_CALL,
        "text",
        CellStatus.FAILED,
        "ToolCallRequestEvent",
        "m1",
        1.0,
        2.5,
        0.5,
        30.0,
        True,
        Usage(1, 2),
        (ToolCall("1", "f", "{}", "x", True), ToolCall("2", "g", "{}")),
        {"a": [1, {"b": None}]},
    )
    assert Cell.from_dict(json.loads(json.dumps(cell.to_dict()))) == cell
    assert cell.duration == 1.5


def test_a_run_comes_back_from_json_as_it_was() -> None:
    run = RunInfo("r1", "Go.", CellStatus.DONE, "Enough.", 1.0, 2.0, Usage(1, 2))
    assert RunInfo.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_a_cell_of_another_kind_of_file_is_refused() -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT).to_dict()
    with pytest.raises(TypeError, match="colour"):
        Cell.from_dict({**cell, "colour": "red"})
    with pytest.raises(ValueError, match="song"):
        Cell.from_dict({**cell, "kind": "song"})


def test_a_duration_is_known_where_both_ends_are() -> None:
    assert Cell("c1", "r1", "ann", "ann", CellKind.TEXT, started_at=1.0).duration is None


@pytest.mark.parametrize("kind", [*typing.get_args(Event), Cell, RunInfo, ToolCall, Usage])
def test_events_and_cells_cannot_be_changed(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_every_event_class_is_part_of_the_union() -> None:
    kinds = [kind for kind in vars(model).values() if dataclasses.is_dataclass(kind)]
    timed = {kind for kind in kinds if "at" in {field.name for field in dataclasses.fields(kind)}}
    assert timed - {model.Token} == set(typing.get_args(Event))
