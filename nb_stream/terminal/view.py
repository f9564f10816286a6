"""A run in a terminal or in the log of a CI job: each finished message once, whole, under its agent's name.

Where nothing can be drawn anew (a file, a pipe, a log, a notebook), these are plain lines, and every line stays where
it is. On a terminal, finished messages scroll up and stay, and a region below them shows what is being written. Each
agent that writes has a place of its own there, so that agents that write at the same time never mix; what does not fit
is in the finished message. All text is printed as text: nothing in it is markup, and control characters are made
visible.

Only a stream with this view, and the command `nb_stream replay`, import this module, because it needs `rich`.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from ..concurrency.clock import now
from ..core.model import AgentInfo, Cell, CellRole, CellStatus, RunInfo
from ..core.patches import CellFinished, Patch, RunChanged
from ..core.text_safety import one_line, visible
from ..core.transcript import Transcript
from ..errors import unreachable
from ..export.text import beginning, body, ending, head, result, rule, with_line_end
from ..runtime.switches import resolve
from ..runtime.token_gate import TokenGate

REDRAW_EVERY_S = 0.1
"""Seconds between two pictures of what is being written."""

_UNFINISHED = (CellStatus.RUNNING, CellStatus.WAITING)
_RICH_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta", "bright_green")
_RULED = re.compile(r"(?<=\s)[─═]+(?=[^\S\n]*$)", re.MULTILINE)  # the end of a head in this view
_FEWEST = 3  # lines for an agent that writes: one with its name, and two of text


class ViewSource(Protocol):
    """What a view reads; `TeamStream` is one."""

    @property
    def agents(self) -> tuple[AgentInfo, ...]: ...
    @property
    def gate(self) -> TokenGate: ...
    @property
    def transcript(self) -> Transcript: ...
    @property
    def questions(self) -> Sequence[object]: ...
    def drain(self) -> None: ...


def terminal_view(
    source: ViewSource,
    *,
    out: TextIO | None = None,
    agents: Collection[str] | None = None,
    tokens: bool = True,
    note: Callable[[], str] = lambda: "",
) -> TerminalView:
    """What prints a stream: `stream.watch(terminal_view(stream))`, or `TeamStream(team, view="terminal")`.

    On a terminal, finished messages scroll up, and a region below them shows the text of all agents that are writing,
    in colours unless the variable NO_COLOR is set. Elsewhere (a file, a pipe, the log of a CI job, a notebook,
    TERM=dumb) finished messages are plain lines. `out` is standard output if it is None. `agents` narrows to some
    agents, by name or path. `tokens=False` shows in the region who is writing, but not what. `note` says in the region
    how far the run is. An output that is closed, or that cannot take a character, harms no run.

    Raises UnknownAgentError if an agent of `agents` is not there.
    """
    if not _is_terminal(sys.stdout if out is None else out):
        return TerminalView(source, out=out, agents=agents)
    console = Console(file=out, force_terminal=True)
    return LiveTerminalView(source, console=console, agents=agents, tokens=tokens, note=note)


def _is_terminal(out: TextIO) -> bool:
    """Whether an output can be drawn on: a terminal that knows how to move its cursor, and Unicode."""
    try:
        draws = out.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    except ValueError:  # closed
        return False
    return draws and (getattr(out, "encoding", None) or "").lower().startswith("utf")


class TerminalView:
    """Watches a stream and prints what is finished, in plain lines; for options and errors see `terminal_view`.

    The stream owns it and calls it on the stream's loop.
    """

    takes_answers = False  # questions are asked at standard input

    def __init__(self, source: ViewSource, *, out: TextIO | None = None, agents: Collection[str] | None = None) -> None:
        self._source = source
        self._out = out
        self._paths = None if agents is None else {resolve(source.agents, agent).path for agent in agents}
        self._open: dict[str, Cell] = {}  # printed cells that get a result later
        self._runs: dict[str, CellStatus] = {}
        self._dead = False  # the output is gone

    # --- what happens (Watcher) ------------------------------------------------------------------------------------

    def patched(self, patches: Sequence[Patch]) -> None:
        """Print what is finished."""
        for patch in patches:
            if isinstance(patch, CellFinished) and self._shown(patch.cell):
                self._settle(patch.cell)
            elif isinstance(patch, RunChanged):
                self._run(patch.run)

    def touched(self, first: bool) -> None:
        """Text is waiting: only finished messages are printed."""

    def agents_changed(self) -> None:
        """A switch opened or closed: finished messages are printed either way."""

    def state_changed(self) -> None:
        """Runs say themselves how they end."""

    def rewound(self) -> None:
        """A replay went back."""
        self._open.clear()
        self._print_rule("back to the beginning of the run")

    def close(self) -> None:
        """Nothing is left to be put away."""

    # --- what is finished ------------------------------------------------------------------------------------------

    def _shown(self, cell: Cell) -> bool:
        return self._paths is None or not cell.path or cell.path in self._paths

    def _run(self, run: RunInfo) -> None:
        before = self._runs.get(run.id)
        self._runs[run.id] = run.status
        if before is None:
            self._print_rule(beginning(run, len(self._runs)))
            self._begin()
        elif before is not run.status:
            self.close()
            self._open.clear()
            self._print_rule(ending(run))

    def _begin(self) -> None:
        """A run has begun."""

    def _settle(self, cell: Cell) -> None:
        before = self._open.pop(cell.id, None)
        if before is None:
            if body(cell).strip():
                self._print_message(cell, body(cell))
        elif result(cell) != result(before) or cell.status is not before.status:
            self._print_message(cell, result(cell))  # what came of a tool call, of code or of a question
        if cell.status in _UNFINISHED:
            self._open[cell.id] = cell

    # --- printing --------------------------------------------------------------------------------------------------

    def _print_rule(self, words: str) -> None:
        self._guarded(lambda: self._write(f"{rule(words)}\n"))

    def _print_message(self, cell: Cell, said: str) -> None:
        self._guarded(lambda: self._write(f"{rule(head(cell))}\n{with_line_end(said)}"))

    def _guarded(self, call: Callable[[], object]) -> None:
        """Whatever becomes of the output, the run goes on."""
        if self._dead:
            return
        try:
            call()
        except (OSError, ValueError):  # the program that read it has ended (`| head`), or the file is closed
            self._dead = True

    def _write(self, text: str) -> None:
        out = self._out or sys.stdout
        try:
            out.write(text)
        except UnicodeEncodeError:
            encoding = getattr(out, "encoding", None) or "ascii"
            out.write(text.encode(encoding, "replace").decode(encoding))
        out.flush()


class LiveTerminalView(TerminalView):
    """Watches a stream and shows it on a terminal; for options and errors see `terminal_view`.

    While a question is asked at this terminal, nothing is drawn.
    """

    def __init__(
        self,
        source: ViewSource,
        *,
        console: Console,
        agents: Collection[str] | None = None,
        tokens: bool = True,
        note: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__(source, agents=agents)
        self._console = console
        self._tokens = tokens
        self._note = note
        self._live: Live | None = None
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._put_away()

    def _begin(self) -> None:
        if self._timer is None:
            self._look()

    def _look(self) -> None:
        """Draw the region, and come again while a run goes on."""
        self._timer = asyncio.get_running_loop().call_later(REDRAW_EVERY_S, self._look)
        self._source.drain()
        if self._timer is None:  # draining ended the run
            return
        if self._source.questions:  # a person may be typing, and a picture would wipe that out
            self._put_away()
            return
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._guarded(self._live.start)
        live = self._live
        self._guarded(lambda: live.update(self._region(), refresh=True))

    def _put_away(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            self._guarded(live.stop)

    # --- what is finished ------------------------------------------------------------------------------------------

    def _print_rule(self, words: str) -> None:
        self._print(Rule(Text(words, "bold"), align="left", characters="═"))

    def _print_message(self, cell: Cell, said: str) -> None:
        self._print(_title(cell), Text(_unruled(said.strip("\n")), _style(cell)))

    def _print(self, *parts: RenderableType) -> None:
        self._guarded(lambda: self._console.print(*parts, sep="\n", markup=False, highlight=False, emoji=False))

    # --- what is being written -------------------------------------------------------------------------------------

    def _region(self) -> RenderableType:
        transcript = self._source.transcript
        writing = [live.cells[-1] for live in transcript.live if live.cells and self._shown(live.cells[-1])]
        waiting = [transcript.settled[awaited.place] for awaited in transcript.awaited]
        lines = [_waiting_line(cell) for cell in waiting if self._shown(cell)]
        room = max(_FEWEST, self._console.height - len(lines) - 3)
        shown = writing[: max(1, room // _FEWEST)]
        if len(shown) < len(writing):
            shown = shown[: max(1, (room - 1) // _FEWEST)]
            lines.append(Text(f"{len(writing) - len(shown)} more write", "dim"))
        parts: list[Text] = []
        for place, cell in enumerate(shown):  # an agent that needs less leaves more to the others
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


def _title(cell: Cell) -> Rule:
    return Rule(Text(head(cell), f"bold {_agent_colour(cell)}"), align="left", style=_agent_colour(cell))


def _unruled(said: str) -> str:
    """A text in which no line ends as heads do."""
    return _RULED.sub(lambda line: "-" * len(line[0]), said)


def _waiting_line(cell: Cell) -> Text:
    """What an agent waits for: an answer (in a replay; otherwise nothing is drawn then), tools or code."""
    if cell.status is CellStatus.WAITING:
        words = f" waits for an answer: {one_line(cell.text)}"
    else:
        names = ", ".join(one_line(call.name) for call in cell.tool_calls if call.result is None)
        words = f" runs {names or cell.kind.value}"
    return _names(cell).append(words, "dim")


def _names(cell: Cell) -> Text:
    """The beginning of a line of the region: the agent that it is about."""
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
