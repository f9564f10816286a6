"""Texts that try to be more than text: for everything that shows what a model or a tool said."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from nb_stream.core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from tests.support.paths import ROOT, SUPPORT

CORPORA = pathlib.Path(os.environ.get("NB_STREAM_CORPORA", ROOT.parent / "shared" / "corpora"))
"""Collections of others, which are kept outside of the repository; where they are missing, ours are tried alone."""


OWN: list[str] = [
    text for texts in json.loads((SUPPORT / "hostile_texts.json").read_text("utf-8")).values() for text in texts
] + ["\ud800 lone"]


def corpus() -> list[str]:
    """The payloads of the corpora, and our own."""
    found = list(OWN)
    for path in sorted(CORPORA.glob("*.json")):
        found.extend(_texts(json.loads(path.read_text("utf-8"))))
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if "<" in value or "](" in value else []
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def cells_of(text: str, place: int = 0) -> list[Cell]:
    """Cells that hold a text in every place that a text can be in."""
    said: dict[str, Any] = {"run": "r1", "agent": text, "path": text, "text": text, "type": text}
    calls = (ToolCall(text, text, text, text, True),)
    kinds = [
        (CellKind.TEXT, {"images": [text, f"data:image/png;base64,{text}", "data:image/svg+xml;base64,PHN2Zz4="]}),
        (CellKind.THOUGHT, {}),
        (CellKind.TOOL_CALL, {}),
        (CellKind.CODE, {"code_blocks": [{"code": text + "!", "language": text}], "output": text}),
        (CellKind.INPUT, {"answer": text}),
        (CellKind.ERROR, {"traceback": text}),
    ]
    return [
        Cell(
            f"c{place + number}",
            kind=kind,
            data=data,
            tool_calls=calls if kind is CellKind.TOOL_CALL else (),
            status=CellStatus.DONE,
            **said,
        )
        for number, (kind, data) in enumerate(kinds, 1)
    ]


def run_of(text: str) -> RunInfo:
    """A run whose task and end hold a text."""
    return RunInfo("r1", text, CellStatus.FAILED, text, 1000.0, 1001.0)
