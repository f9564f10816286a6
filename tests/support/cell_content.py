"""Cells, and what they say: a table that both halves are tested with.

`python -m tests.support.cell_content` writes `cell_content.json` from what Python says. `tests/core/test_cell_content.py`
fails if that file is out of date, and `frontend/tests/cell_content.test.ts` if TypeScript says something else.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

from nb_stream.core.cell_content import Section, sections_of
from nb_stream.core.model import Cell, CellKind, CellStatus, ToolCall
from nb_stream.wire.protocol import cell_whole
from tests.support.paths import SUPPORT

FILE = SUPPORT / "cell_content.json"

CODE = {"code": "print(1)\n", "language": "python"}
DATA: dict[str, dict[str, Any]] = {
    "nothing besides": {},
    "text that a program printed": {"preformatted": True},
    "code with its output": {"code_blocks": [CODE, {"code": "ls", "language": "sh"}], "output": "1\n", "exit_code": 1},
    "code that printed nothing": {"code_blocks": [CODE], "output": "", "exit_code": 0},
    "an answer": {"request_id": "q", "how": "answered", "answer": "yes"},
    "an empty answer": {"request_id": "q", "how": "answered", "answer": ""},
    "no answer": {"request_id": "q", "how": "timed out", "answer": None},
    "a tool to be approved": {"what": {"tool": "rm", "arguments": {"path": "/"}}},
    "code to be approved": {"what": {"code": "ls", "language": "sh", "code_blocks": [CODE]}},
    "another agent": {"target": "bob"},
    "a traceback": {"traceback": "Traceback\nValueError: no"},
    "images": {"images": ["data:image/png;base64,iVBORw0KGgo=", "https://example.org/x.png"]},
}
TEXTS = (
    "",
    "Hello *you*",
    "Run:\n```python\nprint(1)\n```\nand\n~~~~\nls\n~~~~",
    "print(1)",
    "```\nprint(1)",
    '{"a": [1]}',
)
CALLS = (
    ToolCall("1", "look_up", '{"q": 1}', "42"),
    ToolCall("2", "fail", "{}", "no", True),
    ToolCall("3", "wait", ""),
)


def cells() -> Iterator[Cell]:
    """Cells of every kind, with nothing and with everything that a cell may have; and each text with each data."""
    everything = {name: value for data in DATA.values() for name, value in data.items() if name != "preformatted"}
    for kind in CellKind:
        calls = CALLS if kind is CellKind.TOOL_CALL else ()
        for data in ({}, {"preformatted": True}, everything):
            yield Cell("c1", "r1", "ann", "ann", kind, TEXTS[1], CellStatus.DONE, tool_calls=calls, data=data)
    for data in DATA.values():
        kind = CellKind.APPROVAL if "what" in data else CellKind.OTHER
        for text in TEXTS:
            yield Cell("c1", "r1", "ann", "ann", kind, text, CellStatus.DONE, data=data)


def table() -> str:
    """The cells as a page gets them, their role and the form of their text, and their sections: a line for each."""
    rows = (
        {
            "cell": cell_whole(cell),
            "role": cell.kind.role.value,
            "form": cell.text_form.value,
            "sections": [_row(section) for section in sections_of(cell)],
        }
        for cell in cells()
    )
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _row(section: Section) -> dict[str, Any]:
    """A section as it is written in TypeScript: `HandoffTarget` has the type "handoff target"."""
    return {
        "type": re.sub(r"(?<!^)(?=[A-Z])", " ", type(section).__name__).lower(),
        **dataclasses.asdict(section),
    }


if __name__ == "__main__":
    FILE.write_text(table(), "utf-8")
