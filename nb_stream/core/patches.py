"""What an event changed in a transcript. Whoever applies the patches in order has the transcript's cells.

Every cell that is opened settles at some time; none is ever taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .model import Cell, RunInfo


@dataclass(frozen=True)
class CellStarted:
    """A cell began to be written; its text comes by `TextDelta`. It comes again if the cell turns out to be of another
    kind; then the text stays."""

    cell: Cell


@dataclass(frozen=True)
class TextDelta:
    """Text was added to a live cell at the offset `at`, in code points."""

    cell_id: str
    at: int
    text: str


@dataclass(frozen=True)
class CellFinished:
    """A cell stands whole at `index` of the finished cells; also sent when such a cell is completed later."""

    cell: Cell
    index: int


@dataclass(frozen=True)
class RunChanged:
    """A run began, ended or used tokens."""

    run: RunInfo


Patch = Union[CellStarted, TextDelta, CellFinished, RunChanged]
