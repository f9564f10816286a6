"""A cancel, a stop, a failure and a recovery always end, whatever raises on the way: what tools have linked to the
cancellation token, what is called back, and what is closed."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import sys
import time
import types
import warnings
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent, SocietyOfMindAgent
from autogen_agentchat.base import Response, TerminationCondition
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.tools import FunctionTool, StaticWorkbench
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams

from nb_stream import RunState, TeamPanel, TeamStream
from nb_stream.backends.autogen.stopping import RunToken
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from nb_stream.errors import described
from nb_stream.wire.commands import decode
from tests.support.failing_teams import FINE, agent, fine
from tests.support.paths import SUPPORT
from tests.support.wait_until import until

ERRORS = (ValueError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)
"""What others may raise: also what ends a task, or a process."""


@pytest.fixture(autouse=True)
async def silence() -> AsyncIterator[None]:
    """Nothing complains: neither the event loop, nor a coroutine that was never awaited; and no task is left."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: complaints.append(about))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        gc.collect()
        await asyncio.sleep(0)
    assert complaints == []
    assert [str(warning.message) for warning in warned if warning.category is RuntimeWarning] == []


async def check_cancel(stream: TeamStream, cancel: Callable[[], Any] | None = None) -> None:
    """A cancel ends the run under way within a second, and the next run works."""
    began = time.monotonic()
    await asyncio.wait_for(cancel() if cancel else stream.cancel(), 10)
    assert time.monotonic() - began < 1.0
    assert stream.state is RunState.CANCELLED
    await check_next_run(stream)


async def check_next_run(stream: TeamStream) -> None:
    result = await asyncio.wait_for(stream.run("second"), 10)
    assert result.messages[-1].to_text() == FINE
    assert stream.state is RunState.IDLE


# --- a server of tools ---------------------------------------------------------------------------------------------


def mcp() -> McpWorkbench:
    server = SUPPORT / "mcp_server.py"
    return McpWorkbench(StdioServerParams(command=sys.executable, args=[str(server)], read_timeout_seconds=60))


def mcp_team(bench: McpWorkbench, *steps: Any, turns: int = 1, **options: Any) -> Any:
    client = ScriptedClient(list(steps), at_end="repeat")
    user = AssistantAgent("user_of_tools", client, workbench=bench, model_client_stream=True, **options)
    return RoundRobinGroupChat([user, agent("other", fine)][: min(turns, 2)], max_turns=turns)


async def test_a_long_answer_and_a_long_run_follow_a_call_of_an_mcp_tool() -> None:
    call, words = Call("add", {"a": 1, "b": 2}), " ".join(["word"] * 150)
    async with mcp() as bench:
        stream = TeamStream(mcp_team(bench, call, Say(words), reflect_on_tool_use=True))
        result = await stream.run("first")
        assert [m.to_text() for m in result.messages[3:]] == [words]
        assert [cell.tool_calls[0].result for cell in stream.transcript if cell.tool_calls] == ["3"]
        stream = TeamStream(mcp_team(bench, call, Say(FINE), turns=80))
        assert len((await stream.run("first")).messages) == 1 + 80 + 2
        await check_next_run(stream)


@pytest.mark.parametrize("way", ["cancel", "button", "token", "leave"])
async def test_a_cancel_ends_a_call_of_an_mcp_tool_at_once(way: str) -> None:
    async with mcp() as bench:
        await bench.list_tools()
        panel = TeamPanel(mcp_team(bench, Call("wait", {"seconds": 60}), Say(FINE), reflect_on_tool_use=True))
        token = CancellationToken()
        task = asyncio.ensure_future(panel.run("first", cancellation_token=token))
        await until(lambda: panel.transcript and panel.transcript.cells[-1].tool_calls)
        await asyncio.sleep(0.05)  # the call goes out to the server

        async def cancel() -> None:
            if way == "button":
                panel.receive(decode({"type": "cancel"}))
            elif way == "token":
                token.cancel()
            elif way == "leave":
                task.cancel()
            else:
                await panel.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        await check_cancel(panel.stream, cancel)
        panel.close()


async def test_a_cancel_after_a_call_of_an_mcp_tool_ends_the_run() -> None:
    slow = ScriptedClient([Call("add", {"a": 1, "b": 2}), Say(FINE * 9), Say(FINE)], pace=0.01, at_end="repeat")
    async with mcp() as bench:
        user = AssistantAgent("a", slow, workbench=bench, model_client_stream=True, reflect_on_tool_use=True)
        stream = TeamStream(RoundRobinGroupChat([user], max_turns=1))
        stream.start("first")
        await until(lambda: stream.transcript and FINE[:9] in stream.transcript.cells[-1].text)
        slow.pace = 0.0
        await check_cancel(stream)


# --- what is linked to the token -----------------------------------------------------------------------------------


async def sleeps() -> None:
    await asyncio.sleep(60)


async def agenerator() -> AsyncIterator[int]:
    yield 1


class Awaitable:
    def __await__(self) -> Any:
        return sleeps().__await__()


class Raising:
    """Raises from whatever is asked of it."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def cancel(self) -> None:
        raise self._error("no")

    done = cancel


class Nonsense:
    def done(self) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("neither")

    async def cancel(self) -> None:
        pass


class Masked:
    """Says nothing about itself, not even its class."""

    def __getattribute__(self, name: str) -> Any:
        raise LookupError(name)


class RaisingFuture(asyncio.Future[Any]):
    def done(self) -> bool:
        raise ValueError("no")

    def cancel(self, msg: Any = None) -> bool:
        raise KeyboardInterrupt

    get_loop = done  # type: ignore[assignment]


LINKED: dict[str, Callable[[], Any]] = {
    "a coroutine": sleeps,
    "an awaitable": Awaitable,
    "a generator": lambda: (x for x in ()),
    "a coroutine of a generator": types.coroutine(lambda: (yield from sleeps().__await__())),
    "an asynchronous generator": agenerator,
    "a future of a thread": concurrent.futures.Future,
    "a future that raises": RaisingFuture,
    "nonsense": Nonsense,
    "something masked": Masked,
    "nothing": lambda: None,
    "an object": object,
    **{f"what raises {error.__name__}": (lambda error=error: Raising(error)) for error in ERRORS},
}


@pytest.mark.parametrize("what", LINKED)
async def test_whatever_is_linked_a_cancel_ends_the_run(what: str) -> None:
    linked = asyncio.Event()

    async def link(cancellation_token: CancellationToken) -> str:
        """Link much."""
        for _ in range(150):
            cancellation_token.link_future(LINKED[what]())
        linked.set()
        last = cancellation_token.link_future(LINKED[what]())
        await (last if what in ("a coroutine", "an awaitable") else asyncio.sleep(60))
        return "too late"

    steps = [Call("link", {}), Say(FINE)]
    user = AssistantAgent("a", ScriptedClient(steps), tools=[FunctionTool(link, "Link.")], reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([user], max_turns=1))
    stream.start("first")
    await linked.wait()
    await asyncio.sleep(0)
    await check_cancel(stream)


@pytest.mark.parametrize("what", LINKED)
async def test_whatever_is_linked_after_a_cancel_ends_at_once(what: str) -> None:
    token = RunToken()
    token.cancel()
    linked = LINKED[what]()
    if what in ("a future of a thread", "a future that raises"):
        assert token.link_future(linked) is linked
    else:
        with pytest.raises(asyncio.CancelledError):
            token.link_future(linked)


async def test_a_token_forgets_what_is_over() -> None:
    token, loop = RunToken(), asyncio.get_running_loop()

    async def brief() -> None:
        await asyncio.sleep(0)

    class Thing:
        def __await__(self) -> Any:
            return brief().__await__()

    kept: list[weakref.ref[Any]] = []
    for make in (brief, Thing, loop.create_future):
        for _ in range(300):

            async def link(make: Any = make) -> None:
                linked: Any = token.link_future(make())
                if isinstance(linked, asyncio.Future):
                    linked.set_result(None)
                kept.append(weakref.ref(linked))
                await linked

            await asyncio.ensure_future(link())
    gc.collect()
    assert sum(ref() is not None for ref in kept) < 150


# --- what is called back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS)
async def test_a_callback_of_the_token_that_raises_holds_up_nothing(error: type[BaseException]) -> None:
    waiting = asyncio.get_running_loop().create_future()
    called = []

    def complain() -> None:
        called.append(stream.state)
        raise error("no")

    async def wait(cancellation_token: CancellationToken) -> str:
        """Wait."""
        cancellation_token.add_callback(complain)
        cancellation_token.add_callback(lambda: called.append(cancellation_token.is_cancelled()))
        cancellation_token.add_callback(lambda: asyncio.ensure_future(stream.cancel()))  # once more, from inside
        waiting.set_result(None)
        await cancellation_token.link_future(asyncio.get_running_loop().create_future())
        return "too late"

    steps = [Call("wait", {}), Say(FINE)]
    user = AssistantAgent("a", ScriptedClient(steps), tools=[FunctionTool(wait, "Wait.")], reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([user], max_turns=1))
    stream.start("first")
    await waiting
    await check_cancel(stream)
    assert called == [RunState.RUNNING, True]


class Refusing(CancellationToken):
    def add_callback(self, callback: Any) -> None:
        raise PermissionError("not here")


@pytest.mark.parametrize("token", [Refusing, object])
async def test_a_token_of_the_users_that_raises_fails_its_run_and_no_other(token: Any) -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("a", fine)], max_turns=1))
    with pytest.raises((PermissionError, AttributeError)):
        await asyncio.wait_for(stream.run("first", cancellation_token=token()), 10)
    assert stream.state is RunState.FAILED
    await check_next_run(stream)


async def test_a_token_of_the_users_keeps_neither_team_nor_stream_in_memory() -> None:
    token = CancellationToken()
    stream = TeamStream(RoundRobinGroupChat([agent("a", fine)], max_turns=1))
    await stream.run("first", cancellation_token=token)
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    await asyncio.sleep(0)
    assert gone() is None
    token.cancel()


# --- what is closed ------------------------------------------------------------------------------------------------


class Stubborn:
    """Round a stream, or in the place of one: raises when it is closed."""

    def __init__(self, inner: Any, error: type[BaseException]) -> None:
        self._inner, self._error = inner, error

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        return await self._inner.__anext__()

    async def aclose(self) -> None:
        await self._inner.aclose()
        raise self._error("no")


class StubbornClient(ScriptedClient):
    error: type[BaseException]

    def create_stream(self, *args: Any, **options: Any) -> Any:
        return Stubborn(super().create_stream(*args, **options), self.error)


class StubbornAgent(BaseChatAgent):
    produced_message_types = (TextMessage,)

    def __init__(self, error: type[BaseException], pace: float) -> None:
        super().__init__("stubborn", "Cannot be closed.")
        self.error, self.pace = error, pace

    def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        async def say() -> AsyncIterator[Any]:
            for _ in range(9):
                await asyncio.sleep(self.pace)
                yield TextMessage(content="word", source=self.name)
            yield Response(chat_message=TextMessage(content=FINE, source=self.name))

        return Stubborn(say(), self.error)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        raise NotImplementedError

    async def on_reset(self, cancellation_token: Any) -> None:
        raise self.error("no")

    async def save_state(self) -> Any:
        raise self.error("no")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("who", ["client", "agent"])
async def test_a_stream_that_cannot_be_closed_holds_up_nothing(who: str, error: type[BaseException]) -> None:
    client = StubbornClient([Say(FINE * 9), Say(FINE)], pace=0.01, at_end="repeat")
    client.error = error
    stubborn = StubbornAgent(error, 0.02)
    member = stubborn if who == "agent" else AssistantAgent("stubborn", client, model_client_stream=True)
    stream = TeamStream(RoundRobinGroupChat([member], max_turns=1))
    stream.start("first")
    await until(lambda: stream.transcript.of("stubborn"))
    client.pace = stubborn.pace = 0.0
    await check_cancel(stream)


# --- what is at work when it is cancelled --------------------------------------------------------------------------


class Bench(StaticWorkbench):
    """A workbench of the user's own: answers a cancel with an error of its own."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__([])
        self.error, self.began = error, asyncio.Event()

    async def list_tools(self) -> Any:
        return [{"name": "wait", "description": "Wait.", "parameters": {"type": "object", "properties": {}}}]

    async def call_tool(self, *args: Any, **options: Any) -> Any:
        self.began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise self.error("no") from None


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_a_workbench_that_answers_a_cancel_with_an_error_holds_up_nothing(error: type[BaseException]) -> None:
    bench = Bench(error)
    client = ScriptedClient([Call("wait", {}), Say(FINE)])
    user = AssistantAgent("a", client, workbench=bench, reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([user], max_turns=1))
    stream.start("first")
    await bench.began.wait()
    await check_cancel(stream)


# --- what recovers -------------------------------------------------------------------------------------------------


class Locked(TerminationCondition):
    """Cannot begin anew, the first time."""

    def __init__(self, error: type[BaseException]) -> None:
        self._errors = [error]

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> None:
        pass

    async def reset(self) -> None:
        if self._errors:
            raise self._errors.pop()("no")


FAULTS = (ValueError, asyncio.CancelledError)


def failing(**options: Any) -> ScriptedClient:
    return ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat", **options)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("end", ["failure", "cancel"])
async def test_a_condition_that_cannot_begin_anew_holds_up_no_recovery(error: type[BaseException], end: str) -> None:
    client = failing() if end == "failure" else ScriptedClient([Say(FINE * 9), Say(FINE)], pace=0.01, at_end="repeat")
    inner = RoundRobinGroupChat(
        [AssistantAgent("a", client, model_client_stream=True)], termination_condition=Locked(error), max_turns=1
    )
    stream = TeamStream(RoundRobinGroupChat([inner], termination_condition=Locked(error), max_turns=1))
    run = stream.start("first")
    if end == "cancel":
        await until(lambda: stream.transcript.of("a"))
        client.pace = 0.0
        await asyncio.wait_for(stream.cancel(), 10)
    else:
        with pytest.raises(RuntimeError, match="gone"):
            await asyncio.wait_for(run, 10)
    assert any("could not be made ready" in cell.text for cell in stream.transcript)
    await check_next_run(stream)


@pytest.mark.parametrize("error", FAULTS)
async def test_an_agent_that_cannot_be_reset_holds_up_no_recovery(error: type[BaseException]) -> None:
    """It works in a SocietyOfMindAgent, whose team is reset at the end of a turn: also of one that was cut off."""
    stubborn = StubbornAgent(error, 60)
    mind = SocietyOfMindAgent("mind", RoundRobinGroupChat([stubborn], max_turns=1), fine())
    stream = TeamStream(RoundRobinGroupChat([mind, agent("other", fine)], max_turns=2))
    stream.start("first")
    await until(lambda: stream.transcript and stream.statuses.get("mind/stubborn"))
    began = time.monotonic()
    await asyncio.wait_for(stream.cancel(), 10)
    assert time.monotonic() - began < 1.0
    assert stream.state is RunState.CANCELLED
    await until(lambda: any("could not be made ready" in cell.text for cell in stream.transcript))


@pytest.mark.parametrize("error", ERRORS)
async def test_a_factory_builds_anew_what_cannot_say_what_it_knows(error: type[BaseException]) -> None:
    def build() -> Any:
        members = [agent("a", lambda _: client), StubbornAgent(error, 0)]
        return RoundRobinGroupChat(members, termination_condition=locked, max_turns=2)

    locked = Locked(error)
    client = failing()
    stream = TeamStream(build)
    with pytest.raises(RuntimeError, match="gone"):
        await asyncio.wait_for(stream.run("first"), 10)
    assert any("could not be carried over" in cell.text for cell in stream.transcript)
    await check_next_run(stream)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


async def test_an_error_that_cannot_be_told_ends_its_run() -> None:
    client = ScriptedClient([Fail(Unspeakable(), 2), Fail(RuntimeError("\nTraceback:\n")), Say(FINE)], at_end="repeat")
    stream = TeamStream(AssistantAgent("a", client, model_client_stream=True))
    with pytest.raises(ValueError, match="no words"):  # AutoGen asks for its text, too
        await asyncio.wait_for(stream.run("first"), 10)
    assert stream.state is RunState.FAILED
    assert described(Unspeakable())[0] == "Unspeakable"
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(stream.run("again"), 10)
    assert stream.state is RunState.FAILED
    await check_next_run(stream)
