"""Frames go out only as fast as the slowest page paints them, and no page can hold up anything but itself for long."""

from __future__ import annotations

import itertools
import math
from collections import deque
from typing import Any

import pytest

from nb_stream.core.model import CellStatus, RunFinished, RunStarted
from nb_stream.wire.flow_control import (
    ASK_EVERY_S,
    FRAME_INTERVAL_S,
    LATENESS_DIVISOR,
    MAX_UNACKNOWLEDGED,
    PAGE_TIMEOUT_S,
    FlowControl,
)
from nb_stream.wire.protocol import cell_whole
from tests.support.browser_mirror import BrowserMirror, size, through_json
from tests.support.stream_without_team import Stage

TOKEN = "token "


class Page:
    """A page that needs some seconds for each frame, and then answers where it was asked; `frozen` it does nothing."""

    def __init__(self, stage: Stage, name: str, seconds: float) -> None:
        self.stage, self.name, self.seconds = stage, name, seconds
        self.frozen = False
        self.queue: deque[Any] = deque()
        self.longest = 0
        self._busy = False
        self.mirror = BrowserMirror(stage.batcher.snapshot())  # type: ignore[arg-type]
        stage.sinks.append(self._arrives)

    def close(self) -> None:
        """The page is gone: it hears and says nothing."""
        self.stage.sinks.remove(self._arrives)

    def thaw(self) -> None:
        self.frozen = False
        self._work()

    def _arrives(self, frame: Any) -> None:
        self.queue.append(frame)
        self.longest = max(self.longest, len(self.queue))
        self._work()

    def _work(self) -> None:
        if not self._busy and not self.frozen and self.queue:
            self._busy = True
            loop = self.stage.loop
            loop.call_at(loop.now + self.seconds, self._done)

    def _done(self) -> None:
        self._busy = False
        frame = self.queue.popleft()
        self.mirror.receive(frame)
        if frame.get("ack"):
            self.stage.batcher.acknowledged(self.name, frame["seq"])
        if self.mirror.stale:
            self.stage.batcher.resync()
        self._work()


def write(stage: Stage, seconds: float, piece: str = TOKEN, step: float = 0.01) -> None:
    """An agent writes a piece every `step` seconds."""
    for _ in range(round(seconds / step)):
        stage.say("ann", piece)
        stage.loop.advance(step)


def finish(stage: Stage) -> None:
    stage.take(RunFinished("r1", stage.loop.now, CellStatus.DONE))
    stage.loop.advance(30.0)


def shows_all(page: Page) -> None:
    stage = page.stage
    assert not page.mirror.stale
    assert page.mirror.cells == [through_json(cell_whole(cell)) for cell in stage.transcript.cells]
    assert page.mirror.state == (stage.state.value, stage.detail)


def rate(stage: Stage, since: float) -> float:
    """Frames a second."""
    return sum(at >= since for at, _ in stage.frames) / (stage.loop.now - since)


@pytest.mark.parametrize("seconds", [0.001, 0.02])
def test_a_page_that_follows_gets_every_frame_in_time(seconds: float) -> None:
    stage = Stage("ann")
    page = Page(stage, "p", seconds)
    stage.begin("ann")
    write(stage, 10.0)
    assert rate(stage, stage.loop.now - 9.0) > 0.9 / FRAME_INTERVAL_S
    asked = [at for at, frame in stage.frames if frame.get("ack")]
    assert all(later - at >= ASK_EVERY_S for at, later in itertools.pairwise(asked))
    finish(stage)
    shows_all(page)


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.5])
def test_a_slow_page_gets_fewer_and_larger_frames_and_never_many_at_a_time(seconds: float) -> None:
    stage = Stage("ann")
    page = Page(stage, "p", seconds)
    stage.begin("ann")
    write(stage, 60.0)
    assert (
        page.longest <= 2 * LATENESS_DIVISOR + ASK_EVERY_S / FRAME_INTERVAL_S
    )  # what went out before the first answer was missed
    page.longest = 0
    since = stage.loop.now
    write(stage, 60.0)
    assert page.longest <= 4 * LATENESS_DIVISOR
    assert 0.5 / seconds < rate(stage, since) < 1.5 / seconds
    finish(stage)
    shows_all(page)
    page.seconds = 0.0
    stage.begin("ann", "t2")
    write(stage, 20.0)
    assert rate(stage, stage.loop.now - 2.0) > 0.9 / FRAME_INTERVAL_S, "it has recovered, and nobody noticed"


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_page_that_stands_still_costs_a_handful_of_frames_and_a_bounded_text(minutes: int) -> None:
    stage = Stage("ann")
    page = Page(stage, "p", 0.01)
    stage.take(RunStarted("r1", 0.0, "Go."))
    stage.begin("ann")
    write(stage, 5.0)
    page.frozen = True
    piece = TOKEN * 2000  # in a minute 7.2 MB
    write(stage, 60.0 * minutes, piece, step=0.1 * minutes)
    assert len(page.queue) < 3 * LATENESS_DIVISOR * math.log(60 * minutes) + ASK_EVERY_S / FRAME_INTERVAL_S
    waiting = sum(size(frame) for frame in page.queue)
    assert waiting < MAX_UNACKNOWLEDGED + 2 * max(size(frame) for frame in page.queue)  # the last may take it beyond
    stage.take(RunFinished("r1", stage.loop.now, CellStatus.DONE))
    stage.loop.advance(60.0)
    assert stage.loop.is_idle, "something goes on for a page that may never come back"
    page.thaw()
    stage.loop.advance(30.0)
    shows_all(page)


def test_what_a_page_owes_is_sent_as_soon_as_it_answers() -> None:
    stage = Stage("ann")
    page = Page(stage, "p", 0.01)
    stage.begin("ann")
    write(stage, 5.0)
    page.frozen = True
    write(stage, 60.0, TOKEN * 300)
    page.thaw()
    write(stage, 1.0)
    assert len(page.mirror.text("ann")) >= len(stage.transcript.cells[0].text) - 100 * len(TOKEN)
    write(stage, 20.0)
    assert rate(stage, stage.loop.now - 3.0) > 0.9 / FRAME_INTERVAL_S


def test_the_end_of_a_run_and_answers_to_the_reader_do_not_wait_for_a_slow_page() -> None:
    stage = Stage("ann")
    slow, quick = Page(stage, "slow", 0.01), Page(stage, "quick", 0.0)
    stage.take(RunStarted("r1", 0.0, "Go."))
    stage.begin("ann")
    write(stage, 5.0)
    slow.frozen = True
    write(stage, 4.0)
    stage.batcher.notice("That did not work.")
    stage.loop.advance(0.01)
    assert quick.mirror.notices == ["That did not work."]
    stage.take(RunFinished("r1", stage.loop.now, CellStatus.DONE))
    stage.loop.advance(0.1)
    assert quick.mirror.state[0] == "idle"


def test_a_page_may_come_while_another_thread_looks_at_all() -> None:
    pace = FlowControl()

    class Coming:
        @property
        def late(self) -> float:
            pace._pages["another"] = Coming()  # type: ignore[assignment]
            return 0.0

    pace._pages["one"] = Coming()  # type: ignore[assignment]
    pace._owed = lambda page, now: 0.0  # type: ignore[method-assign, assignment]
    assert pace.interval(1.0) == FRAME_INTERVAL_S


def test_the_totals_are_told_until_every_page_has_them() -> None:
    stage = Stage("ann")
    one, two = Page(stage, "one", 0.01), Page(stage, "two", 0.01)
    stage.begin("ann")
    write(stage, 5.0)
    two.frozen = True
    stage.loop.advance(2.0)
    two.queue.clear()  # the tail and its first totals are lost
    two.thaw()
    stage.loop.advance(30.0)
    shows_all(one)
    shows_all(two)
    before = len(stage.frames)
    stage.say("ann", TOKEN)
    stage.loop.advance(30.0)
    assert [[op["op"] for op in frame["ops"]] for _, frame in stage.frames[before:]] == [["append"], ["totals"]]


def test_where_nobody_answers_frames_go_out_at_full_pace() -> None:
    stage = Stage("ann")
    stage.begin("ann")
    write(stage, 60.0, TOKEN * 1000)
    assert rate(stage, stage.loop.now - 10.0) > 0.9 / FRAME_INTERVAL_S


def test_a_page_that_was_reloaded_is_not_slowed_by_what_it_was_before() -> None:
    stage = Stage("ann")
    before = Page(stage, "before", 0.01)
    stage.begin("ann")
    write(stage, 5.0)
    before.close()
    write(stage, 3.0)
    after = Page(stage, "after", 0.01)
    since = stage.loop.now
    write(stage, 10.0)
    assert rate(stage, since) > 0.9 / FRAME_INTERVAL_S
    finish(stage)
    shows_all(after)


def test_what_was_kept_from_a_closed_page_comes_with_the_next_one() -> None:
    stage = Stage("ann")
    before = Page(stage, "before", 0.01)
    stage.begin("ann")
    write(stage, 5.0)
    before.close()
    write(stage, 60.0, TOKEN * 3000, step=0.1)
    assert stage.batcher._pace.full
    after = Page(stage, "after", 0.01)
    stage.loop.advance(1.0)  # nothing is said any more
    assert after.mirror.text("ann") == stage.transcript.cells[0].text
    finish(stage)
    shows_all(after)


def test_a_page_that_was_closed_is_soon_no_hindrance_to_the_others() -> None:
    stage = Stage("ann")
    closed, other = Page(stage, "closed", 0.01), Page(stage, "other", 0.01)
    stage.begin("ann")
    write(stage, 5.0)
    closed.close()
    write(stage, PAGE_TIMEOUT_S + 2 * ASK_EVERY_S)
    since = stage.loop.now
    write(stage, 10.0)
    assert rate(stage, since) > 0.9 / FRAME_INTERVAL_S
    finish(stage)
    shows_all(other)


@pytest.mark.parametrize("seq", [-1, 0, 10**12])
def test_an_answer_to_nothing_changes_nothing(seq: int) -> None:
    stage = Stage("ann")
    stage.begin("ann")
    stage.batcher.acknowledged("liar", seq)
    write(stage, 60.0)
    assert rate(stage, stage.loop.now - 10.0) <= 1.1 / FRAME_INTERVAL_S
    stage.batcher.acknowledged("liar", seq)
    page = Page(stage, "p", 0.01)
    write(stage, 10.0)
    finish(stage)
    shows_all(page)


# --- the server's limits -------------------------------------------------------------------------------------------

MESSAGES, BYTES, WINDOW = 1000, 1_000_000, 3.0
"""`iopub_msg_rate_limit`, `iopub_data_rate_limit` and `rate_limit_window` of jupyter_server 2, a second and in
seconds: what is over them in a window is dropped."""


def test_ten_agents_at_two_thousand_tokens_a_second_for_a_minute_stay_far_below_the_servers_limits() -> None:
    paths = [f"agent{number}" for number in range(10)]
    stage = Stage(*paths)
    page = Page(stage, "p", 0.02)
    stage.take(RunStarted("r1", stage.loop.now, "Go."))
    for second in range(60):
        for path in paths:
            stage.begin(path, f"{path}-{second}")
        for _ in range(100):  # ten milliseconds, in which each agent gives twenty tokens
            for path in paths:
                for _ in range(20):
                    stage.say(path, TOKEN, f"{path}-{second}", f"{path}-{second}")
            stage.loop.advance(0.01)
        for path in paths:
            stage.finish(path, TOKEN * 2000, f"{path}-{second}", f"{path}-{second}")
    began = stage.frames[0][0]
    finish(stage)
    sizes = [(at, size(frame)) for at, frame in stage.frames]  # type: ignore[arg-type]
    most = max(sum(began + start <= at < began + start + WINDOW for at, _ in sizes) for start in range(60))
    bytes_ = max(sum(b for at, b in sizes if began + start <= at < began + start + WINDOW) for start in range(60))
    print(f"{len(sizes)} frames, {sum(b for _, b in sizes) / 1e6:.1f} MB; at most {most / WINDOW:.0f} frames and")
    print(f"{bytes_ / WINDOW / 1000:.0f} kB in a second")
    assert most <= 0.05 * MESSAGES * WINDOW
    assert bytes_ <= 0.5 * BYTES * WINDOW
    assert len(stage.transcript.cells) == 600
    shows_all(page)
