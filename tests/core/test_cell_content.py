"""What a cell says: the sections that every renderer shows."""

from __future__ import annotations

from nb_stream.core.cell_content import (
    Approval,
    Code,
    Ending,
    HandoffTarget,
    Image,
    Output,
    Text,
    ToolUse,
    Traceback,
    sections_of,
)
from nb_stream.core.model import Cell, CellKind, TextForm, ToolCall
from tests.support.cell_content import FILE, table


def sections(kind: CellKind, text: str = "", **data: object) -> list[object]:
    return list(sections_of(Cell("c1", "r1", "ann", "ann", kind, text, data=data)))


def test_both_halves_find_the_same_sections_in_the_same_cells() -> None:
    """`frontend/tests/cell_content.test.ts` reads the same file."""
    assert FILE.read_text("utf-8") == table(), "it is out of date: python -m tests.support.cell_content writes it anew"


def test_sections_come_in_the_order_in_which_they_are_read() -> None:
    call = ToolCall("1", "look_up", "{}")
    data = {
        **{"images": ["data:,"], "traceback": "Traceback", "answer": "yes", "how": "answered", "output": "1"},
        **{"code_blocks": [{"code": "print(1)", "language": "python"}], "target": "bob", "exit_code": 0},
    }
    cell = Cell("c1", "r1", "ann", "ann", CellKind.OTHER, "Hello", tool_calls=(call,), data=data)
    assert list(sections_of(cell)) == [
        HandoffTarget("bob"),
        Text("Hello", TextForm.PLAIN),
        Code("print(1)", "python"),
        ToolUse(call),
        Output("1", 0),
        Ending("answered", "yes"),
        Traceback("Traceback"),
        Image(1, "data:,"),
    ]


def test_a_cell_that_says_nothing_has_no_sections() -> None:
    for kind in CellKind:
        assert sections(kind) == []


def test_code_that_stands_in_the_text_between_fences_is_said_once() -> None:
    blocks = [{"code": "print(1)\n", "language": "python"}]
    fenced = "```python\nprint(1)\n```"
    assert sections(CellKind.CODE, fenced, code_blocks=blocks) == [Text(fenced, TextForm.MARKDOWN)]
    mentioned = "I call print(1) now."
    assert sections(CellKind.CODE, mentioned, code_blocks=blocks)[1:] == [Code("print(1)\n", "python")]


def test_what_is_to_be_approved_stands_in_the_question_and_beside_it() -> None:
    what = {"tool": "rm", "arguments": {"path": "/"}}
    assert sections(CellKind.APPROVAL, "May I?", what=what) == [Approval("May I?", what)]


def test_only_the_data_of_a_raster_image_is_one() -> None:
    assert Image(1, "data:image/png;base64,iVBO\nRw0=").raster == ("image/png", "iVBORw0=")
    for source in ("data:image/svg+xml;base64,PHN2Zz4=", "https://example.org/x.png", "data:image/png;base64,<b>"):
        assert Image(1, source).raster is None
