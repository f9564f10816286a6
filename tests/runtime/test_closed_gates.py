"""Gates: what a closed one keeps comes whole when it opens, and no finished message is another for it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb_stream.core.chunk_buffer import ChunkBuffer
from nb_stream.core.model import CellKind, Chunk, Event, Message, RunFinished, TurnEnded
from tests.support.random_runs import AGENTS, Author
from tests.support.stream_without_team import Stage

MANY = settings(max_examples=5 * settings().max_examples, deadline=None, suppress_health_check=list(HealthCheck))


def chunk(
    text: str, path: str = "ann", turn: str | None = "t1", message_id: str | None = "m1", at: float = 1.0
) -> Chunk:
    return Chunk(path.rpartition("/")[2], path, at, text, message_id, turn)


CHUNKS = st.builds(
    chunk,
    st.text(max_size=3),
    st.sampled_from(("ann", "ben", "team/ann")),
    st.sampled_from(("t1", "t2", None)),
    st.sampled_from(("m1", "m2", None)),
)


@given(st.lists(CHUNKS, max_size=30))
def test_a_pile_gives_back_every_call_once_with_all_its_text(chunks: list[Chunk]) -> None:
    pile = ChunkBuffer()
    calls: dict[tuple[object, ...], str] = {}
    for piece in chunks:
        call = (piece.path, piece.turn, piece.message_id)
        assert pile.add(piece) is (call not in calls)
        calls[call] = calls.get(call, "") + piece.text
    assert bool(pile) is bool(calls)
    joined = [one.chunk() for one in pile.take()]
    assert [((one.path, one.turn, one.message_id), one.text) for one in joined] == list(calls.items())
    assert sum(one.count for one in joined) == len(chunks)
    assert not pile
    assert list(pile.take()) == []


def test_joined_chunks_keep_the_time_of_the_first_and_the_last() -> None:
    pile = ChunkBuffer()
    for text, at in (("a", 1.0), ("b", 2.0), ("c", 4.0)):
        pile.add(chunk(text, at=at), native=text)
    (joined,) = pile.take()
    assert joined.native == "a"
    assert joined.chunk() == Chunk("ann", "ann", 1.0, "abc", "m1", "t1", count=3, until=4.0)


def test_chunks_that_were_joined_before_are_counted_and_timed_in_full() -> None:
    pile = ChunkBuffer()
    pile.add(Chunk("ann", "ann", 1.0, "ab", "m1", "t1", count=2, until=2.0))
    pile.add(Chunk("ann", "ann", 3.0, "cde", "m1", "t1", count=3, until=5.0))
    assert [joined.chunk() for joined in pile.take()] == [
        Chunk("ann", "ann", 1.0, "abcde", "m1", "t1", count=5, until=5.0)
    ]


def test_what_is_taken_of_one_agent_leaves_the_others() -> None:
    pile = ChunkBuffer()
    for path in ("ann", "ben", "team/ann"):
        pile.add(chunk(path, path))
    assert [joined.first.text for joined in pile.take("ann")] == ["ann"]
    assert [joined.first.text for joined in pile.take()] == ["ben", "team/ann"]


def test_what_a_turn_left_is_forgotten_and_nothing_else() -> None:
    pile = ChunkBuffer()
    for path, turn in (("ann", "t1"), ("ann", "t2"), ("ben", "t1")):
        pile.add(chunk(turn, path, turn))
    pile.forget("ann", "t1")
    assert [(joined.first.path, joined.first.turn) for joined in pile.take()] == [("ann", "t2"), ("ben", "t1")]


def test_without_a_turn_all_of_the_agent_is_forgotten() -> None:
    pile = ChunkBuffer()
    for path, turn in (("ann", "t1"), ("ann", "t2"), ("ben", "t1")):
        pile.add(chunk(turn, path, turn))
    pile.forget("ann", None)
    assert [joined.first.path for joined in pile.take()] == ["ben"]


def ends(event: Event, call: tuple[str, str | None, str | None]) -> bool:
    """Whether an event ends what a gate keeps of a call's text."""
    if isinstance(event, RunFinished):
        return True
    amid = (CellKind.INPUT, CellKind.APPROVAL, CellKind.THOUGHT, CellKind.OTHER)
    said = isinstance(event, Message) and event.kind not in amid
    return (said or isinstance(event, TurnEnded)) and event.path == call[0] and event.turn in (None, call[1])


@MANY
@given(st.integers(0, 2**48))
def test_flipping_switches_leaves_no_gap_in_what_callbacks_hear_and_no_mark_on_what_a_run_leaves(seed: int) -> None:
    """A callback hears the beginning of each text, without a gap, up to where the gate was last open."""
    r = random.Random(seed)
    paths = [path for _, path in AGENTS]
    plain, flipped = Stage(*paths), Stage(*paths)
    said: dict[tuple[str, str | None, str | None], str] = {}
    heard: dict[tuple[str, str | None, str | None], str] = {}

    def hear(event: Event) -> None:
        if isinstance(event, Chunk):
            call = (event.path, event.turn, event.message_id)
            heard[call] = heard.get(call, "") + event.text

    flipped.feed.events.add(hear, None)
    for event in Author(r).scenario().events:
        plain.take(event)
        flipped.take(event)
        if isinstance(event, Chunk):
            call = (event.path, event.turn, event.message_id)
            said[call] = said.get(call, "") + event.text
            if flipped.switches[event.path]:
                assert heard[call] == said[call]
        for call in [call for call in said if ends(event, call)]:
            assert said.pop(call).startswith(heard.pop(call, ""))
        if r.random() < 0.3:
            flipped.switches[r.choice(paths)] = r.random() < 0.5
    assert flipped.transcript == plain.transcript


def hearing(stage: Stage) -> tuple[list[str], Callable[[], None]]:
    """What a callback for tokens hears from now on, and what removes it."""
    heard: list[str] = []
    return heard, stage.feed.tokens.add(lambda token: heard.append(token.text), None)


def test_a_gate_that_another_thread_has_just_opened_lets_what_it_held_go_first() -> None:
    stage = Stage("ann")
    heard, _ = hearing(stage)
    stage.switches["ann"] = False
    stage.say("ann", "one ")
    stage.gate.set("ann", True)  # the loop has yet to hear of it
    stage.say("ann", "two ")
    stage.feed.release("ann")
    assert heard == ["one ", "two "]


def test_a_gate_that_was_opened_just_before_the_message_gives_what_it_held() -> None:
    stage = Stage("ann")
    heard, _ = hearing(stage)
    stage.say("ann", "one ")
    stage.switches["ann"] = False
    stage.say("ann", "two")
    stage.gate.set("ann", True)  # the loop has yet to hear of it
    stage.finish("ann", "one two")
    assert heard == ["one ", "two"]


@pytest.mark.parametrize("kind", [CellKind.OTHER, CellKind.THOUGHT])
def test_a_message_in_mid_text_leaves_no_gap_in_what_a_closed_gate_holds(kind: CellKind) -> None:
    stage = Stage("ann")
    heard, _ = hearing(stage)
    stage.switches["ann"] = False
    stage.say("ann", "one ")
    stage.take(Message("ann", "ann", 1.0, kind, "ping", "Ping", "p", "t"))
    stage.say("ann", "two")
    stage.switches["ann"] = True
    assert heard == ["one two"]


def test_a_callback_that_comes_when_nobody_listened_hears_no_gap() -> None:
    stage = Stage("ann")
    _, remove = hearing(stage)
    stage.switches["ann"] = False
    stage.say("ann", "one ")
    remove()
    stage.say("ann", "two ")
    heard, _ = hearing(stage)
    stage.say("ann", "three")
    stage.switches["ann"] = True
    assert heard == ["three"]


@settings(deadline=None)
@given(st.integers(0, 2**48))
def test_a_reader_elsewhere_sees_what_was_said_so_far_and_changes_nothing(seed: int) -> None:
    paths = [path for _, path in AGENTS]
    read, folded = Stage(*paths), Stage(*paths)
    for event in Author(random.Random(seed)).scenario().events:
        read.take(event)
        folded.take(event)
        cells = {cell.id: cell for cell in read.feed.so_far.cells}
        assert cells == {cell.id: cell for cell in read.feed.so_far.cells}
        assert cells == {cell.id: cell for cell in folded.transcript.cells}
    assert read.transcript == folded.transcript
