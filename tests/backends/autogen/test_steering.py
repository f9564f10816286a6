"""A user tells a team something in mid-run: every agent gets it, in order, and the run stays one run, whatever the shape
of the team; a turn that is cut for it has not taken place for the team, and its text stays with the reader."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import HandoffMessage, MultiModalMessage, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, MagenticOneGroupChat, RoundRobinGroupChat
from autogen_agentchat.teams._group_chat._round_robin_group_chat import RoundRobinGroupChatManager
from autogen_core import CancellationToken, SingleThreadedAgentRuntime

from nb_stream import CellKind, CellStatus, RunState, TeamStream
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from nb_stream.errors import EmptyTaskError, NoTeamError
from tests.support.failing_teams import Deaf
from tests.support.team_shapes import ORCHESTRATOR, SELECTOR, SHAPES, Shape, ledger
from tests.support.wait_until import until

TEAMS = [name for name in SHAPES if name not in ("solo", "tool_alone")]
EACH_TEAM = pytest.mark.parametrize("name", TEAMS)
NOW = pytest.mark.parametrize("now", [False, True], ids=["after the turn", "at once"])
PACE_S = 0.01


@pytest.fixture(autouse=True)
async def silence(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No word leaves tasks, complaints of the event loop, or AutoGen's tracebacks behind."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    caplog.set_level(logging.WARNING)
    yield
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    assert complaints == []
    assert [one for one in caplog.records if one.name.startswith(("asyncio", "autogen_core", "nb_stream"))] == []


def shaped(name: str) -> Shape:
    shape = SHAPES[name]()
    for client in shape.clients.values():
        client.pace = PACE_S
    return shape


def agent(name: str, *script: Any, **options: Any) -> AssistantAgent:
    client = ScriptedClient(script or [Say(f"{name} says some words.")], pace=PACE_S)
    return AssistantAgent(name, client, model_client_stream=True, **options)


def writes(stream: TeamStream, path: str = "") -> bool:
    """Whether an agent is writing."""
    cells = stream.transcript.cells
    return any(cell.status is CellStatus.WRITING and cell.text and cell.path.startswith(path) for cell in cells)


def said(stream: TeamStream, run: str = "r1") -> list[tuple[str, str, str]]:
    """Path, text and status of the messages of a run, in order."""
    cells = [cell for cell in stream.transcript.cells if cell.run == run and cell.kind is CellKind.TEXT]
    return [(cell.path, cell.text, cell.status.value) for cell in cells]


def spoken(result: TaskResult) -> list[tuple[str, str]]:
    return [(message.source, message.to_text()) for message in result.messages]


def knowing(state: Any, path: str = "") -> dict[str, str]:
    """By path, all that an agent of a team knows and will be given, as JSON. A team's agents know what the team will be
    given, too."""
    found: dict[str, str] = {}
    for name, part in state["agent_states"].items():
        if "agent_state" not in part:  # the manager
            continue
        inner = part["agent_state"].get("inner_team_state", part["agent_state"])
        waiting = json.dumps(part["message_buffer"])
        if "agent_states" in inner and "inner_team_state" not in part["agent_state"]:
            below = knowing(inner, f"{path}{name}/")
            found |= {below_path: waiting + known for below_path, known in below.items()}
        else:
            found[path + name] = waiting + json.dumps(part["agent_state"])
    return found


# --- every shape ------------------------------------------------------------------------------------------------------


@NOW
@EACH_TEAM
async def test_every_agent_gets_the_words_once_and_in_order_in_one_run(name: str, now: bool) -> None:
    shape = shaped(name)
    stream = TeamStream(shape.team)
    given: list[Any] = []

    async def drive() -> None:
        given.extend([message async for message in stream.run_stream("go")])

    run = asyncio.ensure_future(drive())
    await until(lambda: writes(stream))
    stream.say("Look at whales.", now)
    stream.say("And at dolphins.")
    await asyncio.wait_for(run, 30)
    result = given[-1]
    assert [type(item) for item in given].count(TaskResult) == 1
    assert [one.id for one in stream.transcript.runs] == ["r1"]
    assert stream.state is RunState.IDLE
    words = [text for source, text in spoken(result) if source == "user" and text not in ("go", "Help.", "Work.")]
    assert words == ["Look at whales.", "And at dolphins."]
    assert [text for path, text, _ in said(stream) if path == "user"] == ["go", *words]
    assert [item.id for item in given[:-1] if not hasattr(item, "full_message_id")] == [m.id for m in result.messages]
    cut = [text for _, text, status in said(stream) if status == "cancelled"]
    assert len(cut) == now
    if cut:  # the text stays with the reader, and nobody in the team knows of it
        assert cut[0]
        rows = said(stream)
        assert rows.index(("user", "Look at whales.", "done")) > [status for *_, status in rows].index("cancelled")
    if name != "filtered":  # AutoGen does not save what an agent inside a filter knows
        for path, known in knowing(await stream.save_state()).items():
            if path.startswith("mind"):  # its conversation is not in AutoGen's own state
                continue
            assert known.count("Look at whales.") == known.count("And at dolphins.") == 1, path
            assert known.index("Look at whales.") < known.index("And at dolphins.")
    again = await stream.run("again")
    assert again.messages[0].to_text() == "again"
    assert len(again.messages) > 1


@EACH_TEAM
async def test_a_cut_turn_counts_for_nothing(name: str) -> None:
    """With words and a cut, agents and managers say at the end as many messages as without."""
    plain = await TeamStream(shaped(name).team).run("go")
    shape = shaped(name)
    stream = TeamStream(shape.team)
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("Look at whales.", now=True)
    result = await run
    assert result.stop_reason == plain.stop_reason

    def answers(result: TaskResult) -> int:
        return sum(isinstance(message, (TextMessage, HandoffMessage)) for message in result.messages)

    if name == "magentic_one":  # its orchestrator is asked anew, and finds that all is done
        assert answers(result) == answers(plain) - 1 + 1
    elif name in ("agent_tool", "team_tool"):  # a script goes on with its next step
        assert spoken(result)[-1][0] in ("ann", "boss")
    elif name == "swarm":
        assert spoken(result)[-1][0] in ("ann", "ben")
    else:
        events = sum(type(m).__name__ in ("SelectSpeakerEvent", "SelectorEvent") for m in result.messages)
        assert answers(result) == answers(plain) + 1, events


async def test_the_agent_that_was_cut_speaks_anew_and_hears_the_word() -> None:
    ann, ben = agent("ann", Say("Of cats I know a lot."), Say("Of whales, then.")), agent("ben")
    stream = TeamStream(RoundRobinGroupChat([ann, ben], max_turns=2))
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("Of whales!", now=True)
    result = await run
    assert spoken(result)[1:] == [("user", "Of whales!"), ("ann", "Of whales, then."), ("ben", "ben says some words.")]
    known = [message.content for message in await ann.model_context.get_messages()]
    assert known == ["go", "Of whales!", "Of whales, then.", "ben says some words."][: len(known)]
    assert result.stop_reason == "Maximum number of turns 2 reached."


# --- conditions, turns, ends -------------------------------------------------------------------------------------------


async def test_termination_conditions_hear_the_words() -> None:
    team = RoundRobinGroupChat([agent("ann"), agent("ben")], termination_condition=TextMentionTermination("ENOUGH"))
    stream = TeamStream(team)
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("That is ENOUGH.")
    result = await run
    assert spoken(result) == [("user", "go"), ("ann", "ann says some words."), ("user", "That is ENOUGH.")]
    assert "ENOUGH" in result.stop_reason
    assert (await stream.run("again, ENOUGH")).messages


@NOW
async def test_a_count_of_messages_goes_on(now: bool) -> None:
    team = RoundRobinGroupChat([agent("ann"), agent("ben")], termination_condition=MaxMessageTermination(5))
    stream = TeamStream(team)
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("one", now)
    stream.say("two")
    result = await run
    assert len(result.messages) == 5
    assert result.stop_reason == "Maximum number of messages 5 reached, current message count: 5"


async def test_a_word_in_the_last_turn_starts_the_next_run() -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=1))
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("one")
    stream.say("two")
    assert spoken(await run) == [("user", "go"), ("ann", "ann says some words.")]
    await until(lambda: len(stream.transcript.runs) == 2 and not stream.state.active)
    assert stream.transcript.runs[1].task == "one\ntwo"
    assert said(stream, "r2") == [
        ("user", "one", "done"),
        ("user", "two", "done"),
        ("ben", "ben says some words.", "done"),
    ]


async def test_a_word_without_a_run_starts_one() -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ann")], max_turns=1))
    assert stream.say("go") is None
    await until(lambda: said(stream) != [] and not stream.state.active)
    assert said(stream) == [("user", "go", "done"), ("ann", "ann says some words.", "done")]


async def test_words_of_threads_come_in_the_order_of_each_thread() -> None:
    """200 words of two threads, over many ends of runs: none is lost or doubled, and each thread's keep their order."""
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", ScriptedClient([Say("Yes.")]))], max_turns=2))
    stream.start("go")

    def talk(who: str) -> None:
        for number in range(100):
            stream.say(f"{who}{number}", now=number % 10 == 0)

    threads = [threading.Thread(target=talk, args=(who,)) for who in "xy"]
    for thread in threads:
        thread.start()
    await until(lambda: not any(thread.is_alive() for thread in threads))

    # Between the end of a run and the run that the next words start, no run goes on: so the words are counted.
    def heard() -> list[str]:
        return [cell.text for cell in stream.transcript if cell.path == "user"][1:]

    await until(lambda: len(heard()) >= 200 and not stream.state.active)
    assert sorted(heard()) == sorted(f"{who}{number}" for who in "xy" for number in range(100))
    for who in "xy":
        own = [int(text[1:]) for text in heard() if text[0] == who]
        assert own == sorted(own)


@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_run_that_is_ended_says_what_the_team_was_not_told(how: str) -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=4))
    stream.start("go")
    await until(lambda: writes(stream))
    stream.say("one")
    await getattr(stream, how)()
    notices = [cell.text for cell in stream.transcript.cells if cell.kind is CellKind.NOTICE]
    word = {"stop": "stopped", "cancel": "cancelled"}[how]
    assert notices == [f"The run was {word}, so the team was not told: one"]
    assert "one" not in [text for _, text, _ in said(stream)]
    await asyncio.sleep(0)
    assert len(stream.transcript.runs) == 1
    assert "one" not in str(spoken(await stream.run("go on")))


async def test_a_run_that_fails_says_what_the_team_was_not_told() -> None:
    ben = agent("ben", Fail(ValueError("Broken."), 6), Say("Yes."))
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), ben], max_turns=2))
    run = stream.start("go")
    await until(lambda: writes(stream, "ben"))
    stream.say("one")
    stream.say("two")
    with pytest.raises(RuntimeError, match="Broken"):
        await run
    notices = [cell.text for cell in stream.transcript.cells if cell.kind is CellKind.NOTICE]
    assert notices == ["The run failed, so the team was not told: one · two"]
    assert [one.id for one in stream.transcript.runs] == ["r1"]
    assert (await stream.run("again")).messages


async def test_a_word_after_a_stop_starts_the_next_run() -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=4))
    run = stream.start("go")
    await until(lambda: writes(stream))
    stopping = asyncio.ensure_future(stream.stop())
    await until(lambda: stream.state is RunState.STOPPING)
    stream.say("whales")
    await stopping
    assert (await run).stop_reason == "Stopped after the turn."
    await until(lambda: len(stream.transcript.runs) == 2)
    await stream.cancel()
    assert stream.transcript.runs[1].task == "whales"


# --- cuts ---------------------------------------------------------------------------------------------------------------


async def test_branches_of_a_graph_are_cut_together_and_all_speak_anew() -> None:
    shape = shaped("graph")
    stream = TeamStream(shape.team)
    run = stream.start("go")
    await until(lambda: all(writes(stream, path) for path in "xyz"))
    stream.say("whales", now=True)
    result = await run
    assert [source for source, _ in spoken(result)] == ["user", "plan", "user", "x", "y", "z", "join"] or sorted(
        source for source, _ in spoken(result)[3:6]
    ) == ["x", "y", "z"]
    assert sorted(path for path, _, status in said(stream) if status == "cancelled") == ["x", "y", "z"]
    assert result.stop_reason == "Digraph execution is complete"


async def test_a_branch_that_has_spoken_stays_when_the_others_are_cut() -> None:
    first, quick, slow, last = agent("plan"), agent("quick"), agent("slow", Say("word " * 60)), agent("join")
    builder = DiGraphBuilder()
    for one in (first, quick, slow, last):
        builder.add_node(one)
    for one in (quick, slow):
        builder.add_edge(first, one).add_edge(one, last)
    stream = TeamStream(GraphFlow([first, quick, slow, last], builder.build()))
    run = stream.start("go")
    await until(lambda: ("quick", "quick says some words.", "done") in said(stream) and writes(stream, "slow"))
    stream.say("whales", now=True)
    result = await run
    assert [source for source, _ in spoken(result)] == ["user", "plan", "quick", "user", "slow", "join"]


async def test_a_loop_of_a_graph_goes_on_after_a_cut() -> None:
    writer, critic = agent("writer"), agent("critic", Say("Again."), Say("Again."), Say("APPROVE"))
    end = agent("end")
    builder = DiGraphBuilder().add_node(writer).add_node(critic).add_node(end).set_entry_point(writer)
    builder.add_edge(writer, critic)
    builder.add_edge(critic, writer, condition=lambda message: "APPROVE" not in message.to_text())
    builder.add_edge(critic, end, condition=lambda message: "APPROVE" in message.to_text())
    stream = TeamStream(
        GraphFlow([writer, critic, end], builder.build(), termination_condition=MaxMessageTermination(30))
    )
    run = stream.start("go")
    await until(lambda: [path for path, *_ in said(stream)].count("writer") == 2 and writes(stream, "writer"))
    stream.say("whales", now=True)
    result = await run
    sources = [source for source, _ in spoken(result)]
    assert sources == ["user", "writer", "critic", "user", "writer", "critic", "writer", "critic", "end"]


async def test_a_model_that_hears_no_token_is_cut_by_its_task() -> None:
    """The first cancel is swallowed by the client, the second one is not: the word comes all the same."""
    deaf = Deaf(seconds=30.0, cancels=0)
    ann = AssistantAgent("ann", deaf, model_client_stream=True)
    stream = TeamStream(RoundRobinGroupChat([ann, agent("ben")], max_turns=2))
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("whales", now=True)
    result = await asyncio.wait_for(run, 20)
    assert [source for source, _ in spoken(result)] == ["user", "user", "ann", "ben"]


async def test_a_tool_is_cut_and_its_call_has_a_result() -> None:
    began = asyncio.Event()

    async def look_up(what: str) -> str:
        began.set()
        await asyncio.sleep(60)
        return what

    ann = agent("ann", Call("look_up", {"what": "cats"}), Say("Whales it is."), tools=[look_up])
    stream = TeamStream(RoundRobinGroupChat([ann], max_turns=1))
    run = stream.start("go")
    await began.wait()
    stream.say("whales", now=True)
    assert spoken(await asyncio.wait_for(run, 20))[-1] == ("ann", "Whales it is.")
    kinds = [type(message).__name__ for message in await ann.model_context.get_messages()]
    assert kinds.count("FunctionExecutionResultMessage") == 1  # services refuse a call without a result


async def test_a_person_who_is_asked_is_not_asked_any_more() -> None:
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("me"), agent("ann")], max_turns=2))
    run = stream.start("go")
    await until(lambda: stream.questions)
    first = stream.questions[0].request_id
    stream.say("whales", now=True)
    await until(lambda: stream.questions and stream.questions[0].request_id != first)
    stream.answer(stream.questions[0].request_id, "Hello.")
    assert spoken_texts(await run) == ["go", "whales", "Hello.", "ann says some words."]


def spoken_texts(result: TaskResult) -> list[str]:
    return [text for source, text in spoken(result) if not text.startswith("[") and text]


async def test_a_word_while_a_speaker_is_chosen_comes_before_the_next_turn() -> None:
    shape = shaped("selector")
    stream = TeamStream(shape.team)
    run = stream.start("go")
    await until(lambda: shape.clients[SELECTOR].calls)
    stream.say("whales", now=True)
    result = await run
    texts = [text for source, text in spoken(result) if source in ("user", "ann", "ben")]
    assert texts[:2] == ["go", "whales"]


class Stubborn(BaseChatAgent):
    """Notes nothing down, and makes an error of every cancel."""

    produced_message_types = (TextMessage,)

    def __init__(self, name: str) -> None:
        super().__init__(name, "An agent of a user's own.")
        self.given: list[list[str]] = []

    async def on_messages(self, messages: Any, cancellation_token: CancellationToken) -> Response:
        self.given.append([message.to_text() for message in messages])
        if len(self.given) == 1:
            waiting = asyncio.get_running_loop().create_future()
            cancellation_token.link_future(waiting)
            try:
                await waiting
            except asyncio.CancelledError:
                raise ValueError("I was disturbed.") from None
        return Response(chat_message=TextMessage(content="Here.", source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        self.given.clear()


async def test_an_agent_of_a_users_own_is_given_again_what_it_has_not_noted_down() -> None:
    own = Stubborn("own")
    stream = TeamStream(RoundRobinGroupChat([own, agent("ann")], max_turns=2))
    run = stream.start("go")
    await until(lambda: own.given)
    stream.say("whales", now=True)
    assert [source for source, _ in spoken(await run)] == ["user", "user", "own", "ann"]
    assert own.given == [["go"], ["go", "whales"]]


async def test_a_team_on_a_runtime_of_the_users_own_takes_words() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=2, runtime=runtime))
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("whales", now=True)
    assert [source for source, _ in spoken(await run)] == ["user", "user", "ann", "ben"]
    assert (await stream.run("again")).messages
    await runtime.stop()


async def test_the_orchestrator_keeps_a_word_when_it_plans_anew() -> None:
    stalls = ledger(False)
    stalls = Say(
        stalls.text.replace(
            '"is_progress_being_made": {"reason": "So it is.", "answer": true}',
            '"is_progress_being_made": {"reason": "So it is.", "answer": false}',
        )
    )
    script = [
        Say("Facts."),
        Say("A plan."),
        ledger(False),
        stalls,
        Say("New facts."),
        Say("A new plan."),
        ledger(True),
        Say("The final answer."),
    ]
    client = ScriptedClient(script)
    ann = agent("ann")
    stream = TeamStream(MagenticOneGroupChat([ann], client, max_stalls=1))
    run = stream.start("Tell of cats.")
    await until(lambda: writes(stream, "ann"))
    stream.say("And of whales.")
    result = await run
    plans = [text for source, text in spoken(result) if source == ORCHESTRATOR and "A new plan." in text]
    assert len(plans) == 1
    assert "Tell of cats. And of whales." in plans[0]


# --- what cannot be steered ----------------------------------------------------------------------------------------------


async def test_a_single_agent_takes_words_in_its_next_run() -> None:
    stream = TeamStream(agent("ann"))
    assert "one turn" in stream.cannot_say
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say("one")
    assert spoken(await run) == [("user", "go"), ("ann", "ann says some words.")]
    await until(lambda: len(stream.transcript.runs) == 2 and writes(stream))
    stream.say("two", now=True)
    await until(lambda: len(stream.transcript.runs) == 3 and not stream.state.active)
    assert [(one.task, one.status.value) for one in stream.transcript.runs] == [
        ("go", "done"),
        ("one", "cancelled"),
        ("two", "done"),
    ]
    assert [cell.text for cell in stream.transcript.cells if cell.kind is CellKind.NOTICE] == []


class OwnWay(RoundRobinGroupChatManager):
    async def handle_agent_response(self, message: Any, ctx: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


async def test_a_team_that_goes_on_in_its_own_way_says_so() -> None:
    team = RoundRobinGroupChat([agent("ann")], max_turns=1)
    assert TeamStream(team).cannot_say == ""
    team._base_group_chat_manager_class = OwnWay
    assert "in a way of its own" in TeamStream(team).cannot_say


async def test_messages_can_be_said_and_nothing_cannot(tmp_path: Any) -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=2))
    with pytest.raises(EmptyTaskError):
        stream.say("  ")
    with pytest.raises(EmptyTaskError):
        stream.say(None)
    run = stream.start("go")
    await until(lambda: writes(stream))
    stream.say(MultiModalMessage(content=["whales"], source="user"))
    assert [type(message).__name__ for message in (await run).messages][2] == "MultiModalMessage"
    stream.save(tmp_path / "run.jsonl")
    with pytest.raises(NoTeamError):
        TeamStream.load(tmp_path / "run.jsonl").say("whales")
