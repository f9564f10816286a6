"""A terminal shows Markdown as it was written: every document of the tests, with nothing left out, added or obeyed."""

from __future__ import annotations

import io
import re

from rich.cells import cell_len
from rich.console import Console

from nb_stream.core.model import Cell, CellKind
from nb_stream.core.patches import CellFinished
from nb_stream.core.text_safety import quoted, visible
from nb_stream.terminal.view import LiveTerminalView, TerminalView
from tests.support.markdown_documents import documents
from tests.support.stream_without_team import Stage

LINE_END_OF_HEADS = re.compile(r"(?<=\s)[─═]+(?=[^\S\n]*$)", re.MULTILINE)


def finished(text: str) -> list[CellFinished]:
    return [CellFinished(Cell("c1", None, "poet", "poet", CellKind.TEXT, text=text), 0)]


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def test_in_plain_lines() -> None:
    for name, text in documents():
        out = io.StringIO()
        TerminalView(Stage("poet"), out=out).patched(finished(text))
        # Two differences: hidden characters are shown by number, and lines that look like heads are quoted.
        _, _, shown = out.getvalue().partition("\n")
        assert lines_of(shown) == lines_of(quoted(visible(text))), name


def test_on_a_terminal() -> None:
    for name, text in documents():
        out = io.StringIO()
        widest = max(map(cell_len, visible(text).expandtabs(8).splitlines()), default=0)
        console = Console(file=out, width=widest + 80, force_terminal=True, color_system=None)
        LiveTerminalView(Stage("poet"), console=console).patched(finished(text))
        # Two more: tabs become spaces, and lines that end as heads do here end in hyphens.
        _, _, shown = out.getvalue().partition("\n")
        expected = re.sub(
            r"(?<=\s)[─═]+(?=[^\S\n]*$)", lambda line: "-" * len(line[0]), quoted(visible(text)), flags=re.M
        )
        assert lines_of(shown) == lines_of(expected.expandtabs(8)), name
