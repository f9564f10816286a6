"""A run on a terminal: all who write have a place of their own, what is finished stays, nothing is swallowed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from nb_stream import TeamStream
from nb_stream.core.model import CellKind, CellStatus, Chunk, InputResolved, Message, RunFinished, RunStarted
from nb_stream.demo import TEAMS
from nb_stream.recording.replay import Replay
from nb_stream.terminal.view import LiveTerminalView, TerminalView, terminal_view
from tests.support.hostile_texts import OWN
from tests.support.paths import ROOT
from tests.support.recordings import record, said, slow_run, write
from tests.support.terminal_screen import Screen
from tests.support.wait_until import until


class Terminal(io.StringIO):
    """An output that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Stage:
    """A stream that a live view of some size shows."""

    def __init__(self, team: object, width: int = 80, height: int = 24, **options: object) -> None:
        self.out = Terminal()
        self.height = height
        self.stream = TeamStream(team)
        console = Console(file=self.out, force_terminal=True, width=width, height=height)
        self.stream.watch(LiveTerminalView(self.stream, console=console, **options))

    @property
    def screen(self) -> Screen:
        return Screen(self.out.getvalue())

    @property
    def region(self) -> list[str]:
        """The lines at the bottom that are drawn anew."""
        lines = self.screen.lines
        first = next((place for place, line in enumerate(lines) if line.startswith("▌")), len(lines) - 1)
        return lines[first:]

    async def run(self) -> TeamStream:
        with contextlib.suppress(RuntimeError, asyncio.CancelledError):
            await self.stream.start("Do it.")
        return self.stream


def words(text: str) -> str:
    return " ".join(text.split())


def together(at: float = 1000.0, agents: tuple[str, ...] = ("ann", "ben")) -> list[object]:
    """Agents who write at the same time, for two seconds."""
    turns = [said(name, place, at, *(f"{name}{n} " for n in range(19))) for place, name in enumerate(agents)]
    events = sorted((event for turn in turns for event in turn), key=lambda event: event.at)
    return [RunStarted("r1", at, "go"), *events, RunFinished("r1", at + 2.0, CellStatus.DONE, "enough")]


@pytest.mark.parametrize("pace", [0.0, 0.002])
@pytest.mark.parametrize("name", sorted(TEAMS))
async def test_every_message_stands_there_once_and_whole(name: str, pace: float) -> None:
    stage = Stage(TEAMS[name](pace=pace))
    stream = await stage.run()
    screen = stage.screen
    for cell in stream.transcript:
        if cell.text:
            heads = [head for head, below in screen.sections if words(cell.text) in below]
            assert len(heads) == 1, (cell.path, cell.text)
            assert heads[0].startswith(cell.path or "nb_stream")
        for call in cell.tool_calls:
            shown = " ".join(below for _, below in screen.sections)
            assert shown.count(words(f"{call.name}({call.arguments})")) == 1
            assert shown.count(words(f"{call.name} {'failed' if call.is_error else 'gave'}: {call.result}")) == 1
    assert screen.sections[0] == ("run 1: Do it.", "")
    assert screen.sections[-1][0].startswith(stream.transcript.runs[0].status.value)
    assert screen.cursor
    assert "▌" not in "".join(screen.lines)


async def test_agents_who_write_at_the_same_time_have_a_place_each(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", together()))
    stage = Stage(replay)
    run = stage.stream.start()
    replay.seek(1.15)
    replay.pause()
    await until(lambda: "ben10" in "".join(stage.region))
    region = stage.region
    assert [line for line in region if line.startswith("▌")] == [
        "▌ann writes, 56 characters",
        "▌ben writes, 56 characters",
    ]
    assert region[1] == " ".join(f"ann{n}" for n in range(11))
    assert region[3] == " ".join(f"ben{n}" for n in range(11))
    replay.seek(9.0)
    replay.resume()
    await run
    assert [head for head, _ in stage.screen.sections] == ["run 1: go", "ann", "ben", "done: enough (2.0 s)"]


@pytest.mark.parametrize("height", [5, 12, 24])
async def test_the_region_fits_the_terminal_whoever_writes(height: int, tmp_path) -> None:
    names = tuple(f"agent{number}" for number in range(9))
    replay = Replay(write(tmp_path / "run.jsonl", together(agents=names)))
    stage = Stage(replay, width=30, height=height)
    run = stage.stream.start()
    replay.seek(1.9)
    replay.pause()
    await until(lambda: "characters" in "".join(stage.region))
    region = stage.region
    shown = sum(line.startswith("▌") for line in region)
    assert shown == max(1, (height - 4) // 3)
    assert f"{9 - shown} more write" in region
    assert len(region) < max(height, 6)
    replay.resume()
    await stage.stream.cancel()
    assert run.cancelled()
    assert stage.screen.cursor


async def test_switches_hold_back_and_let_through_in_the_middle_of_a_message(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", together()))
    stage = Stage(replay)
    stage.stream.switches["ann"] = False
    run = stage.stream.start()
    replay.seek(1.15)
    replay.pause()
    await until(lambda: "ben10" in "".join(stage.region))
    assert "▌ann writes, 56 characters, held back" in stage.region
    assert "ann0" not in "".join(stage.region)
    stage.stream.switches["ann"] = True
    stage.stream.switches["ben"] = False
    await until(lambda: "ann10" in "".join(stage.region))
    assert "ben0" not in "".join(stage.region)
    replay.seek(9.0)
    replay.resume()
    await run
    assert [below.split()[-1] for head, below in stage.screen.sections if head in ("ann", "ben")] == ["ann18", "ben18"]


async def test_tokens_can_be_left_out_and_agents_chosen(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", together()))
    stage = Stage(replay, tokens=False, agents=["ben"])
    run = stage.stream.start()
    replay.seek(1.15)
    replay.pause()
    await until(lambda: "▌ben writes, 56 characters" in stage.region)
    assert "ben0" not in "".join(stage.screen.lines)
    replay.seek(9.0)
    replay.resume()
    await run
    assert [head for head, _ in stage.screen.sections] == ["run 1: go", "ben", "done: enough (2.0 s)"]


async def test_a_question_of_a_replay_is_shown_while_it_waits(tmp_path) -> None:
    asked = Message("ann", "ann", 1000.5, CellKind.INPUT, "Well?", "Asked", "m1", "t1", data={"request_id": "q"})
    answered = InputResolved("ann", "ann", 1001.5, "q", "answered", "Very well.")
    end = RunFinished("r1", 1002.0, CellStatus.DONE)
    replay = Replay(write(tmp_path / "run.jsonl", [RunStarted("r1", 1000.0, "go"), asked, answered, end]))
    stage = Stage(replay)
    replay.seek(1.0)
    replay.pause()
    run = stage.stream.start()
    await until(lambda: "▌ann waits for an answer: Well?" in stage.region)
    replay.seek(9.0)
    replay.resume()
    await run
    assert "Very well." in stage.screen.sections[-2][1]


async def test_going_back_in_a_replay_is_said(tmp_path) -> None:
    replay = Replay(write(tmp_path / "run.jsonl", slow_run()))
    stage = Stage(replay, note=lambda: f"{replay.position:.0f} s of it")
    replay.seek(1.25)
    replay.pause()
    run = stage.stream.start()
    await until(lambda: "1 s of it" in stage.region[-1] and "ben writes" in "".join(stage.region))
    replay.seek(0.0)
    replay.speed = 20.0
    replay.resume()
    await run
    assert [head for head, _ in stage.screen.sections][-3:-1] == ["ann", "ben"]
    assert "back to the beginning of the run" in "".join(stage.screen.lines)


@pytest.mark.parametrize("cut", [1, 1000])
@pytest.mark.parametrize("text", OWN)
async def test_hostile_text_does_nothing_to_the_terminal(text: str, cut: int, tmp_path) -> None:
    text = f"[bold red]no markup[/] :boom: {text}"
    pieces = [text[start : start + cut] for start in range(0, len(text), cut)]
    end = 1000.0 + len(pieces)  # no later, as it is waited for
    path = write(
        tmp_path / "run.jsonl",
        [
            RunStarted("r1", 1000.0, text),
            *(Chunk("ann", "ann", 1000.0 + place, piece, "m1", "t1") for place, piece in enumerate(pieces)),
            Message("ann", "ann", end, CellKind.TEXT, text, "TextMessage", "m1", "t1", True),
            RunFinished("r1", end, CellStatus.FAILED, None, text, text),
        ],
    )
    stage = Stage(Replay(path, 1e4))
    await stage.run()
    assert stage.screen.cursor  # and no sequence but those that a live view uses
    shown = "".join(stage.screen.lines)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert "[bold red]no markup[/] :boom:" in shown.partition("ann ")[2]


# --- which view ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "live", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
async def test_the_view_suits_the_terminal(variables: dict[str, str], live: bool, coloured: bool, monkeypatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    stream = TeamStream(TEAMS["writers"](pace=0))
    view = terminal_view(stream, out=out)
    assert type(view) is (LiveTerminalView if live else TerminalView)
    stream.watch(view)
    await stream.run("Do it.")
    assert bool(re.search(r"\x1b\[[0-9;]*3[1-7]m", out.getvalue())) is coloured


def test_what_is_no_terminal_gets_plain_lines() -> None:
    stream = TeamStream(TEAMS["writers"]())
    latin = Terminal()
    latin.encoding = "latin-1"
    gone = io.StringIO()
    gone.close()
    for out in (io.StringIO(), latin, gone):
        assert type(terminal_view(stream, out=out)) is TerminalView


def on_a_terminal(*command: str, ctrl_c: bool = False, answer: bytes = b"") -> tuple[str, int]:
    """What a Python command writes to a real terminal, and its exit code. `answer` is typed when it is asked for."""
    near, far = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=far,
        stdout=far,
        stderr=far,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    ) as child:
        os.close(far)
        written, deadline = b"", time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([near], [], [], 0.1)[0]:
                try:
                    written += os.read(near, 65536)
                except OSError:  # the other end was closed
                    break
            if ctrl_c and b"word" in written:
                child.send_signal(signal.SIGINT)
                ctrl_c = False
            if answer and b"response: " in written:
                os.write(near, answer)
                answer = b""
        else:
            child.kill()
        code = child.wait(timeout=10)
    os.close(near)
    return written.decode(), code


def replay_on_a_terminal(path: object, *options: str, ctrl_c: bool = False) -> tuple[str, int]:
    """What `nb_stream replay` writes to a real terminal, and its exit code."""
    return on_a_terminal("-m", "nb_stream", "replay", str(path), *options, ctrl_c=ctrl_c)


def test_the_command_shows_a_run_on_a_real_terminal(tmp_path) -> None:
    path = tmp_path / "run.jsonl"
    live = asyncio.run(record("parallel", path, pace=0.001))
    written, code = replay_on_a_terminal(path)
    assert code == 0
    screen = Screen(written)
    assert screen.cursor
    assert [head for head, _ in screen.sections][1:-1] == [cell.path for cell in live]


def test_ctrl_c_leaves_the_terminal_as_it_was(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    written, code = replay_on_a_terminal(path, "--speed", "0.2", ctrl_c=True)
    assert code == 130
    screen = Screen(written.replace("^C", ""))
    assert screen.cursor
    assert "Traceback" not in written
    assert screen.sections[-1][0].startswith("cancelled")


def test_a_question_is_asked_at_the_terminal_and_what_is_typed_stays() -> None:
    code = (
        "import asyncio\nfrom autogen_agentchat.agents import UserProxyAgent\n"
        "from autogen_agentchat.teams import RoundRobinGroupChat\nfrom nb_stream import TeamStream\n"
        "stream = TeamStream(RoundRobinGroupChat([UserProxyAgent('ann')], max_turns=1), view='terminal')\n"
        "assert asyncio.run(stream.run('Well?')).messages[-1].content == 'Very well.'\n"
    )
    written, exit_code = on_a_terminal("-c", code, answer=b"Very well.\n")
    assert exit_code == 0, written
    assert "Very well." in "".join(Screen(written).lines)
