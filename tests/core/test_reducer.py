"""`fold`: streamed text ends in the right cells, whatever order AutoGen reports it in and however it is cut."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb_stream.core.model import (
    Cell,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    InputResolved,
    Message,
    Notice,
    RunFinished,
    RunStarted,
    ToolCall,
    ToolResults,
    TurnEnded,
    TurnStarted,
    Usage,
)
from nb_stream.core.patches import CellFinished, CellStarted, RunChanged, TextDelta
from nb_stream.core.reducer import fold
from nb_stream.core.transcript import Transcript
from tests.support.random_runs import Author, Scenario, eaten
from tests.support.transcript_oracle import (
    UNTIMED,
    Mirror,
    expected,
    folded,
    healed,
    of_messages,
    piled,
    recut,
    unclaimed,
    untimed,
    without_message,
)

TEXT, THOUGHT = CellKind.TEXT, CellKind.THOUGHT
MANY = settings(max_examples=5 * settings().max_examples, deadline=None, suppress_health_check=list(HealthCheck))

# The first kind of randomness is Hypothesis' own and shrinks; the second is ten times as fast.
randoms = st.one_of(st.randoms(use_true_random=False), st.integers(0, 2**48).map(random.Random))


def made(r: random.Random) -> Scenario:
    """A scenario in which it is known who said what: turns are known, or no agent has two at the same time."""
    turns = r.random() < 0.7
    return Author(r, turns=turns, twice=turns).scenario()


def unclear(r: random.Random) -> Scenario:
    """A scenario in which agents have several turns at the same time that nothing tells apart."""
    return Author(r, turns=False, twice=True).scenario()


# --- chunks never change what a run leaves -------------------------------------------------------------------------


@MANY
@given(randoms)
def test_chunk_borders_never_change_the_finished_transcript(r: random.Random) -> None:
    """When text without a message ended is the time of its last chunk; all other times but the timing figures are the
    same."""
    events = r.choice((made, unclear))(r).events

    def without_times(transcript: Transcript) -> Any:
        cells = [replace(cell, **UNTIMED) for cell in transcript.cells]
        return [cell if cell.type else replace(cell, ended_at=None) for cell in cells], untimed(transcript.runs)

    assert without_times(folded(recut(events, r))) == without_times(folded(events))


@MANY
@given(randoms)
def test_chunks_that_are_folded_together_are_as_if_each_came_alone(r: random.Random) -> None:
    """As `Feed` joins them; here the timing figures are the same, too."""
    events = r.choice((made, unclear))(r).events
    alone = folded(events)
    assert folded(piled(events)) == alone
    assert folded(piled(events, r)) == alone


@MANY
@given(randoms)
def test_without_streaming_the_transcript_is_the_same(r: random.Random) -> None:
    """Streaming adds exactly three things: cells of text that never became a message; the figures that only chunks
    can give (start, time to first token, pace); and the letters that AutoGen ate from the ends of a thought."""
    scenario = made(r)
    streamed, silent = folded(scenario.events), folded(scenario.silent)
    full = healed(scenario)

    def whole(cell: Cell) -> str:
        thought = full.get(cell.message_id or "", "") if cell.type == "ThoughtEvent" else ""
        damaged = cell.text.strip() != thought.strip() and cell.text.strip() == eaten(thought).strip()
        return thought if damaged else cell.text

    assert [replace(cell, id="", **UNTIMED) for cell in of_messages(streamed)] == [
        replace(cell, id="", **UNTIMED, text=whole(cell)) for cell in silent.cells
    ]
    assert untimed(streamed.runs) == silent.runs


@MANY
@given(randoms)
def test_streamed_text_that_never_became_a_message_stays_and_nothing_else_is_added(r: random.Random) -> None:
    scenario = made(r)
    transcript = folded(scenario.events)
    left = without_message(transcript)
    assert sorted((cell.path, cell.kind, cell.text) for cell in left) == unclaimed(scenario)
    ended = {run.id: run.status for run in transcript.runs}
    broken = {turn.broken for turn, _ in scenario.segments}
    assert all(cell.status in (CellStatus.DONE, ended[cell.run], *broken) for cell in left)
    assert all(cell.started_at is not None and cell.ended_at is not None for cell in left)


# --- messages ------------------------------------------------------------------------------------------------------


@MANY
@given(randoms)
def test_every_message_stands_in_its_order_with_its_content(r: random.Random) -> None:
    scenario = made(r)
    cells = [cell for cell in folded(scenario.silent).cells if cell.type]
    wanted = expected(scenario.events)
    assert [(c.kind, c.agent, c.path, c.type, c.message_id, c.text) for c in cells] == [
        (w.kind, w.agent, w.path, w.type, w.message_id, w.text) for w in wanted
    ]
    assert [list(cell.tool_calls) for cell in cells] == [want.calls for want in wanted]
    told = [{key: cell.data[key] for key in cell.data.keys() - {"how", "answer"}} for cell in cells]
    assert told == [want.data for want in wanted]


@MANY
@given(randoms)
def test_no_message_is_lost_even_where_nothing_tells_the_turns_of_an_agent_apart(r: random.Random) -> None:
    scenario = unclear(r)
    messages = [event for event in scenario.events if isinstance(event, Message) and event.kind is not CellKind.INPUT]
    cells = of_messages(folded(scenario.events))
    ids = {cell.message_id for cell in cells} | {cell.data.get("result_message_id") for cell in cells}
    assert {message.message_id for message in messages} <= ids
    order = {message.message_id: number for number, message in enumerate(messages)}
    shown = [order[cell.message_id] for cell in cells if cell.message_id in order]
    assert shown == sorted(shown)
    results = sorted(x.result or "" for e in scenario.events if isinstance(e, ToolResults) for x in e.results)
    assert sorted(x.result for cell in cells for x in cell.tool_calls if x.result is not None) == results
    outputs = sorted(event.output for event in scenario.events if isinstance(event, CodeResult))
    assert sorted(cell.data["output"] for cell in cells if "output" in cell.data) == outputs


@MANY
@given(randoms)
def test_a_message_never_ends_the_text_of_another_agent_or_of_another_turn(r: random.Random) -> None:
    transcript = Transcript()
    for event in Author(r).scenario().events:
        before = transcript.live
        transcript, _ = fold(transcript, event)
        if isinstance(event, RunFinished):
            continue
        for live in before:
            path, turn = getattr(event, "path", None), getattr(event, "turn", None)
            mine = (live.path, live.turn) == (path, turn) or (live.path == path and turn is None)
            assert mine or live in transcript.live


# --- what readers of patches get -----------------------------------------------------------------------------------


@MANY
@given(randoms)
def test_patches_rebuild_the_transcript_after_every_event(r: random.Random) -> None:
    transcript, mirror = Transcript(), Mirror()
    for event in r.choice((made, unclear))(r).events:
        transcript, patches = fold(transcript, event)
        mirror.apply(patches)
        assert mirror.cells == transcript.cells
        assert tuple(mirror.runs.values()) == transcript.runs
        assert len({cell.id for cell in transcript.cells}) == len(transcript)


@MANY
@given(randoms)
def test_a_run_that_ended_leaves_nothing_open(r: random.Random) -> None:
    transcript = folded(r.choice((made, unclear))(r).events)
    assert transcript.live == ()
    assert transcript.awaited == ()
    assert transcript.turns == {}
    ended = {CellStatus.DONE, CellStatus.FAILED, CellStatus.CANCELLED}
    assert {cell.status for cell in transcript.cells} <= ended
    assert all(cell.ended_at is not None for cell in transcript.cells)
    assert all((cell.duration or 0.0) >= 0.0 for cell in transcript.cells)


# --- one by one ----------------------------------------------------------------------------------------------------


class Talk:
    """Events of one agent after the other, folded as they come."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.now = 0.0
        self.give(RunStarted("r1", 0.0, "Go."))

    def give(self, event: Event) -> tuple[Any, ...]:
        self.transcript, patches = fold(self.transcript, event)
        return patches

    def chunk(self, text: str, message_id: str | None = "m1", *, agent: str = "ann", turn: str | None = "t1") -> None:
        self.now += 1.0
        self.give(Chunk(agent, agent, self.now, text, message_id, turn))

    def message(
        self,
        kind: CellKind,
        text: str,
        message_id: str | None = "m1",
        *,
        agent: str = "ann",
        turn: str | None = "t1",
        **more: Any,
    ) -> None:
        self.now += 1.0
        kinds = {TEXT: "TextMessage", THOUGHT: "ThoughtEvent"}
        self.give(Message(agent, agent, self.now, kind, text, kinds.get(kind, "Event"), message_id, turn, **more))

    def call(self, *calls: str, turn: str | None = "t1") -> None:
        asked = tuple(ToolCall(call, "look_up", "{}") for call in calls)
        self.message(CellKind.TOOL_CALL, "", f"request {calls}", tool_calls=asked, turn=turn)

    def result(self, *calls: tuple[str, str], turn: str | None = "t1", error: bool = False) -> None:
        results = tuple(ToolCall(call, "look_up", "", result, error) for call, result in calls)
        self.give(ToolResults("ann", "ann", self.now, results, "executed", turn, "ToolCallExecutionEvent"))

    def end(self, status: CellStatus = CellStatus.DONE, error: str = "", traceback: str = "") -> None:
        self.now += 1.0
        self.give(RunFinished("r1", self.now, status, None, error, traceback))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(cell.kind.value, cell.status.value, cell.text) for cell in self.transcript.cells]


def test_what_comes_of_a_thought_behind_its_message_is_a_cell_with_an_id_of_its_own() -> None:
    talk = Talk()
    talk.chunk("<think>Hmm</thin")
    talk.message(THOUGHT, "Hmm")
    talk.chunk("g more")
    talk.end()
    assert talk.told == [("thought", "done", "Hmm"), ("thought", "done", "</thing more")]
    assert len({cell.id for cell in talk.transcript}) == 2


def test_a_message_replaces_the_text_that_was_streamed_for_it() -> None:
    talk = Talk()
    talk.chunk("Hello")
    talk.chunk("wrold")
    assert talk.told == [("text", "writing", "Hellowrold")]
    talk.message(TEXT, "Hello\nworld")
    assert talk.told == [("text", "done", "Hello\nworld")]
    assert talk.transcript.cells[0].id == "c1"


def test_a_thought_takes_the_id_and_the_answer_gets_another() -> None:
    talk = Talk()
    talk.chunk("<think>Let me see</think>\n\nYes.", "m1")
    talk.message(THOUGHT, "Let me see", "m1")
    assert talk.told == [("thought", "done", "Let me see"), ("text", "writing", "Yes.")]
    talk.message(TEXT, "Yes.", "m2")
    assert talk.told == [("thought", "done", "Let me see"), ("text", "done", "Yes.")]
    assert [cell.id for cell in talk.transcript.cells] == ["c1t", "c1"]


def test_an_answer_that_was_edited_after_its_thought_replaces_it() -> None:
    talk = Talk()
    talk.chunk("<think>Let me see</think>Yes.", "m1")
    talk.message(THOUGHT, "Let me see", "m1")
    talk.message(TEXT, "No.", "m2")
    assert talk.told == [("thought", "done", "Let me see"), ("text", "done", "No.")]


def test_a_thought_of_a_reflection_has_an_id_that_nothing_else_has() -> None:
    talk = Talk()
    talk.chunk("<think>Let me see</think>Yes.", "m1")
    talk.message(THOUGHT, "Let me see", "elsewhere")
    talk.message(TEXT, "Yes.", "m1")
    assert talk.told == [("thought", "done", "Let me see"), ("text", "done", "Yes.")]


def test_a_thought_that_was_changed_on_its_way_is_the_only_one_that_is_being_written() -> None:
    talk = Talk()
    talk.chunk("<think>Let me see</think>Yes.", "m1")
    talk.message(THOUGHT, "In short: yes", "elsewhere")
    talk.message(TEXT, "Yes.", "m1")
    assert talk.told == [("thought", "done", "In short: yes"), ("text", "done", "Yes.")]


def test_a_thought_without_an_id_is_found_by_what_it_says() -> None:
    talk = Talk()
    talk.chunk("<think>the kind one</think>1", "a", turn=None)
    talk.chunk("I call a tool.", "b", turn=None)
    talk.chunk("<think>Another</think>2", "c", turn=None)
    talk.message(THOUGHT, "e kind one", "x", turn=None)
    talk.message(THOUGHT, "I call a tool.", "y", turn=None)
    assert talk.told == [
        ("thought", "done", "the kind one"),
        ("thought", "done", "I call a tool."),
        ("text", "writing", "1"),
        ("thought", "writing", "Another"),
        ("text", "writing", "2"),
    ]


def test_an_open_thought_is_found_by_all_that_was_said_of_it() -> None:
    talk = Talk()
    talk.chunk("<think>Hm</thi", "a", turn=None)
    talk.chunk("<think>Hm", "b", turn=None)
    talk.message(TEXT, "<think>Hm</thi", "x", turn=None)
    assert talk.told == [("text", "done", "<think>Hm</thi"), ("thought", "writing", "Hm")]


def test_a_thought_that_was_not_streamed_stands_before_its_answer() -> None:
    talk = Talk()
    talk.chunk("Yes, I can.", "m1")
    talk.message(THOUGHT, "Hidden", "m1")
    talk.message(TEXT, "Yes, I can!", "m2")
    assert talk.told == [("thought", "done", "Hidden"), ("text", "done", "Yes, I can!")]


def test_letters_that_autogen_ate_from_a_thought_are_given_back() -> None:
    talk = Talk()
    talk.chunk("<think>the kind thought within</think>Yes.", "m1")
    talk.message(THOUGHT, "e kind thought w", "m1")
    talk.message(TEXT, "Yes.", "m2")
    assert talk.told[0] == ("thought", "done", "the kind thought within")


def test_marks_in_a_message_are_a_thought() -> None:
    talk = Talk()
    talk.message(TEXT, "<think>\nLet me see\n</think>\n\nYes.", usage=Usage(1, 2))
    assert talk.told == [("thought", "done", "Let me see"), ("text", "done", "Yes.")]
    assert [cell.usage for cell in talk.transcript.cells] == [None, Usage(1, 2)]
    assert {cell.message_id for cell in talk.transcript.cells} == {"m1"}


def test_a_mark_that_is_never_closed_is_part_of_the_message() -> None:
    talk = Talk()
    talk.chunk("<think>Let me")
    assert talk.told == [("thought", "writing", "Let me")]
    talk.message(TEXT, "<think>Let me")
    assert talk.told == [("text", "done", "<think>Let me")]


def test_marks_behind_the_beginning_of_a_text_are_text() -> None:
    talk = Talk()
    talk.chunk("The mark is <think>")
    talk.chunk(" and </think> closes it.")
    talk.message(TEXT, "The mark is <think> and </think> closes it.")
    assert talk.told == [("text", "done", "The mark is <think> and </think> closes it.")]


def test_text_before_a_tool_call_stays_where_it_has_no_message() -> None:
    talk = Talk()
    talk.chunk("I look it up.")
    talk.call("1")
    talk.result(("1", "42"))
    talk.chunk("It is 42.")  # the next call of a tool loop has the same id
    talk.message(TEXT, "It is 42.")
    assert talk.told == [
        ("text", "done", "I look it up."),
        ("tool call", "done", ""),
        ("text", "done", "It is 42."),
    ]


def test_text_before_a_tool_call_that_comes_again_as_a_thought_is_shown_once() -> None:
    talk = Talk()
    talk.chunk("I look it up.")
    talk.message(THOUGHT, "I look it up.")
    talk.call("1")
    assert talk.told == [("thought", "done", "I look it up."), ("tool call", "running", "")]


def test_reasoning_and_text_before_a_tool_call_are_both_shown_once() -> None:
    """OpenAI's client reports the text as the thought then, and the reasoning not at all."""
    talk = Talk()
    talk.chunk("<think>Who knows?</think>I look it up.")
    talk.message(THOUGHT, "I look it up.")
    talk.call("1")
    assert talk.told == [
        ("thought", "done", "Who knows?"),
        ("thought", "done", "I look it up."),
        ("tool call", "running", ""),
    ]
    assert [cell.type for cell in talk.transcript.cells[:2]] == ["", "ThoughtEvent"]


def test_marks_in_text_before_a_tool_call_are_shown_once() -> None:
    talk = Talk()
    talk.chunk("<think>Who knows?</think>I look it up.")
    talk.message(THOUGHT, "<think>Who knows?</think>I look it up.")
    talk.call("1")
    assert talk.told[:2] == [("thought", "done", "Who knows?"), ("thought", "done", "I look it up.")]
    assert len(talk.told) == 3


def test_results_are_paired_with_their_calls() -> None:
    talk = Talk()
    talk.call("1", "2")
    talk.result(("2", "two"), ("1", "one"))
    (cell,) = talk.transcript.cells
    assert [(call.id, call.result) for call in cell.tool_calls] == [("1", "one"), ("2", "two")]
    assert cell.status is CellStatus.DONE
    assert cell.data == {"result_message_id": "executed"}


def test_results_are_paired_in_order_where_a_server_gives_all_calls_the_same_id() -> None:
    talk = Talk()
    talk.call("", "")
    talk.result(("", "one"), ("", "two"))
    assert [call.result for call in talk.transcript.cells[0].tool_calls] == ["one", "two"]


def test_a_call_id_that_is_used_again_gets_its_own_result() -> None:
    talk = Talk()
    for result in ("one", "two"):
        talk.call("1")
        talk.result(("1", result))
    assert [cell.tool_calls[0].result for cell in talk.transcript.cells] == ["one", "two"]


def test_two_turns_of_an_agent_that_use_the_same_call_id_get_their_own_results() -> None:
    talk = Talk()
    talk.call("1", turn="t1")
    talk.call("1", turn="t2")
    talk.result(("1", "of t1"), turn="t1", error=True)
    talk.result(("1", "of t2"), turn="t2")
    assert [cell.tool_calls[0].result for cell in talk.transcript.cells] == ["of t1", "of t2"]
    assert [cell.tool_calls[0].is_error for cell in talk.transcript.cells] == [True, False]


def test_a_result_is_never_given_to_another_turn() -> None:
    talk = Talk()
    talk.call("1", turn="t1")
    talk.result(("1", "of t2"), turn="t2")
    assert [cell.tool_calls[0].result for cell in talk.transcript.cells] == [None, "of t2"]


def test_where_turns_are_not_known_a_result_is_of_the_last_call_that_waits_for_it() -> None:
    talk = Talk()
    talk.call("1", turn=None)
    talk.call("1", turn=None)
    talk.result(("1", "one"), turn=None)
    assert [cell.tool_calls[0].result for cell in talk.transcript.cells] == [None, "one"]


def test_a_result_of_no_turn_is_given_to_the_open_call_with_its_id_in_whichever_turn() -> None:
    talk = Talk()
    talk.call("1", "2", turn="t1")
    talk.give(TurnStarted("ann", "ann", talk.now, "t2"))
    talk.result(("2", "paid"), turn=None)
    (cell,) = talk.transcript.cells
    assert [call.result for call in cell.tool_calls] == [None, "paid"]


def test_a_result_is_never_given_to_another_agent() -> None:
    talk = Talk()
    talk.message(CellKind.TOOL_CALL, "", agent="ben", turn=None, tool_calls=(ToolCall("1", "f", "{}"),))
    talk.result(("1", "of ann"), turn=None)
    assert [cell.agent for cell in talk.transcript.cells if cell.tool_calls[0].result] == ["ann"]


def test_a_request_to_call_tools_leaves_the_text_alone_that_has_its_id() -> None:
    talk = Talk()
    talk.chunk("I look it up.")
    talk.message(CellKind.TOOL_CALL, "", "m1", tool_calls=(ToolCall("1", "f", "{}"),))
    assert talk.told == [("text", "done", "I look it up."), ("tool call", "running", "")]


def test_a_result_without_a_call_is_a_cell_of_its_own() -> None:
    talk = Talk()
    talk.call("1")
    talk.result(("1", "one"), ("9", "nine"))
    assert [call.result for cell in talk.transcript.cells for call in cell.tool_calls] == ["one", "nine"]
    assert {cell.status for cell in talk.transcript.cells} == {CellStatus.DONE}


def test_the_same_agent_in_two_turns_at_once_keeps_its_texts_apart() -> None:
    talk = Talk()
    talk.chunk("one ", "m1", turn="t1")
    talk.chunk("two ", "m2", turn="t2")
    talk.chunk("one", "m1", turn="t1")
    talk.call("1", turn="t2")
    assert talk.told == [("text", "done", "two "), ("tool call", "running", ""), ("text", "writing", "one one")]
    talk.message(TEXT, "one one", "m1", turn="t1")
    assert talk.told[-1] == ("text", "done", "one one")


def test_the_same_agent_in_two_turns_at_once_is_told_apart_by_what_it_says_where_turns_are_not_known() -> None:
    talk = Talk()
    for message_id, text in (("a", "The answer is 1."), ("b", "The question is 2.")):
        talk.chunk(f"<think>About {text}</think>{text}", message_id, turn=None)
    talk.message(THOUGHT, "About The question is 2.", "b", turn=None)
    talk.message(THOUGHT, "About The answer is 1.", "a", turn=None)
    talk.message(TEXT, "The question is 2.", "x", turn=None)
    assert talk.told[-1] == ("text", "writing", "The answer is 1.")
    talk.message(TEXT, "The answer is 1.", "y", turn=None)
    assert [text for _, _, text in talk.told] == [
        "About The question is 2.",
        "About The answer is 1.",
        "The question is 2.",
        "The answer is 1.",
    ]
    assert [cell.id for cell in talk.transcript.cells] == ["c2t", "c1t", "c2", "c1"]


def test_a_message_of_one_turn_does_not_take_the_text_that_another_one_began_alike() -> None:
    talk = Talk()
    talk.chunk("The", "m1", turn=None)
    talk.chunk("The answer", None, turn=None)
    talk.message(TEXT, "The answer is 1.", "m2", turn=None)
    assert talk.told == [("text", "done", "The answer is 1."), ("text", "writing", "The")]


def test_agents_of_the_same_name_at_different_depths_are_different_agents() -> None:
    talk = Talk()
    talk.give(Chunk("ann", "ann", 1.0, "outer", "m1", "t1"))
    talk.give(Chunk("ann", "team/ann", 1.0, "inner", "m2", "t2"))
    talk.give(Message("ann", "team/ann", 2.0, TEXT, "inner", "TextMessage", "m2", "t2"))
    assert talk.told == [("text", "done", "inner"), ("text", "writing", "outer")]


def test_agents_that_stand_at_the_same_place_are_told_apart_by_name() -> None:
    talk = Talk()
    talk.give(Chunk("inner", "ann", 1.0, "inner", None, "t1"))
    talk.give(Message("ann", "ann", 2.0, TEXT, "outer", "TextMessage", "m1", "t1"))
    assert talk.told == [("text", "done", "outer"), ("text", "writing", "inner")]


def test_code_is_shown_once_with_its_output() -> None:
    talk = Talk()
    code = "Run:\n```python\nprint(1)\n```"
    talk.chunk(code, None)
    blocks = [{"code": "print(1)", "language": "python"}]
    talk.message(CellKind.CODE, code, data={"code_blocks": blocks})
    assert talk.told == [("code", "running", code)]
    talk.give(CodeResult("ann", "ann", 9.0, "1\n", 0, "m2", "t1"))
    talk.message(CellKind.CODE, "Attempt number: 1", "m3", data={"code_blocks": []})
    talk.chunk("It works.", None)
    talk.message(TEXT, "It works.", "m4")
    assert talk.told == [("code", "done", code), ("code", "done", "Attempt number: 1"), ("text", "done", "It works.")]
    assert talk.transcript.cells[0].data == {
        "code_blocks": blocks,
        "output": "1\n",
        "exit_code": 0,
        "result_message_id": "m2",
    }


def test_an_output_without_code_is_a_cell_of_its_own() -> None:
    talk = Talk()
    talk.give(CodeResult("ann", "ann", 9.0, "1\n", 0, "m2", "t1", "CodeExecutionEvent"))
    assert [(cell.kind, cell.data["output"]) for cell in talk.transcript.cells] == [(CellKind.CODE, "1\n")]


def test_a_selector_that_streams_is_shown_once() -> None:
    talk = Talk()
    talk.chunk("ben", None)
    talk.message(CellKind.SELECTION, "ben")
    assert talk.told == [("speaker selection", "done", "ben")]


def test_structured_output_replaces_the_json_that_was_streamed() -> None:
    talk = Talk()
    talk.chunk('{ "a":')
    talk.chunk(" 1 }")
    talk.message(CellKind.STRUCTURED, '{"a": 1}', data={"value": {"a": 1}})
    assert talk.told == [("structured output", "done", '{"a": 1}')]


def test_an_unknown_message_may_come_in_the_middle_of_a_text() -> None:
    talk = Talk()
    talk.chunk("Half a sen")
    talk.message(CellKind.OTHER, "My own event", "m9")
    talk.chunk("tence.")
    talk.message(TEXT, "Half a sentence.")
    assert talk.told == [("other", "done", "My own event"), ("text", "done", "Half a sentence.")]


def test_an_unknown_message_that_says_what_was_streamed_is_shown_once() -> None:
    talk = Talk()
    talk.chunk("Half a sentence.")
    talk.message(CellKind.OTHER, "Half a sentence.", "m9")
    assert talk.told == [("other", "done", "Half a sentence.")]


def test_results_and_outputs_leave_the_text_alone_that_is_being_written() -> None:
    talk = Talk()
    talk.call("1", turn=None)
    talk.chunk("Half a sen", turn=None)
    talk.result(("1", "one"), turn=None)
    talk.give(CodeResult("ann", "ann", 9.0, "1", 0, "m2"))
    talk.chunk("tence.", turn=None)
    talk.message(TEXT, "Half a sentence.", turn=None)
    assert [text for kind, _, text in talk.told if kind == "text"] == ["Half a sentence."]


def test_text_whose_id_has_no_message_ends_with_the_next_message_of_its_agent() -> None:
    talk = Talk()
    talk.chunk("Half a sen", "m1", turn=None)
    talk.message(TEXT, "Something else", "m2", turn=None)
    assert talk.told == [("text", "done", "Half a sen"), ("text", "done", "Something else")]


@pytest.mark.parametrize("streamed", ["", "<think>a</think>b"])
def test_a_thought_that_is_reported_in_its_marks_is_shown_without(streamed: str) -> None:
    talk = Talk()
    if streamed:
        talk.chunk(streamed)
    talk.message(THOUGHT, "<think>a</think>", "m1")
    talk.message(TEXT, "b", "m2")
    assert talk.told == [("thought", "done", "a"), ("text", "done", "b")]


@pytest.mark.parametrize("streamed", ["", "<think>a</think>b"])
def test_marked_text_before_a_tool_call_that_was_changed_on_its_way_is_shown_as_it_came(streamed: str) -> None:
    talk = Talk()
    if streamed:
        talk.chunk(streamed)
    talk.message(THOUGHT, "<think>x</think>y", "m1")
    talk.call("1")
    assert talk.told[:2] == [("thought", "done", "x"), ("thought", "done", "y")]
    assert len(talk.told) == 3


# --- requests ------------------------------------------------------------------------------------------------------


def asked(talk: Talk, prompt: str, message_id: str | None, turn: str | None) -> None:
    talk.message(CellKind.INPUT, prompt, message_id, turn=turn, data={"request_id": "q"})


@pytest.mark.parametrize("order", ["the stream first", "the team first", "the team after the answer"])
def test_a_request_that_is_reported_twice_is_one_cell(order: str) -> None:
    talk = Talk()
    resolved = InputResolved("ann", "ann", 9.0, "q", "answered", "yes")
    if order == "the team first":
        asked(talk, "", "m1", "t1")
    asked(talk, "May I?", None, None)
    if order == "the stream first":
        asked(talk, "", "m1", "t1")
    assert talk.told == [("human input", "waiting", "May I?")]
    talk.give(resolved)
    if order == "the team after the answer":
        asked(talk, "", "m1", "t1")
    assert talk.told == [("human input", "done", "May I?")]
    (cell,) = talk.transcript.cells
    assert cell.message_id == "m1"
    assert cell.data == {"request_id": "q", "how": "answered", "answer": "yes"}


def test_a_request_that_is_not_answered_is_cancelled() -> None:
    talk = Talk()
    asked(talk, "May I?", "m1", "t1")
    talk.give(InputResolved("ann", "ann", 9.0, "q", "cancelled"))
    assert talk.told == [("human input", "cancelled", "May I?")]
    assert talk.transcript.cells[0].ended_at == 9.0


def test_a_request_that_was_answered_outside_ends_with_the_answer() -> None:
    talk = Talk()
    asked(talk, "May I?", "m1", "t1")
    talk.message(TEXT, "yes", "m2")
    assert talk.told == [("human input", "done", "May I?"), ("text", "done", "yes")]


def test_a_request_that_was_reported_without_its_turn_ends_with_its_own_turn() -> None:
    talk = Talk()
    asked(talk, "May I?", None, None)
    asked(talk, "", "m1", "t1")
    talk.message(TEXT, "of another turn", "m2", turn="t2")
    assert talk.told[0] == ("human input", "waiting", "May I?")
    talk.message(TEXT, "yes", "m3", turn="t1")
    assert talk.told[0] == ("human input", "done", "May I?")


def test_a_request_leaves_the_text_alone_that_is_being_written() -> None:
    talk = Talk()
    talk.chunk("I am about to")
    talk.message(CellKind.APPROVAL, "Run it?", "m2", data={"request_id": "q"})
    talk.chunk(" run it.")
    talk.message(TEXT, "I am about to run it.")
    assert talk.told == [("approval", "waiting", "Run it?"), ("text", "done", "I am about to run it.")]


# --- ends of runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [CellStatus.FAILED, CellStatus.CANCELLED])
def test_what_was_under_way_ends_as_the_run_does(status: CellStatus) -> None:
    talk = Talk()
    talk.call("1")
    asked(talk, "May I?", "m5", "t5")
    talk.chunk("<think>Hm", "m2", agent="ben", turn="t2")
    talk.chunk("Half a", "m3", agent="cy", turn="t3")
    talk.chunk(" sen", "m3", agent="cy", turn="t3")
    last = talk.now
    talk.end(status)
    assert [(kind, text) for kind, _, text in talk.told] == [
        ("tool call", ""),
        ("human input", "May I?"),
        ("thought", "Hm"),
        ("text", "Half a sen"),
    ]
    assert {cell.status for cell in talk.transcript.cells} == {status}
    assert [cell.ended_at for cell in talk.transcript.cells] == [talk.now, talk.now, last - 2.0, last]
    assert talk.transcript.runs[0].status is status


@pytest.mark.parametrize("status", [CellStatus.FAILED, CellStatus.CANCELLED])
def test_what_was_under_way_in_a_turn_that_broke_off_ends_with_it_and_nothing_else(status: CellStatus) -> None:
    talk = Talk()
    talk.call("c1")
    talk.chunk("It was")
    talk.call("c2", turn="t2")
    talk.chunk("<think>Hm", "m2", turn="t2")
    talk.chunk("Ben goes on", "m3", agent="ben", turn="t3")
    talk.give(TurnEnded("ann", "ann", 9.0, "t2", status))
    assert talk.told == [
        ("tool call", "running", ""),
        ("tool call", status.value, ""),
        ("thought", status.value, "Hm"),
        ("text", "writing", "It was"),
        ("text", "writing", "Ben goes on"),
    ]


def test_what_a_finished_run_left_without_an_end_is_cancelled_and_its_text_done() -> None:
    talk = Talk()
    talk.call("1")
    talk.chunk("And now", "m2", agent="ben", turn="t2")
    talk.end()
    assert [status for _, status, _ in talk.told] == ["cancelled", "done"]


def test_a_failure_is_a_cell_that_says_what_failed() -> None:
    talk = Talk()
    talk.chunk("Half a sen")
    talk.end(CellStatus.FAILED, "ConnectionError: dropped", "Traceback …")
    assert talk.told == [("text", "failed", "Half a sen"), ("error", "failed", "ConnectionError: dropped")]
    assert talk.transcript.cells[-1].data == {"traceback": "Traceback …"}


def test_the_next_run_begins_afresh() -> None:
    talk = Talk()
    talk.call("1")
    talk.end(CellStatus.CANCELLED)
    talk.give(RunStarted("r2", 50.0, "Again."))
    talk.result(("1", "late"))
    assert [(cell.run, cell.status.value) for cell in talk.transcript.cells] == [("r1", "cancelled"), ("r2", "done")]


def test_text_before_any_run_is_kept() -> None:
    end = RunFinished("", 3.0, CellStatus.DONE)
    transcript = folded([Chunk("ann", "ann", 1.0, "Hello"), Notice(2.0, "A sentence."), end])
    assert [(cell.run, cell.text) for cell in transcript.cells] == [("", "A sentence."), ("", "Hello")]
    assert transcript.runs == ()


# --- figures -------------------------------------------------------------------------------------------------------


def test_times_of_a_streamed_message() -> None:
    talk = Talk()
    talk.give(TurnStarted("ann", "ann", 10.0, "t1"))
    for at in (12.0, 13.0, 14.0):
        talk.give(Chunk("ann", "ann", at, "a", "m1", "t1"))
    talk.give(Message("ann", "ann", 15.0, TEXT, "aaa", "TextMessage", "m1", "t1", True, Usage(7, 30)))
    (cell,) = talk.transcript.cells
    assert (cell.started_at, cell.ended_at, cell.duration) == (12.0, 15.0, 3.0)
    assert (cell.ttft, cell.tokens_per_s, cell.estimated) == (2.0, 10.0, False)
    assert talk.transcript.runs[0].usage == Usage(7, 30)
    assert talk.transcript.turns == {}


def test_the_time_to_the_first_token_counts_from_the_last_sign_of_the_turn() -> None:
    talk = Talk()
    talk.give(TurnStarted("ann", "ann", 10.0, "t1"))
    talk.give(ToolResults("ann", "ann", 20.0, (), "m0", "t1"))
    talk.give(Chunk("ann", "ann", 20.5, "a", "m1", "t1"))
    assert talk.transcript.cells[0].ttft == 0.5


def test_usage_is_summed_for_the_run() -> None:
    talk = Talk()
    talk.message(TEXT, "one", "m1", usage=Usage(1, 2))
    talk.message(TEXT, "two", "m2", usage=Usage(10, 20))
    assert talk.transcript.runs[0].usage == Usage(11, 22)


# --- odd texts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [["a\ud83d", "\ude00b"], ["a", "\ud83d", "\ude00", "b"], ["a\ud83d\ude00b"]])
def test_a_character_that_comes_in_two_halves_is_one(cuts: list[str]) -> None:
    talk = Talk()
    for piece in cuts:
        talk.chunk(piece)
        "".join(cell.text for cell in talk.transcript.cells).encode("utf-8")
    talk.end()
    assert talk.told == [("text", "done", "a😀b")]


@pytest.mark.parametrize("code", [0xD83D, 0xDE00])
def test_half_a_character_that_stays_alone_is_a_replacement_character(code: int) -> None:
    talk, half = Talk(), chr(code)
    talk.chunk(f"a{half}")
    talk.chunk(f"b{half}")
    talk.call(half)
    talk.message(CellKind.OTHER, f"{half}!", "m2", data={"of": [half, {half: half}]})
    talk.end(CellStatus.FAILED, f"boom {half}")
    assert talk.told == [
        ("text", "done", "a\ufffdb\ufffd"),
        ("tool call", "failed", ""),
        ("other", "done", "\ufffd!"),
        ("error", "failed", "boom \ufffd"),
    ]
    json.dumps(talk.transcript.to_dict(), ensure_ascii=False).encode("utf-8")


def test_white_space_alone_opens_no_cell() -> None:
    talk = Talk()
    talk.chunk(" \n")
    assert talk.told == []
    talk.call("1")
    assert [kind for kind, _, _ in talk.told] == ["tool call"]


def test_an_empty_message_is_a_message() -> None:
    talk = Talk()
    talk.message(TEXT, "")
    talk.message(THOUGHT, "<think></think>", "m2")
    assert talk.told == [("text", "done", ""), ("thought", "done", "")]


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="takes an event"):
        fold(Transcript(), "Hello")  # type: ignore[arg-type]


def test_patches_of_a_streamed_message() -> None:
    talk = Talk()
    first = talk.give(Chunk("ann", "ann", 1.0, "Hel", "m1", "t1"))
    second = talk.give(Chunk("ann", "ann", 2.0, "lo", "m1", "t1"))
    third = talk.give(Message("ann", "ann", 3.0, TEXT, "Hello", "TextMessage", "m1", "t1", usage=Usage(1, 1)))
    assert [type(patch) for patch in first] == [CellStarted, TextDelta]
    assert second == (TextDelta("c1", 3, "lo"),)
    assert [type(patch) for patch in third] == [CellFinished, RunChanged]
    assert third[0] == CellFinished(talk.transcript.cells[0], 0)


# --- cost ----------------------------------------------------------------------------------------------------------


def copied(size: int, piece: int) -> int:
    """The code points that are copied while a text of this size grows by pieces."""
    talk, total = Talk(), 0
    for _ in range(size // piece):
        before = {id(part) for live in talk.transcript.live for part in (live.answer.pieces if live.answer else ())}
        talk.chunk("x" * piece)
        live = talk.transcript.live[0]
        assert live.answer is not None
        total += sum(len(part) for part in live.answer.pieces if id(part) not in before)
    return total


def test_a_long_text_is_not_copied_for_every_piece() -> None:
    assert copied(200_000, 100) < 20 * 200_000


class Watched(tuple):  # type: ignore[type-arg]
    """Cells that count how often one of them is looked at."""

    looked = 0

    def __getitem__(self, index: Any) -> Any:
        self.looked += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("ends", ["a result", "a message"])
def test_a_long_run_is_not_searched_for_what_waits(ends: str) -> None:
    talk = Talk()
    for number in range(500):
        talk.message(TEXT, "Hello", f"m{number}")
    talk.call("1")
    cells = Watched(talk.transcript.settled)
    talk.transcript = replace(talk.transcript, settled=cells)
    if ends == "a result":
        talk.result(("1", "one"))
        assert talk.transcript.cells[-1].tool_calls[0].result == "one"
    else:
        talk.message(TEXT, "Hello", "last")
    assert cells.looked < 5
