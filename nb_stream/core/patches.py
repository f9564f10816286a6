"""Patches: what an event changed in a transcript. Applying them in order gives the cells of the transcript.

Displays need them, so that a new token costs one patch and not a whole transcript. Every cell that is started is
finished at some time, and no cell is ever taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .model import Cell, RunInfo


@dataclass(frozen=True)
class CellStarted:
    """An agent began to write a cell; the text comes by `TextDelta`. If the cell turns out to be of another kind, this
    patch comes again for the same cell, which keeps its text."""

    cell: Cell


@dataclass(frozen=True)
class TextDelta:
    """Text was added to a live cell at the offset `at`, in code points."""

    cell_id: str
    at: int
    text: str


@dataclass(frozen=True)
class CellFinished:
    """A cell stands whole at `index` of the finished cells. It comes again for the same index when such a cell is
    changed later, for example by the result of a tool."""

    cell: Cell
    index: int


@dataclass(frozen=True)
class RunChanged:
    """A run began, ended or used tokens."""

    run: RunInfo


Patch = Union[CellStarted, TextDelta, CellFinished, RunChanged]
