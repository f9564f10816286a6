"""A run where nothing can be drawn: finished messages are plain lines, none is swallowed, no text does harm."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb_stream import TeamStream
from nb_stream.core.model import AgentInfo, CellKind, CellStatus, Chunk, Message, RunFinished, RunStarted
from nb_stream.core.reducer import fold
from nb_stream.core.transcript import Transcript
from nb_stream.demo import TEAMS, parallel, writers
from nb_stream.errors import UnknownAgentError
from nb_stream.recording.replay import Replay
from nb_stream.runtime.token_gate import TokenGate
from nb_stream.terminal.view import TerminalView
from tests.support.hostile_texts import OWN
from tests.support.paths import ROOT
from tests.support.recordings import said, slow_run, write
from tests.support.wait_until import until

HEAD = re.compile(r"^---------- (.*?) -*$", re.MULTILINE)


def sections(printed: str) -> list[tuple[str, str]]:
    """What was printed, as heads with the text below them."""
    parts = HEAD.split(printed)
    assert not parts[0].strip()
    return list(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


async def printed(team: object, *, off: tuple[str, ...] = (), **options: object) -> tuple[str, TeamStream]:
    """Run a team or a replay, and what a view of it prints."""
    out = io.StringIO()
    stream = TeamStream(team)
    stream.watch(TerminalView(stream, out=out, **options))
    for agent in off:
        stream.switches[agent] = False
    with contextlib.suppress(RuntimeError, asyncio.CancelledError):
        await stream.start("Do it.")
    return out.getvalue(), stream


@pytest.mark.parametrize("pace", [0.0, 0.002])
@pytest.mark.parametrize("name", sorted(TEAMS))
async def test_every_message_is_printed_once_and_whole(name: str, pace: float) -> None:
    text, stream = await printed(TEAMS[name](pace=pace))
    got = sections(text)
    for cell in stream.transcript:
        if cell.text:
            matching = [
                body for head, body in got if head.startswith(cell.path or "nb_stream") and cell.text.strip() in body
            ]
            assert len(matching) == 1, (cell.path, cell.text)
        for call in cell.tool_calls:
            assert text.count(f"{call.name}({call.arguments})") == 1
            assert text.count(f"{call.name} {'failed' if call.is_error else 'gave'}: {call.result}") == 1
    assert got[0][0] == "run 1: Do it."
    assert got[-1][0].startswith(stream.transcript.runs[0].status.value)


async def test_agents_that_write_at_the_same_time_do_not_mix() -> None:
    text, stream = await printed(parallel(pace=0.005))
    bodies = [body for _, body in sections(text)]
    for cell in stream.transcript:
        assert cell.text.strip() in bodies


@pytest.mark.parametrize("on", [True, False])
async def test_a_message_is_printed_when_it_is_finished_whatever_its_switch_says(on: bool, tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    out = io.StringIO()
    replay = Replay(path, 2.0)
    stream = TeamStream(replay)
    stream.watch(TerminalView(stream, out=out))
    stream.switches["ann"] = on
    replay.seek(0.65)
    replay.pause()
    run = stream.start()
    await until(lambda: "word5" in "".join(cell.text for cell in stream.transcript))
    assert "word" not in out.getvalue()
    replay.seek(1.15)
    await until(lambda: len(stream.transcript) > 1)
    [_, (head, body)] = sections(out.getvalue())
    assert (head, body) == ("ann", stream.transcript.cells[0].text.strip())
    replay.resume()
    await run


async def test_agents_can_be_chosen() -> None:
    text, stream = await printed(parallel(pace=0.001), agents=["historian", "editor"])
    assert [head for head, _ in sections(text)][1:-1] == ["historian", "editor"]
    with pytest.raises(UnknownAgentError, match="'planner', 'historian'"):
        TerminalView(stream, agents=["nobody"])


async def test_a_message_that_ends_in_another_text_is_printed_as_it_ended(tmp_path) -> None:
    chunks = said("ann", 1, 1000.0, "Hello ", "world")[:-1]
    path = write(
        tmp_path / "run.jsonl",
        [
            RunStarted("r1", 1000.0, "go"),
            *chunks,
            Message("ann", "ann", 1001.0, CellKind.TEXT, "Goodbye", "TextMessage", "m1", "t1", True),
            RunFinished("r1", 1001.0, CellStatus.DONE),
        ],
    )
    text, _ = await printed(Replay(path, 4.0))
    assert [body for head, body in sections(text) if head == "ann"] == ["Goodbye"]


@pytest.mark.parametrize("cut", [1, 3, 1000])
@pytest.mark.parametrize("text", OWN)
async def test_hostile_text_does_nothing_to_the_terminal(text: str, cut: int, tmp_path) -> None:
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
    replay = Replay(path, 1e5)
    shown, _ = await printed(replay)
    assert not [letter for letter in shown if ord(letter) < 32 and letter not in "\n\t"]
    assert not re.search("[\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]", shown)


@dataclass
class Stub:
    """A stream as far as a view looks at it."""

    transcript: Transcript = field(default_factory=Transcript)
    agents: tuple[AgentInfo, ...] = (AgentInfo("ann", "ann"),)
    gate: TokenGate = field(default_factory=lambda: TokenGate((AgentInfo("ann", "ann"),), {}))

    def drain(self) -> None:
        """Nothing waits."""


def shown_of(pieces: list[str]) -> str:
    """What is printed of a message that comes in pieces."""
    out, stub = io.StringIO(), Stub()
    view = TerminalView(stub, out=out)
    whole = Message("ann", "ann", 3.0, CellKind.TEXT, "".join(pieces), "TextMessage", "m1", "t1", True)
    for event in (RunStarted("r1", 1.0), *(Chunk("ann", "ann", 2.0, text, "m1", "t1") for text in pieces), whole):
        stub.transcript, patches = fold(stub.transcript, event)
        view.patched(patches)
    return out.getvalue()


LETTERS = ["می", "خ", "👩", "💻", "a ", "\u200c", "\u200d", "\ufe0f", "\u202e", "\r", "\n", "\x1b[31m", "\x1b"]


@given(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=12), st.sets(st.integers(1, 30)))
def test_a_message_is_printed_once_and_the_same_wherever_it_is_cut(letters: list[str], cuts: set[int]) -> None:
    text = "Say: " + "".join(letters) + "."
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert shown_of(pieces) == shown_of([text])
    assert shown_of(pieces).count("ann") == 1


@pytest.mark.parametrize("broken", ["closed", "ascii"])
async def test_an_output_that_cannot_take_it_harms_no_run(broken: str) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    if broken == "closed":
        out.close()
    stream = TeamStream(writers(pace=0))
    stream.watch(TerminalView(stream, out=out))
    result = await stream.run("Über den Wölken")
    assert len(result.messages) == 5
    if broken == "ascii":
        out.flush()
        assert b"?ber den W?lken" in raw.getvalue()


def test_a_script_prints_its_run_with_view_terminal() -> None:
    code = (
        "import asyncio\nfrom nb_stream import TeamStream\nfrom nb_stream.demo import writers\n"
        "result = asyncio.run(TeamStream(writers(pace=0.001), view='terminal').run('Do it.'))\n"
        "assert len(result.messages) == 5\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    heads = [head for head, _ in sections(done.stdout)]
    assert heads[:-1] == ["run 1: Do it.", "user", "poet", "critic", "poet", "critic"], done.stderr
    assert "\x1b" not in done.stdout


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(ValueError, match='view is "terminal" or None'):
        TeamStream(writers(), view="hologram")


async def test_going_back_in_a_replay_is_said(tmp_path) -> None:
    path = write(tmp_path / "run.jsonl", slow_run())
    out = io.StringIO()
    replay = Replay(path)
    stream = TeamStream(replay)
    stream.watch(TerminalView(stream, out=out))
    replay.seek(1.25)
    replay.pause()
    run = stream.start()
    await until(lambda: [cell.agent for cell in stream.transcript] == ["ann", "ben"])
    replay.seek(0.0)
    replay.speed = 20.0
    replay.resume()
    await run
    heads = [head for head, _ in sections(out.getvalue())]
    assert "back to the beginning of the run" in heads
    after = heads[heads.index("back to the beginning of the run") + 1 :]
    assert after[:2] == ["ann", "ben"]
