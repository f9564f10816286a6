"""TeamStream: runs, ends, switches, errors, threads and loops, on AutoGen's real teams and a scripted model."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from nb_stream import Cell, CellKind, CellStatus, RunState, TeamStream
from nb_stream.demo import TEAMS, Fail, Say, ScriptedClient, faulty, nested, parallel, silent
from nb_stream.errors import (
    AlreadyRunningError,
    CannotStreamError,
    EmptyTaskError,
    LoopError,
    NotATeamError,
    NotRunningError,
    UnknownAgentError,
)
from tests.support.wait_until import until

LONG = "One word follows the other, and none of them is in a hurry. " * 12


def duo(*, pace: float = 0.0, text: str = LONG, turns: int = 2, stream: bool = True) -> RoundRobinGroupChat:
    """A team of `ann` and `ben`, who say the same."""
    agents = [
        AssistantAgent(name, ScriptedClient([Say(text)], pace=pace), model_client_stream=stream)
        for name in ("ann", "ben")
    ]
    return RoundRobinGroupChat(agents, max_turns=turns)


def duo_named(name: str) -> RoundRobinGroupChat:
    """A `duo` as a team of this name."""
    return RoundRobinGroupChat(duo()._participants, name=name, max_turns=2)


def texts(stream: TeamStream) -> list[tuple[str, str, str]]:
    return [(cell.agent, cell.status.value, cell.text) for cell in stream.transcript]


def said(result: TaskResult) -> list[tuple[str, str]]:
    """Who said what in a result; the ids of tool calls are new each time."""
    return [(m.source, re.sub(r"call_[0-9a-f]+", "call", m.to_text())) for m in result.messages]


# --- runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(TEAMS) - {"faulty"}))
async def test_a_run_gives_what_the_bare_team_gives(name: str) -> None:
    bare = await TEAMS[name](pace=0).run(task="go")
    stream = TeamStream(TEAMS[name](pace=0))
    result = await stream.run("go")
    assert isinstance(result, TaskResult)
    assert result.stop_reason == bare.stop_reason
    ours, theirs = said(result), said(bare)
    if name == "parallel":  # branches end in any order
        ours, theirs = sorted(ours), sorted(theirs)
    assert ours == theirs


async def test_a_single_agent_can_be_run() -> None:
    stream = TeamStream(AssistantAgent("solo", ScriptedClient([Say("Hello.")]), model_client_stream=True))
    result = await stream.run("go")
    assert [m.to_text() for m in result.messages] == ["go", "Hello."]
    assert texts(stream) == [("user", "done", "go"), ("solo", "done", "Hello.")]


async def test_a_factory_is_called_once() -> None:
    made = []

    def factory():
        made.append(duo())
        return made[-1]

    stream = TeamStream(factory)
    await stream.run("go")
    await stream.run("go")
    assert len(made) == 1


async def test_start_returns_at_once_and_the_run_can_be_awaited() -> None:
    stream = TeamStream(duo(pace=0.001))
    run = stream.start("go")
    assert stream.state is RunState.RUNNING
    assert not run.done()
    with pytest.raises(NotRunningError, match="not ended yet"):
        run.result()
    result = await run
    assert run.done()
    assert run.result() is result
    assert stream.state is RunState.IDLE


async def test_run_stream_yields_what_the_team_yields() -> None:
    def shape(message):
        return type(message).__name__, getattr(message, "content", None)

    bare = [shape(m) async for m in duo().run_stream(task="go")]
    ours = [shape(m) async for m in TeamStream(duo()).run_stream(task="go")]
    assert ours == bare


async def test_a_message_and_a_list_are_tasks() -> None:
    stream = TeamStream(duo())
    await stream.run(TextMessage(content="one", source="user"))
    await stream.run([TextMessage(content="two", source="user"), TextMessage(content="three", source="user")])
    await stream.run()
    assert [run.task for run in stream.transcript.runs] == ["one", "two\nthree", ""]


# --- switches ------------------------------------------------------------------------------------------------------


async def test_switches_begin_as_the_agents_were_built() -> None:
    stream = TeamStream(silent(pace=0))
    assert dict(stream.switches) == {"narrator": True, "archivist": False}


async def test_a_closed_gate_holds_tokens_and_the_message_comes_whole() -> None:
    stream = TeamStream(duo())
    stream.switches["ann"] = False
    tokens = []
    stream.on_token(tokens.append)
    yielded = [m async for m in stream.run_stream("go")]
    assert {token.agent for token in tokens} == {"ben"}
    assert "".join(token.text for token in tokens) == LONG
    assert {m.source for m in yielded if isinstance(m, ModelClientStreamingChunkEvent)} == {"ben"}
    assert [cell.text for cell in stream.transcript.of("ann")] == [LONG]


async def test_opening_a_gate_mid_message_gives_what_was_held_as_one_token() -> None:
    stream = TeamStream(duo(pace=0.01, turns=1))
    stream.switches["ann"] = False
    tokens = []
    stream.on_token(tokens.append)
    run = stream.start("go")
    await until(lambda: len("".join(c.text for c in stream.transcript.of("ann"))) > 100)
    assert tokens == []
    stream.switches["ann"] = True
    assert len(tokens) == 1
    assert len(tokens[0].text) > 100
    await run
    assert len(tokens) > 1
    assert "".join(token.text for token in tokens) == LONG


async def test_an_agent_built_without_streaming_streams_from_its_next_turn_while_checked() -> None:
    team = silent(pace=0)
    client = team._participants[1]._model_client
    stream = TeamStream(team)
    await stream.run("go")
    stream.switches["archivist"] = True
    assert stream.note("archivist") == "Streams from its next turn."
    await stream.run("go")
    stream.switches["archivist"] = False
    await stream.run("go")
    assert [call.method for call in client.calls] == ["create", "create_stream", "create"]


async def test_the_agent_is_left_as_it_was_built() -> None:
    team = silent(pace=0)
    stream = TeamStream(team)
    stream.switches["archivist"] = True
    await stream.run("go")
    assert team._participants[1]._model_client_stream is False
    assert "on_messages_stream" not in vars(team._participants[1])


async def test_unchecked_create_lets_a_streaming_agent_call_create_from_its_next_turn() -> None:
    team = duo()
    clients = [agent._model_client for agent in team._participants]
    stream = TeamStream(team, unchecked="create")
    stream.switches["ann"] = False
    await stream.run("go")
    assert [[call.method for call in client.calls] for client in clients] == [["create"], ["create_stream"]]


async def test_agents_of_the_same_name_have_their_own_switches_by_path() -> None:
    stream = TeamStream(nested(pace=0))
    assert list(stream.switches) == ["research/reader", "research/writer", "writer", "editor"]
    stream.switches["research/writer"] = False
    tokens = []
    stream.on_token(tokens.append)
    await stream.run("go")
    assert {token.path for token in tokens} == {"research/reader", "writer", "editor"}


async def test_a_name_stands_for_its_path_where_it_is_unambiguous() -> None:
    stream = TeamStream(nested(pace=0))
    stream.switches["reader"] = False
    assert stream.switches["research/reader"] is False


async def test_parallel_agents_do_not_mix() -> None:
    stream = TeamStream(parallel(pace=0.0005))
    pieces: dict[str, str] = {}
    stream.on_token(lambda token: pieces.update({token.path: pieces.get(token.path, "") + token.text}))
    await stream.run("go")
    assert {cell.path: cell.text for cell in stream.transcript if cell.agent != "user"} == pieces


async def test_callbacks_can_be_narrowed_and_removed() -> None:
    stream = TeamStream(duo())
    seen, events = [], []
    remove = stream.on_token(seen.append, agents=["ben"])
    stream.on_event(events.append, agents="ann")
    await stream.run("go")
    assert {token.agent for token in seen} == {"ben"}
    assert {event.path for event in events} == {"ann"}
    count = len(seen)
    remove()
    await stream.run("go")
    assert len(seen) == count


async def test_a_coroutine_callback_gets_every_token_before_the_run_ends() -> None:
    stream = TeamStream(duo(turns=1))
    seen = []

    async def slowly(token) -> None:
        await asyncio.sleep(0)
        seen.append(token.text)

    stream.on_token(slowly)
    await stream.run("go")
    assert "".join(seen) == LONG


async def test_a_callback_that_raises_is_told_once_and_harms_nobody() -> None:
    stream = TeamStream(duo(turns=1))
    seen = []

    def broken(token) -> None:
        raise ZeroDivisionError("no")

    stream.on_token(broken)
    stream.on_token(seen.append)
    await stream.run("go")
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert len(notices) == 1
    assert "broken failed: ZeroDivisionError" in notices[0]
    assert "".join(token.text for token in seen) == LONG


# --- ends ----------------------------------------------------------------------------------------------------------


async def test_stop_ends_after_the_current_turn() -> None:
    stream = TeamStream(duo(pace=0.001, turns=50))
    run = stream.start("go")
    await until(lambda: len(stream.transcript) > 1)
    await stream.stop()
    assert run.done()
    result = run.result()
    assert result.stop_reason == "Stopped after the turn."
    assert all(m.content in (LONG, "go") for m in result.messages)
    assert stream.state is RunState.IDLE


async def test_stop_ends_a_nested_team_after_its_current_turn() -> None:
    stream = TeamStream(nested(pace=0.001))
    run = stream.start("go")
    await until(lambda: stream.transcript.of("research/reader"))
    await stream.stop()
    assert [m.source for m in run.result().messages] == ["user", "reader"]


async def test_cancel_ends_at_once_and_keeps_the_partial_text() -> None:
    stream = TeamStream(duo(pace=0.005))
    run = stream.start("go")
    await until(lambda: len(stream.transcript) > 1)
    began = time.monotonic()
    await stream.cancel()
    assert time.monotonic() - began < 1.0
    assert stream.state is RunState.CANCELLED
    assert run.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await run
    cell = stream.transcript.cells[-1]
    assert cell.status is CellStatus.CANCELLED
    assert LONG.startswith(cell.text)
    assert 0 < len(cell.text) < len(LONG)


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.2])
async def test_the_next_run_works_after_a_cancel_at_any_moment(after: float) -> None:
    stream = TeamStream(duo(pace=0.001))
    stream.start("first")
    await asyncio.sleep(after)
    await stream.cancel()
    result = await stream.run("second")
    assert sorted(said(result)) == [("ann", LONG), ("ben", LONG), ("user", "second")]


async def test_the_next_run_works_after_a_failure_and_the_history_is_kept() -> None:
    team = faulty(pace=0)
    stream = TeamStream(team)
    with pytest.raises(RuntimeError, match="The model server closed the connection"):
        await stream.run("first")
    assert stream.state is RunState.FAILED
    assert "closed the connection" in stream.detail
    failed = stream.transcript.cells
    assert [cell.status for cell in failed[-2:]] == [CellStatus.FAILED, CellStatus.FAILED]
    assert failed[-1].kind is CellKind.ERROR
    assert "Traceback" in failed[-1].data["traceback"]
    result = await asyncio.wait_for(stream.run("second"), 10)
    assert len(result.messages) == 3
    context = [m.content for m in await team._participants[0]._model_context.get_messages()]
    assert context.count("first") == 1
    assert "second" in context


async def test_no_prompt_is_doubled_in_the_context_of_the_agent_that_failed() -> None:
    agent = AssistantAgent("ann", ScriptedClient([Fail(OSError("gone"), 3), Say("Fine.")]), model_client_stream=True)
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1))
    with pytest.raises(RuntimeError, match="gone"):
        await stream.run("first")
    await stream.run("second")
    said = [m.content for m in await agent._model_context.get_messages()]
    assert said == ["first", "second", "Fine."]


async def test_cancelling_the_waiting_task_cancels_the_run() -> None:
    stream = TeamStream(duo(pace=0.005))
    waiting = asyncio.ensure_future(stream.run("go"))
    await until(lambda: len(stream.transcript) > 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert stream.state is RunState.CANCELLED
    assert (await stream.run("again")).messages


async def test_leaving_run_stream_early_cancels_the_run() -> None:
    stream = TeamStream(duo(pace=0.005))
    messages = stream.run_stream("go")
    async for message in messages:
        if isinstance(message, ModelClientStreamingChunkEvent):
            break
    await messages.aclose()
    assert stream.state is RunState.CANCELLED
    assert (await stream.run("again")).messages


async def leave(messages: AsyncGenerator[Any, None]) -> None:
    """Look at a run until its first token."""
    async for message in messages:
        if isinstance(message, ModelClientStreamingChunkEvent):
            break


async def test_right_after_run_stream_was_left_the_stream_can_be_used_again() -> None:
    stream = TeamStream(duo(pace=0.001))
    await leave(stream.run_stream("go"))
    assert (await stream.run("again")).messages
    await leave(stream.run_stream("go"))
    assert [message async for message in stream.run_stream("again")]
    await leave(stream.run_stream("go"))
    await stream.reset()
    ends = [info.status.value for info in stream.transcript.runs]
    assert ends == ["cancelled", "done", "cancelled", "done", "cancelled"]


async def test_start_says_what_to_do_right_after_run_stream_was_left() -> None:
    stream = TeamStream(duo(pace=0.005))
    await leave(stream.run_stream("go"))
    with pytest.raises(AlreadyRunningError, match=r"await cancel\(\) first, or use contextlib.aclosing"):
        stream.start("again")
    await stream.cancel()
    assert (await stream.start("again")).messages


async def test_a_run_and_a_reset_never_use_a_team_at_once() -> None:
    stream = TeamStream(duo(pace=0.001))
    stream.start("go")
    await stream.cancel()  # from here the team may be busy through the stream itself, which is being mended
    resetting = asyncio.ensure_future(stream.reset())
    await asyncio.sleep(0)
    with pytest.raises(AlreadyRunningError, match="Cannot start a run: a call to reset has not ended"):
        stream.start("again")
    with pytest.raises(AlreadyRunningError, match="Cannot load a state: a call to reset has not ended"):
        await stream.load_state({})
    await resetting
    resetting = asyncio.ensure_future(stream.reset())
    run = stream.start("again")
    with pytest.raises(AlreadyRunningError, match="Cannot reset"):
        await resetting
    assert (await run).messages


async def test_a_run_stream_that_is_held_still_runs() -> None:
    stream = TeamStream(duo(pace=0.005))
    messages = stream.run_stream("go")
    await leave(messages)
    with pytest.raises(AlreadyRunningError, match="Stop or cancel it first"):
        await stream.run("again")
    assert stream.state is RunState.RUNNING
    await messages.aclose()


class Bell:
    """Has `add_callback` and nothing else of a cancellation token."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def add_callback(self, callback: Any) -> None:
        self.callbacks.append(callback)


async def test_anything_that_calls_back_is_a_cancellation_token() -> None:
    stream, bell = TeamStream(duo(pace=0.05)), Bell()
    waiting = asyncio.ensure_future(stream.run("go", cancellation_token=bell))
    await until(lambda: bell.callbacks and stream.transcript.cells)
    bell.callbacks[0]()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_users_own_cancellation_token_cancels_the_run() -> None:
    stream = TeamStream(duo(pace=0.005))
    token = CancellationToken()
    waiting = asyncio.ensure_future(stream.run("go", cancellation_token=token))
    await until(lambda: len(stream.transcript) > 1)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 10)
    assert stream.state is RunState.CANCELLED


async def test_stop_and_cancel_without_a_run_do_nothing() -> None:
    stream = TeamStream(duo())
    await stream.stop()
    await stream.cancel()
    assert stream.state is RunState.IDLE


async def test_reset_forgets_the_conversation_and_keeps_the_transcript() -> None:
    team = duo()
    stream = TeamStream(team)
    await stream.run("go")
    await stream.reset()
    assert await team._participants[0]._model_context.get_messages() == []
    assert stream.transcript.cells[-1].kind is CellKind.NOTICE
    assert len(stream.transcript) == 4
    assert (await stream.run("again")).messages


# --- human input ---------------------------------------------------------------------------------------------------


def asking() -> RoundRobinGroupChat:
    return RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1)


async def question(stream: TeamStream) -> Cell:
    """The request for input that waits, once there is one."""

    def waiting() -> list[Cell]:
        return [c for c in stream.transcript if c.kind is CellKind.INPUT and c.status is CellStatus.WAITING]

    await until(waiting)
    return waiting()[0]


async def test_a_user_proxy_asks_in_the_stream_with_no_wiring() -> None:
    stream = TeamStream(asking())
    run = stream.start("go")
    cell = await question(stream)
    assert stream.state is RunState.WAITING
    assert cell.status is CellStatus.WAITING
    assert cell.text == "Enter your response: "
    stream.answer(cell.data["request_id"], "forty-two")
    result = await run
    assert result.messages[-1].to_text() == "forty-two"
    inputs = [cell for cell in stream.transcript if cell.kind is CellKind.INPUT]
    assert [(c.status, c.data["answer"]) for c in inputs] == [(CellStatus.DONE, "forty-two")]
    with pytest.raises(NotRunningError, match="not open any more"):
        stream.answer(cell.data["request_id"], "late")


async def test_a_cancel_ends_a_request_for_input() -> None:
    stream = TeamStream(asking())
    stream.start("go")
    await question(stream)
    await stream.cancel()
    assert [c.status for c in stream.transcript if c.kind is CellKind.INPUT] == [CellStatus.CANCELLED]
    run = stream.start("again")
    stream.dismiss((await question(stream)).data["request_id"])
    assert (await run).messages[-1].to_text() == ""


# --- no leak -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(TEAMS) - {"faulty"}))
async def test_tokens_never_reach_state_or_result(name: str) -> None:
    stream = TeamStream(TEAMS[name](pace=0))
    for path in stream.switches:
        stream.switches[path] = True
    result = await stream.run("go")
    assert not any(isinstance(m, ModelClientStreamingChunkEvent) for m in result.messages)
    assert "StreamingChunk" not in str(await stream.save_state())


async def test_termination_counts_the_same_with_switches_on_and_off() -> None:
    counts = []
    for on in (True, False):
        team = RoundRobinGroupChat(duo()._participants, termination_condition=MaxMessageTermination(5))
        stream = TeamStream(team)
        for path in stream.switches:
            stream.switches[path] = on
        counts.append(len((await stream.run("go")).messages))
    assert counts == [5, 5]


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [3, None, "team", object(), AssistantAgent, lambda: 3])
def test_what_is_not_a_team_is_refused_in_a_sentence(thing: object) -> None:
    with pytest.raises(NotATeamError, match="not an AutoGen team or agent"):
        TeamStream(thing)


def test_an_asynchronous_factory_is_refused_in_a_sentence() -> None:
    async def factory():
        return duo()

    with pytest.raises(NotATeamError, match="asynchronous"):
        TeamStream(factory)


async def test_an_unknown_agent_is_named_with_those_there_are() -> None:
    stream = TeamStream(duo())
    with pytest.raises(UnknownAgentError, match="No agent is called 'bob'.*'ann', 'ben'"):
        stream.switches["bob"] = True
    with pytest.raises(UnknownAgentError, match="No agent is called 'zoe'"):
        stream.on_token(print, agents=["zoe"])


async def test_an_ambiguous_name_is_refused_with_the_paths() -> None:
    twins = RoundRobinGroupChat([duo(), duo_named("other")], max_turns=2)
    stream = TeamStream(twins)
    with pytest.raises(UnknownAgentError, match="More than one agent is called 'ann'.*'other/ann'"):
        stream.switches["ann"] = False


async def test_an_agent_without_tokens_cannot_be_switched_on() -> None:
    stream = TeamStream(asking())
    assert not stream.agents[0].can_stream
    with pytest.raises(CannotStreamError, match="A person writes its messages"):
        stream.switches["human"] = True
    stream.switches["human"] = False


async def test_two_runs_at_once_are_refused_and_the_first_goes_on() -> None:
    stream = TeamStream(duo(pace=0.001))
    run = stream.start("go")
    with pytest.raises(AlreadyRunningError, match="Stop or cancel it first"):
        stream.start("again")
    with pytest.raises(AlreadyRunningError, match="Cannot reset"):
        await stream.reset()
    assert len((await run).messages) == 3


@pytest.mark.parametrize("first", ["the stream", "the team"])
async def test_a_run_of_the_teams_own_that_begins_at_the_same_moment_goes_on(first: str) -> None:
    team = duo(pace=0.001)
    stream = TeamStream(team)
    run = stream.start("go, too") if first == "the stream" else None
    own = asyncio.ensure_future(team.run(task="go"))
    run = run or stream.start("go, too")
    with pytest.raises(AlreadyRunningError):
        await run
    assert len((await asyncio.wait_for(own, 30)).messages) == 3
    assert len((await asyncio.wait_for(stream.run("again"), 30)).messages) == 3


async def test_a_team_that_runs_elsewhere_is_refused_and_left_alone() -> None:
    team = duo(pace=0.001)
    elsewhere = asyncio.ensure_future(team.run(task="elsewhere"))
    await asyncio.sleep(0.05)
    stream = TeamStream(team)
    with pytest.raises(AlreadyRunningError, match="already running elsewhere"):
        stream.start("go")
    assert len((await elsewhere).messages) == 3
    assert (await stream.run("go")).messages


@pytest.mark.parametrize("task", ["", "  \n", [], ()])
async def test_an_empty_task_is_refused_in_a_sentence(task: object) -> None:
    stream = TeamStream(duo())
    with pytest.raises(EmptyTaskError, match="empty"):
        stream.start(task)
    assert stream.state is RunState.IDLE
    assert len(stream.transcript) == 0


def test_start_without_a_loop_is_refused_in_a_sentence() -> None:
    stream = TeamStream(duo())
    with pytest.raises(LoopError, match="run_sync"):
        stream.start("go")


# --- loops and threads ---------------------------------------------------------------------------------------------


def test_run_sync_in_a_script_serves_several_runs_on_one_loop() -> None:
    stream = TeamStream(duo())
    first = stream.run_sync("one")
    loop = stream.loop
    second = stream.run_sync("two")
    assert stream.loop is loop
    assert len(first.messages) == len(second.messages) == 3
    assert asyncio.run(stream.run("three")).messages
    loop.close()


def test_a_team_can_be_run_on_one_loop_after_the_other() -> None:
    stream = TeamStream(duo())
    for task in ("one", "two", "three"):
        assert len(asyncio.run(stream.run(task)).messages) == 3
    assert len(stream.transcript.runs) == 3


async def test_switches_and_ends_work_from_another_thread() -> None:
    stream = TeamStream(duo(pace=0.02, turns=1))
    stream.switches["ann"] = False
    tokens = []
    stream.on_token(tokens.append)
    run = stream.start("go")
    await until(lambda: stream.transcript.of("ann"))
    threading.Thread(target=lambda: stream.switches.update(ann=True)).start()
    await until(lambda: tokens)
    await run
    assert "".join(token.text for token in tokens) == LONG


async def test_a_run_can_be_started_and_awaited_from_another_thread() -> None:
    stream = TeamStream(duo())
    result = await asyncio.to_thread(lambda: asyncio.run(_await(stream)))
    assert len(result.messages) == 3


async def _await(stream: TeamStream) -> TaskResult:
    return await stream.start("go")
