"""A person is asked in the stream, with no wiring, and every end of a question is a good one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import HandoffTermination, TextMentionTermination
from autogen_agentchat.messages import HandoffMessage, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat, Swarm
from autogen_agentchat.tools import AgentTool

from nb_stream import Cell, CellKind, CellStatus, RunState, TeamPanel, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.errors import NotRunningError
from nb_stream.runtime.human_input import Question
from tests.support.handoff_team import desk
from tests.support.paths import ROOT
from tests.support.wait_until import until


async def asked(stream: TeamStream, count: int = 1) -> tuple[Question, ...]:
    """The open questions, once there are `count`."""
    await until(lambda: len(stream.questions) == count)
    return stream.questions


def inputs(stream: TeamStream) -> list[Cell]:
    return [cell for cell in stream.transcript if cell.kind is CellKind.INPUT]


def ends(stream: TeamStream) -> list[tuple[str, str, str | None]]:
    """How each question ended: the cell's status, how, and the answer."""
    return [(cell.status.value, cell.data["how"], cell.data["answer"]) for cell in inputs(stream)]


def one_person(**options: Any) -> RoundRobinGroupChat:
    return RoundRobinGroupChat([UserProxyAgent("human", **options)], max_turns=1)


def writer(text: str = "Written.", **options: Any) -> AssistantAgent:
    return AssistantAgent("writer", ScriptedClient([Say(text)]), model_client_stream=True, **options)


# --- the ways to run -----------------------------------------------------------------------------------------------


async def test_a_user_proxy_asks_in_a_background_run() -> None:
    stream = TeamStream(one_person())
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert (question.agent, question.path, question.text) == ("human", "human", "Enter your response: ")
    await until(lambda: inputs(stream))
    cell = inputs(stream)[0]
    assert (cell.status, cell.data["request_id"]) == (CellStatus.WAITING, question.request_id)
    assert stream.state is RunState.WAITING
    assert stream.detail == "human asks: Enter your response:"
    stream.answer(question.request_id, "Forty-two.")
    assert (await run).messages[-1].to_text() == "Forty-two."
    assert ends(stream) == [("done", "answered", "Forty-two.")]
    assert stream.questions == ()


async def test_a_user_proxy_asks_in_an_awaited_run() -> None:
    stream = TeamStream(one_person())
    waiting = asyncio.ensure_future(stream.run("go"))
    stream.answer((await asked(stream))[0].request_id, "Forty-two.")
    assert (await waiting).messages[-1].to_text() == "Forty-two."


def test_a_user_proxy_asks_in_a_blocking_run() -> None:
    stream = TeamStream(one_person())

    def answer_soon() -> None:
        deadline = time.monotonic() + 5
        while not stream.questions and time.monotonic() < deadline:
            time.sleep(0.005)
        stream.answer(stream.questions[0].request_id, "From another thread.")

    thread = threading.Thread(target=answer_soon)
    thread.start()
    assert stream.run_sync("go").messages[-1].to_text() == "From another thread."
    thread.join()


async def test_the_request_is_yielded_as_by_the_team_itself() -> None:
    stream = TeamStream(one_person())
    stream.on_question(lambda question: "Yes.")
    yielded = [type(message).__name__ async for message in stream.run_stream("go")]
    assert yielded == ["TextMessage", "UserInputRequestedEvent", "TextMessage", "TaskResult"]


async def test_a_person_in_a_swarm_hands_back_to_who_asked() -> None:
    asking = AssistantAgent(
        "clerk", ScriptedClient([Call("transfer_to_human", {}), Say("Thanks. DONE")]), handoffs=["human"]
    )
    person = UserProxyAgent("human")
    team = Swarm([asking, person], termination_condition=TextMentionTermination("DONE"))
    stream = TeamStream(team)
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert question.text == "Handoff received from clerk. Enter your response: "
    stream.answer(question.request_id, "Here you are.")
    handoffs = [m for m in (await run).messages if isinstance(m, HandoffMessage)]
    assert [(m.source, m.target, m.content) for m in handoffs][1:] == [("human", "clerk", "Here you are.")]


# --- several at once -----------------------------------------------------------------------------------------------


def two_persons() -> GraphFlow:
    """Two people who are asked at the same time."""
    first, last = writer(), AssistantAgent("editor", ScriptedClient([Say("Edited.")]))
    builder = DiGraphBuilder().add_node(first).add_node(last)
    people = [UserProxyAgent("ann"), UserProxyAgent("ben")]
    for person in people:
        builder.add_node(person).add_edge(first, person).add_edge(person, last)
    return GraphFlow([first, *people, last], builder.build())


async def test_several_requests_at_once_are_answered_each_by_itself_in_any_order() -> None:
    stream = TeamStream(two_persons())
    run = stream.start("go")
    questions = {question.agent: question for question in await asked(stream, 2)}
    stream.answer(questions["ben"].request_id, "I am ben.")
    await until(lambda: len(stream.questions) == 1)
    assert stream.state is RunState.WAITING
    assert stream.detail.startswith("ann asks")
    stream.answer(questions["ann"].request_id, "I am ann.")
    said = {message.source: message.to_text() for message in (await run).messages}
    assert (said["ann"], said["ben"]) == ("I am ann.", "I am ben.")
    assert {(cell.agent, cell.data["answer"]) for cell in inputs(stream)} == {
        ("ann", "I am ann."),
        ("ben", "I am ben."),
    }


async def test_a_person_inside_an_agent_that_is_a_tool_asks_too() -> None:
    inner = AgentTool(UserProxyAgent("human"))
    caller = AssistantAgent(
        "boss",
        ScriptedClient([Call("human", {"task": "Well?"}), Say("Fine.")]),
        tools=[inner],
        reflect_on_tool_use=True,
    )
    stream = TeamStream(RoundRobinGroupChat([caller], max_turns=1))
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert question.path == "boss/human"
    stream.answer(question.request_id, "All is well.")
    await run
    call = next(cell for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL)
    assert "All is well." in (call.tool_calls[0].result or "")


async def test_an_answer_that_is_quicker_than_the_question_comes_after_it() -> None:
    async def at_once(question: Question) -> str:
        return "Yes."

    stream = TeamStream(one_person())
    stream.on_question(at_once)
    await stream.run("go")
    said = [(cell.agent, cell.kind.value, cell.text) for cell in stream.transcript]
    assert said == [
        ("user", "text", "go"),
        ("human", "human input", "Enter your response: "),
        ("human", "text", "Yes."),
    ]


# --- ends ----------------------------------------------------------------------------------------------------------


async def test_a_dismissed_request_is_an_empty_answer() -> None:
    stream = TeamStream(one_person())
    run = stream.start("go")
    stream.dismiss((await asked(stream))[0].request_id)
    assert (await run).messages[-1].to_text() == ""
    assert ends(stream) == [("done", "dismissed", "")]


async def test_a_cancel_ends_a_request_without_an_answer() -> None:
    stream = TeamStream(one_person())
    stream.start("go")
    request_id = (await asked(stream))[0].request_id
    began = time.monotonic()
    await stream.cancel()
    assert time.monotonic() - began < 1.0
    assert ends(stream) == [("cancelled", "cancelled", None)]
    with pytest.raises(NotRunningError, match="not open any more"):
        stream.answer(request_id, "Late.")
    with pytest.raises(NotRunningError, match="not open any more"):
        stream.dismiss(request_id)
    run = stream.start("again")
    stream.answer((await asked(stream))[0].request_id, "In time.")
    assert (await run).messages[-1].to_text() == "In time."


async def test_a_stop_while_it_waits_dismisses_the_request_and_ends_the_run() -> None:
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human"), writer()], max_turns=4))
    run = stream.start("go")
    await asked(stream)
    await asyncio.wait_for(stream.stop(), 10)
    assert [message.source for message in run.result().messages] == ["user", "human", "human"]
    assert run.result().stop_reason == "Stopped after the turn."
    assert ends(stream) == [("done", "dismissed", "")]


async def test_a_stop_right_after_the_start_is_not_forgotten() -> None:
    stream = TeamStream(UserProxyAgent("human"))

    async def start_and_stop() -> None:
        stream.start("go")
        await stream.stop()

    await asyncio.wait_for(start_and_stop(), 10)
    assert ends(stream) == [("done", "dismissed", "")]


async def test_a_timeout_gives_the_default_answer() -> None:
    stream = TeamStream(one_person(), input_timeout=0.05, input_default="Nobody is here.")
    result = await asyncio.wait_for(stream.run("go"), 30)
    assert result.messages[-1].to_text() == "Nobody is here."
    assert ends(stream) == [("done", "timed out", "Nobody is here.")]


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_timeout_that_is_none_is_refused_in_a_sentence(seconds: float) -> None:
    with pytest.raises(ValueError, match="input_timeout is a number of seconds above 0"):
        TeamStream(one_person(), input_timeout=seconds)


async def test_two_answers_at_once_are_one() -> None:
    stream = TeamStream(one_person())
    run = stream.start("go")
    request_id = (await asked(stream))[0].request_id
    stream.answer(request_id, "The first.")
    stream.answer(request_id, "The second.")
    assert (await run).messages[-1].to_text() == "The first."


async def test_an_answer_that_is_no_text_is_refused_and_the_question_stays() -> None:
    stream = TeamStream(one_person())
    run = stream.start("go")
    request_id = (await asked(stream))[0].request_id
    with pytest.raises(ValueError, match="is a text"):
        stream.answer(request_id, True)
    stream.answer(request_id, "A text.")
    await run


# --- who answers ---------------------------------------------------------------------------------------------------


async def test_an_input_function_of_ones_own_is_kept() -> None:
    async def own(prompt: str, cancellation_token: Any) -> str:
        return "My own way."

    person = UserProxyAgent("human", input_func=own)
    stream = TeamStream(RoundRobinGroupChat([person], max_turns=1))
    assert (await stream.run("go")).messages[-1].to_text() == "My own way."
    assert person.input_func is own
    assert [cell.status for cell in inputs(stream)] == [CellStatus.DONE]


async def test_the_agents_own_input_function_is_back_after_the_run() -> None:
    person = UserProxyAgent("human")
    before = person.input_func
    stream = TeamStream(RoundRobinGroupChat([person], max_turns=1), input_timeout=0.05)
    await stream.run("go")
    assert person.input_func is before


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
async def test_a_callback_may_answer_and_may_wait(kind: str) -> None:
    here = threading.current_thread()
    threads = []

    def plain(question: Question) -> str:
        threads.append(threading.current_thread())
        time.sleep(0.05)
        return f"Answer to {question.agent}."

    async def coroutine(question: Question) -> str:
        await asyncio.sleep(0.05)
        return f"Answer to {question.agent}."

    stream = TeamStream(one_person())
    stream.on_question(plain if kind == "plain" else coroutine)
    assert (await stream.run("go")).messages[-1].to_text() == "Answer to human."
    assert here not in threads  # so that the loop goes on while it waits


async def test_a_callback_that_fails_or_gives_nothing_leaves_the_question_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(question: Question) -> str:
        raise ZeroDivisionError("by nothing")

    heard = []
    stream = TeamStream(one_person())
    stream.on_question(broken)
    remove = stream.on_question(heard.append)
    run = stream.start("go")
    await until(lambda: heard and "failed; the question stays open" in caplog.text)
    await until(lambda: stream.transcript.cells and stream.transcript.cells[-1].kind is CellKind.NOTICE)
    asking, told = stream.transcript.cells[-2:]
    assert asking.status is CellStatus.WAITING
    assert "broken for questions failed" in told.text
    assert told.text.endswith("ZeroDivisionError: by nothing")
    stream.answer(heard[0].request_id, "Here.")
    assert (await run).messages[-1].to_text() == "Here."
    remove()
    run = stream.start("again")
    stream.answer((await asked(stream))[0].request_id, "Here.")
    await run
    assert len(heard) == 1


async def test_a_question_that_nobody_watches_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stream = TeamStream(one_person())
    with caplog.at_level(logging.WARNING, "nb_stream"):
        run = stream.start("go")
        question = (await asked(stream))[0]
    assert "nobody watches this stream" in caplog.text
    assert question.request_id in caplog.text
    assert "input_timeout" in caplog.text
    stream.answer(question.request_id, "Here.")
    await run


# --- handoffs to somebody outside ----------------------------------------------------------------------------------


@pytest.mark.parametrize("swarm", [True, False], ids=["swarm", "round robin"])
async def test_a_handoff_to_the_user_asks_and_the_answer_goes_on_as_a_handoff(swarm: bool) -> None:
    team = desk(swarm=swarm)
    stream = TeamStream(team)
    result = await stream.run("Book a table.")
    assert isinstance(result.messages[-1], HandoffMessage)
    assert stream.state is RunState.IDLE
    assert stream.detail == "clerk hands over to user: answer to go on."
    question = stream.questions[0]
    assert (question.agent, question.text) == ("user", result.messages[-1].content)
    assert [cell.status for cell in inputs(stream)] == [CellStatus.WAITING]
    first = stream.current
    stream.answer(question.request_id, "For two, please.")
    run = stream.current
    assert run is not first
    result = await run
    assert [(m.source, m.to_text()) for m in result.messages] == [
        ("user", "For two, please."),
        ("clerk", "Booked. DONE"),
    ]
    task = result.messages[0]
    assert isinstance(task, HandoffMessage)
    assert task.target == "clerk"
    assert ends(stream) == [("done", "answered", "For two, please.")]
    assert [info.task for info in stream.transcript.runs] == ["Book a table.", "For two, please."]
    assert [agent.path for agent in stream.agents] == ["clerk"]


async def test_a_text_given_to_start_is_the_answer_to_the_handoff() -> None:
    stream = TeamStream(desk())
    await stream.run("Book a table.")
    result = await stream.start("For two, please.")
    assert isinstance(result.messages[0], HandoffMessage)
    assert ends(stream) == [("done", "answered", "For two, please.")]
    assert stream.questions == ()


async def test_another_run_makes_the_question_of_a_handoff_out_of_date() -> None:
    stream = TeamStream(desk(swarm=False))
    await stream.run("Book a table.")
    result = await stream.run(TextMessage(content="Never mind.", source="user"))
    assert result.messages[-1].to_text() == "Booked. DONE"
    assert ends(stream) == [("cancelled", "cancelled", None)]


async def test_a_reset_makes_the_question_of_a_handoff_out_of_date() -> None:
    stream = TeamStream(desk())
    await stream.run("Book a table.")
    await stream.reset()
    assert stream.questions == ()
    assert ends(stream) == [("cancelled", "cancelled", None)]


async def test_a_dismissed_handoff_starts_nothing() -> None:
    stream = TeamStream(desk())
    await stream.run("Book a table.")
    stream.dismiss(stream.questions[0].request_id)
    await asyncio.sleep(0.05)
    assert len(stream.transcript.runs) == 1
    assert stream.state is RunState.IDLE


async def test_a_handoff_of_a_single_agent_asks_too() -> None:
    steps = [Call("transfer_to_user", {}), Say("Booked.")]
    stream = TeamStream(AssistantAgent("clerk", ScriptedClient(steps), handoffs=["user"]))
    await stream.run("Book a table.")
    stream.answer(stream.questions[0].request_id, "For two.")
    assert (await stream.current).messages[-1].to_text() == "Booked."


async def test_a_handoff_inside_the_team_asks_nobody() -> None:
    giver = AssistantAgent("giver", ScriptedClient([Call("transfer_to_taker", {})]), handoffs=["taker"])
    taker = AssistantAgent("taker", ScriptedClient([Say("Taken.")]))
    stream = TeamStream(Swarm([giver, taker], max_turns=1))
    assert isinstance((await stream.run("go")).messages[-1], HandoffMessage)
    assert stream.questions == ()


@pytest.mark.parametrize("trouble", ["a text that a swarm does not take", "a cancel at once"])
async def test_a_run_that_came_to_nothing_leaves_the_handoff_open(trouble: str) -> None:
    stream = TeamStream(desk())
    await stream.run("Book a table.")
    if trouble == "a cancel at once":
        stream.answer(stream.questions[0].request_id, "For three.")
        await stream.cancel()
    else:
        with pytest.raises(ValueError, match="existing handoff target user"):
            await stream.run("For three.")
    assert [question.agent for question in stream.questions] == ["user"]
    stream.answer(stream.questions[0].request_id, "For two.")
    assert (await stream.current).messages[-1].to_text() == "Booked. DONE"


async def test_a_loaded_state_that_ends_with_a_handoff_asks() -> None:
    before, after = TeamStream(desk()), TeamStream(desk())
    await before.run("Book a table.")
    await after.load_state(await before.save_state())
    after.answer(after.questions[0].request_id, "For two.")
    assert isinstance((await after.current).messages[0], HandoffMessage)


async def test_a_handoff_out_of_a_team_inside_the_team_goes_on_there() -> None:
    condition = HandoffTermination(target="user") | TextMentionTermination("DONE")
    stream = TeamStream(RoundRobinGroupChat([desk()], termination_condition=condition))
    await stream.run("Book a table.")
    stream.answer(stream.questions[0].request_id, "For two.")
    assert (await stream.current).messages[-1].to_text() == "Booked. DONE"


@pytest.mark.parametrize("method", ["run", "run_stream", "run_sync"])
async def test_a_text_given_to_a_panel_is_the_answer_to_the_handoff(method: str) -> None:
    panel = TeamPanel(desk())
    await panel.run("Book a table.")
    if method == "run":
        result = await panel.run("For two.")
    elif method == "run_stream":
        *_, result = [message async for message in panel.run_stream("For two.")]
    else:
        result = await asyncio.to_thread(panel.run_sync, "For two.")
    assert isinstance(result.messages[0], HandoffMessage)
    assert ends(panel.stream) == [("done", "answered", "For two.")]


# --- at the terminal -----------------------------------------------------------------------------------------------

SCRIPT = """
import asyncio, sys
from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamStream
stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=2))
result = asyncio.run(stream.run(task="go"))
print("said", [message.to_text() for message in result.messages if message.type == "TextMessage"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_plain_script_asks_at_its_terminal_as_the_team_itself_does() -> None:
    import pty

    ours, theirs = pty.openpty()
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT
    )
    os.write(ours, b"Yes.\nNo.\n")
    out = script.communicate(timeout=60)[0].decode()
    os.close(ours)
    os.close(theirs)
    assert out.count("human: Enter your response: ") == 2
    assert "said ['go', 'Yes.', 'No.']" in out


def test_a_plain_script_reads_its_pipe_and_ends_although_it_stays_open() -> None:
    code = (
        SCRIPT.replace("stream =", "input(); stream =")
        + """
async def cut_off():
    stream.start("go")
    while not stream.questions:
        await asyncio.sleep(0.01)
    await stream.cancel()
asyncio.run(cut_off())
"""
    )
    script = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write(b"The script itself reads this.\nYes.\nNo.\n")
    script.stdin.flush()
    assert script.wait(timeout=60) == 0
    assert b"said ['go', 'Yes.', 'No.']" in script.stdout.read()
    script.stdin.close()
    script.stdout.close()


@contextlib.contextmanager
def reads(monkeypatch: pytest.MonkeyPatch, file: int, write: int | None = None) -> Iterator[None]:
    """Standard input is a file of the system; what may still read from it ends at the end. Prompts go nowhere."""
    monkeypatch.delattr(sys, "ps1", raising=False)  # an IPython of another test has set it: this is a script
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with open(file) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
        if write is not None:
            os.close(write)
        for thread in threading.enumerate():
            if thread.name == "nb_stream stdin":
                thread.join(10)
        monkeypatch.undo()


def person() -> TeamStream:
    return TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1))


async def said(stream: TeamStream) -> str:
    return (await asyncio.wait_for(stream.run("go"), 30)).messages[-1].to_text()


async def test_a_file_is_read_and_its_end_fails_the_run_as_in_the_team(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "answers").write_text("Yes.\nNo.")
    with reads(monkeypatch, os.open(tmp_path / "answers", os.O_RDONLY)):
        stream = person()
        assert [await said(stream), await said(stream)] == ["Yes.", "No."]
        for runner in (stream, person()._backend.root):
            with pytest.raises(RuntimeError, match="Failed to get user input: EOF when reading a line"):
                await asyncio.wait_for(runner.run(task="go"), 30)


async def test_a_line_that_comes_when_its_question_is_over_is_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with reads(monkeypatch, read, write):
        stream, other = person(), person()
        stream.start("go")
        await until(lambda: stream.questions and any(t.name == "nb_stream stdin" for t in threading.enumerate()))
        await stream.cancel()
        both = [asyncio.ensure_future(said(one)) for one in (stream, other)]
        await until(lambda: stream.questions and other.questions)
        os.write(write, b"Yes.\nNo.\n")
        assert sorted(await asyncio.gather(*both)) == ["No.", "Yes."]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
async def test_a_terminal_is_read_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    import pty

    ours, theirs = pty.openpty()
    with reads(monkeypatch, theirs):
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", None)  # it has no use for files there
        os.write(ours, b"Yes.\n")
        assert await said(person()) == "Yes."
    os.close(ours)
