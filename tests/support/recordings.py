"""Recordings for tests: runs of the demonstration teams, and files made of events."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterable

from nb_stream import TeamStream, Transcript
from nb_stream.core.model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    Message,
    RunFinished,
    RunStarted,
    TurnStarted,
)
from nb_stream.demo import TEAMS
from nb_stream.recording.codec import header
from nb_stream.recording.writer import save_recording

ANN, BEN = AgentInfo("ann", "ann"), AgentInfo("ben", "ben")


async def record(name: str, path: pathlib.Path, *, pace: float = 0.0, runs: int = 1) -> Transcript:
    """Run a demonstration team while it is recorded; the transcript of the live runs."""
    stream = TeamStream(TEAMS[name](pace=pace), record=path)
    for _ in range(runs):
        with contextlib.suppress(RuntimeError):  # `faulty` fails
            await stream.run("Do it.")
    return stream.transcript


def write(path: pathlib.Path, events: Iterable[Event], agents: tuple[AgentInfo, ...] = (ANN, BEN)) -> pathlib.Path:
    """A recording of these events."""
    save_recording(path, header(agents, {}, 0.0), events)
    return path


def rows(path: pathlib.Path) -> list[dict[str, object]]:
    """The lines of a recording as JSON values."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def said(agent: str, number: int, at: float, *texts: str) -> list[object]:
    """A turn: its texts, a tenth of a second apart, and the message."""
    turn, message = f"t{number}", f"m{number}"
    chunks = [Chunk(agent, agent, at + (place + 1) / 10, text, message, turn) for place, text in enumerate(texts)]
    whole = Message(
        agent, agent, at + (len(texts) + 1) / 10, CellKind.TEXT, "".join(texts), "TextMessage", message, turn, True
    )
    return [TurnStarted(agent, agent, at, turn), *chunks, whole]


def slow_run(run: str = "r1", start: float = 1000.0) -> list[object]:
    """One second of ann, then one second of ben."""
    words = [f"word{number} " for number in range(9)]
    return [
        RunStarted(run, start, "go"),
        *said("ann", 1, start, *words),
        *said("ben", 2, start + 1.0, *words),
        RunFinished(run, start + 2.0, CellStatus.DONE, "enough"),
    ]
