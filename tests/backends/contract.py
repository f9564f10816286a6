"""What every backend keeps: one suite, run with a team of each framework and with a recording.

A backend that has no way to do something says so in `Backend.cannot`: then its test checks that the refusal is a
sentence, and the very sentence that the method raises.
"""

from __future__ import annotations

import asyncio
import json
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nb_stream import Cell, CellKind, CellStatus, RunState, TeamStream
from nb_stream.backends.base import Ability, Backend
from nb_stream.backends.registry import open_backend
from nb_stream.core.model import USER, Chunk, Message, RunFinished, RunStarted, TurnStarted
from nb_stream.errors import AlreadyRunningError, NbStreamError
from tests.support.backend_subjects import (
    ANSWER,
    SUBJECTS,
    Breaks,
    Play,
    Subject,
    Uses,
    Words,
    turns_of_the_loop,
)
from tests.support.wait_until import until

LONG = "one two three four five six seven eight nine ten eleven twelve"
DUET = Play({"ann": (Words(LONG),), "ben": (Words("Ben agrees with all of it."),)}, runs=2)
SLOW = Play(DUET.cast, pace=0.01, runs=2)
TOOLS = Play(
    {"ann": (Uses(), Words("It is blue.", "Let me think about the sky.")), "ben": (Words("So it is."),)}, runs=2
)
CANCELS = 40
"""How many moments of a run are tried."""


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    """Of every test: what a run began has ended with it, whatever its end was."""
    before = asyncio.all_tasks()
    yield
    await until(lambda: not left(before), 5)


def left(before: set[Any]) -> set[Any]:
    return {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}


async def opened(subject: Subject, play: Play, folder: pathlib.Path, **options: Any) -> TeamStream:
    stream = TeamStream(await subject.team(play, folder), **options)
    for info in stream.agents:
        if info.can_stream:
            stream.switches[info.path] = True
    return stream


def said(stream: TeamStream, run: int = -1) -> list[tuple[str, str, str]]:
    """Kind, path and text of the cells of a run, without the task."""
    last = stream.transcript.runs[run].id
    cells = [cell for cell in stream.transcript.cells if cell.run == last and cell.path not in ("", USER)]
    return [(cell.kind.value, cell.path, cell.text) for cell in cells]


def cell_of(stream: TeamStream, path: str, kind: CellKind = CellKind.TEXT) -> Cell:
    return next(cell for cell in reversed(stream.transcript.cells) if (cell.path, cell.kind) == (path, kind))


class Heard:
    """What a callback gets, by path, token by token."""

    def __init__(self, stream: TeamStream) -> None:
        self.tokens: dict[str, list[str]] = {}
        stream.on_token(lambda token: self.tokens.setdefault(token.path, []).append(token.text))

    def text(self, path: str) -> str:
        return "".join(self.tokens.get(path, ()))


async def fine(stream: TeamStream, play: Play) -> None:
    """The next run is as good as the first."""
    await asyncio.wait_for(stream.run("Again."), 10)
    assert stream.state is RunState.IDLE
    for path, parts in play.cast.items():
        last = parts[-1] if parts else None
        text = last.text if isinstance(last, Words) else last.then if isinstance(last, Breaks) else ""
        assert cell_of(stream, path).text == text
        assert cell_of(stream, path).status is CellStatus.DONE


# --- agents and switches -------------------------------------------------------------------------------------------


async def test_agents_have_paths_of_their_own_and_say_whether_they_stream(subject: Subject, tmp_path) -> None:
    backend = open_backend(await subject.team(DUET, tmp_path))
    assert isinstance(backend, Backend)
    assert [info.path for info in backend.agents] == ["ann", "ben"]
    assert [info.can_stream for info in backend.agents] == [True, True]
    assert backend.streaming == {"ann": True, "ben": True}


async def test_what_passes_the_gates_is_the_whole_text_in_pieces(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, DUET, tmp_path)
    heard = Heard(stream)
    await stream.run("Go.")
    assert heard.text("ann") == LONG
    assert len(heard.tokens["ann"]) > 5
    assert said(stream) == [("text", "ann", LONG), ("text", "ben", "Ben agrees with all of it.")]


async def test_an_agent_that_is_switched_off_gives_no_token_and_its_whole_message(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, DUET, tmp_path)
    heard = Heard(stream)
    stream.switches["ann"] = False
    await stream.run("Go.")
    assert list(heard.tokens) == ["ben"]
    assert said(stream) == [("text", "ann", LONG), ("text", "ben", "Ben agrees with all of it.")]


async def test_a_gate_that_closes_in_mid_message_holds_its_text_and_gives_it_at_once(
    subject: Subject, tmp_path
) -> None:
    stream = await opened(subject, Play({"ann": (Words(LONG + " and so on" * 5),)}, pace=0.02), tmp_path)
    heard = Heard(stream)
    run = stream.start("Go.")
    await until(lambda: len(heard.tokens.get("ann", ())) >= 2)
    stream.switches["ann"] = False
    before = len(heard.tokens["ann"])
    await until(lambda: len(stream.transcript.cells[-1].text) > len(heard.text("ann")) + 15)
    assert len(heard.tokens["ann"]) == before
    stream.switches["ann"] = True
    await until(lambda: len(heard.tokens["ann"]) > before)
    assert len(heard.tokens["ann"][before]) > 15, "what was held comes as one token"
    assert stream.transcript.cells[-1].text.startswith(heard.text("ann"))
    await run
    assert heard.text("ann") == cell_of(stream, "ann").text


async def test_the_transcript_is_the_same_whatever_the_switches_say(subject: Subject, tmp_path) -> None:
    shown = await opened(subject, TOOLS, tmp_path)
    await shown.run("Go.")
    hidden = await opened(subject, TOOLS, tmp_path)
    for path in hidden.switches:
        hidden.switches[path] = False
    await hidden.run("Go.")
    assert said(shown) == said(hidden)


# --- order and linkage ---------------------------------------------------------------------------------------------


async def test_events_come_in_the_order_of_what_happened(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, DUET, tmp_path)
    events: list[Any] = []
    stream.on_event(events.append)
    await stream.run("Go.")
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    for path in ("ann", "ben"):
        own = [event for event in events if getattr(event, "path", None) == path]
        kinds = [type(event) for event in own]
        assert kinds[0] is TurnStarted
        assert kinds[-1] is Message
        assert own[-1].final
        assert set(kinds[1:-1]) == {Chunk}
        assert {event.turn for event in own} == {own[0].turn}
        times = [event.at for event in own]
        assert times == sorted(times)


async def test_the_reader_of_a_stream_gets_tokens_then_their_message_and_the_result_last(
    subject: Subject, tmp_path
) -> None:
    stream = await opened(subject, DUET, tmp_path)
    given = [item async for item in stream.run_stream("Go.")]
    texts = [getattr(item, "content", getattr(item, "text", None)) for item in given]
    whole = texts.index(LONG)
    tokens = [text for text in texts[:whole] if text in LONG and text != "Go."]
    assert "".join(tokens) == LONG
    assert given[-1] == stream.current.result()
    assert texts.index("Ben agrees with all of it.") > whole


async def test_a_thought_a_tool_and_an_answer_stand_in_cells_of_their_own(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, TOOLS, tmp_path)
    await stream.run("Go.")
    call = cell_of(stream, "ann", CellKind.TOOL_CALL)
    assert [(one.name, json.loads(one.arguments), one.result) for one in call.tool_calls] == [
        ("look_up", {"what": "sky"}, "blue")
    ]
    assert call.status is CellStatus.DONE
    assert cell_of(stream, "ann", CellKind.THOUGHT).text == "Let me think about the sky."
    assert cell_of(stream, "ann").text == "It is blue."
    before = [kind for kind, _, text in said(stream) if text == "I look it up."]
    assert before in (["thought"], ["text"]), "some models call what they say before a tool call a thought"


async def test_agents_at_the_same_time_keep_their_texts_apart(subject: Subject, tmp_path) -> None:
    texts = {name: f"{name} says " + f"{name} " * 20 + "." for name in ("ann", "ben", "cy")}
    play = Play({name: (Words(text),) for name, text in texts.items()}, parallel=True, pace=0.002)
    stream = await opened(subject, play, tmp_path)
    heard = Heard(stream)
    await stream.run("Go.")
    for name, text in texts.items():
        assert heard.text(name) == text
        assert [cell.text for cell in stream.transcript.cells if cell.path == name] == [text]


# --- ends ----------------------------------------------------------------------------------------------------------


async def test_a_failure_is_raised_and_told_with_its_agent_and_the_next_run_works(subject: Subject, tmp_path) -> None:
    play = Play({"ann": (Words("Fine."),), "ben": (Breaks("Here I am again."),)}, runs=2)
    stream = await opened(subject, play, tmp_path)
    with pytest.raises(Exception, match="lost"):
        await stream.run("Go.")
    assert stream.state is RunState.FAILED
    broken = cell_of(stream, "ben")
    assert broken.status is CellStatus.FAILED
    assert broken.text, "what was written stays"
    error = next(cell for cell in stream.transcript.cells if cell.kind is CellKind.ERROR)
    assert (error.path, "ConnectionError: lost" in error.text, "Traceback" in error.data["traceback"]) == (
        "ben",
        True,
        True,
    )
    await fine(stream, play)


async def test_a_cancel_at_any_moment_ends_the_run_and_the_next_one_works(subject: Subject, tmp_path) -> None:
    first = await opened(subject, TOOLS, tmp_path)
    run, whole = first.start("Go."), 0
    while not await turns_of_the_loop(1, run.done):
        whole += 1
    stream = await opened(subject, TOOLS, tmp_path)
    broken = 0
    for moment in range(0, whole, max(1, whole // CANCELS)):
        run = stream.start("Go.")
        await turns_of_the_loop(moment, run.done)
        began = time.monotonic()
        await asyncio.wait_for(stream.cancel(), 5)
        assert time.monotonic() - began < 2
        assert run.done()
        broken += run.cancelled()
        assert not [cell for cell in stream.transcript.cells if cell.status in (CellStatus.WRITING, CellStatus.RUNNING)]
        await fine(stream, TOOLS)
    assert broken > 5


async def test_a_cancel_in_mid_message_keeps_the_text(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, SLOW, tmp_path)
    heard = Heard(stream)
    run = stream.start("Go.")
    await until(lambda: len(heard.tokens.get("ann", ())) >= 2)
    await stream.cancel()
    assert run.cancelled()
    assert stream.state is RunState.CANCELLED
    assert cell_of(stream, "ann").status is CellStatus.CANCELLED
    assert heard.text("ann").startswith(cell_of(stream, "ann").text.rstrip()[:3])
    await fine(stream, SLOW)


async def test_a_stop_ends_the_run_after_the_turn(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, SLOW, tmp_path)
    heard = Heard(stream)
    run = stream.start("Go.")
    await until(lambda: "ann" in heard.tokens)
    if Ability.STOP in stream._backend.cannot:
        await refused(stream, Ability.STOP, stream.stop())
        await stream.cancel()
        return
    await stream.stop()
    assert (run.done(), run.cancelled(), stream.state) == (True, False, RunState.IDLE)
    assert stream.transcript.runs[-1].stop_reason
    assert [path for _, path, _ in said(stream)] == ["ann"]
    assert cell_of(stream, "ann").text == LONG


async def test_a_team_runs_for_one_stream_at_a_time(subject: Subject, tmp_path) -> None:
    team = await subject.team(SLOW, tmp_path)
    stream, other = TeamStream(team), TeamStream(team)
    run = stream.start("Go.")
    await turns_of_the_loop(20)
    with pytest.raises(AlreadyRunningError):
        await other.run("Go.")
    with pytest.raises(AlreadyRunningError):
        await stream.run("Go.")
    await stream.cancel()
    assert run.cancelled()
    await fine(other, SLOW)


# --- what a team knows ---------------------------------------------------------------------------------------------


async def refused(stream: TeamStream, ability: Ability, doing: Any) -> None:
    """The refusal is a sentence, and the one that the backend names."""
    sentence = stream._backend.cannot[ability]
    with pytest.raises(NbStreamError) as raised:
        await doing
    assert str(raised.value) == sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence.split()) >= 5


async def test_a_state_is_json_and_is_taken_up_by_a_new_team(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, DUET, tmp_path)
    await stream.run("Go.")
    if Ability.STATE in stream._backend.cannot:
        await refused(stream, Ability.STATE, stream.save_state())
        await refused(stream, Ability.STATE, stream.load_state({}))
        return
    state = await stream.save_state()
    other = await opened(subject, DUET, tmp_path)
    await other.load_state(json.loads(json.dumps(state)))
    assert json.dumps(await other.save_state()) == json.dumps(state)
    await fine(other, DUET)


async def test_the_history_survives_a_failure_and_a_reset_forgets_it(subject: Subject, tmp_path) -> None:
    play = Play({"ann": (Words("A word to remember."),), "ben": (Breaks("Here I am again."),)}, runs=3)
    stream = await opened(subject, play, tmp_path)
    with pytest.raises(Exception, match="lost"):
        await stream.run("Go.")
    if Ability.STATE not in stream._backend.cannot and (known := await stream.save_state()):
        assert "A word to remember." in json.dumps(known)
    if Ability.RESET in stream._backend.cannot:
        await refused(stream, Ability.RESET, stream.reset())
        return
    await stream.reset()
    if Ability.STATE not in stream._backend.cannot:
        assert "A word to remember." not in json.dumps(await stream.save_state())
    assert stream.transcript.cells, "a reader keeps the transcript"


async def test_agents_pause_and_go_on_or_say_why_not(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, SLOW, tmp_path)
    if Ability.PAUSE in stream._backend.cannot:
        await refused(stream, Ability.PAUSE, stream.pause())
        await refused(stream, Ability.PAUSE, stream.resume())
        return
    run = stream.start("Go.")
    await turns_of_the_loop(20)
    await stream.pause()
    await stream.resume()
    await run
    assert cell_of(stream, "ben").status is CellStatus.DONE


# --- people --------------------------------------------------------------------------------------------------------

PERSON = Play({"ann": (Words("Who is it for?"),), "guest": None})


async def test_a_person_in_the_team_is_asked_and_answers(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, PERSON, tmp_path)
    run = stream.start("Go.")
    if subject.asks_people:
        await until(lambda: stream.questions)
        (question,) = stream.questions
        assert (question.path, stream.state) == ("guest", RunState.WAITING)
        stream.answer(question.request_id, ANSWER)
    await run
    asked = cell_of(stream, "guest", CellKind.INPUT)
    assert (asked.status, asked.data["how"], asked.data["answer"]) == (CellStatus.DONE, "answered", ANSWER)
    assert cell_of(stream, "guest").text == ANSWER
    assert stream.questions == ()


async def test_a_cancel_ends_a_question(subject: Subject, tmp_path) -> None:
    stream = await opened(subject, PERSON, tmp_path)
    run = stream.start("Go.")
    if not subject.asks_people:
        await run
        assert stream.questions == ()
        return
    await until(lambda: stream.questions)
    await stream.cancel()
    assert run.cancelled()
    assert stream.questions == ()
    assert cell_of(stream, "guest", CellKind.INPUT).status is CellStatus.CANCELLED


@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_approves_or_refuses_a_tool(subject: Subject, approved: bool, tmp_path) -> None:
    stream = await opened(subject, Play({"ann": (Uses(asks=True), Words("Done."))}), tmp_path)
    run = stream.start("Go.")
    if not subject.asks_people:
        approved = True  # as it was recorded
    else:
        await until(lambda: stream.questions)
        (question,) = stream.questions
        assert question.kind is CellKind.APPROVAL
        assert question.what["tool"] == "look_up"
        stream.answer(question.request_id, approved, "" if approved else "not today")
    await run
    asked = cell_of(stream, "ann", CellKind.APPROVAL)
    assert asked.data["answer"] == ("approve" if approved else "reject: not today")
    (call,) = cell_of(stream, "ann", CellKind.TOOL_CALL).tool_calls
    assert (call.result == "blue") is approved
