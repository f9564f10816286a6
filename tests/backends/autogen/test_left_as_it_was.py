"""After a run, whatever its end was, every attribute of every agent, manager, container and client is what it was."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import SingleThreadedAgentRuntime
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from nb_stream import TeamStream
from nb_stream.backends.autogen import private, private_runtime
from nb_stream.backends.autogen.discovery import discover
from nb_stream.demo import Fail, Say, ScriptedClient
from tests.support.failing_teams import FINE, Deaf, agent, fine, only
from tests.support.failing_teams import SHAPES as FAILING
from tests.support.team_shapes import SHAPES, selector_inside
from tests.support.wait_until import until

OURS = ("nb_stream.",)
NOT_OURS = ("nb_stream.demo",)


async def things(root: Any) -> dict[str, Any]:
    """All that a run touches, by what it is: found where discovery finds it, and in the runtimes."""
    tree, found = discover(root), dict[str, Any]()
    for holder in tree.holders:
        found[f"holder {holder.path}"] = holder.thing
    for node in tree.nodes:
        found[f"agent {node.info.path}"] = node.agent
        found[f"client of {node.info.path}"] = private.model_client(node.agent)
        for number, bench in enumerate(private.workbenches(node.agent) or ()):
            found[f"workbench {number} of {node.info.path}"] = bench
            for tool in getattr(bench, "_tools", ()):
                found[f"tool {tool.name} of {node.info.path}"] = tool
    for chat in tree.chats:
        parts = await private_runtime.parts(chat.team)
        found[f"team {chat.path}"] = chat.team
        found[f"runtime {chat.path}"] = chat.team._runtime
        found[f"manager {chat.path}"] = parts.manager
        found[f"client of {chat.path}"] = private.model_client(parts.manager)
        found |= {f"container {number} of {chat.path}": one for number, one in enumerate(parts.containers)}
    return {name: thing for name, thing in found.items() if hasattr(thing, "__dict__")}


def origin(value: Any) -> str:
    """The module that a value is made of: of its class, without asking it, or of a function."""
    function = getattr(value, "__func__", value)
    if isinstance(function, (types.FunctionType, types.BuiltinFunctionType)):
        return function.__module__ or ""
    return type(value).__module__


def strange(found: dict[str, Any]) -> list[str]:
    """Attributes that hold something of ours, also inside a list."""
    strangers = []
    for name, thing in found.items():
        for key, value in vars(thing).items():
            for one in value if type(value) in (list, tuple) else (value,):
                if f"{origin(one)}.".startswith(OURS) and not origin(one).startswith(NOT_OURS):
                    strangers.append(f"{name}.{key} = {type(one).__name__}")
    return strangers


def kept(before: dict[str, dict[str, Any]], found: dict[str, Any], mutable: dict[str, set[str]]) -> list[str]:
    """Attributes that are not the same objects as before, but for what a bare run changes, too."""
    changed = []
    for name, thing in found.items():
        own = vars(thing)
        changed += [f"{name}.{key} is new" for key in own.keys() - before[name].keys() - mutable.get(name, set())]
        for key, value in before[name].items():
            if key not in own:
                changed.append(f"{name}.{key} is gone")
            elif own[key] is not value and own[key] != value and key not in mutable.get(name, set()):
                changed.append(f"{name}.{key} was {value!r}, is {own[key]!r}")
    return changed


async def bare_changes(root: Any) -> dict[str, set[str]]:
    """What two runs of the team itself change, without us."""
    found = await things(root)
    before = {name: dict(vars(thing)) for name, thing in found.items()}
    for _ in range(2):
        await root.run(task="go")
    changes: dict[str, set[str]] = {}
    for name, thing in found.items():
        own = vars(thing)
        changes[name] = {k for k, v in own.items() if k not in before[name] or own[k] is not before[name][k]}
    return changes


Way = Callable[[TeamStream], Awaitable[Any]]


async def run(stream: TeamStream) -> None:
    await stream.run("go")


async def run_stream(stream: TeamStream) -> None:
    async for _ in stream.run_stream("go"):
        pass


async def leave(stream: TeamStream) -> None:
    """A `run_stream` whose loop is left early, and closed."""
    messages = stream.run_stream("go")
    async for _ in messages:
        break
    await messages.aclose()


@pytest.mark.parametrize("way", [run, run_stream], ids=lambda way: way.__name__)
@pytest.mark.parametrize("built", [True, False], ids=["streaming", "ticked"])
@pytest.mark.parametrize("name", SHAPES)
async def test_after_a_run_all_is_what_it_was(name: str, built: bool, way: Way) -> None:
    await check_runs(lambda: SHAPES[name](built).team, way)


@pytest.mark.parametrize("way", [run, run_stream], ids=lambda way: way.__name__)
async def test_the_manager_of_an_inner_team_is_what_it_was(way: Way) -> None:
    await check_runs(lambda: selector_inside(False).team, way)


class Loud(AssistantAgent):
    """Has a `run` of its own: it is listened to on its way."""

    async def run(self, **options: Any) -> TaskResult:
        result = await super().run(**options)
        return TaskResult(messages=[*result.messages, TextMessage(content="!", source=self.name)])


@pytest.mark.parametrize("way", [run, run_stream], ids=lambda way: way.__name__)
async def test_an_agent_with_a_run_of_its_own_is_what_it_was(way: Way) -> None:
    await check_runs(lambda: Loud("loud", fine(), model_client_stream=True), way)


async def check_runs(build: Callable[[], Any], way: Way) -> None:
    changes = await bare_changes(build())
    team = build()
    found = await things(team)
    before = {name: dict(vars(thing)) for name, thing in found.items()}
    stream = TeamStream(team, streaming=True, unchecked="create")
    for _ in range(2):
        await way(stream)
    assert await things(team) == found
    assert kept(before, found, changes) == []
    assert strange(found) == []


async def test_people_and_approvals_leave_their_agents_as_they_were(tmp_path) -> None:
    def build() -> RoundRobinGroupChat:
        coder = CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(work_dir=tmp_path))
        return RoundRobinGroupChat([agent("ann", fine), UserProxyAgent("guest"), coder], max_turns=3)

    team = build()
    found = await things(team)
    before = {name: dict(vars(thing)) for name, thing in found.items()}
    stream = TeamStream(team, approve_code=True)
    stream.on_question(lambda question: False if question.what else "```sh\necho hello\n```")
    await stream.run("go")
    same = {f"agent {name}" for name in ("ann", "guest", "coder")}
    assert kept({k: before[k] for k in same}, {k: found[k] for k in same}, {}) == []
    assert strange(found) == []


async def ended(stream: TeamStream, how: str) -> None:
    """A run with a bad end."""
    if how == "failed":
        with pytest.raises(Exception, match="lost"):
            await stream.run("go")
    elif how == "abandoned":
        await leave(stream)
    elif how == "ran":
        await run(stream)
    else:
        task = stream.start("go")
        await until(lambda: any(cell.agent == "bad" for cell in stream.transcript.cells))
        await stream.cancel()
        assert task.cancelled()
    await stream.save_state()  # waits until the team is fit


@pytest.mark.parametrize("how", ["failed", "cancelled", "abandoned", "deaf"])
@pytest.mark.parametrize("shape", FAILING)
async def test_after_a_bad_end_all_is_what_it_was(shape: str, how: str) -> None:
    client: Any
    if how == "failed":
        client = ScriptedClient([Fail(ConnectionError("lost"), 3), Say(FINE)], at_end="repeat")
    elif how == "deaf":
        client = Deaf(2.0, cancels=2)
    else:
        client = ScriptedClient([Say("word " * 60)], pace=0.01)
    build = FAILING[shape]
    team = build(only("bad", client))
    first = await things(team)
    before = {name: dict(vars(thing)) for name, thing in first.items()}
    stream = TeamStream(team, unchecked="create")
    await ended(stream, "ran" if (shape, how) == ("tooled", "failed") else how)  # there a failure is a result
    found = await things(team)
    assert found.keys() == first.keys()
    assert strange(found) == []
    lasting = [name for name in found if name.startswith(("agent", "client", "workbench", "tool", "holder"))]
    assert all(found[name] is first[name] for name in lasting)
    mutable = {name: {"_calls", "_usage", "_model_context", "began", "ended"} for name in lasting}
    assert kept(before, {name: found[name] for name in lasting}, mutable) == []
    for name in found:
        if name.startswith(("manager", "container")):
            assert vars(found[name]).keys() == before[name].keys(), name
    if how == "deaf":
        client.seconds = 0
        await asyncio.wait_for(client.ended.wait(), 10)
        assert strange(await things(team)) == []


async def test_a_runtime_of_the_users_is_left_as_it_was() -> None:
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    team = RoundRobinGroupChat([agent("ann", fine), agent("ben", fine)], max_turns=2, runtime=runtime)
    found = await things(team)
    before = {name: set(vars(thing)) for name, thing in found.items()}
    await TeamStream(team).run("go")
    await runtime.stop()
    assert strange(found) == []
    assert {name: set(vars(thing)) for name, thing in found.items()} == before
