"""A run in a terminal or in the log of a CI job: each message once, whole, under its agent's name.

One agent has the floor: its tokens are printed as they come, while what others say at the same time waits until it has
finished. So parallel agents never mix, every message is printed whole, and every line stays where it is, which a log
file needs. On a terminal, which can be drawn anew, `live` shows all who write at the same time;
`terminal_view` picks the one that suits the output.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from ..core.model import AgentInfo, Cell, CellStatus, RunInfo
from ..core.patches import CellFinished, Patch, RunChanged
from ..core.text_safety import quoted_piece, visible_piece
from ..core.transcript import Transcript
from ..export.text import beginning, body, ending, head, result, rule, with_line_end
from ..runtime.switches import resolve
from ..runtime.token_gate import TokenGate

LOOK_EVERY_S = 0.05
"""Seconds between two looks at the text that is being written."""

_HALF = re.compile(r"(?:\r|\x1b(?:\[[0-9;:]*)?)$")  # what only the next piece tells how to show
_UNFINISHED = (CellStatus.RUNNING, CellStatus.WAITING)


class ViewSource(Protocol):
    """What the view reads; `TeamStream` is one."""

    @property
    def agents(self) -> tuple[AgentInfo, ...]: ...
    @property
    def gate(self) -> TokenGate: ...
    @property
    def transcript(self) -> Transcript: ...
    def drain(self) -> None: ...


class View(Protocol):
    """A display of a stream (`event_hub.Watcher`) that can be put away."""

    def patched(self, patches: Sequence[Patch]) -> None: ...
    def touched(self, first: bool) -> None: ...
    def agents_changed(self) -> None: ...
    def state_changed(self) -> None: ...
    def rewound(self) -> None: ...
    def close(self) -> None: ...


def terminal_view(
    source: ViewSource,
    *,
    out: TextIO | None = None,
    agents: Collection[str] | None = None,
    tokens: bool = True,
    note: Callable[[], str] | None = None,
) -> View:
    """What prints a stream: `stream.watch(terminal_view(stream))`, or `TeamStream(team, view="terminal")`.

    On a terminal a region that is drawn anew shows all who write, and finished messages above it, in colours unless
    the variable NO_COLOR is set. Elsewhere (a file, a pipe, the log of a CI job, a notebook, TERM=dumb) it is plain
    lines. `out` is standard output where it is None. `agents` narrows to some agents, by name or path; `tokens=False`
    prints finished messages only. `note` says in the live region how far the run is. An output that is closed, or
    cannot take a character, harms no run.

    Raises UnknownAgentError where an agent of `agents` is not there.
    """
    if not _is_terminal(sys.stdout if out is None else out):
        return TerminalView(source, out=out, agents=agents, tokens=tokens)
    from rich.console import Console

    from .live import LiveTerminalView

    console = Console(file=out, force_terminal=True)
    return LiveTerminalView(source, console=console, agents=agents, tokens=tokens, note=note or (lambda: ""))


def _is_terminal(out: TextIO) -> bool:
    """Whether an output can be drawn on: a terminal that knows how to move its cursor, and Unicode."""
    try:
        draws = out.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    except ValueError:  # closed
        return False
    return draws and (getattr(out, "encoding", None) or "").lower().startswith("utf")


@dataclass
class _Printed:
    """What is printed of a message that is being written: how many code points of it, and as what."""

    count: int = 0
    pieces: list[str] = field(default_factory=list)
    last: str = ""
    waits: str = ""
    inside: bool = False  # of a line

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class TerminalView:
    """Watches a stream and prints it in plain lines; for options and errors see `terminal_view`."""

    takes_answers = False

    def __init__(
        self,
        source: ViewSource,
        *,
        out: TextIO | None = None,
        agents: Collection[str] | None = None,
        tokens: bool = True,
    ) -> None:
        self._source = source
        self._out = out
        self._paths = None if agents is None else {resolve(source.agents, agent).path for agent in agents}
        self._tokens = tokens
        self._floor: str | None = None  # the live cell that is printed as it grows
        self._printed: dict[str, _Printed] = {}  # of live cells
        self._waiting: dict[str, Cell] = {}  # finished cells that somebody keeps from being printed
        self._open: dict[str, Cell] = {}  # printed cells that get a result later
        self._runs: dict[str, CellStatus] = {}
        self._inside = self._dead = False  # inside of a line; the output is gone
        self._timer: asyncio.TimerHandle | None = None

    # --- what happens (Watcher) ------------------------------------------------------------------------------------

    def patched(self, patches: Sequence[Patch]) -> None:
        """Print what is finished, and what the agent with the floor has written."""
        writing = self._floor is not None  # it is given in `_look`: what has ended by then needs none
        for patch in patches:
            if isinstance(patch, CellFinished):
                if self._shown(patch.cell):
                    self._settle(patch.cell)
            elif isinstance(patch, RunChanged):
                self._run(patch.run)
        if writing:
            self._advance()
        self._flush()

    def touched(self, first: bool) -> None:
        """Text is waiting: look at it soon."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def agents_changed(self) -> None:
        """A switch may have closed the mouth of the one who has the floor, or opened another's."""
        cell = self._live().get(self._floor or "")
        if cell is not None and not self._streams(cell):
            self._write(" [held back]\n")
            self._yield(forget=True)
        self._advance()
        self._flush()

    def state_changed(self) -> None:
        """Runs say themselves how they end."""

    def rewound(self) -> None:
        """A replay went back."""
        self._printed, self._waiting, self._open, self._floor = {}, {}, {}, None
        self._line(rule("back to the beginning of the run"))

    def close(self) -> None:
        """Nothing is left to be put away."""

    def _look(self) -> None:
        self._timer = None
        self._source.drain()
        self._advance()
        self._flush()

    # --- whose turn it is ------------------------------------------------------------------------------------------

    def _shown(self, cell: Cell) -> bool:
        return self._paths is None or not cell.path or cell.path in self._paths

    def _streams(self, cell: Cell) -> bool:
        return self._tokens and self._shown(cell) and self._source.gate.is_open(cell.path)

    def _live(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self._source.transcript.live_cells}

    def _advance(self) -> None:
        """Print on for the one who has the floor; give it to the next where nobody has it."""
        live = self._live()
        while True:
            if self._floor is None:
                writing = (cell for cell in live.values() if cell.text.strip() and self._streams(cell))
                cell = next((cell for cell in writing if cell.id not in self._printed), None)
                if cell is None:
                    return
                self._floor = cell.id
                self._head(cell)
            cell = live[self._floor]
            self._grow(cell)
            if not self._thought_out(cell):
                return
            self._yield()

    def _thought_out(self, cell: Cell) -> bool:
        """Whether the cell is a thought whose answer has begun: nothing is added to it any more."""
        return any([other.id for other in live.cells[:-1]] == [cell.id] for live in self._source.transcript.live)

    def _yield(self, *, forget: bool = False) -> None:
        """Leave the floor; what waited is printed. `forget`: the message will be printed again, whole."""
        if forget and self._floor is not None:
            self._printed.pop(self._floor, None)
        self._floor = None
        if self._inside:
            self._write("\n")
        waiting, self._waiting = self._waiting, {}
        for cell in waiting.values():
            self._whole(cell)

    def _settle(self, cell: Cell) -> None:
        before = self._open.get(cell.id)
        if before is not None:
            self._later(before, cell)
        elif cell.id == self._floor:
            self._finish(cell)
            self._yield()
        elif with_line_end(body(cell)) == with_line_end(self._printed.get(cell.id, _Printed()).text):
            self._printed.pop(cell.id, None)  # nothing to print, or a thought that was printed before its answer
        elif self._floor is not None:
            self._waiting[cell.id] = cell
        else:
            self._whole(cell)

    # --- printing --------------------------------------------------------------------------------------------------

    def _run(self, run: RunInfo) -> None:
        before = self._runs.get(run.id)
        if before is None:
            self._line(rule(beginning(run, len(self._runs) + 1)))
        elif before is not run.status:
            self._yield()
            self._line(rule(ending(run)))
            self._open.clear()
        self._runs[run.id] = run.status

    def _head(self, cell: Cell) -> None:
        self._line(rule(head(cell)))

    def _grow(self, cell: Cell) -> None:
        printed = self._printed.setdefault(cell.id, _Printed())
        half = _HALF.search(cell.text, max(printed.count, len(cell.text) - 32))
        end = len(cell.text) if half is None else half.start()
        piece, printed.last = visible_piece(cell.text[printed.count : end], printed.last)
        more = not self._thought_out(cell)
        piece, printed.waits = quoted_piece(printed.waits + piece, inside=printed.inside, more=more)
        printed.inside = not piece.endswith("\n") if piece else printed.inside
        self._write(piece)
        printed.count = end
        printed.pieces.append(piece)

    def _finish(self, cell: Cell) -> None:
        """The rest of a message that was printed as it grew; all of it where it ended in another text."""
        shown = self._printed.pop(cell.id).text
        whole = body(cell)
        if whole.startswith(shown):
            self._write(whole[len(shown) :])
            self._remember(cell)
        else:
            self._whole(cell)

    def _whole(self, cell: Cell) -> None:
        self._printed.pop(cell.id, None)
        self._head(cell)
        self._write(with_line_end(body(cell)))
        self._remember(cell)

    def _later(self, before: Cell, cell: Cell) -> None:
        """What came of a tool call, of code or of a question."""
        if result(cell) != result(before) or cell.status is not before.status:
            self._head(cell)
            self._write(with_line_end(result(cell)))
        self._remember(cell)

    def _remember(self, cell: Cell) -> None:
        self._open.pop(cell.id, None)
        if cell.status in _UNFINISHED:
            self._open[cell.id] = cell

    def _line(self, text: str) -> None:
        if self._inside:
            self._write("\n")
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        if not text or self._dead:
            return
        out = self._out or sys.stdout
        self._inside = not text.endswith("\n")
        try:
            try:
                out.write(text)
            except UnicodeEncodeError:
                encoding = getattr(out, "encoding", None) or "ascii"
                out.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError):  # whoever read it has gone: `| head`, or a closed file
            self._dead = True

    def _flush(self) -> None:
        try:
            (self._out or sys.stdout).flush()
        except (OSError, ValueError):
            self._dead = True
