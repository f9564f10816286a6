"""No renderer forgets a kind of cell, or a part of what a cell says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import pytest

from nb_stream.core import cell_content as content
from nb_stream.core.model import Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm, ToolCall
from nb_stream.core.transcript import Transcript, exporters
from nb_stream.export import FORMATS
from nb_stream.export.outputs import as_html, as_text
from nb_stream.export.shown import shown
from nb_stream.export.text import body

RUN = RunInfo("r1", "the task", CellStatus.FAILED, None, 1.0, 2.0)
CALL = ToolCall("1", "look_up", '{"q": "the-arguments"}', "the-result")
DATA: dict[str, Any] = {
    "code_blocks": [{"code": "the-code", "language": "python"}],
    "output": "the-output",
    "exit_code": 1,
    "how": "answered",
    "answer": "the-answer",
    "traceback": "the-traceback",
    "images": ["data:image/png;base64,iVBORw0KGgo="],
}
SAID = ("the-text", "the-code", "look_up", "the-arguments", "the-result", "the-output", "the-answer", "the-traceback")

Rendered = Callable[[Sequence[Cell], Sequence[RunInfo]], str]


def renderers() -> Iterator[tuple[str, Rendered]]:
    """Everything in Python that shows cells."""
    for suffix, (pieces, _) in FORMATS.items():
        yield suffix, lambda cells, runs, pieces=pieces: "".join(pieces(Transcript(tuple(cells), runs=tuple(runs))))
    for form, exporter in exporters.items():
        yield f"to_{form}", lambda cells, runs, exporter=exporter: _as_text(exporter(cells, runs))
    yield "saved text", as_text
    yield "saved HTML", as_html
    yield "last line of a cell", lambda cells, runs: _as_text(shown(cells, runs))
    yield "terminal", lambda cells, runs: "".join(map(body, cells))


def _as_text(value: Any) -> str:
    return json.dumps(value if isinstance(value, (str, dict)) else list(value), ensure_ascii=False)


RENDERERS = dict(renderers())


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("kind", CellKind)
def test_every_renderer_shows_all_that_a_cell_of_each_kind_says(name: str, kind: CellKind) -> None:
    cell = Cell("c1", "r1", "ann", "ann", kind, "the-text", data=DATA, tool_calls=(CALL,))
    rendered = RENDERERS[name]([cell], [RUN])
    if "agui" not in name:
        assert [word for word in SAID if word not in rendered] == []
    assert "the-text" in rendered  # the protocol AG-UI has no place for some of the rest


@pytest.mark.parametrize("name", RENDERERS)
def test_every_renderer_shows_a_text_of_each_form_and_what_is_to_be_approved(name: str) -> None:
    approval = Cell("c1", "r1", "ann", "ann", CellKind.APPROVAL, "May-I?", data={"what": {"tool": "rm"}})
    printed = Cell("c2", "r1", "ann", "ann", CellKind.TEXT, "printed", data={"preformatted": True})
    rendered = RENDERERS[name]([approval, printed], [RUN])
    assert "May-I?" in rendered
    assert "printed" in rendered


def test_the_cells_of_these_tests_have_every_kind_of_section_form_and_role() -> None:
    cells = [Cell("c1", "r1", "ann", "ann", kind, "x", data=DATA, tool_calls=(CALL,)) for kind in CellKind]
    what = {"target": "bob", "what": {"tool": "rm"}}
    cells.append(Cell("c2", "r1", "ann", "ann", CellKind.APPROVAL, "May I?", data=what))
    cells.append(Cell("c3", "r1", "ann", "ann", CellKind.TEXT, "x", data={"preformatted": True}))
    sections = [section for cell in cells for section in content.sections_of(cell)]
    assert {type(section) for section in sections} == set(get_args(content.Section))
    assert {section.form for section in sections if isinstance(section, content.Text)} == set(TextForm)
    assert {cell.kind.role for cell in cells} == set(CellRole)
