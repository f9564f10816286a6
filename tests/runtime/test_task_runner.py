"""A TeamStream runs as the team itself: AgentChat's TaskRunner to the letter, and callbacks on top that harm nobody."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import io
import re
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import ExternalTermination, MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, MultiModalMessage, StructuredMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.ui import Console
from autogen_core import CancellationToken
from pydantic import BaseModel

from nb_stream import CellKind, Run, TeamStream
from nb_stream.demo import TEAMS, Call, Fail, Say, ScriptedClient
from nb_stream.errors import UnknownAgentError
from tests.support.wait_until import until

TEXT = "One word follows the other, and none of them is in a hurry. " * 4


def agent(name: str, *steps: Any, **options: Any) -> AssistantAgent:
    return AssistantAgent(name, ScriptedClient(list(steps) or [Say(TEXT)]), model_client_stream=True, **options)


def duo() -> RoundRobinGroupChat:
    return RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns=2)


def solo() -> AssistantAgent:
    return agent("solo")


def broken(after: int = 3) -> RoundRobinGroupChat:
    return RoundRobinGroupChat([agent("ann"), agent("ben", Fail(OSError("gone"), after))], max_turns=2)


def broken_alone() -> AssistantAgent:
    return agent("solo", Fail(OSError("gone"), 3))


def badly_selecting() -> SelectorGroupChat:
    def nobody(_: Any) -> str:
        return "nobody"

    return SelectorGroupChat([agent("ann"), agent("ben")], ScriptedClient([Say("ann")]), selector_func=nobody)


def ended() -> RoundRobinGroupChat:
    condition = TextMentionTermination("hurry") | MaxMessageTermination(9)
    return RoundRobinGroupChat([agent("ann"), agent("ben")], termination_condition=condition)


def stateless(message: Any) -> Any:
    """A message without what is new each time."""
    if isinstance(message, TaskResult):
        return ("TaskResult", [stateless(part) for part in message.messages], message.stop_reason)
    known = message.model_dump(exclude={"id", "created_at", "full_message_id", "request_id"})
    return re.sub(r"call_[0-9a-f]{24}", "call", repr((type(message).__name__, known)))


async def outcome(work: Any) -> Any:
    """What came of it: the value, or the error's type and the first line of its text."""
    try:
        return stateless(await work)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the error is what is compared
        kind = asyncio.CancelledError if isinstance(error, asyncio.CancelledError) else type(error)
        text = "" if kind is asyncio.CancelledError else str(error).split("\n")[0]
        return (kind, text)


async def collected(messages: Any) -> Any:
    """What was yielded, and what came of it."""
    seen = []
    try:
        async for message in messages:
            seen.append(stateless(message))
    except Exception as error:  # noqa: BLE001 - the error is what is compared
        seen.append((type(error), str(error).split("\n")[0]))
    return seen


# --- the task ------------------------------------------------------------------------------------------------------

TASKS: dict[str, Callable[[], Any]] = {
    "text": lambda: "go",
    "empty text": lambda: "",
    "message": lambda: TextMessage(content="go", source="boss"),
    "list": lambda: [TextMessage(content="one", source="user"), TextMessage(content="two", source="user")],
    "images": lambda: MultiModalMessage(content=["look", "here"], source="user"),
    "none": lambda: None,
    "empty list": list,
    "tuple": lambda: (TextMessage(content="go", source="user"),),
    "number": lambda: 3,
    "list of numbers": lambda: [3],
}


@pytest.mark.parametrize("output_task_messages", [True, False], ids=["task given back", "task kept"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("team", [duo, solo])
async def test_run_gives_and_raises_what_the_team_does(team: Any, task: str, output_task_messages: bool) -> None:
    options = {"task": TASKS[task](), "output_task_messages": output_task_messages}
    bare = await outcome(team().run(**options))
    assert await outcome(TeamStream(team()).run(**options)) == bare


@pytest.mark.parametrize("output_task_messages", [True, False], ids=["task given back", "task kept"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("team", [duo, solo])
async def test_run_stream_yields_and_raises_what_the_team_does(
    team: Any, task: str, output_task_messages: bool
) -> None:
    options = {"task": TASKS[task](), "output_task_messages": output_task_messages}
    bare = await collected(team().run_stream(**options))
    assert await collected(TeamStream(team()).run_stream(**options)) == bare


@pytest.mark.parametrize("method", ["run", "run_stream"])
@pytest.mark.parametrize("team", [broken, functools.partial(broken, 0), broken_alone, badly_selecting, ended])
async def test_ends_and_errors_are_those_of_the_team(team: Callable[[], Any], method: str) -> None:
    seen = outcome if method == "run" else collected
    bare = await seen(getattr(team(), method)(task="go"))
    assert await seen(getattr(TeamStream(team()), method)(task="go")) == bare


@pytest.mark.parametrize("name", sorted(set(TEAMS) - {"parallel", "faulty"}))
async def test_every_message_comes_in_the_order_of_the_team(name: str) -> None:
    bare = await collected(TEAMS[name](pace=0).run_stream(task="go"))
    assert await collected(TeamStream(TEAMS[name](pace=0)).run_stream(task="go")) == bare


async def test_several_runs_continue_as_those_of_the_team() -> None:
    async def runs(runner: Any) -> list[Any]:
        return [await outcome(runner.run(task=task)) for task in ("one", None, "three")]

    bare, ours = duo(), duo()
    assert await runs(TeamStream(ours)) == await runs(bare)
    states = [re.sub(r'"(id|created_at)": "[^"]*"', "", repr(await team.save_state())) for team in (bare, ours)]
    ids = re.compile(r"'(id|created_at)': ('[^']*'|datetime[^)]*\)[^,]*)")
    assert ids.sub("", states[0]) == ids.sub("", states[1])


@pytest.mark.parametrize("method", ["run", "run_stream"])
async def test_a_second_run_is_refused_with_the_error_of_the_team(method: str) -> None:
    async def second(runner: Any) -> tuple[type, str]:
        first = asyncio.ensure_future(runner.run(task="go"))
        await asyncio.sleep(0.01)
        work = runner.run(task="again") if method == "run" else anext(runner.run_stream(task="again"))
        with pytest.raises(ValueError, match="already running") as caught:
            await work
        await first
        return ValueError, str(caught.value)

    slow = RoundRobinGroupChat([AssistantAgent("ann", ScriptedClient([Say(TEXT)], pace=0.002))], max_turns=1)
    bare = await second(slow)
    ours = await second(TeamStream(slow))
    assert ours[0] is bare[0]
    assert "already running, it cannot run again until it is stopped." in bare[1]
    assert "already running, it cannot run again until it is stopped." in ours[1]


@pytest.mark.parametrize("wish", ["reset", "load_state"])
async def test_a_wish_during_a_run_is_refused_with_the_error_of_the_team(wish: str) -> None:
    slow = RoundRobinGroupChat([AssistantAgent("ann", ScriptedClient([Say(TEXT)], pace=0.002))], max_turns=1)
    for runner in (slow, TeamStream(slow)):
        first = asyncio.ensure_future(runner.run(task="go"))
        await until(lambda: slow._is_running)
        with pytest.raises(RuntimeError, match=r"running|loaded"):
            await (runner.reset() if wish == "reset" else runner.load_state({}))
        await first


class Strange(BaseModel):
    """What no team here knows messages of."""


REFUSED: dict[str, Any] = {
    "a number": 3,
    "nothing": 0,
    "bytes": b"go",
    "an event": ModelClientStreamingChunkEvent(content="go", source="user"),
    "an unknown kind of message": StructuredMessage[Strange](content=Strange(), source="user"),
    "a tuple": (TextMessage(content="go", source="user"),),
    "an empty list": [],
    "a list of texts": ["go"],
    "a list with a number": [TextMessage(content="go", source="user"), 3],
}


@pytest.mark.parametrize("task", REFUSED)
@pytest.mark.parametrize("method", ["run", "run_stream"])
async def test_a_refused_task_leaves_the_team_as_it_was(task: str, method: str) -> None:
    """A wish to end that was made before it is not lost."""

    async def runs(wrap: Callable[[Any], Any]) -> list[Any]:
        wish = ExternalTermination()
        condition = wish | MaxMessageTermination(6)
        runner = wrap(RoundRobinGroupChat([agent("ann"), agent("ben")], termination_condition=condition))
        first = await (runner.run(task="go") if method == "run" else collected(runner.run_stream(task="go")))
        wish.set()
        seen = outcome if method == "run" else collected
        refused = await seen(getattr(runner, method)(task=REFUSED[task]))
        return [
            len(first.messages if method == "run" else first),
            refused,
            await seen(getattr(runner, method)(task="on")),
        ]

    bare = await runs(lambda team: team)
    assert bare[1][0] is ValueError or bare[1][-1][0] is ValueError
    assert await runs(TeamStream) == bare


class Silent(BaseChatAgent):
    """Says something, or nothing, and has no response."""

    produced_message_types = (TextMessage,)

    def __init__(self, *said: Any) -> None:
        super().__init__("silent", "Has no response.")
        self.said = said

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        for text in self.said:
            yield TextMessage(content=text, source=self.name)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
        raise LookupError("no response")

    async def on_reset(self, cancellation_token: Any) -> None:
        pass


@pytest.mark.parametrize("said", [(), ("a word",)])
@pytest.mark.parametrize("team", [lambda agent: agent, lambda agent: RoundRobinGroupChat([agent, solo()], max_turns=2)])
@pytest.mark.parametrize("method", ["run", "run_stream"])
async def test_an_agent_without_a_response_ends_as_in_the_team(method: str, team: Any, said: tuple[str, ...]) -> None:
    seen = outcome if method == "run" else collected
    bare = await seen(getattr(team(Silent(*said)), method)(task="go"))
    assert await seen(getattr(TeamStream(team(Silent(*said))), method)(task="go")) == bare


@pytest.mark.parametrize("what", ["a timer", "a task", "a callback's timer"])
@pytest.mark.parametrize("end", ["done", "failed"])
async def test_what_a_turn_leaves_in_the_background_keeps_no_run_in_memory(end: str, what: str) -> None:
    left: list[Any] = []

    def leave() -> None:
        loop = asyncio.get_running_loop()
        left.append(loop.create_task(asyncio.sleep(600)) if what == "a task" else loop.call_later(600, print))

    async def tool() -> str:
        """Leave something behind."""
        leave()
        return "left"

    async def run() -> list[weakref.ref[Any]]:
        last = Say(TEXT) if end == "done" else Fail(OSError("gone"), 2)
        user = agent("ann", Call("tool", {}), last, tools=[tool], reflect_on_tool_use=True)
        team = RoundRobinGroupChat([user], max_turns=1)
        stream = TeamStream(team)
        if what.startswith("a callback"):
            stream.on_token(lambda _: None if left else leave())
        await outcome(stream.run("go"))
        assert left
        things = (stream, team, user, stream.current, stream.transcript, stream.transcript.cells[-1])
        return [weakref.ref(thing) for thing in things]

    kept = await asyncio.ensure_future(run())

    def gone() -> bool:
        gc.collect()
        return not any(thing() for thing in kept)

    await until(gone, 10)
    for thing in left:
        thing.cancel()


@pytest.mark.parametrize("when", ["before", "during"])
@pytest.mark.parametrize("team", [duo, solo])
async def test_a_cancelled_token_raises_what_it_raises_in_the_team(team: Callable[[], Any], when: str) -> None:
    async def cancelled(make: Callable[[Any], Any]) -> Any:
        built, token = team(), CancellationToken()
        for member in getattr(built, "_participants", [built]):
            member._model_client.pace = 0.005
        if when == "before":
            token.cancel()
        else:
            asyncio.get_running_loop().call_later(0.05, token.cancel)
        return await outcome(asyncio.wait_for(make(built).run(task="go", cancellation_token=token), 5))

    assert await cancelled(TeamStream) == await cancelled(lambda built: built) == (asyncio.CancelledError, "")


async def test_run_stream_begins_when_it_is_first_read() -> None:
    stream = TeamStream(duo())
    messages = stream.run_stream(task="go")
    await asyncio.sleep(0.01)
    assert len(stream.transcript.runs) == 0
    assert (await anext(messages)).to_text() == "go"
    await messages.aclose()


async def test_the_messages_are_the_teams_own_objects() -> None:
    class Seen(MaxMessageTermination):
        async def __call__(self, messages: Any) -> Any:
            known.extend(messages)
            return await super().__call__(messages)

    known: list[Any] = []
    team = RoundRobinGroupChat([agent("ann"), agent("ben")], termination_condition=Seen(3))
    result = await TeamStream(team).run(task="go")
    assert all(any(message is other for other in known) for message in result.messages)


# --- Console -------------------------------------------------------------------------------------------------------


async def printed(runner: Any) -> tuple[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = await Console(runner.run_stream(task="go"))
    return re.sub(r"call_[0-9a-f]{24}", "call", out.getvalue()), stateless(result)


@pytest.mark.parametrize("name", sorted(set(TEAMS) - {"parallel", "faulty"}))
async def test_console_prints_the_same(name: str) -> None:
    assert await printed(TeamStream(TEAMS[name](pace=0))) == await printed(TEAMS[name](pace=0))


async def test_console_prints_a_persons_answer_the_same() -> None:
    def team() -> RoundRobinGroupChat:
        return RoundRobinGroupChat(
            [UserProxyAgent("human", input_func=lambda prompt: "Yes."), agent("ann")], max_turns=2
        )

    assert await printed(TeamStream(team())) == await printed(team())


async def test_console_raises_what_the_team_raises() -> None:
    with pytest.raises(RuntimeError, match="OSError: gone"):
        await printed(TeamStream(broken()))


async def test_a_plain_script_gets_the_result_and_the_tokens() -> None:
    stream, tokens = TeamStream(duo()), []
    stream.on_token(lambda token: tokens.append((token.agent, token.text)))
    result = await stream.run(task="go")
    assert stateless(result) == stateless(await duo().run(task="go"))
    for name in ("ann", "ben"):
        assert "".join(text for who, text in tokens if who == name) == TEXT


# --- callbacks -----------------------------------------------------------------------------------------------------


def paced(pace: float = 0.002) -> TeamStream:
    client = ScriptedClient([Say(TEXT)], pace=pace)
    return TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client, model_client_stream=True)], max_turns=1))


def notices(stream: TeamStream) -> list[str]:
    return [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]


async def test_callbacks_come_and_go_during_a_run() -> None:
    stream, early, late = paced(), [], []
    remove = stream.on_token(lambda token: early.append(token.text))
    run = stream.start("go")
    await until(lambda: len(early) > 3)
    stream.on_token(lambda token: late.append(token.text))
    remove()
    remove()
    count = len(early)
    await run
    assert len(early) == count
    assert "".join(early + late) == TEXT


async def test_a_callback_may_remove_itself_and_others_while_it_is_called() -> None:
    stream, seen = paced(0), []

    def once(token: Any) -> None:
        seen.append("once")
        remove_once()
        remove_other()

    remove_once = stream.on_token(once)
    remove_other = stream.on_token(lambda token: seen.append("other"))
    await stream.run("go")
    assert seen == ["once"]


async def test_callbacks_for_chosen_agents_hear_of_those_only() -> None:
    stream, tokens, events = TeamStream(TEAMS["nested"](pace=0)), [], []
    stream.on_token(lambda token: tokens.append(token.path), agents=["research/writer", "editor"])
    stream.on_event(lambda event: events.append(event.path), agents="reader")
    await stream.run("go")
    assert set(tokens) == {"research/writer", "editor"}
    assert set(events) == {"research/reader"}
    with pytest.raises(UnknownAgentError, match="No agent is called 'nobody'"):
        stream.on_token(print, agents=["writer", "nobody"])


@pytest.mark.parametrize("kind", ["function", "coroutine function", "partial", "object", "returns an awaitable"])
async def test_every_kind_of_callback_gets_every_token_before_the_run_ends(kind: str) -> None:
    seen: list[str] = []

    def plain(token: Any) -> None:
        seen.append(token.text)

    async def slow(token: Any) -> None:
        await asyncio.sleep(0)
        seen.append(token.text)

    class Called:
        async def __call__(self, token: Any) -> None:
            await slow(token)

    callbacks: dict[str, Any] = {
        "function": plain,
        "coroutine function": slow,
        "partial": functools.partial(slow),
        "object": Called(),
        "returns an awaitable": lambda token: slow(token),
    }
    stream = paced(0.0005)
    stream.on_token(callbacks[kind])
    await stream.run("go")
    await asyncio.sleep(0)
    assert "".join(seen) == TEXT


@pytest.mark.parametrize("error", [ZeroDivisionError("no"), asyncio.CancelledError("no")], ids=["error", "cancel"])
@pytest.mark.parametrize("asynchronous", [True, False], ids=["coroutine", "plain"])
async def test_a_callback_that_raises_is_told_once_with_its_name(error: BaseException, asynchronous: bool) -> None:
    def faulty_callback(token: Any) -> None:
        raise error

    async def faulty_coroutine(token: Any) -> None:
        raise error

    stream, seen = paced(0), []
    stream.on_token(faulty_coroutine if asynchronous else faulty_callback)
    stream.on_token(lambda token: seen.append(token.text))
    stream.on_event(lambda event: seen.append(""))
    await stream.run("go")
    assert "".join(seen) == TEXT
    if not (asynchronous and isinstance(error, asyncio.CancelledError)):
        assert len(notices(stream)) == 1
        assert "faulty_c" in notices(stream)[0]
        assert f"failed: {type(error).__name__}: no" in notices(stream)[0]


async def test_a_slow_callback_goes_on_in_a_thread_and_is_told_once() -> None:
    here, threads = threading.current_thread(), []
    seen: list[str] = []

    def sleeper(token: Any) -> None:
        threads.append(threading.current_thread())
        time.sleep(0.3)

    stream = paced(0.001)
    stream.on_token(sleeper)
    stream.on_token(lambda token: seen.append(token.text))
    began = time.monotonic()
    run = await _finished(stream)
    assert run.done()
    assert time.monotonic() - began < 3  # it would take 15 s on the loop
    assert "".join(seen) == TEXT
    assert threads[0] is here
    assert all(thread is not here for thread in threads[1:])
    assert [text for text in notices(stream) if "sleeper is slow" in text] == notices(stream) != []


async def _finished(stream: TeamStream) -> Run:
    await stream.run("go")
    assert stream.current is not None
    return stream.current


async def test_a_slow_coroutine_holds_up_neither_the_run_nor_the_others() -> None:
    async def sleeper(token: Any) -> None:
        await asyncio.sleep(0.3)

    stream, seen = paced(0), []
    remove = stream.on_token(sleeper)
    stream.on_token(lambda token: seen.append(token.text))
    began = time.monotonic()
    await stream.run("go")
    assert time.monotonic() - began < 2
    assert "".join(seen) == TEXT
    remove()


async def test_a_slow_callback_that_is_removed_gets_nothing_more() -> None:
    calls = []

    async def sleeper(token: Any) -> None:
        calls.append(token.text)
        await asyncio.sleep(0.05)

    stream = paced(0)
    remove = stream.on_token(sleeper)
    run = stream.start("go")
    await until(lambda: calls)
    remove()
    count = len(calls)
    await run
    await asyncio.sleep(0.12)
    assert len(calls) == count


async def test_a_callback_may_use_the_stream() -> None:
    stream, seen = TeamStream(duo()), []

    def switch_off(token: Any) -> None:
        seen.append(token.agent)
        if len(seen) == 3:
            stream.switches["ann"] = False
            assert "ann" in str(stream.transcript.to_dict())

    stream.on_token(switch_off)
    await stream.run("go")
    assert seen.count("ann") == 3
    assert seen.count("ben") > 3


async def test_a_callback_may_cancel_the_run() -> None:
    stream, tasks = paced(), []
    stream.on_token(lambda token: tasks.append(asyncio.ensure_future(stream.cancel())))
    with pytest.raises(asyncio.CancelledError):
        await stream.run("go")
    await asyncio.gather(*tasks)
    assert (await TeamStream(duo()).run("go")).messages


async def test_events_of_a_run_are_heard_in_order() -> None:
    call = Call("transfer", {})
    stream, events = TeamStream(RoundRobinGroupChat([agent("ann", call, Say("Done."))], max_turns=1)), []
    stream.on_event(lambda event: events.append(type(event).__name__))
    await stream.run("go")
    assert events[0] == "RunStarted"
    assert events[-1] == "RunFinished"
    assert events.index("TurnStarted") < events.index("ToolResults")


@pytest.mark.parametrize("thing", [3, None, "print"])
def test_what_is_no_callback_is_refused_in_a_sentence(thing: Any) -> None:
    stream = TeamStream(duo())
    for register in (stream.on_token, stream.on_event, stream.on_question):
        with pytest.raises(TypeError, match="A callback is a function of one argument"):
            register(thing)


async def test_chunks_follow_the_gates_in_run_stream() -> None:
    stream = TeamStream(duo())
    stream.switches["ann"] = False
    yielded = [m async for m in stream.run_stream(task="go") if isinstance(m, ModelClientStreamingChunkEvent)]
    assert {message.source for message in yielded} == {"ben"}
