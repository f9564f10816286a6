"""Both halves of the wire at once: the kernel's frames over a bad line into the front end's own TypeScript store."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nb_stream.wire import frame_builder
from nb_stream.wire.protocol import PROTOCOL_VERSION, cell_whole, run_row
from tests.support.browser_mirror import through_json
from tests.support.paths import FRONTEND
from tests.support.random_runs import Author
from tests.support.stream_without_team import Stage

PATHS = ("ann", "ben", "team/ann", "team/cy")
SEEDS = int(os.environ.get("NB_STREAM_WIRE_SEEDS", "1000"))
"""How many runs; more of them by an environment variable."""


class Pages:
    """The front end's connections in a Node process; see `frontend/tests/pages.ts`."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node, 'node is missing: pip install "nb_stream[test]" brings it'
        self._process = subprocess.Popen(
            [node, "scripts/pages.mjs"],
            cwd=FRONTEND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, *line: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    started = Pages()
    yield started
    started.close()


class Line:
    """A page at the end of a line that drops, doubles and delays a tenth of the frames each, and of the commands."""

    def __init__(self, pages: Pages, stage: Stage, r: random.Random, number: int) -> None:
        self.number, self.healthy = number, False
        self._pages, self._stage, self._r = pages, stage, r
        self._late: list[list[Any]] = []
        self._receive(pages("open", number, stage.batcher.snapshot()))
        stage.sinks.append(self.send)

    def send(self, frame: Any) -> None:
        """A frame on its way to the page."""
        due = [entry for entry in self._late if entry[0] == 0 or self.healthy]
        self._late = [[wait - 1, late] for wait, late in (e for e in self._late if e not in due)]
        copies = self._fate(lambda: self._late.append([self._r.randint(0, 3), frame]))
        for one in [frame] * copies + [late for _, late in due]:
            self._receive(self._pages("frame", self.number, one))

    def advance(self, seconds: float) -> None:
        self._receive(self._pages("advance", seconds * 1000))

    def _receive(self, commands: list[Any]) -> None:
        """Commands on their way to the kernel; they come when the loop goes on."""
        for _, command in commands:
            for _ in range(self._fate(lambda: None)):
                loop = self._stage.loop
                loop.call_at(loop.now + self._r.random() * 0.2, self._carry_out(command))

    def _carry_out(self, command: Any) -> Callable[[], None]:
        batcher = self._stage.batcher
        if command["type"] == "resync":
            return batcher.resync
        if command["type"] == "earlier":
            return lambda: self._send_earlier(command["before"])
        assert command["type"] == "ack"
        return lambda: batcher.acknowledged(command["page"], command["seq"])

    def _send_earlier(self, before: int) -> None:
        if (piece := self._stage.batcher.earlier(before)) is not None:
            self.send({"v": PROTOCOL_VERSION, "seq": -1, "ops": [piece]})

    def _fate(self, delay: Callable[[], None]) -> int:
        """How often something arrives now."""
        fate = 1.0 if self.healthy else self._r.random()
        if fate < 0.1:
            return 0
        if fate < 0.2:
            delay()
            return 0
        return 2 if fate < 0.3 else 1


def play(pages: Pages, seed: int) -> tuple[Stage, Line]:
    """A run in front of a page, opened at any moment of it."""
    r = random.Random(seed)
    stage = Stage(*PATHS)
    line: Line | None = None
    events = Author(r).scenario().events
    opens_at = r.randrange(len(events))
    for number, event in enumerate(events):
        if number == opens_at:
            line = Line(pages, stage, r, seed)
        stage.take(event)
        if r.random() < 0.5:
            seconds = r.choice((0.0, 0.001, 0.02, 0.06, 0.3, 1.5))
            stage.loop.advance(seconds)
            if line:
                line.advance(seconds)
        if r.random() < 0.1:
            stage.switches[r.choice(PATHS)] = r.random() < 0.5
    assert line is not None
    return stage, line


def rest(stage: Stage, line: Line, seconds: float) -> None:
    """Time in which nothing is said."""
    for _ in range(round(seconds / 0.25)):
        stage.loop.advance(0.25)
        line.advance(0.25)


def shows_all(pages: Pages, stage: Stage, line: Line) -> bool:
    shown = pages("cells", line.number)
    cells = [through_json(cell_whole(cell)) for cell in stage.transcript.cells]
    return bool(
        not shown["stale"]
        and shown["cells"] == cells
        and shown["runs"] == [through_json(run_row(run)) for run in stage.transcript.runs]
        and (shown["state"], shown["detail"]) == (stage.state.value, stage.detail)
    )


@pytest.mark.parametrize("snapshots", ["whole", "in pieces"])
def test_a_line_that_drops_doubles_and_reorders_ends_with_the_kernels_transcript(
    pages: Pages, snapshots: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if snapshots == "in pieces":
        monkeypatch.setattr(frame_builder, "SNAPSHOT_CELLS", 2)
        monkeypatch.setattr(frame_builder, "PIECE_CELLS", 3)
    for seed in range(SEEDS // 2):
        stage, line = play(pages, seed)
        for _ in range(10):  # a page may be out of luck several times in a row
            rest(stage, line, 20.0)
            if shows_all(pages, stage, line):
                break
        assert shows_all(pages, stage, line), f"seed {seed}"
        assert pages("close", line.number) == 0, f"seed {seed}: a timer is left"
