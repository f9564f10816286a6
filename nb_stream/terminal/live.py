"""A run on a terminal: finished messages scroll up and stay, what is being written stands below them.

Each agent that writes has a place of its own in the region at the bottom, so that agents who write at the same time
never mix; what does not fit there is in the finished message, whole. `printed.TerminalView` is for everything that is
no terminal. All text is printed as text: nothing in it is markup, and control characters are made visible.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from ..concurrency.clock import now
from ..core.model import Cell, CellRole, CellStatus, RunInfo
from ..core.patches import CellFinished, Patch, RunChanged
from ..core.text_safety import one_line, visible
from ..errors import unreachable
from ..export.text import beginning, body, ending, head, result
from ..runtime.switches import resolve

if TYPE_CHECKING:
    from .printed import ViewSource

REDRAW_EVERY_S = 0.1
"""Seconds between two pictures of what is being written."""

_RICH_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
_UNFINISHED = (CellStatus.RUNNING, CellStatus.WAITING)
_RULED = re.compile(r"(?<=\s)[─═]+(?=[^\S\n]*$)", re.MULTILINE)  # how a head ends here
_FEWEST = 3  # lines that an agent needs to be shown while it writes: who it is, and two of text


class LiveTerminalView:
    """Watches a stream and shows it on a terminal; for options and errors see `terminal_view`."""

    def __init__(
        self,
        source: ViewSource,
        *,
        console: Console,
        agents: Collection[str] | None = None,
        tokens: bool = True,
        note: Callable[[], str] = lambda: "",
    ) -> None:
        self._source = source
        self._console = console
        self._paths = None if agents is None else {resolve(source.agents, agent).path for agent in agents}
        self._tokens = tokens
        self._note = note
        self._open: dict[str, Cell] = {}  # printed cells that get a result later
        self._runs: dict[str, CellStatus] = {}
        self._live: Live | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._dead = False  # the terminal is gone

    # --- what happens (Watcher) ------------------------------------------------------------------------------------

    def patched(self, patches: Sequence[Patch]) -> None:
        """Print what is finished."""
        for patch in patches:
            if isinstance(patch, CellFinished) and self._shown(patch.cell):
                self._settle(patch.cell)
            elif isinstance(patch, RunChanged):
                self._run(patch.run)

    def touched(self, first: bool) -> None:
        """Text is waiting: the next picture shows it."""

    def agents_changed(self) -> None:
        """A switch opened or closed: the next picture shows it."""

    def state_changed(self) -> None:
        """Runs say themselves how they end."""

    def rewound(self) -> None:
        """A replay went back."""
        self._open = {}
        self._print(Rule("back to the beginning of the run", style="dim"))

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._timer is not None:
            self._timer.cancel()
        live, self._live, self._timer = self._live, None, None
        if live is not None:
            self._guarded(live.stop)

    def _look(self) -> None:
        """Draw the region, and come again while a run goes on."""
        if self._live is None or self._dead:
            return
        self._source.drain()
        live = self._live
        if live is not None:  # draining may have ended it
            self._guarded(lambda: live.update(self._region(), refresh=True))
            self._timer = asyncio.get_running_loop().call_later(REDRAW_EVERY_S, self._look)

    # --- what is finished ------------------------------------------------------------------------------------------

    def _run(self, run: RunInfo) -> None:
        before = self._runs.get(run.id)
        self._runs[run.id] = run.status
        if before is None:
            self._print(Rule(Text(beginning(run, len(self._runs)), "bold"), align="left", characters="═"))
            if self._live is None and not self._dead:
                self._live = Live(console=self._console, auto_refresh=False, transient=True)
                self._guarded(self._live.start)
                self._look()
        elif before is not run.status:
            self.close()
            self._open.clear()
            self._print(Rule(Text(ending(run), "bold"), align="left", characters="═"))

    def _settle(self, cell: Cell) -> None:
        before = self._open.pop(cell.id, None)
        if before is None:
            if text := body(cell).strip("\n"):
                self._print(_title(cell), Text(_unruled(text), _style(cell)))
        elif result(cell) != result(before) or cell.status is not before.status:
            self._print(_title(cell), Text(_unruled(result(cell)), _style(cell)))
        if cell.status in _UNFINISHED:
            self._open[cell.id] = cell

    def _print(self, *parts: RenderableType) -> None:
        self._guarded(lambda: self._console.print(*parts, sep="\n", markup=False, highlight=False, emoji=False))

    def _guarded(self, call: Callable[[], object]) -> None:
        """Whatever becomes of the terminal, the run goes on."""
        if self._dead:
            return
        try:
            call()
        except (OSError, ValueError):
            self._dead = True

    # --- what is being written -------------------------------------------------------------------------------------

    def _region(self) -> RenderableType:
        transcript = self._source.transcript
        writing = [live.cells[-1] for live in transcript.live if live.cells and self._shown(live.cells[-1])]
        waiting = [transcript.settled[awaited.place] for awaited in transcript.awaited]
        lines = [_waits(cell) for cell in waiting if self._shown(cell)]
        room = max(_FEWEST, self._console.height - len(lines) - 3)
        shown = writing[: max(1, room // _FEWEST)]
        if len(shown) < len(writing):
            shown = shown[: max(1, (room - 1) // _FEWEST)]
            lines.append(Text(f"{len(writing) - len(shown)} more write", "dim"))
        parts: list[Text] = []
        for place, cell in enumerate(shown):  # who needs less leaves more to the others
            parts.extend(self._growing(cell, (room - len(parts)) // (len(shown) - place)))
        return Group(*parts, *lines, self._foot())

    def _growing(self, cell: Cell, room: int) -> Iterator[Text]:
        streams = self._tokens and self._source.gate.is_open(cell.path)
        doing = "thinks" if cell.kind.role is CellRole.THOUGHT else "writes"
        held = "" if streams or not self._tokens else ", held back"
        yield _names(cell).append(f" {doing}, {len(cell.text):,} characters{held}", "dim")
        if streams:
            yield from self._tail(cell, room - 1)

    def _tail(self, cell: Cell, room: int) -> list[Text]:
        """The last lines of a text, as many as there is room for."""
        width = self._console.width
        text = visible(cell.text[-room * width * 2 :]).rstrip("\n")
        return list(Text(text, _style(cell)).wrap(self._console, width))[-room:]

    def _foot(self) -> Text:
        run = self._source.transcript.runs[-1:]
        began = run[0].started_at if run else None
        words = [self._note() or ("" if began is None else f"{max(0.0, now() - began):.0f} s")]
        return Text(" · ".join([f"run {len(self._runs)}", *filter(None, words)]), "dim")

    def _shown(self, cell: Cell) -> bool:
        return self._paths is None or not cell.path or cell.path in self._paths


def _title(cell: Cell) -> Rule:
    return Rule(Text(head(cell), f"bold {_agent_colour(cell)}"), align="left", style=_agent_colour(cell))


def _unruled(said: str) -> str:
    """A text in which no line ends as heads do."""
    return _RULED.sub(lambda line: "-" * len(line[0]), said)


def _waits(cell: Cell) -> Text:
    """What an agent does that is not writing."""
    if cell.status is CellStatus.WAITING:
        words = f" waits for an answer: {one_line(cell.text)}"
    else:
        names = ", ".join(one_line(call.name) for call in cell.tool_calls if call.result is None)
        words = f" runs {names or cell.kind.value}"
    return _names(cell).append(words, "dim")


def _names(cell: Cell) -> Text:
    """The beginning of a line of the region: who it is about."""
    return Text("▌", _agent_colour(cell)).append(one_line(cell.path or cell.agent), f"bold {_agent_colour(cell)}")


def _style(cell: Cell) -> str:
    match cell.kind.role:
        case CellRole.ERROR:
            return "red"
        case CellRole.THOUGHT:
            return "dim italic"
        case CellRole.MESSAGE | CellRole.TOOL_CALL | CellRole.CODE | CellRole.ASIDE | CellRole.QUESTION:
            return ""
        case CellRole.NOTICE:
            return ""
        case _:
            unreachable(cell.kind.role)


def _agent_colour(cell: Cell) -> str:
    return _RICH_COLOURS[zlib.crc32(cell.path.encode()) % len(_RICH_COLOURS)] if cell.path else "default"
