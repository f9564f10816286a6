"""The wire between kernel and browser: frames go out, and `commands` come in. `frontend/src/protocol/protocol.ts`
mirrors the names.

* A `Frame` carries a sequence number and operations. Every operation says where it belongs (cell id, offset, index), so
  that an operation which comes twice does no harm. A missing sequence number is a gap, and the browser asks for a
  resync.
* A finished cell carries its text. If all of it was streamed before, the cell carries only the text's length and
  digest: a browser that lost a piece finds out by them and asks for a resync.
* The `Snapshot` is the state at once, with the newest of the finished cells. It is made only if a page asks for it:
  when a view opens, when a page reloads, or when a page finds a gap. The page then asks for the cells before them,
  piece by piece, the newest first (`EarlierOp`): so the end of a long session is there at once.

Offsets and lengths count Unicode code points, not UTF-16 units. Digests are CRC-32 of the UTF-8 text.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Union

from ..core.model import Cell, RunInfo

if TYPE_CHECKING:
    from typing_extensions import NotRequired

PROTOCOL_VERSION = 2
"""The version of the protocol; kernel and browser must agree on it."""


class AgentRow(TypedDict):
    """An agent in the panel's header. `note` is a sentence that says how its switch acts, or why it cannot. `model` is
    the name of its model, empty if that is not known; `text_only` says that the model takes no images. `held` is how
    many code points its closed gate holds. `grants` has the tools that it may call without being asked about, each with
    the scope: "run" or "tool"."""

    path: str
    name: str
    description: str
    model: str
    parent: str | None
    can_stream: bool
    on: bool
    note: str
    status: str
    held: int
    text_only: bool
    grants: dict[str, str]


class AgentsOp(TypedDict):
    """All agents, in the order of the header."""

    op: Literal["agents"]
    agents: list[AgentRow]


class BudgetRow(TypedDict):
    """What the run has used of one limit, whose `unit` is "tokens", "usd" or "seconds". `about` says that a part is
    estimated, `at_least` that a part is missing."""

    unit: str
    spent: float
    limit: float
    about: bool
    at_least: bool


class StateOp(TypedDict):
    """The run's state as a word, and a sentence beside it, which may be empty. `budget` is there if runs have
    limits."""

    op: Literal["state"]
    state: str
    detail: str
    budget: NotRequired[list[BudgetRow]]


class CellOp(TypedDict):
    """The head of a cell that is being written; its text comes by `append`."""

    op: Literal["cell"]
    cell: dict[str, Any]


class AppendOp(TypedDict):
    """Text for the live cell `id` at the offset `at`."""

    op: Literal["append"]
    id: str
    at: int
    text: str


class SettleOp(TypedDict):
    """The cell at `index` is finished. `cell["text"]` is absent if the browser has the text; `length` and `digest` say
    which text it must have."""

    op: Literal["settle"]
    index: int
    cell: dict[str, Any]
    length: int
    digest: int


class RunOp(TypedDict):
    """A run began or ended."""

    op: Literal["run"]
    run: dict[str, Any]


class TotalsOp(TypedDict):
    """How many cells, and how much of each live cell, the browser must have by now. Sent after a quiet second, because
    the loss of the last frame leaves no gap in the numbers."""

    op: Literal["totals"]
    settled: int
    live: dict[str, int]


class NoticeOp(TypedDict):
    """A sentence for the reader about a command that could not be carried out."""

    op: Literal["notice"]
    text: str


class SnapshotOp(TypedDict):
    """Everything, in answer to a resync."""

    op: Literal["snapshot"]
    snapshot: Snapshot


class EarlierOp(TypedDict):
    """The finished `cells` from `index` on, as of frame `seq`, in answer to the command `earlier`. It comes in a frame
    outside of the sequence: a page takes of it what it has been waiting for since its last snapshot. `bytes` is about
    how many bytes of UTF-8 it takes."""

    op: Literal["earlier"]
    seq: int
    index: int
    cells: list[dict[str, Any]]
    bytes: int


class ModuleOp(TypedDict):
    """A part of the front end, in answer to the command `module`: `source` is an ES module. The panel itself comes in a
    frame of its own, outside of the sequence."""

    op: Literal["module"]
    name: str
    source: str


class SavedOutputPart(TypedDict):
    """One of the outputs that are left in the notebook: its representations by media type, and its `stamp`, which it
    has in its metadata as `nb_stream`: the mark of the stream and `place.part.revision`."""

    stamp: str
    data: dict[str, str]


class SavedOutputOp(TypedDict):
    """What is left in the notebook at the panel's latest `place`, by the number of the part. It comes in answer to the
    command `saved_output`, and from then on at each writing, in frames outside of the sequence. `elsewhere` stands at
    the panel's earlier places, part by part."""

    op: Literal["saved_output"]
    place: int
    parts: dict[str, SavedOutputPart]
    elsewhere: list[dict[str, str]]


class ContextOp(TypedDict):
    """A piece of what the model saw for the cell `cell`, in answer to the command `context`, in a frame outside of the
    sequence. The `messages` (`GivenMessage.to_dict`) stand from the place `at` on, of `total`; one with nothing but
    `more` has text that goes on that of the message before it. The first piece has the tools and options; `end` marks
    the last one."""

    op: Literal["context"]
    cell: str
    at: int
    total: int
    end: bool
    messages: list[dict[str, Any]]
    tools: NotRequired[list[dict[str, Any]]]
    options: NotRequired[dict[str, Any]]
    prompt_tokens: NotRequired[int | None]


class ReplayRow(TypedDict):
    """Where a replay stands: `position` of `length` seconds of the `run`th of so many `runs`. While a run is under way
    and it is not `paused`, the position moves on by itself, `speed` times as fast as time; None is at once."""

    run: int
    runs: int
    position: float
    length: float
    paused: bool
    speed: float | None


class ReplayOp(TypedDict):
    """A replay was paused, sought or the like; only where a recording is played."""

    op: Literal["replay"]
    replay: ReplayRow


Op = Union[
    AgentsOp,
    StateOp,
    CellOp,
    AppendOp,
    SettleOp,
    RunOp,
    TotalsOp,
    NoticeOp,
    SnapshotOp,
    EarlierOp,
    ModuleOp,
    SavedOutputOp,
    ContextOp,
    ReplayOp,
]


class Frame(TypedDict):
    """What the kernel sends, at most 30 times a second. A frame with `ack` asks each page to answer when it is painted.
    A frame with a negative `seq` stands outside of the sequence."""

    v: int
    seq: int
    ops: list[Op]
    ack: NotRequired[bool]


class Snapshot(TypedDict):
    """The panel as of frame `seq`. `settled` are the finished cells from the index `first` on. Live cells have the text
    that was sent, without what a closed gate holds. `caution` is a sentence that says what the controls cannot do in
    this kernel; it is empty if each of them acts at once. `cannot_say` says why the team takes no words in mid-run; it
    is empty if it takes them. `replay` is None if a team runs."""

    v: int
    seq: int
    title: str
    caution: str
    cannot_say: str
    state: str
    detail: str
    budget: list[BudgetRow]
    agents: list[AgentRow]
    runs: list[dict[str, Any]]
    first: int
    settled: list[dict[str, Any]]
    live: list[dict[str, Any]]
    replay: ReplayRow | None


def digest(text: str, crc: int = 0) -> int:
    """CRC-32 of the UTF-8 text. If `crc` is the digest of what stands before `text`, it is the digest of both."""
    return zlib.crc32(text.encode("utf-8", "replace"), crc)


def cell_head(cell: Cell) -> dict[str, Any]:
    """A cell for the wire without its text, and without what is empty. `has_context` says that a page can ask what the
    model saw."""
    head = {
        key: value
        for key, value in cell.to_dict().items()
        if key != "text" and value is not False and value not in (None, "", [], {})  # 0.0 is a time
    }
    return head if cell.context is None else {**head, "has_context": True}


def cell_whole(cell: Cell, text: str | None = None) -> dict[str, Any]:
    """A cell for the wire with its text, or with the part of the text that was sent."""
    return {**cell_head(cell), "text": cell.text if text is None else text}


def run_row(run: RunInfo) -> dict[str, Any]:
    """A run for the wire."""
    return run.to_dict()
