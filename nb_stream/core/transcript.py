"""A transcript: everything that was said in the runs of one stream, as data.

Finished cells stand in the order in which their messages came. Text that is still being written stands behind them. A
transcript never changes: `nb_stream.core.reducer.fold` makes the next one from an event. So any thread may read one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..errors import unknown_agent
from .call_context import CallContext
from .metrics import Figures, by_agent
from .model import AgentInfo, Cell, ModelCallKey, RunInfo

TRANSCRIPT_VERSION = 1
"""The version of the dictionary that `Transcript.to_dict` writes."""

exporters: dict[str, Callable[[Sequence[Cell], Sequence[RunInfo]], Any]] = {}
"""By the name of a form, the function that writes cells and runs in this form. The package `export` adds its functions
when it is imported: this package must not import that one, which stands above it."""


@dataclass(frozen=True)
class StreamingCell:
    """A cell that is being written: `head` is the cell without its text, `pieces` are the text. Each piece is at least
    twice as long as the next, so that a long text is not copied whenever a chunk comes. `opened` gives the order in
    which live cells were opened."""

    head: Cell
    pieces: tuple[str, ...] = ()
    length: int = 0
    opened: int = 0

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    @property
    def cell(self) -> Cell:
        """The cell as a reader sees it."""
        return replace(self.head, text=self.text)

    def grown(self, text: str) -> StreamingCell:
        """This cell with `text` added at its end."""
        pieces, last = self.pieces, text
        while pieces and len(pieces[-1]) < 2 * len(last):
            pieces, last = pieces[:-1], pieces[-1] + last
        return StreamingCell(self.head, (*pieces, last), self.length + len(text), self.opened)


@dataclass(frozen=True)
class StreamingCall:
    """A model call whose text is still coming. It has up to two cells: a thought, then the answer.

    `phase` and `pending` are those of `think_tags.split`. `pending` is text that cannot be placed yet, because it may
    be the beginning of a mark, or half of a character. `renamed` says that a thought has used the id of the call, so
    its answer will have another id. `number` is the number in the ids of its cells. It is given with the first piece of
    text, so that it does not depend on how pieces were joined. It is given anew if a message ends the thought while
    text of the call is still coming.
    """

    agent: str
    path: str
    turn: str | None
    message_id: str | None
    phase: str = "start"
    pending: str = ""
    thought: StreamingCell | None = None
    answer: StreamingCell | None = None
    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    ttft: float | None = None
    renamed: bool = False
    number: int = 0

    @property
    def key(self) -> ModelCallKey:
        """The key of its chunks."""
        return ModelCallKey(self.agent, self.path, self.message_id, self.turn)

    @property
    def writings(self) -> tuple[StreamingCell, ...]:
        """Its thought and its answer, as far as they have begun."""
        return tuple(writing for writing in (self.thought, self.answer) if writing is not None)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The thought and the answer as cells, as a reader sees them."""
        return tuple(writing.cell for writing in self.writings)


class AwaitingCell(NamedTuple):
    """A settled cell that waits for a result, an output or an answer: its index, and the turn that it belongs to."""

    place: int
    turn: str | None


@dataclass(frozen=True)
class Branch:
    """A way through the runs of a transcript that nothing goes on from. `id` is that of its last run, empty if it has
    none; `runs` are the ids of its runs in order. `set_aside` says that the team is elsewhere."""

    id: str
    runs: tuple[str, ...]
    set_aside: bool


def head_of(runs: Sequence[RunInfo]) -> str:
    """The id of the last run that is not set aside, empty if there is none. The next run goes on from there."""
    return next((run.id for run in reversed(runs) if not run.set_aside), "")


def lineage(runs: Sequence[RunInfo], last: str) -> tuple[str, ...]:
    """The ids of the run `last` and of the runs that lead to it, in order."""
    found: list[str] = []
    for run in reversed(runs):
        if run.id == last:
            found.append(run.id)
            last = run.parent
    return tuple(reversed(found))


@dataclass(frozen=True, repr=False)
class Transcript:
    """The runs of a stream and their cells.

    `for cell in transcript` gives its cells and `len(transcript)` their number. `==` compares the runs and cells of two
    transcripts. A transcript never changes, so any thread may use it.
    """

    settled: tuple[Cell, ...] = ()
    live: tuple[StreamingCall, ...] = ()
    runs: tuple[RunInfo, ...] = ()
    next_id: int = field(default=1, compare=False)
    turns: Mapping[str, float] = field(default_factory=dict)
    awaited: tuple[AwaitingCell, ...] = ()
    agents: tuple[AgentInfo, ...] = field(default=(), compare=False)
    """The agents of the team, also those that have said nothing yet. Empty if the transcript was read from a file."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells: the finished ones in the order of their messages, then those that are being written."""
        return (*self.settled, *self.live_cells)

    @property
    def live_cells(self) -> tuple[Cell, ...]:
        """The cells that are being written, in the order in which they were opened."""
        writings = [writing for live in self.live for writing in live.writings]
        return tuple(writing.cell for writing in sorted(writings, key=lambda writing: writing.opened))

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches of the conversation, the oldest first. One of them is that of the team, at the end of which the
        next run goes on; the others are set aside."""
        head, parents = head_of(self.runs), {run.parent for run in self.runs}
        ends = [run.id for run in self.runs if run.id == head or run.id not in parents]
        return tuple(Branch(end, lineage(self.runs, end), end != head) for end in ([*ends] if head else [*ends, ""]))

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def of(self, agent: str) -> tuple[Cell, ...]:
        """The cells of one agent, which is named by its path, or of all agents with this name. Empty if the agent has
        said nothing yet.

        Raises UnknownAgentError if no agent has this name or path.
        """
        found = tuple(cell for cell in self.cells if agent in (cell.path, cell.agent))
        if not found and not any(agent in (info.path, info.name) for info in self.agents):
            known = [*(info.path for info in self.agents), *(cell.path for cell in self.cells)]
            raise unknown_agent(agent, dict.fromkeys(filter(None, known)), "transcript")
        return found

    def context(self, cell: Cell | str) -> CallContext:
        """What the model saw for a cell, or for the cell with this id: the messages, tools and options of its call.

        Raises ValueError if this is not known: no model call is behind the cell, or a recording without contexts is.
        """
        if isinstance(cell, str):
            found = next((one for one in self.cells if one.id == cell), None)
            if found is None:
                raise ValueError(f"The transcript has no cell {cell!r}; the ids of its cells are like 'c1'.")
            cell = found
        if cell.context is None:
            raise ValueError(
                f"What a model saw for {cell.id!r} is not known: either no model wrote it, or its file was recorded "
                "without record_context=True."
            )
        context: CallContext = cell.context()
        return context

    def __repr__(self) -> str:
        return f"Transcript(runs={len(self.runs)}, cells={len(self)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows of the transcript: the newest messages, as HTML, Markdown and plain text."""
        forms: dict[str, str] = self._exported("mimebundle")
        return forms

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_()["text/html"]

    def _repr_markdown_(self) -> str:
        return self._repr_mimebundle_()["text/markdown"]

    def to_dict(self) -> dict[str, Any]:
        """The transcript as JSON values. Text that is still being written is included as far as it has come."""
        return {
            "version": TRANSCRIPT_VERSION,
            "runs": [run.to_dict() for run in self.runs],
            "cells": [cell.to_dict() for cell in self.cells],
            "figures": {path: dataclasses.asdict(figures) for path, figures in self.figures().items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Transcript:
        """The transcript that `to_dict` wrote.

        Raises ValueError for a version that this package does not know, and for values that fit no cell or run.
        """
        if values.get("version") != TRANSCRIPT_VERSION:
            raise ValueError(
                f"This transcript has version {values.get('version')!r}; nb_stream reads version {TRANSCRIPT_VERSION}. "
                "Install the nb_stream that wrote it, or a newer one."
            )
        cells = tuple(Cell.from_dict(cell) for cell in values["cells"])
        return cls(
            settled=cells,
            runs=tuple(RunInfo.from_dict(run) for run in values["runs"]),
            next_id=1 + max((number_of(cell.id) for cell in cells), default=0),
        )

    def figures(self, run: str | None = None) -> dict[str, Figures]:
        """The figures of each agent, by path: messages, tokens, cost (USD), times (seconds). They cover all runs, or
        the run with the id `run`."""
        unseen = [call for info in self.runs if run is None or info.id == run for call in info.calls]
        return by_agent((cell for cell in self.cells if run is None or cell.run == run), unseen)

    def to_markdown(self) -> str:
        """The transcript as Markdown, a heading for each run and each cell."""
        markdown: str = self._exported("markdown")
        return markdown

    def to_html(self) -> str:
        """The transcript as one HTML page without scripts, which can be saved as a file."""
        return "".join(self._exported("html"))

    def to_notebook(self) -> dict[str, Any]:
        """The transcript as a notebook in nbformat 4.5, a Markdown cell for each message."""
        notebook: dict[str, Any] = self._exported("notebook")
        return notebook

    def to_agui(self) -> list[dict[str, Any]]:
        """The transcript as events of the AG-UI protocol 1.0."""
        return list(self._exported("agui"))

    def _exported(self, form: str) -> Any:
        return exporters[form](self.cells, self.runs)


def cell_id(number: int, *, thought: bool = False) -> str:
    """The id of a cell with this number. The thought and the answer of a model call have the same number; the id of the
    thought ends in "t"."""
    return f"c{number}t" if thought else f"c{number}"


def number_of(cell: str) -> int:
    """The number in a cell's id."""
    return int(cell[1:].rstrip("t"))
