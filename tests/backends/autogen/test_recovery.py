"""After a failure, a cancel or a stop, whatever the team and wherever it happened: the next run works, the history is
kept, and nothing of the old run comes back."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from autogen_agentchat.agents import (
    ApprovalResponse,
    AssistantAgent,
    BaseChatAgent,
    CodeExecutorAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from autogen_agentchat.base import Response, TerminationCondition
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, SelectorEvent, StopMessage, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import TeamTool
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import AssistantMessage, FunctionExecutionResultMessage
from autogen_core.tools import FunctionTool, StaticWorkbench
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.models.openai import OpenAIChatCompletionClient
from pydantic import BaseModel

from nb_stream import CellKind, CellStatus, RunState, TeamStream
from nb_stream.backends.autogen import private_runtime
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from tests.support.failing_teams import (
    FINE,
    SHAPES,
    Deaf,
    agent,
    agents_of,
    context,
    fine,
    on_own_runtime,
    only,
    remembered,
)
from tests.support.openai_server import HttpError, OpenAIServer, Reply
from tests.support.wait_until import until

pytestmark = pytest.mark.filterwarnings(
    "ignore:No approval function set", "ignore:Using LocalCommandLine", "ignore:Resolved model mismatch"
)


@pytest.fixture(autouse=True)
async def silence(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No run leaves tasks, complaints of the event loop, or AutoGen's tracebacks behind."""
    loop = asyncio.get_running_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, about: complaints.append(about))
    caplog.set_level(logging.WARNING)
    yield
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    noise = [record for record in caplog.records if record.name.startswith(("asyncio", "autogen_core"))]
    assert noise == []


def said_by(stream: TeamStream, name: str) -> str:
    return "".join(cell.text for cell in stream.transcript.of(name))


async def timed(work: Any) -> float:
    """How many seconds it takes."""
    began = time.monotonic()
    await work
    return time.monotonic() - began


async def check_history(team: Any) -> None:
    """Nobody was told anything twice, no call is without a result, and `first` is known to whoever was told of it."""
    for name, member in agents_of(team).items():
        texts = await remembered(member)
        assert texts.count("first") <= 1, name
        assert texts.count("second") <= 1, name
        calls: list[str] = []
        for message in await context(member):
            if isinstance(message, AssistantMessage) and isinstance(message.content, list):
                assert calls == []
                calls = [call.id for call in message.content]
            elif isinstance(message, FunctionExecutionResultMessage):
                assert sorted(result.call_id for result in message.content) == sorted(calls)
                calls = []
        assert calls == [], f"{name} has a call without a result"


async def check_next_run(stream: TeamStream, team: Any, *, seconds: float = 10.0) -> None:
    """The next run does what a run of the team does."""
    result = await asyncio.wait_for(stream.run("second"), seconds)
    assert len(result.messages) > 1
    assert stream.state is RunState.IDLE
    assert not any(isinstance(message, ModelClientStreamingChunkEvent) for message in result.messages)
    run = [cell for cell in stream.transcript if cell.run == stream.current.id]
    assert {cell.status for cell in run} == {CellStatus.DONE}
    await check_history(team)


# --- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "stream_on"), [(0, True), (3, True), (0, False)], ids=["first", "middle", "whole"])
@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"tooled"}))
async def test_the_next_run_works_after_an_agent_failed(shape: str, after: int, stream_on: bool) -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), after), Say(FINE)], at_end="repeat")
    team = SHAPES[shape](only("bad", client), stream_on)
    stream = TeamStream(team)
    with pytest.raises((RuntimeError, ConnectionError), match="gone"):
        await asyncio.wait_for(stream.run("first"), 30)
    assert stream.state is RunState.FAILED
    last = stream.transcript.cells[-1]
    assert (last.kind, last.status) == (CellKind.ERROR, CellStatus.FAILED)
    if after:
        said = [cell.status for cell in stream.transcript.of("bad") if cell.kind is not CellKind.ERROR]
        assert said == [CellStatus.FAILED]
    bad = agents_of(team)["bad"]
    if shape not in ("society", "filtered", "magentic"):  # they pass on less
        assert (await remembered(bad)).count("first") == (shape != "nested" or 1)
    await check_next_run(stream, team)
    assert said_by(stream, "bad").endswith(FINE)


async def test_a_society_hears_the_prompt_of_its_failed_run_once() -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 3), Say(FINE)], at_end="repeat")
    team = SHAPES["society"](only("bad", client))
    stream = TeamStream(team)
    with pytest.raises(RuntimeError, match="gone"):
        await stream.run("first")
    await stream.run("second")
    texts = [str(m.content) for m in await team._participants[1].model_context.get_messages()]
    assert [texts.count(prompt) for prompt in ("first", "second")] == [1, 1]


async def test_an_agent_that_fails_as_a_tool_fails_its_call_and_can_be_called_again() -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 3), Say(FINE)], at_end="repeat")
    team = SHAPES["tooled"](only("bad", client))
    stream = TeamStream(team)
    await stream.run("first")
    call = next(cell for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL).tool_calls[0]
    assert call.is_error
    assert "gone" in (call.result or "")
    await check_next_run(stream, team)


@pytest.mark.parametrize("again", ["in the same run", "in the next run"])
async def test_a_team_that_fails_as_a_tool_can_be_called_again(again: str) -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat")
    inner = RoundRobinGroupChat([agent("bad", only("bad", client))], max_turns=1, name="helpers")
    call = Call("helpers", {"task": "help"})
    steps = [call, call, Say(FINE)] if again == "in the same run" else [call, Say(FINE)]
    boss = AssistantAgent(
        "boss",
        ScriptedClient(steps),
        tools=[TeamTool(inner, "helpers", "They help.")],
        max_tool_iterations=3,
        model_client_stream=True,
    )
    team = RoundRobinGroupChat([boss], max_turns=1)
    stream = TeamStream(team)
    await asyncio.wait_for(stream.run("first"), 30)
    if again == "in the next run":
        await asyncio.wait_for(stream.run("second"), 30)
    calls = [cell.tool_calls[0] for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL]
    assert [call.is_error for call in calls[:2]] == [True, False]
    assert FINE in (calls[1].result or "")
    assert (await remembered(agents_of(inner)["bad"])).count("help") == 2


async def test_the_selector_of_a_team_that_failed_as_a_tool_is_the_same_in_its_next_call() -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat")
    members = [agent(name, only("bad", client)) for name in ("bad", "good")]
    chooser = ScriptedClient([Say("bad")], at_end="repeat")
    inner = SelectorGroupChat(
        members, chooser, max_turns=1, name="helpers", emit_team_events=True, model_client_streaming=True
    )
    call = Call("helpers", {"task": "help"})
    tool = TeamTool(inner, "helpers", "They help.")
    boss = AssistantAgent("boss", ScriptedClient([call, call, Say(FINE)]), tools=[tool], max_tool_iterations=3)
    stream = TeamStream(RoundRobinGroupChat([boss], max_turns=1, custom_message_types=[SelectorEvent]))
    await asyncio.wait_for(stream.run("go"), 30)
    choices = {cell.path for cell in stream.transcript if cell.kind is CellKind.SELECTION}
    assert choices == {"boss/helpers/SelectorGroupChatManager"}


class Choosing(ScriptedClient):
    """A selector's model, which always chooses the same; keeps what it was shown last."""

    shown = ""

    async def create(self, messages: Any, **options: Any) -> Any:
        self.shown = "".join(str(message.content) for message in messages)
        return await super().create(messages, **options)


@pytest.mark.parametrize("trouble", ["none", "a failure", "a cancel", "another loop"])
def test_a_selector_goes_on_knowing_the_conversation_after(trouble: str) -> None:
    second = {"a failure": Fail(ConnectionError("gone"), 2), "a cancel": Say("word " * 200)}.get(
        trouble, Say("Second.")
    )
    chooser = Choosing([Say("bad")], at_end="repeat")
    client = ScriptedClient([Say("Answered first."), second, Say("Third.")], pace=0.005)
    members = [agent(name, only("bad", client)) for name in ("bad", "good")]
    stream = TeamStream(SelectorGroupChat(members, chooser, max_turns=1, allow_repeated_speaker=True))

    async def runs(*tasks: str) -> None:
        for task in tasks:
            run = stream.start(task)
            if trouble == "a cancel" and task == "Task two":
                await until(lambda: "word word" in stream.transcript.cells[-1].text)
                await stream.cancel()
            elif trouble == "a failure" and task == "Task two":
                with pytest.raises(RuntimeError, match="gone"):
                    await run
            else:
                await run

    if trouble == "another loop":
        asyncio.run(runs("Task one", "Task two"))
        asyncio.run(runs("Task three"))
    else:
        asyncio.run(runs("Task one", "Task two", "Task three"))
    for said in ("Task one", "Answered first.", "Task two", "Task three"):
        assert chooser.shown.count(said) == 1


class Forgetful(TerminationCondition):
    """A condition of the user's own that cannot begin anew."""

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> StopMessage | None:
        return None

    async def reset(self) -> None:
        raise OSError("no database")


async def test_a_condition_that_cannot_be_reset_costs_no_history(caplog: pytest.LogCaptureFixture) -> None:
    clients = {"bad": ScriptedClient([Fail(ConnectionError("gone"), 2)]), "last": fine()}
    members = [agent(name, clients.__getitem__) for name in clients]
    stream = TeamStream(RoundRobinGroupChat(members, termination_condition=Forgetful()))
    with pytest.raises(RuntimeError, match="gone"):
        await stream.run("first")
    manager = await private_runtime.manager(stream._backend.root)
    assert [message.to_text() for message in private_runtime.thread(manager)] == ["first"]
    assert any("no database" in cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE)
    caplog.clear()


class Shelf(ChatCompletionContext):
    """A context of the user's own, which keeps its messages where it likes."""

    component_config_schema = BaseModel

    def __init__(self) -> None:
        self.rows: list[Any] = []

    async def add_message(self, message: Any) -> None:
        self.rows.append(message)

    async def get_messages(self) -> list[Any]:
        return list(self.rows)

    async def clear(self) -> None:
        self.rows.clear()


async def test_a_context_of_the_users_own_is_left_to_itself() -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)])
    stream = TeamStream(AssistantAgent("bad", client, model_context=Shelf(), model_client_stream=True))
    with pytest.raises(ConnectionError, match="gone"):
        await stream.run("first")
    await stream.run("again")
    assert CellKind.NOTICE not in {cell.kind for cell in stream.transcript}


async def test_a_society_that_is_cancelled_while_its_team_is_reset_knows_its_task_once() -> None:
    class Slow(BaseChatAgent):
        produced_message_types = (TextMessage,)

        async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
            return Response(chat_message=TextMessage(content="A word.", source=self.name))

        async def on_reset(self, cancellation_token: Any) -> None:
            resetting.set()
            await asyncio.sleep(1.0)

    resetting = asyncio.Event()
    mind = SocietyOfMindAgent("mind", RoundRobinGroupChat([Slow("slow", "Takes its time.")], max_turns=1), fine())
    stream = TeamStream(RoundRobinGroupChat([mind], max_turns=1))
    stream.start("first")
    await resetting.wait()
    await stream.cancel()
    said = [message.content for message in await mind.model_context.get_messages()]
    assert said.count("first") == 1


class Switch:
    """Something that goes wrong until it is mended."""

    def __init__(self) -> None:
        self.broken = True

    def check(self) -> None:
        if self.broken:
            raise ValueError("boom")


class Breaking(TerminationCondition):
    """A condition that fails at the first message of `source`."""

    def __init__(self, switch: Switch, source: str) -> None:
        self._switch, self._source = switch, source

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> StopMessage | None:
        if messages[-1].source == self._source:
            self._switch.check()
        return None

    async def reset(self) -> None:
        pass


class OwnAgent(BaseChatAgent):
    """An agent of the user's own, which fails while the switch is broken; it may note down what it is given before."""

    def __init__(self, switch: Switch, notes: bool) -> None:
        super().__init__("own", "An agent of one's own.")
        self._switch, self._notes = switch, notes
        self.history: list[Any] = []
        self.given: list[list[str]] = []

    @property
    def produced_message_types(self) -> Any:
        return (TextMessage,)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        if self._notes:
            self.history += messages
        self._switch.check()
        self.given.append([message.to_text() for message in messages])
        return Response(chat_message=TextMessage(content="Heard.", source=self.name))

    async def on_reset(self, cancellation_token: Any) -> None:
        pass


def pair(**options: Any) -> list[AssistantAgent]:
    return [agent("good", fine, **options), agent("bad", fine, **options)]


def selecting(switch: Switch, at: int) -> Any:
    async def choose(thread: Any) -> str:
        if len(thread) == at:
            switch.check()
        return "good" if len(thread) % 2 else "bad"

    return SelectorGroupChat(pair(), fine(), selector_func=choose, max_turns=2)


def choosing(failing: int) -> Any:
    steps: list[Any] = [Say("good"), Say("bad")] * 2
    steps.insert(failing, Fail(ConnectionError("boom")))
    return SelectorGroupChat(pair(), ScriptedClient(steps), max_turns=2, allow_repeated_speaker=True)


def ending(switch: Switch, source: str) -> Any:
    condition = Breaking(switch, source) | MaxMessageTermination(4)
    return RoundRobinGroupChat(pair(), termination_condition=condition)


def asking(switch: Switch) -> Any:
    def ask(prompt: str) -> str:
        switch.check()
        return "Yes."

    return RoundRobinGroupChat([UserProxyAgent("human", input_func=ask), agent("good", fine)], max_turns=2)


def running_code(switch: Switch) -> Any:
    async def approve(request: Any) -> ApprovalResponse:
        switch.check()
        return ApprovalResponse(approved=False, reason="Not today.")

    client = ScriptedClient([Say("```python\nprint(1)\n```"), Say("Well.")])
    runner = CodeExecutorAgent("bad", LocalCommandLineCodeExecutor(), model_client=client, approval_func=approve)
    return RoundRobinGroupChat([runner], max_turns=1)


PLACES: dict[str, Callable[[Switch], Any]] = {
    "the first selector_func": lambda switch: selecting(switch, 1),
    "a later selector_func": lambda switch: selecting(switch, 2),
    "the first choice of the selector": lambda switch: choosing(0),
    "a later choice of the selector": lambda switch: choosing(1),
    "the condition for the task": lambda switch: ending(switch, "user"),
    "the condition for a turn": lambda switch: ending(switch, "good"),
    "the user's own input function": asking,
    "the user's own approval function": running_code,
    "an agent of the user's own": lambda switch: RoundRobinGroupChat(
        [agent("good", fine), OwnAgent(switch, notes=True)], max_turns=2
    ),
}


@pytest.mark.parametrize("place", PLACES)
async def test_the_next_run_works_after_a_failure_in(place: str) -> None:
    switch = Switch()
    team = PLACES[place](switch)
    stream = TeamStream(team)
    with pytest.raises((RuntimeError, ValueError, ConnectionError), match="boom"):
        await asyncio.wait_for(stream.run("first"), 30)
    switch.broken = False
    await check_next_run(stream, team)


@pytest.mark.parametrize("notes", [True, False], ids=["notes first", "fails first"])
async def test_an_agent_of_ones_own_is_told_of_the_failed_prompt_exactly_once(notes: bool) -> None:
    switch = Switch()
    own = OwnAgent(switch, notes)
    stream = TeamStream(RoundRobinGroupChat([own], max_turns=1))
    with pytest.raises(RuntimeError, match="boom"):
        await stream.run("first")
    switch.broken = False
    await stream.run("second")
    told = [message.to_text() for message in own.history] if notes else own.given[0]
    assert told == ["first", "second"]


async def test_code_that_was_given_before_a_failure_is_not_run_in_the_next_run() -> None:
    ran = []

    class Executor(LocalCommandLineCodeExecutor):
        async def execute_code_blocks(self, code_blocks: Any, cancellation_token: Any) -> Any:
            ran.append([block.code.strip() for block in code_blocks])
            if len(ran) == 1:
                raise OSError("no disk")
            return await super().execute_code_blocks(code_blocks, cancellation_token)

    stream = TeamStream(RoundRobinGroupChat([CodeExecutorAgent("runner", Executor())], max_turns=1))
    with pytest.raises(RuntimeError, match="no disk"):
        await stream.run("```python\nprint(1)\n```")
    await stream.run("```python\nprint(2)\n```")
    assert ran == [["print(1)"], ["print(2)"]]


class Brittle(StaticWorkbench):
    """A workbench that raises, which AutoGen's own never do."""

    error: BaseException = ValueError("boom")

    async def call_tool(self, *args: Any, **options: Any) -> Any:
        raise self.error


def look(what: str) -> str:
    """Look."""
    return what


@pytest.mark.parametrize("error", [ValueError("boom"), asyncio.CancelledError()], ids=["ValueError", "CancelledError"])
async def test_a_tool_call_that_dies_has_an_error_for_a_result(error: BaseException) -> None:
    bench = Brittle([FunctionTool(look, "Look.")])
    bench.error = error
    client = ScriptedClient([Call("look", {"what": "up"}), Say(FINE)])
    one = AssistantAgent("bad", client, workbench=bench, reflect_on_tool_use=True, model_client_stream=True)
    team = RoundRobinGroupChat([one], max_turns=1)
    stream = TeamStream(team)
    result = await asyncio.wait_for(stream.run("first"), 30)
    assert result.messages[-1].to_text() == FINE
    call = next(cell for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL)
    assert call.tool_calls[0].is_error
    assert one._workbench == [bench]


async def test_an_agent_that_raises_cancelled_error_fails_its_run() -> None:
    class Cancelling(ScriptedClient):
        async def create_stream(self, *args: Any, **options: Any) -> Any:
            yield "Well, "
            raise asyncio.CancelledError

    team = RoundRobinGroupChat([agent("bad", lambda _: Cancelling([Say(FINE)]))], max_turns=1)
    stream = TeamStream(team)
    with pytest.raises(RuntimeError, match="CancelledError"):
        await asyncio.wait_for(stream.run("first"), 30)
    assert said_by(stream, "bad") == "Well, "


def branches(*others: Any) -> Any:
    """A graph in which `bad` fails beside `others`."""
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat")
    first, last, bad = agent("good", fine), agent("last", fine), agent("bad", only("bad", client))
    builder = DiGraphBuilder().add_node(first).add_node(last)
    for member in (bad, *others):
        builder.add_node(member).add_edge(first, member).add_edge(member, last)
    return GraphFlow([first, bad, *others, last], builder.build())


@pytest.mark.parametrize("other", ["writes on", "hears nothing", "waits for a person"])
async def test_a_failure_ends_the_run_at_once_while_another_branch(other: str) -> None:
    deaf = Deaf(2.0, cancels=99)
    beside = {
        "writes on": lambda: agent("left", lambda _: ScriptedClient([Say(FINE * 9), Say(FINE)], pace=0.05)),
        "hears nothing": lambda: agent("left", lambda _: deaf),
        "waits for a person": lambda: UserProxyAgent("human"),
    }[other]()
    team = branches(beside)
    stream = TeamStream(team)
    stream.on_question(lambda question: None if stream.current.id == "r1" else "Yes.")
    with pytest.raises(RuntimeError, match="gone"):
        await asyncio.wait_for(stream.run("first"), 1)
    if other == "writes on":
        beside._model_client.pace = 0.0
    await check_next_run(stream, team)
    assert [m.source for m in await context(agents_of(team)["last"]) if m.type == "AssistantMessage"] == ["last"]


@pytest.mark.parametrize("ignore", [True, False], ids=["ignoring errors", "ending on errors"])
@pytest.mark.parametrize("trouble", ["fails", "is cancelled", "is deaf"])
@pytest.mark.parametrize("shape", ["round robin", "selector", "nested"])
async def test_the_next_run_works_on_a_runtime_of_the_users(shape: str, trouble: str, ignore: bool) -> None:
    client: ScriptedClient = {
        "fails": ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat"),
        "is cancelled": ScriptedClient([Say(FINE)], pace=0.01),
        "is deaf": Deaf(0.6, cancels=99),
    }[trouble]
    clients = only("bad", client)
    async with on_own_runtime(ignore_unhandled_exceptions=ignore) as runtime:
        members: list[Any] = [agent(name, clients) for name in ("good", "bad")]
        if shape == "nested":
            members[1] = RoundRobinGroupChat([members[1]], max_turns=1, name="inner")
        if shape == "selector":
            chooser = ScriptedClient([Say("good"), Say("bad")])
            team: Any = SelectorGroupChat(members, chooser, max_turns=2, runtime=runtime)
        else:
            team = RoundRobinGroupChat(members, max_turns=2, runtime=runtime)
        neighbour = RoundRobinGroupChat([agent("other", fine)], max_turns=1, runtime=runtime)
        stream = TeamStream(team)
        run = stream.start("first")
        if trouble == "fails":
            with pytest.raises(RuntimeError, match="gone"):
                await asyncio.wait_for(run._wait(), 30)
        else:
            await until(lambda: stream.transcript.of("bad"))
            await stream.cancel()
        await check_next_run(stream, team)
        if isinstance(client, Deaf):
            await client.ended.wait()
            await asyncio.sleep(0.02)
            assert "late answer" not in await remembered(agents_of(team)["bad"])
        assert len((await asyncio.wait_for(neighbour.run(task="x"), 30)).messages) == 2
        assert len(runtime._agent_factories) == 3 + 2  # two teams, and nothing of the old one


async def test_a_team_that_failed_before_it_was_given_to_a_stream_works_in_it() -> None:
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat")
    team = SHAPES["round_robin"](only("bad", client))
    with pytest.raises(RuntimeError, match="gone"):
        await team.run(task="before")
    result = await asyncio.wait_for(TeamStream(team).run("first"), 30)
    assert len(result.messages) == 4


# --- the model's server --------------------------------------------------------------------------------------------

ANSWER = "This answer has quite a few words in it, so that it comes in several pieces."


async def ask_twice(reply: Any, *, stream_on: bool = True, timeout: float = 20.0, **options: Any) -> tuple[Any, Any]:
    """Run a team against a server that says `reply`, and once more, when it says ANSWER: the stream and what the first
    run raised."""
    with OpenAIServer([reply, Reply(ANSWER)]) as server:
        client = OpenAIChatCompletionClient(
            model="gpt-4o-mini", base_url=server.url, api_key="test", max_retries=0, timeout=timeout, **options
        )
        team = RoundRobinGroupChat([AssistantAgent("writer", client, model_client_stream=stream_on)], max_turns=1)
        stream, error = TeamStream(team), None
        try:
            await asyncio.wait_for(stream.run("first"), 30)
        except RuntimeError as caught:
            error = caught
        server.release()
        second = await asyncio.wait_for(stream.run("second"), 30)
        assert second.messages[-1].to_text() == ANSWER
        await check_history(team)
        assert (await remembered(agents_of(team)["writer"]))[0] == "first"
        await client.close()
    return stream, error


@pytest.mark.parametrize("stream_on", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", "APIConnectionError"),
        ("reset", "APIConnectionError"),
        ("malformed", "JSONDecodeError"),
        ("error", "APIError|TypeError"),
        ("stall", "APITimeoutError"),
    ],
)
async def test_the_next_run_works_after_a_fault_of_the_connection(fault: Any, error: str, stream_on: bool) -> None:
    timeout = 1.0 if fault == "stall" else 20.0
    reply = Reply(ANSWER, fault=fault, fault_after=3)
    stream, raised = await ask_twice(reply, stream_on=stream_on, timeout=timeout)
    with pytest.raises(RuntimeError, match=error):
        raise raised
    first = [cell for cell in stream.transcript.of("writer") if cell.run == "r1" and cell.kind is not CellKind.ERROR]
    assert [(cell.status, cell.text) for cell in first] == [(CellStatus.FAILED, ANSWER[:24])] * stream_on


@pytest.mark.parametrize(("status", "error"), [(429, "RateLimitError"), (500, "InternalServerError")])
async def test_the_next_run_works_after_the_server_refused(status: int, error: str) -> None:
    stream, raised = await ask_twice(HttpError(status))
    assert error in str(raised)
    failure = next(cell for cell in stream.transcript if cell.kind is CellKind.ERROR)
    assert "The scripted server refuses this request" in failure.text


def cut_short(stream: TeamStream) -> tuple[list[Any], list[str]]:
    """What the first run's cells say of being cut short, and the notices."""
    first = [cell for cell in stream.transcript if cell.run == "r1"]
    marks = [cell.data.get("cut_short") for cell in first if cell.agent == "writer"]
    return marks, [cell.text for cell in first if cell.kind is CellKind.NOTICE]


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["bare", "with usage"])
async def test_an_answer_without_an_end_says_that_it_was_cut_short(options: dict[str, Any]) -> None:
    stream, _ = await ask_twice(Reply(ANSWER, fault="eof", fault_after=3), **options)
    marks, notices = cut_short(stream)
    assert marks == ["unknown"]
    assert [text for text in notices if "writer may have been cut short" in text] == notices != []


@pytest.mark.parametrize("stream_on", [True, False], ids=["streamed", "whole"])
async def test_an_answer_that_reached_the_limit_says_that_it_was_cut_short(stream_on: bool) -> None:
    stream, _ = await ask_twice(Reply(ANSWER, finish_reason="length"), stream_on=stream_on)
    marks, notices = cut_short(stream)
    assert marks == ["length"]
    assert "limit of tokens" in notices[0]


@pytest.mark.parametrize(
    "reply",
    [Reply(ANSWER), Reply(ANSWER, usage="every"), Reply(ANSWER, reasoning="Hm."), Reply(ANSWER, empty_chunks=3)],
    ids=["plain", "usage in every chunk", "reasoning", "empty chunks"],
)
async def test_a_whole_answer_is_not_called_cut_short(reply: Reply) -> None:
    stream, _ = await ask_twice(reply)
    assert cut_short(stream) == ([None] * (2 if reply.reasoning else 1), [])


# --- cancels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", sorted(SHAPES))
async def test_a_cancel_mid_message_keeps_the_partial_text_and_the_next_run_works(shape: str) -> None:
    client = ScriptedClient([Say(FINE * 4)], pace=0.01)
    team = SHAPES[shape](only("bad", client))
    stream = TeamStream(team)
    run = stream.start("first")
    await until(lambda: len(said_by(stream, "bad")) > 10)
    assert await timed(stream.cancel()) < 1.0
    assert run.cancelled()
    assert stream.state is RunState.CANCELLED
    partial = stream.transcript.of("bad")[-1]
    assert partial.status is CellStatus.CANCELLED
    assert (FINE * 4).startswith(partial.text)
    assert 10 < len(partial.text) < len(FINE * 4)
    client.pace = 0.0
    await check_next_run(stream, team)


@pytest.mark.parametrize("stream_on", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
async def test_a_client_that_ignores_a_cancel_neither_delays_it_nor_comes_back(shape: str, stream_on: bool) -> None:
    client = Deaf(0.5, cancels=99)
    team = SHAPES[shape](only("bad", client), stream_on)
    stream = TeamStream(team)
    stream.start("first")
    await client.began.wait()
    assert await timed(stream.cancel()) < 1.0
    before = {name: await remembered(member) for name, member in agents_of(team).items()}
    cells = stream.transcript.cells
    await client.ended.wait()
    await asyncio.sleep(0.02)
    assert {name: await remembered(member) for name, member in agents_of(team).items()} == before
    assert stream.transcript.cells == cells
    await check_next_run(stream, team)
    assert "late" not in str(stream.transcript.to_dict())


@pytest.mark.parametrize("shape", ["graph", "nested", "round_robin", "single", "tooled"])
async def test_a_client_that_ignores_a_cancel_does_not_disturb_the_next_run_while_it_goes_on(shape: str) -> None:
    client = Deaf(0.7, cancels=99)
    team = SHAPES[shape](only("bad", client))
    stream = TeamStream(team)
    stream.start("first")
    await client.began.wait()
    await stream.cancel()
    clients = [member._model_client for member in agents_of(team).values()]
    for each in clients:
        each.pace = 0.1  # so that the next run is still on when the old call ends
    run = stream.start("second")
    await client.ended.wait()
    assert not run.done()
    for each in clients:
        each.pace = 0.0
    await run
    assert "late" not in str(stream.transcript.to_dict())
    assert "late answer" not in await remembered(agents_of(team)["bad"])
    assert {cell.status for cell in stream.transcript if cell.run == "r2"} == {CellStatus.DONE}
    await check_history(team)
    for member in agents_of(team).values():
        assert "on_messages_stream" not in vars(member)
        assert type(member._model_client) in (ScriptedClient, Deaf)


@pytest.mark.parametrize("shape", sorted(SHAPES))
async def test_a_cancel_before_the_first_token_and_one_at_once(shape: str) -> None:
    client = Deaf(0.5, cancels=0, words=0)
    team = SHAPES[shape](only("bad", client))
    stream = TeamStream(team)
    stream.start("never begun")
    assert await timed(stream.cancel()) < 1.0
    stream.start("first")
    await client.began.wait()
    assert await timed(stream.cancel()) < 1.0
    await check_next_run(stream, team)


class Gate:
    """Something that does not end until it is opened; it hears `deaf` cancels less than there are."""

    def __init__(self, deaf: int = 0) -> None:
        self.began, self.opened = asyncio.Event(), asyncio.Event()
        self._deaf = deaf

    async def wait(self) -> None:
        self.began.set()
        while not self.opened.is_set():
            try:
                await self.opened.wait()
            except asyncio.CancelledError:
                if not self._deaf:
                    raise
                self._deaf -= 1


def tool_team(gate: Gate, threaded: bool = False) -> Any:
    loop = asyncio.get_running_loop()

    async def waits(what: str) -> str:
        """Wait."""
        await gate.wait()
        return what

    def blocks(what: str) -> str:
        """Block a thread."""
        loop.call_soon_threadsafe(gate.began.set)
        while not gate.opened.is_set():
            time.sleep(0.01)
        return what

    tool = blocks if threaded else waits
    client = ScriptedClient([Call(tool.__name__, {"what": "x"}), Say(FINE)])
    user = AssistantAgent("bad", client, tools=[tool], reflect_on_tool_use=True, model_client_stream=True)
    return RoundRobinGroupChat([agent("good", fine), user], max_turns=2)


def slow_selector(gate: Gate) -> Any:
    async def choose(thread: Any) -> str:
        if len(thread) > 1:
            await gate.wait()
        return "good" if len(thread) == 1 else "bad"

    return SelectorGroupChat(pair(), fine(), selector_func=choose, max_turns=2)


class Slow(TerminationCondition):
    """A condition that waits at the gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> StopMessage | None:
        if messages[-1].source == "good":
            await self._gate.wait()
        return None

    async def reset(self) -> None:
        pass


def waiting_for_input(gate: Gate) -> Any:
    async def ask(prompt: str, cancellation_token: Any) -> str:
        await gate.wait()
        return "Yes."

    return RoundRobinGroupChat([UserProxyAgent("human", input_func=ask), agent("good", fine)], max_turns=2)


def waiting_for_approval(gate: Gate) -> Any:
    async def approve(request: Any) -> ApprovalResponse:
        await gate.wait()
        return ApprovalResponse(approved=False, reason="Not today.")

    client = ScriptedClient([Say("```python\nprint(1)\n```"), Say("Well.")])
    runner = CodeExecutorAgent("bad", LocalCommandLineCodeExecutor(), model_client=client, approval_func=approve)
    return RoundRobinGroupChat([runner], max_turns=1)


WAITS: dict[str, Callable[[], tuple[Gate, Any]]] = {
    "a tool": lambda: (gate := Gate(), tool_team(gate)),
    "a tool that ignores it": lambda: (gate := Gate(deaf=99), tool_team(gate)),
    "a tool that blocks its thread": lambda: (gate := Gate(), tool_team(gate, threaded=True)),
    "the selector_func": lambda: (gate := Gate(), slow_selector(gate)),
    "a termination condition that ignores it": lambda: (
        gate := Gate(deaf=99),
        RoundRobinGroupChat(pair(), termination_condition=Slow(gate), max_turns=2),
    ),
    "the user's own input function": lambda: (gate := Gate(), waiting_for_input(gate)),
    "the user's own approval function": lambda: (gate := Gate(), waiting_for_approval(gate)),
}


@pytest.mark.parametrize("place", WAITS)
async def test_a_cancel_returns_within_a_second_and_the_next_run_works_within(place: str) -> None:
    gate, team = WAITS[place]()
    stream = TeamStream(team)
    stream.start("first")
    await gate.began.wait()
    assert await timed(stream.cancel()) < 1.0
    before = {name: await remembered(member) for name, member in agents_of(team).items()}
    gate.opened.set()
    await asyncio.sleep(0.05)
    assert {name: await remembered(member) for name, member in agents_of(team).items()} == before
    await check_next_run(stream, team)


async def test_a_call_that_was_cancelled_has_a_result_that_says_so() -> None:
    gate = Gate()
    team = tool_team(gate)
    stream = TeamStream(team)
    stream.start("first")
    await until(lambda: stream.transcript.of("bad"))
    await gate.began.wait()
    await stream.cancel()
    *_, call, result = await context(agents_of(team)["bad"])
    assert result.content[0].is_error
    assert result.content[0].call_id == call.content[0].id
    assert result.content[0].content == "The run ended before this call had a result."
    cell = next(cell for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL)
    assert cell.status is CellStatus.CANCELLED


async def test_cancels_at_the_same_time_are_one() -> None:
    client = Deaf(0.4, cancels=99)
    stream = TeamStream(SHAPES["round_robin"](only("bad", client)))
    stream.start("first")
    await client.began.wait()
    assert await timed(asyncio.gather(*(stream.cancel() for _ in range(5)))) < 1.0
    assert stream.state is RunState.CANCELLED
    assert [run.status for run in stream.transcript.runs] == [CellStatus.CANCELLED]


async def test_a_cancel_while_the_team_is_mended_waits_for_it() -> None:
    class SlowReset(MaxMessageTermination):
        async def reset(self) -> None:
            await asyncio.sleep(slow)
            await super().reset()

    slow = 0.0
    client = ScriptedClient([Fail(ConnectionError("gone"), 2), Say(FINE)], at_end="repeat")
    members = [agent("good", fine), agent("bad", only("bad", client))]
    team = RoundRobinGroupChat(members, termination_condition=SlowReset(3))
    stream = TeamStream(team)
    slow = 0.6
    run = stream.start("first")
    await until(lambda: stream.transcript.of("bad"))
    await asyncio.sleep(0.05)  # it has failed, and is being mended
    assert await timed(stream.cancel()) < 1.0
    assert run.done()
    slow = 0.0
    await check_next_run(stream, team)


async def test_a_cancel_of_a_run_that_waits_for_the_mending_ends_it() -> None:
    class Stuck(MaxMessageTermination):
        async def reset(self) -> None:
            if stuck:
                await gate.wait()
            await super().reset()

    stuck, gate = False, Gate()
    client = ScriptedClient([Say(FINE)], pace=0.005)
    team = RoundRobinGroupChat([agent("bad", lambda _: client)], termination_condition=Stuck(2))
    stream = TeamStream(team)
    stream.start("first")
    await until(lambda: stream.transcript.of("bad"))
    stuck = True
    assert await timed(stream.cancel()) < 1.0
    stream.start("while it is mended")
    assert await timed(stream.cancel()) < 1.0
    gate.opened.set()
    client.pace = 0.0
    await check_next_run(stream, team)


async def test_a_cancelled_token_of_an_old_run_leaves_later_runs_alone() -> None:
    from autogen_core import CancellationToken

    token = CancellationToken()
    client = ScriptedClient([Say(FINE)], pace=0.002)
    stream = TeamStream(SHAPES["round_robin"](only("bad", client)))
    await stream.run("first", cancellation_token=token)
    run = stream.start("second")
    await until(lambda: len(stream.transcript.of("bad")) > 1)
    token.cancel()
    assert len((await run).messages) == 4


# --- stops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - {"single"}))
async def test_a_stop_ends_after_the_current_turn(shape: str) -> None:
    client = ScriptedClient([Say(FINE)], pace=0.003)
    team = SHAPES[shape](only("bad", client))
    stream = TeamStream(team)
    run = stream.start("first")
    await until(lambda: stream.transcript.of("bad"))
    await asyncio.wait_for(stream.stop(), 30)
    result = run.result()
    assert stream.state is RunState.IDLE
    assert FINE in said_by(stream, "bad")
    assert "last" not in [message.source for message in result.messages]
    assert {cell.status for cell in stream.transcript} == {CellStatus.DONE}
    client.pace = 0.0
    await check_next_run(stream, team)


async def test_a_stop_of_a_single_agent_ends_with_its_turn() -> None:
    client = ScriptedClient([Say(FINE)], pace=0.003)
    stream = TeamStream(SHAPES["single"](lambda _: client))
    run = stream.start("first")
    await until(lambda: stream.transcript.of("bad"))
    await stream.stop()
    assert run.result().messages[-1].to_text() == FINE


async def test_a_stop_keeps_the_teams_own_condition() -> None:
    condition = TextMentionTermination("no such word")
    team = RoundRobinGroupChat(pair(), termination_condition=condition, max_turns=4)
    stream = TeamStream(team)
    run = stream.start("first")
    await stream.stop()
    assert run.result().stop_reason == "Stopped after the turn."
    assert team._termination_condition is condition
    assert (await stream.run("second")).stop_reason == "Maximum number of turns 4 reached."
