"""Messages and classes of the user's own end in cells too: nothing that a team yields is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    BaseTextChatMessage,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    StopMessage,
    StructuredMessage,
    TextMessage,
)
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken, Image, SingleThreadedAgentRuntime
from autogen_core.models import UserMessage
from autogen_core.tools import BaseStreamTool
from pydantic import BaseModel

from nb_stream import CellKind, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from tests.support.team_shapes import SELECTOR, Shape, selector
from tests.support.watched_run import watch

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Note(BaseTextChatMessage):
    """A text under another name."""

    type: Literal["Note"] = "Note"


class Vote(BaseChatMessage):
    """A message that is no text at all."""

    yes: int
    no: int
    type: Literal["Vote"] = "Vote"

    def to_model_message(self) -> UserMessage:
        return UserMessage(content=self.to_text(), source=self.source)

    def to_model_text(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        return f"{self.yes} to {self.no}"


class Progress(BaseAgentEvent):
    """An event of a tool."""

    percent: int
    type: Literal["Progress"] = "Progress"

    def to_text(self) -> str:
        return f"{self.percent} %"


class Broken(BaseAgentEvent):
    """An event that cannot be shown."""

    type: Literal["Broken"] = "Broken"

    def to_text(self) -> str:
        raise ZeroDivisionError("no text")


class Point(BaseModel):
    x: int


OWN: list[Any] = [Note, Vote, Progress, Broken, StructuredMessage[Point]]


class Speaker(BaseChatAgent):
    """Yields what it is given; the last one is its answer."""

    def __init__(self, name: str, *items: Any) -> None:
        super().__init__(name, "says what it is told")
        self._items = items

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        raise NotImplementedError

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        *before, last = [item.model_copy(update={"source": self.name}) for item in self._items]
        for item in before:
            yield item
        yield Response(chat_message=last, inner_messages=before)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to forget."""


def speaking(*items: Any) -> Any:
    return lambda stream: RoundRobinGroupChat([Speaker("own", *items)], max_turns=1, custom_message_types=OWN)


def chunk(text: str, message_id: str | None = None) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(content=text, source="", full_message_id=message_id)


# --- messages ------------------------------------------------------------------------------------------------------


async def test_messages_of_the_users_own_are_shown_by_their_text() -> None:
    note, vote = Note(content="Note this.", source=""), Vote(yes=3, no=1, source="")
    watched = await watch(speaking(Progress(percent=10, source=""), Broken(source=""), note, vote))
    assert watched.rows == [
        ("other", "own", "10 %"),
        ("other", "own", "Broken could not be shown as text: no text"),
        ("text", "own", "Note this."),
        ("text", "own", "3 to 1"),
    ]
    assert [cell.type for cell in watched.cells[1:]] == ["Progress", "Broken", "Note", "Vote"]


async def test_a_message_of_the_users_own_ends_the_text_that_was_streamed_for_it() -> None:
    said = Note(content="Note this.", source="", id="m1")
    watched = await watch(speaking(chunk("Note ", "m1"), chunk("th", "m1"), chunk("is.", "m1"), said))
    assert watched.rows == [("text", "own", "Note this.")]


async def test_a_stop_message_is_a_cell_where_an_agent_says_it() -> None:
    watched = await watch(speaking(StopMessage(content="Enough.", source="")))
    assert watched.rows == [("text", "own", "Enough.")]
    assert watched.cells[-1].type == "StopMessage"


async def test_a_stop_of_the_team_is_the_reason_of_the_run() -> None:
    def build(stream: bool) -> Any:
        agent = AssistantAgent("ann", ScriptedClient([Say("DONE")]), model_client_stream=stream)
        return RoundRobinGroupChat([agent], termination_condition=TextMentionTermination("DONE"))

    watched = await watch(build)
    assert watched.rows == [("text", "ann", "DONE")]
    assert watched.stream.transcript.runs[0].stop_reason == "Text 'DONE' mentioned"


async def test_the_images_that_an_agent_says_are_in_its_cell() -> None:
    image = Image.from_base64(PIXEL)
    watched = await watch(speaking(MultiModalMessage(content=["One:", image, "two:", image], source="")))
    assert watched.rows == [("text", "own", "One:\n[image 1]\ntwo:\n[image 2]")]
    assert [uri[:22] for uri in watched.cells[-1].data["images"]] == ["data:image/png;base64,"] * 2


async def test_structured_messages_of_the_users_own_are_values() -> None:
    watched = await watch(speaking(StructuredMessage[Point](content=Point(x=1), source="")))
    assert watched.rows == [("structured output", "own", '{"x": 1}')]


async def test_a_message_that_is_said_twice_is_shown_twice_in_its_place() -> None:
    said = TextMessage(content="Twice.", source="")
    team = RoundRobinGroupChat([Speaker("own", said, said)], name="in", max_turns=1)
    stream = TeamStream(RoundRobinGroupChat([team], max_turns=1))
    await stream.run("go")
    assert [(cell.path, cell.text) for cell in stream.transcript][1:] == [("in/own", "Twice.")] * 2


# --- tools that stream ---------------------------------------------------------------------------------------------


class Arguments(BaseModel):
    n: int


class Digging(BaseStreamTool[Arguments, Any, str]):
    """Reports how far it is, and writes a text of its own meanwhile."""

    def __init__(self) -> None:
        super().__init__(Arguments, str, "dig", "Dig.")

    async def run(self, args: Arguments, cancellation_token: CancellationToken) -> str:
        return "deep"

    async def run_stream(self, args: Arguments, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
        yield Progress(percent=10, source="spade")
        for piece in ("I ", "dig ", "on."):
            yield ModelClientStreamingChunkEvent(content=piece, source="spade", full_message_id="m7")
        yield TextMessage(content="I dig on.", source="spade", id="m7")
        yield Progress(percent=90, source="spade")
        yield "deep"


def digging(shape: Shape) -> Any:
    boss = shape.agent("boss", Call("dig", {"n": 1}), Say("Dug."), tools=[Digging()], reflect_on_tool_use=True)
    shape.team = RoundRobinGroupChat([boss], max_turns=1, custom_message_types=OWN)
    return shape.team


@pytest.mark.parametrize("mode", ["on", "ticked"])
async def test_what_a_tool_yields_while_it_runs_stands_below_its_caller(mode: str) -> None:
    watched = await watch(lambda stream: digging(Shape(stream)), mode)
    assert watched.rows == [
        ("tool call", "boss", ""),
        ("other", "boss/spade", "10 %"),
        ("text", "boss/spade", "I dig on."),
        ("other", "boss/spade", "90 %"),
        ("text", "boss", "Dug."),
    ]
    assert watched.of(CellKind.TOOL_CALL)[0].tool_calls[0].result == "deep"
    assert [info.path for info in watched.stream.agents] == ["boss", "boss/spade"]
    assert "StreamingChunk" not in str(await watched.stream.save_state())


# --- code of the user's own round agents ---------------------------------------------------------------------------


class Reading(BaseChatAgent):
    """Reads every token of the agent inside it, and passes on what it wants."""

    def __init__(self, name: str, inside: Any, passes: bool = True) -> None:
        super().__init__(name, "reads")
        self._wrapped = inside
        self._team = inside
        self._passes = passes
        self.read: list[str] = []

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        raise NotImplementedError

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        inner: list[Any] = []
        async for item in self._wrapped.run_stream(task=list(messages), output_task_messages=False):
            if isinstance(item, ModelClientStreamingChunkEvent):
                self.read.append(item.content)
            if isinstance(item, (BaseAgentEvent, BaseChatMessage)):
                inner.append(item)
                if self._passes:
                    yield item
        said = TextMessage(content="".join(self.read), source=self.name)
        yield Response(chat_message=said, inner_messages=inner)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to forget."""


def reading(passes: bool, stream: bool = True) -> tuple[Reading, Any]:
    inside = [
        AssistantAgent(name, ScriptedClient([Say(f"{name} says so.")]), model_client_stream=stream)
        for name in ("ann", "ben")
    ]
    own = Reading("own", RoundRobinGroupChat(list(inside), max_turns=2), passes)
    after = AssistantAgent("cy", ScriptedClient([Say("cy says so.")]), model_client_stream=True)
    return own, RoundRobinGroupChat([own, after], max_turns=2)


async def test_an_agent_of_the_users_own_gets_the_tokens_of_those_inside_it() -> None:
    own, team = reading(passes=True)
    watched = await watch(lambda stream: team)
    assert "".join(own.read) == "ann says so.ben says so."
    assert watched.rows == [
        ("text", "own/ann", "ann says so."),
        ("text", "own/ben", "ben says so."),
        ("text", "own", "ann says so.ben says so."),
        ("text", "cy", "cy says so."),
    ]
    assert {token.source for token in watched.tokens} == {"ann", "ben", "cy"}
    assert "StreamingChunk" not in str(await watched.stream.save_state())


async def test_code_of_the_users_own_sees_no_tokens_of_an_agent_that_was_built_without() -> None:
    own, team = reading(passes=True, stream=False)
    watched = await watch(lambda stream: team, "ticked")
    assert own.read == []
    assert {token.source for token in watched.tokens} == {"ann", "ben", "cy"}
    assert [row[1] for row in watched.rows] == ["own/ann", "own/ben", "own", "cy"]


async def test_an_agent_that_is_ticked_inside_code_of_the_users_own_keeps_its_order() -> None:
    def build(stream: bool) -> Any:
        def look() -> str:
            return "seen"

        script = [Call("look", {}, "I look."), Call("look", {}), Say("Seen twice.", thought="Twice.")]
        client = ScriptedClient(script)
        inner = AssistantAgent("ann", client, tools=[look], max_tool_iterations=4, model_client_stream=stream)
        return RoundRobinGroupChat([Reading("own", RoundRobinGroupChat([inner], max_turns=1))], max_turns=1)

    watched = await watch(build, "ticked")
    assert [row[:2] for row in watched.rows] == [
        ("thought", "own/ann"),
        ("tool call", "own/ann"),
        ("tool call", "own/ann"),
        ("thought", "own/ann"),
        ("text", "own/ann"),
        ("text", "own"),
    ]


async def test_an_agent_that_is_ticked_and_whose_messages_are_swallowed_holds_nobody_up() -> None:
    own, team = reading(passes=False, stream=False)
    stream = TeamStream(team)
    for path in ("own/ann", "own/ben", "cy"):
        stream.switches[path] = True
    texts: dict[str, str] = {}
    stream.on_token(lambda token: texts.update({token.path: texts.get(token.path, "") + token.text}))
    await asyncio.wait_for(stream.run("go"), 30)
    assert texts == {path: f"{path[-3:].strip('/')} says so." for path in ("own/ann", "own/ben", "cy")}
    assert own.read == []
    said = [(cell.path, cell.text) for cell in stream.transcript][1:]
    assert sorted(said) == [
        ("cy", "cy says so."),
        ("own", ""),
        ("own/ann", "ann says so."),
        ("own/ben", "ben says so."),
    ]


async def test_a_choice_that_is_ticked_inside_code_of_the_users_own_is_shown_whole() -> None:
    def build(stream: bool) -> Any:
        inner = selector(stream).team
        return RoundRobinGroupChat([Reading("own", inner)], max_turns=1)

    watched = await watch(build, "ticked")
    assert [row[2] for row in watched.rows if row[1] == f"own/{SELECTOR}"] == ["ben\n\nI choose ben.", "ann"]


async def test_an_agent_of_the_users_own_that_passes_nothing_on_holds_nobody_up() -> None:
    own, team = reading(passes=False)
    bare = [type(m) async for m in team.run_stream(task="go")]
    own.read.clear()
    await team.reset()
    watched = await watch(lambda stream: team)
    assert [type(m) for m in watched.given] == bare
    assert "".join(own.read) == "ann says so.ben says so."
    assert watched.rows == [("text", "own", "ann says so.ben says so."), ("text", "cy", "cy says so.")]
    assert "StreamingChunk" not in str(await watched.stream.save_state())


async def test_a_tool_of_the_users_own_gets_the_tokens_of_the_agent_that_it_calls() -> None:
    class Quiet(AgentTool):
        count = 0

        async def run_stream(self, args: Any, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
            async for item in super().run_stream(args, cancellation_token):
                self.count += isinstance(item, ModelClientStreamingChunkEvent)
                if isinstance(item, TaskResult):
                    yield item

    shape = Shape()
    tool = Quiet(shape.agent("boss/helper"))
    boss = shape.agent("boss", Call("helper", {"task": "Help."}), Say("Done."), tools=[tool], reflect_on_tool_use=True)
    watched = await watch(lambda stream: RoundRobinGroupChat([boss], max_turns=1))
    assert tool.count > 1
    assert [row[:2] for row in watched.rows] == [("tool call", "boss"), ("text", "boss")]
    assert {token.source for token in watched.tokens} == {"boss"}


async def test_a_team_of_the_users_own_gets_the_tokens_that_go_through_it() -> None:
    class Counting(RoundRobinGroupChat):
        count = 0

        async def run_stream(self, **options: Any) -> AsyncGenerator[Any, None]:  # type: ignore[override]
            async for item in super().run_stream(**options):
                self.count += isinstance(item, ModelClientStreamingChunkEvent)
                yield item

    shape = Shape()
    inner = Counting(shape.agents("in/ann"), name="in", max_turns=1)
    stream = TeamStream(RoundRobinGroupChat([inner, *shape.agents("ben")], max_turns=2))
    tokens: list[str] = []
    stream.on_token(lambda token: tokens.append(token.path))
    await stream.run("go")
    assert inner.count == tokens.count("in/ann") > 1
    assert [cell.path for cell in stream.transcript] == ["user", "in/ann", "ben"]


@pytest.mark.filterwarnings("ignore:Intervention handler on_response")
async def test_handlers_of_the_users_own_see_the_tokens_in_their_runtime() -> None:
    class Handler:
        count = 0

        async def on_publish(self, message: Any, *, message_context: Any) -> Any:
            self.count += isinstance(getattr(message, "message", None), ModelClientStreamingChunkEvent)
            return message

        async def on_send(self, message: Any, *, message_context: Any, recipient: Any) -> Any:
            return message

        async def on_response(self, message: Any, *, sender: Any, recipient: Any) -> Any:
            return message

    handler, shape = Handler(), Shape()
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[handler])
    runtime.start()
    stream = TeamStream(RoundRobinGroupChat(shape.agents("ann"), max_turns=1, runtime=runtime))
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    await stream.run("go")
    await runtime.stop()
    assert handler.count == len(tokens) > 1
