"""What stands before a user's workbench, tool, client or function for the time of a run passes on exactly what it got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.messages import SelectorEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, StaticStreamWorkbench, StaticWorkbench, TextResultContent, ToolResult
from pydantic import BaseModel

from nb_stream import TeamStream, needs_approval
from nb_stream.demo import Call, ScriptedClient
from tests.support.team_shapes import selector


def add(a: int) -> str:
    """Add one."""
    return str(a + 1)


class ByName(StaticWorkbench):
    """A workbench that is called by name alone, as AutoGen calls it."""

    async def call_tool(
        self,
        *,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        return ToolResult(name=name, result=[TextResultContent(content=f"{arguments} {bool(call_id)}")])


class Anything(StaticStreamWorkbench):
    """A workbench that notes down how it is called."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.got: list[tuple[tuple[Any, ...], list[str]]] = []

    async def call_tool_stream(self, *args: Any, **options: Any) -> Any:
        self.got.append((args, sorted(options)))
        yield ToolResult(name=options["name"], result=[TextResultContent(content="noted")])


class Client(ScriptedClient):
    """A client that notes down how it is called."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.got: list[tuple[int, list[str]]] = []

    async def create(self, *args: Any, **options: Any) -> Any:
        self.got.append((len(args), sorted(options)))
        return await super().create(*args, **options)

    async def create_stream(self, *args: Any, **options: Any) -> Any:
        self.got.append((len(args), sorted(options)))
        async for item in super().create_stream(*args, **options):
            yield item


def tool() -> BaseTool[Any, Any]:
    from autogen_core.tools import FunctionTool

    return FunctionTool(add, "Adds one.")


async def test_a_workbench_that_takes_names_alone_works() -> None:
    clerk = AssistantAgent("clerk", ScriptedClient([Call("add", {"a": 1})]), workbench=ByName([tool()]))
    result = await TeamStream(RoundRobinGroupChat([clerk], max_turns=1)).run("Go.")
    assert result.messages[-1].to_text() == "{'a': 1} True"


@pytest.mark.parametrize("streams", [True, False])
async def test_workbenches_and_clients_are_called_as_autogen_calls_them(streams: bool) -> None:
    async def calls(wrapped: bool) -> tuple[Any, Any]:
        bench, client = Anything([tool()]), Client([Call("add", {"a": 1})])
        clerk = AssistantAgent("clerk", client, workbench=bench, model_client_stream=streams)
        await (TeamStream(clerk) if wrapped else clerk).run(task="Go.")
        return bench.got, client.got

    assert await calls(True) == await calls(False)


async def test_a_tool_that_takes_no_call_id_may_need_approval() -> None:
    class Args(BaseModel):
        a: int

    class Old(BaseTool[Args, str]):
        def __init__(self) -> None:
            super().__init__(Args, str, "old", "An old tool.")

        async def run(self, args: Args, cancellation_token: CancellationToken) -> str:
            return f"ran {args.a}"

        async def run_json(self, args: Any, cancellation_token: CancellationToken, **options: Any) -> Any:
            assert not any(value is None for value in options.values())
            return await self.run(Args(**args), cancellation_token)

    clerk = AssistantAgent("clerk", ScriptedClient([Call("old", {"a": 1})]), tools=[needs_approval(Old())])
    stream = TeamStream(clerk)
    stream.on_question(lambda question: True)
    assert (await stream.run("Go.")).messages[-1].to_text() == "ran 1"


@pytest.mark.parametrize("is_async", [True, False])
async def test_an_input_function_of_ones_own_is_called_as_ever(is_async: bool) -> None:
    got: list[tuple[Any, ...]] = []

    def plain(*args: Any) -> str:
        got.append(args)
        return "typed"

    async def waited(*args: Any) -> str:
        got.append(args)
        return "typed"

    person = UserProxyAgent("person", input_func=waited if is_async else plain)
    result = await TeamStream(RoundRobinGroupChat([person], max_turns=1)).run("Go.")
    assert result.messages[-1].to_text() == "typed"
    assert [len(args) for args in got] == [2 if is_async else 1]


@pytest.mark.parametrize("on", [True, False])
async def test_a_selector_that_answers_whole_says_what_it_chose_as_one_that_streams(on: bool) -> None:
    bare = await selector(True).team.run(task="Go.")
    shape = selector(True)
    stream = TeamStream(shape.team, unchecked="create")
    stream.switches["SelectorGroupChatManager"] = on
    result = await stream.run("Go.")
    assert [m.to_text() for m in result.messages] == [m.to_text() for m in bare.messages]
    assert any(isinstance(message, SelectorEvent) for message in result.messages)
    assert set(shape.methods("SelectorGroupChatManager")) == {"create_stream" if on else "create"}
    again = await stream.run("Go on.")
    assert again.messages
