"""Few frames, few bytes, and a browser that ends with exactly the kernel's transcript, whatever was lost or toggled."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb_stream.core.model import CellKind, CellStatus, CodeResult, Message, Notice, RunFinished, RunStarted, RunState
from nb_stream.wire.batcher import MAX_FRAMES_PER_S, MAX_TOTALS, TOTALS_AFTER_S, Batcher
from nb_stream.wire.flow_control import FRAME_INTERVAL_S
from nb_stream.wire.frame_builder import COUNT_HELD_EVERY_S, PIECE_BYTES, SNAPSHOT_CELLS, WHOLE_TEXT_UP_TO
from nb_stream.wire.protocol import cell_whole, run_row
from tests.support.browser_mirror import BrowserMirror, size, through_json
from tests.support.random_runs import Author
from tests.support.stream_without_team import Stage, StillLoop

PATHS = ("ann", "ben", "team/ann", "team/cy")
MANY = settings(max_examples=4 * settings().max_examples, deadline=None, suppress_health_check=list(HealthCheck))
TOKEN = "token "


@pytest.fixture(autouse=True)
def _no_fault_is_hidden(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A stream only logs what a display raises."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def ops(stage: Stage, name: str) -> list[dict[str, Any]]:
    """All operations of one kind that went out."""
    return [op for _, frame in stage.frames for op in frame["ops"] if op["op"] == name]  # type: ignore[misc]


def page(stage: Stage) -> BrowserMirror:
    """A page that opens now."""
    opened = BrowserMirror(stage.batcher.snapshot())  # type: ignore[arg-type]
    stage.sinks.append(opened.receive)
    return opened


def shows_all(opened: BrowserMirror, stage: Stage) -> None:
    """Assert that a page has exactly what the kernel has."""
    cells = [through_json(cell_whole(cell)) for cell in stage.transcript.cells]
    assert opened.cells == cells
    assert list(opened.runs.values()) == [run_row(run) for run in stage.transcript.runs]
    assert opened.state == (stage.state.value, stage.detail)
    assert [(row["path"], row["on"], row["status"]) for row in opened.agents] == [
        (agent.path, stage.switches[agent.path], stage.statuses.get(agent.path, "idle")) for agent in stage.agents
    ]


# --- the end is exact ----------------------------------------------------------------------------------------------


@MANY
@given(st.integers(0, 2**48))
def test_every_page_ends_with_the_transcript_whatever_is_toggled_lost_or_doubled(seed: int) -> None:
    r = random.Random(seed)
    stage = Stage(*PATHS)
    stage.sinks.append(lambda frame: no_text_passes_a_closed_gate(frame, stage))
    pages = [page(stage)]
    lossy: list[BrowserMirror] = []

    def shaky(opened: BrowserMirror) -> Any:
        def receive(frame: Any) -> None:
            for _ in range(r.choice((0, 1, 1, 1, 2))):
                opened.receive(frame)

        return receive

    for event in Author(r).scenario().events:
        stage.take(event)
        if r.random() < 0.5:
            stage.loop.advance(r.choice((0.0, 0.001, 0.02, 0.06, 0.3, 1.5)))
        if r.random() < 0.1:
            stage.switches[r.choice(PATHS)] = r.random() < 0.5
        if r.random() < 0.03:
            pages.append(page(stage))
        if r.random() < 0.03:
            lossy.append(BrowserMirror(stage.batcher.snapshot()))  # type: ignore[arg-type]
            stage.sinks.append(shaky(lossy[-1]))
        if any(opened.stale for opened in lossy):
            stage.batcher.resync()
    stage.loop.advance(5.0)
    for opened in pages:
        assert not opened.stale
        shows_all(opened, stage)
    for opened in lossy:  # the line is sound again: what is missing shows by itself or by the totals
        stage.sinks.append(opened.receive)
    stage.batcher.notice("")
    stage.loop.advance(5.0)
    if any(opened.stale for opened in lossy):
        stage.batcher.resync()
        stage.loop.advance(5.0)
    for opened in lossy:
        shows_all(opened, stage)
    shows_all(BrowserMirror(stage.batcher.snapshot()), stage)  # type: ignore[arg-type]


def no_text_passes_a_closed_gate(frame: Any, stage: Stage) -> None:
    live = {cell.id: cell.path for cell in stage.transcript.cells}
    for op in frame["ops"]:
        if op["op"] == "append":
            assert stage.switches[live[op["id"]]]


def test_a_lost_tail_is_seen_by_its_totals() -> None:
    stage = Stage("ann")
    opened = BrowserMirror(stage.batcher.snapshot())  # type: ignore[arg-type]
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(FRAME_INTERVAL_S)
    for _, frame in stage.frames:
        opened.receive(frame)  # type: ignore[arg-type]
    stage.say("ann", " world")
    stage.finish("ann", "Hello world")
    stage.loop.advance(FRAME_INTERVAL_S)  # lost on the way
    stage.sinks.append(opened.receive)
    assert not opened.stale
    stage.loop.advance(TOTALS_AFTER_S)
    assert opened.stale
    stage.batcher.resync()
    stage.loop.advance(0.0)
    assert not opened.stale
    shows_all(opened, stage)


def test_the_totals_agree_with_a_page_that_lost_nothing_and_come_a_few_times() -> None:
    stage = Stage("ann", "ben")
    opened = page(stage)
    stage.switches["ben"] = False
    for path in ("ann", "ben"):
        stage.begin(path, path)
        stage.say(path, "Hello", path, path)
    stage.loop.advance(60.0)
    stage.batcher.flush()
    stage.loop.advance(60.0)
    assert [op["live"] for op in ops(stage, "totals")] == [{"c1": 5, "c2": 0}] * MAX_TOTALS
    assert not opened.stale


def test_what_happens_just_before_the_totals_is_not_forgotten() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(TOTALS_AFTER_S - 0.001)
    stage.say("ann", " world")
    stage.loop.advance(FRAME_INTERVAL_S)
    assert opened.text("ann") == "Hello world"


def test_a_look_that_finds_nothing_does_not_put_off_what_comes_just_before_the_totals() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(TOTALS_AFTER_S - 0.03)
    stage.batcher.flush()
    stage.say("ann", " world")
    stage.loop.advance(FRAME_INTERVAL_S)
    assert opened.text("ann") == "Hello world"


def test_a_snapshot_that_was_asked_for_is_all_of_its_frame_and_true_of_it() -> None:
    stage = Stage("ann", "ben")
    stage.switches["ben"] = False
    for path in ("ann", "ben"):
        stage.begin(path, path)
        stage.say(path, "Hello", path, path)
    stage.batcher.resync()
    stage.loop.advance(0.0)
    frame: Any = stage.frames[-1][1]
    assert [op["op"] for op in frame["ops"]] == ["snapshot"]
    snapshot = frame["ops"][0]["snapshot"]
    assert snapshot["seq"] == frame["seq"]
    assert [cell["text"] for cell in snapshot["live"]] == ["Hello", ""]
    assert stage.batcher.snapshot() == snapshot


def test_several_pages_that_ask_at_once_get_one_snapshot() -> None:
    stage = Stage("ann")
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(1.0)
    before = len(stage.frames)
    for _ in range(20):
        stage.batcher.resync()
    stage.batcher.notice("Something else")
    stage.loop.advance(0.5)
    assert [[op["op"] for op in frame["ops"]] for _, frame in stage.frames[before:]] == [["snapshot", "notice"]]


def test_opening_a_page_sends_nothing() -> None:
    stage = Stage("ann")
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(60.0)
    before = len(stage.frames)
    BrowserMirror(stage.batcher.snapshot())  # type: ignore[arg-type]
    stage.loop.advance(60.0)
    assert len(stage.frames) == before


@pytest.mark.parametrize("told", [True, False])
def test_a_replay_that_goes_back_takes_its_run_off_the_page(told: bool) -> None:
    stage = Stage("ann")
    opened = page(stage)
    for run in ("r1", "r2"):
        stage.take(RunStarted(run, 0.0, "Go."))
        stage.begin("ann", run)
        stage.say("ann", "Hello", run, run)
        stage.finish("ann", "Hello", run, run)
    stage.say("ann", "Half a sen", "m", "t")
    if told:
        stage.loop.advance(1.0)
    stage.feed.rewind()
    stage.say("ann", "Another", "m", "t")
    stage.loop.advance(1.0)
    assert [cell["text"] for cell in opened.cells] == ["Hello", "Another"]
    stage.finish("ann", "Another one", "m", "t")
    stage.loop.advance(1.0)
    shows_all(opened, stage)


def test_a_batcher_that_comes_in_the_middle_of_a_message_tells_all_of_it() -> None:
    stage = Stage("ann")
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.drain()
    late = Batcher(stage, lambda frame: opened.receive(frame), lambda: stage.loop)  # type: ignore[arg-type, return-value]
    stage.feed.watchers.append(late)
    opened = BrowserMirror(late.snapshot())  # type: ignore[arg-type]
    stage.say("ann", " world")
    stage.loop.advance(1.0)
    assert opened.text("ann") == "Hello world"
    stage.finish("ann", "Hello world")
    stage.loop.advance(1.0)
    shows_all(opened, stage)


def test_a_snapshot_can_be_made_on_another_thread_while_text_comes() -> None:
    stage = Stage("ann")
    done = threading.Event()
    seen: list[BrowserMirror] = []
    errors: list[BaseException] = []

    def read() -> None:
        try:
            while not done.is_set():
                seen.append(BrowserMirror(stage.batcher.snapshot()))  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    reader = threading.Thread(target=read)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    reader.start()
    try:
        for number in range(20):
            turn = f"t{number}"
            stage.begin("ann", turn)
            for _ in range(30):
                stage.say("ann", TOKEN * 10, turn, turn)
                stage.loop.advance(0.02)
            stage.finish("ann", TOKEN * 300, turn, turn)
    finally:
        done.set()
        reader.join()
        sys.setswitchinterval(before)
    assert not errors
    stage.loop.advance(5.0)
    assert len(seen) > 1
    for opened in seen[:: max(1, len(seen) // 50)]:  # each goes on from where its snapshot ends
        for _, frame in stage.frames:
            opened.receive(frame)  # type: ignore[arg-type]
        assert not opened.stale
        shows_all(opened, stage)


# --- gates ---------------------------------------------------------------------------------------------------------


def test_a_closed_gate_stops_the_text_and_opening_it_shows_all_of_it() -> None:
    stage = Stage("ann", "ben")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(0.1)
    stage.switches["ann"] = False
    for _ in range(50):
        stage.say("ann", " world")
        stage.loop.advance(0.05)
    assert opened.text("ann") == "Hello"
    stage.switches["ann"] = True
    stage.loop.advance(FRAME_INTERVAL_S)
    assert opened.text("ann") == "Hello" + " world" * 50
    assert opened.agents[0]["held"] == 0


def test_the_count_of_held_text_is_told_at_once_and_then_a_few_times_a_second() -> None:
    stage = Stage("ann", "ben")
    opened = page(stage)
    stage.switches["ann"] = False
    stage.begin("ann")
    stage.loop.advance(0.2)
    stage.say("ann", "Hello")
    stage.loop.advance(0.0)
    assert opened.agents[0]["held"] == 5
    assert opened.agents[0]["status"] == "writing"
    before = len(stage.frames)
    for _ in range(100):
        stage.say("ann", TOKEN)
        stage.loop.advance(0.01)
    assert len(stage.frames) - before <= 1 / COUNT_HELD_EVERY_S + 1
    stage.loop.advance(COUNT_HELD_EVERY_S)
    assert opened.agents[0]["held"] == 5 + 100 * len(TOKEN)
    stage.finish("ann", "Hello" + TOKEN * 100)
    stage.loop.advance(COUNT_HELD_EVERY_S)
    assert opened.agents[0]["held"] == 0


@pytest.mark.parametrize("length", [10, WHOLE_TEXT_UP_TO, WHOLE_TEXT_UP_TO + 1, 20_000])
@pytest.mark.parametrize("closed_after", [0, 5])
def test_a_message_that_ends_behind_a_closed_gate_arrives_whole(length: int, closed_after: int) -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    if closed_after:
        stage.say("ann", "x" * closed_after)
        stage.loop.advance(0.1)
    stage.switches["ann"] = False
    stage.say("ann", "x" * (length - closed_after))
    stage.loop.advance(0.1)
    stage.finish("ann", "x" * length)
    stage.loop.advance(0.1)
    assert ops(stage, "settle")[-1]["cell"]["text"] == "x" * length
    shows_all(opened, stage)


# --- what a finished cell carries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, WHOLE_TEXT_UP_TO])
def test_a_short_message_carries_its_text_so_that_a_lost_piece_heals_without_asking(length: int) -> None:
    stage = Stage("ann")
    opened = BrowserMirror(stage.batcher.snapshot())  # type: ignore[arg-type]
    stage.begin("ann")
    stage.say("ann", "x" * length)
    stage.loop.advance(0.1)
    stage.finish("ann", "x" * length)
    stage.loop.advance(0.1)
    last = stage.frames[-1][1]
    assert opened._settle(next(op for op in last["ops"] if op["op"] == "settle"))  # type: ignore[arg-type]


@pytest.mark.parametrize("unsent", ["", "and the rest"])
def test_a_long_message_that_was_streamed_is_not_sent_again(unsent: str) -> None:
    stage = Stage("ann")
    opened = page(stage)
    text = "é🎉" * WHOLE_TEXT_UP_TO
    stage.begin("ann")
    stage.say("ann", text)
    stage.loop.advance(0.1)
    if unsent:
        stage.say("ann", unsent)
    stage.finish("ann", text + unsent)
    stage.loop.advance(0.1)
    assert "text" not in ops(stage, "settle")[-1]["cell"]
    shows_all(opened, stage)


def test_streamed_code_that_runs_before_the_next_frame_is_not_sent_again() -> None:
    stage = Stage("ann")
    opened = page(stage)
    code = "x = 1\n" * WHOLE_TEXT_UP_TO
    stage.begin("ann")
    stage.say("ann", code, "m", "t")
    stage.loop.advance(0.1)
    data = {"code_blocks": [{"code": code, "language": "python"}]}
    stage.take(Message("ann", "ann", 0.0, CellKind.CODE, code, "CodeGenerationEvent", "m2", "t", data=data))
    stage.take(CodeResult("ann", "ann", 0.0, "", 0, "m3", "t"))
    stage.loop.advance(0.1)
    assert ["text" in op["cell"] for op in ops(stage, "settle")] == [False]
    shows_all(opened, stage)


@pytest.mark.parametrize("final", ["y" * 3000, "x" * 2999, "x" * 2999 + "y", "x" * 4000, "y" + "x" * 2999])
def test_a_long_message_that_differs_from_its_stream_is_shown_as_it_is(final: str) -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "x" * 3000)
    stage.loop.advance(0.1)
    stage.finish("ann", final)
    stage.loop.advance(0.1)
    assert not opened.stale
    shows_all(opened, stage)


def test_a_cell_that_begins_and_ends_between_two_frames_is_told_once() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.drain()
    stage.finish("ann", "Hello")
    stage.loop.advance(1.0)
    assert ops(stage, "cell") == ops(stage, "append") == []
    shows_all(opened, stage)


def test_no_half_of_a_character_is_ever_sent() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    for piece in ("a\ud83d", "\ude00b", "\ud83d", "c\ude00", "d\ud83d"):
        stage.say("ann", piece)
        stage.loop.advance(0.1)
    assert opened.text("ann") == "a😀b\ufffdc\ufffdd"
    stage.take(RunFinished("r1", 0.0, CellStatus.CANCELLED))
    stage.loop.advance(0.1)
    assert opened.settled[0]["text"] == "a😀b\ufffdc\ufffdd\ufffd"


# --- how many frames, how many bytes -------------------------------------------------------------------------------


def spent(stage: Stage) -> tuple[int, int]:
    """Frames and bytes so far."""
    return len(stage.frames), sum(size(frame) for _, frame in stage.frames)  # type: ignore[arg-type]


def stream(stage: Stage, tokens: int, seconds: float, bursts: int | None = None) -> None:
    """A message of `tokens` tokens in this time, `bursts` times some of them at once."""
    stage.take(RunStarted("r1", stage.loop.now, "Write."))
    stage.change_state(RunState.RUNNING)
    stage.begin("ann")
    bursts = bursts or tokens
    for number in range(bursts):
        for _ in range(tokens * number // bursts, tokens * (number + 1) // bursts):
            stage.say("ann", TOKEN)
        stage.loop.advance(seconds / bursts)
    stage.finish("ann", TOKEN * tokens)
    stage.take(RunFinished("r1", stage.loop.now, CellStatus.DONE))
    stage.loop.advance(5.0)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("bursts", [None, 100, 7])
@pytest.mark.parametrize("on", [True, False])
def test_two_thousand_tokens_cost_at_most_60_frames_and_50_kB(seconds: float, bursts: int | None, on: bool) -> None:
    stage = Stage("ann", "ben", "cy")
    stage.switches["ann"] = on
    opened = page(stage)
    stage.loop.advance(5.0)
    stage.frames.clear()
    stream(stage, 2000, seconds, bursts)
    frames, bytes_ = spent(stage)
    assert frames <= 60
    assert bytes_ <= 50_000
    shows_all(opened, stage)


def test_bytes_grow_with_the_text_and_not_with_its_square() -> None:
    cost = {}
    for tokens in (20_000, 80_000, 170_000):  # the last is 1 MB
        stage = Stage("ann")
        stream(stage, tokens, seconds=tokens / 4000)
        cost[tokens] = spent(stage)[1]
        assert cost[tokens] < 1.6 * tokens * len(TOKEN) + 5000
    assert cost[170_000] / cost[20_000] < 1.05 * 170_000 / 20_000


def test_ten_agents_at_full_speed_never_make_more_than_30_frames_in_any_second() -> None:
    paths = [f"agent{number}" for number in range(10)]
    stage = Stage(*paths)
    r = random.Random(1)
    for step in range(6000):
        path = r.choice(paths)
        turn = f"{path}-{step // 400}"
        stage.say(path, TOKEN, turn, turn)
        if r.random() < 0.02:
            stage.finish(path, "Done.", turn, turn)
        if r.random() < 0.02:
            stage.switches[r.choice(paths)] = r.random() < 0.5
        if r.random() < 0.01:
            stage.batcher.resync()
            stage.batcher.notice("No.")
            stage.change_state(RunState.RUNNING)
        stage.loop.advance(r.choice((0.0, 0.0, 0.001, 0.004)))
    times = [at for at, _ in stage.frames]
    assert len(times) > 100
    for number, at in enumerate(times):
        within = [other for other in times[number:] if other <= at + 1.0]
        assert len(within) <= MAX_FRAMES_PER_S + 1


def test_text_keeps_coming_while_it_is_written() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    for number in range(200):
        stage.say("ann", TOKEN)
        stage.loop.advance(0.01)
        assert len(opened.text("ann")) >= (number - 6) * len(TOKEN)


def test_the_first_token_of_a_message_goes_out_at_once() -> None:
    stage = Stage("ann", "ben")
    opened = page(stage)
    stage.begin("ann", "t1")
    stage.say("ann", "Hello", "m1", "t1")
    stage.loop.advance(0.0)
    assert opened.text("ann") == "Hello"
    for _ in range(4):  # others are writing already
        stage.say("ann", " world", "m1", "t1")
        stage.loop.advance(0.013)
    stage.begin("ben", "t2")
    stage.say("ben", "And", "m2", "t2")
    stage.loop.advance(0.0)
    assert opened.text("ben") == "And"
    stage.finish("ann", "Hello", "m1", "t1")
    stage.say("ann", "Again", "m3", "t1")
    stage.loop.advance(0.0)
    assert opened.text("ann") == "Again"


# --- clocks and loops ----------------------------------------------------------------------------------------------


def test_without_a_running_loop_everything_goes_out_at_once() -> None:
    stage = Stage("ann", runs=False)
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    assert opened.text("ann") == "Hello"
    stage.finish("ann", "Hello")
    stage.change_state(RunState.IDLE, "Done.")
    shows_all(opened, stage)


def test_a_timer_of_a_loop_that_stopped_holds_up_nothing() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.begin("ann")
    stage.say("ann", "Hello")
    stage.loop.advance(0.01)
    stage.say("ann", " world")  # a frame is due, but the loop stops before
    stopped, stage.loop = stage.loop, StillLoop(stage.loop.now + 10.0)
    stopped.runs = False
    stage.say("ann", "!")
    stage.loop.advance(FRAME_INTERVAL_S)
    assert opened.text("ann") == "Hello world!"
    stage.loop.runs = False
    stage.finish("ann", "Hello world!")
    shows_all(opened, stage)


def test_where_nothing_happens_nothing_is_sent() -> None:
    stage = Stage("ann")
    stage.batcher.flush()
    stage.loop.advance(10.0)
    stage.batcher.flush()
    stage.loop.advance(10.0)
    assert stage.frames == []


def test_notices_of_the_transcript_and_of_commands_both_arrive() -> None:
    stage = Stage("ann")
    opened = page(stage)
    stage.take(Notice(0.0, "The team was reset."))
    stage.batcher.notice("That did not work.")
    stage.loop.advance(0.1)
    assert opened.settled[0]["text"] == "The team was reset."
    assert opened.notices == ["That did not work."]


# --- a long session comes in pieces --------------------------------------------------------------------------------


def long_session(count: int, text: str) -> Stage:
    """A stage on which so many messages were finished."""
    stage = Stage("ann")
    stage.take(RunStarted("r1", "Go.", 0.0))
    for number in range(count):
        stage.finish("ann", f"{number}: {text}", message_id=f"m{number}", turn=f"t{number}")
    stage.loop.advance(1.0)
    return stage


@pytest.mark.parametrize(("count", "text"), [(3, "Short."), (2500, "Short."), (30, "漢字 " * 20_000)])
def test_a_page_gets_the_end_of_a_session_at_once_and_all_of_it_in_pieces(count: int, text: str) -> None:
    stage = long_session(count, text)
    snapshot = stage.batcher.snapshot()
    cells, before, pieces = snapshot["settled"], snapshot["first"], 0
    assert len(cells) <= SNAPSHOT_CELLS
    while before > 0:
        piece = stage.batcher.earlier(before)
        assert piece is not None
        assert piece["index"] + len(piece["cells"]) == before
        told = size({"v": 1, "seq": -1, "ops": [piece]})
        assert told < 1.5 * piece["bytes"] + 1000
        assert told < 1.5 * PIECE_BYTES or len(piece["cells"]) == 1
        cells, before, pieces = [*piece["cells"], *cells], piece["index"], pieces + 1
    assert cells == [cell_whole(cell) for cell in stage.transcript.settled]
    assert pieces == {3: 0, 2500: 5, 30: 29}[count]


@pytest.mark.parametrize("before", [0, -5])
def test_nothing_stands_before_the_first_message(before: int) -> None:
    assert long_session(3, "Short.").batcher.earlier(before) is None
