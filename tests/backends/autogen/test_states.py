"""A team that takes up a saved state goes on as the team that was saved, wherever it is: what AutoGen's own state
leaves out is in it, a bare team can take it up too, and states of bare teams are taken up as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, MessageFilterAgent, SocietyOfMindAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig, PerSourceFilter
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core.models import ChatCompletionClient
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from nb_stream import TeamPanel, TeamStream
from nb_stream.backends.autogen import private_runtime
from nb_stream.demo import Call, Say, ScriptedClient
from tests.support.failing_teams import Deaf, agent, fine
from tests.support.wait_until import until

pytestmark = pytest.mark.filterwarnings("ignore:No approval function set", "ignore:Using LocalCommandLine")


def text(*answers: str) -> ChatCompletionClient:
    return ScriptedClient([Say(answer) for answer in answers], at_end="repeat")


def member(name: str, *answers: str, **options: Any) -> AssistantAgent:
    return AssistantAgent(name, text(*answers), description=name, model_client_stream=True, **options)


# --- graphs --------------------------------------------------------------------------------------------------------


def loop(*verdicts: str, turns: int | None = None, activation: str = "all", **options: Any) -> GraphFlow:
    """A writer, a reviewer who sends the text back or on, and an editor; two of the edges lead to the writer."""
    w, e = member("w", "text"), member("e", "edited")
    r = AssistantAgent("r", text(*verdicts), description="r", model_client_stream=True)
    builder = DiGraphBuilder().add_node(w).add_node(r).add_node(e)
    again: Any = {"activation_group": "again", "activation_condition": activation}
    builder.add_edge(w, r).add_edge(r, w, condition="again", **again).add_edge(r, e, condition="good")
    builder.set_entry_point(w)
    options.setdefault("termination_condition", MaxMessageTermination(40))
    return GraphFlow([w, r, e], builder.build(), max_turns=turns, **options)


def outside(graph: GraphFlow) -> Any:
    return graph


def inside(graph: GraphFlow) -> Any:
    """The graph takes part in another team, which gives it a turn twice."""
    return RoundRobinGroupChat([graph], name="outer", max_turns=1)


async def speakers(runner: Any, task: str | None = None) -> str:
    """Who speaks in a run, in order."""
    result = await asyncio.wait_for(runner.run(task=task), 20)
    return "".join(message.source for message in result.messages if message.source in "wre")


@pytest.mark.parametrize("activation", ["all", "any"])
@pytest.mark.parametrize("place", [outside, inside])
@pytest.mark.parametrize("way", ["stream", "file", "of a bare team", "twice through bare teams"])
async def test_a_loop_that_was_saved_half_way_goes_on(
    way: str, place: Callable[[GraphFlow], Any], activation: str, tmp_path: Path
) -> None:
    def build(*verdicts: str, turns: int | None = None) -> Any:
        return place(loop(*verdicts, turns=turns, activation=activation, name="graph"))

    before = TeamStream(build("again", turns=2))
    assert await speakers(before, "Write.") == "wr"
    state = await (before._backend.root if "bare" in way else before).save_state()
    if way == "twice through bare teams":
        bare = build("good")
        await bare.load_state(state)
        state = await bare.save_state()
    rest = build("again", "again", "good")
    if way == "file":
        before.save(tmp_path / "run.jsonl", state=state)
        after: Any = TeamPanel.load(tmp_path / "run.jsonl", team=rest)
    else:
        after = TeamStream(rest)
        await after.load_state(json.loads(json.dumps(state, default=str)))
    assert await speakers(after, "Go on." if place is inside else None) == "wrwrwre"
    if way == "file":
        after.close()


async def test_a_graph_goes_on_as_the_one_that_was_never_broken_whatever_the_place() -> None:
    def build() -> GraphFlow:
        return loop("again", "again", "good", turns=1)

    async def rest(runner: Any) -> list[str]:
        return [await speakers(runner) for _ in range(8)]

    for done in range(7):
        whole, broken, after = build(), TeamStream(build()), TeamStream(build())
        for runner in (whole, broken):
            for number in range(done):
                await speakers(runner, None if number else "Write.")
        r = after._backend.root._participants[1]
        r._model_client = ScriptedClient(
            [Say("again"), Say("again"), Say("good")][min(done // 2, 2) :], at_end="repeat"
        )
        await after.load_state(await broken.save_state())
        assert await rest(after) == await rest(whole)


async def test_a_bare_team_takes_up_our_state() -> None:
    mind = SocietyOfMindAgent("mind", RoundRobinGroupChat([member("deep", "x")], max_turns=1), text("y"))
    for build in (lambda: loop("again", turns=2), lambda: RoundRobinGroupChat([mind], max_turns=1)):
        before = TeamStream(build())
        await before.run("Write.")
        await build().load_state(await before.save_state())


async def test_a_state_stays_as_it_was_saved() -> None:
    before = TeamStream(loop("again", turns=2))
    await speakers(before, "Write.")
    state = await before.save_state()
    kept = json.dumps(state, default=str)
    for _ in range(2):
        after = TeamStream(loop("again", "good"))
        await after.load_state(state)
        assert await speakers(after) == "wrwre"
    await speakers(before)
    assert json.dumps(state, default=str) == kept


async def test_a_graph_that_was_saved_in_the_middle_of_a_turn_goes_on_with_it() -> None:
    before = TeamStream(loop("again"))
    slow = before._backend.root._participants[1]._model_client = Deaf(60)
    before.start("Write.")
    await slow.began.wait()
    state = await before.save_state()
    slow.seconds = 0
    await before.cancel()
    after = TeamStream(loop("again", "good"))
    await after.load_state(state)
    assert await speakers(after) == "rwre"


async def test_a_loop_survives_a_cancel_in_the_middle() -> None:
    stream = TeamStream(loop("again", "again", "good"))
    r = stream._backend.root._participants[1]
    fast, r._model_client = r._model_client, ScriptedClient([Say("again")], pace=0.01)
    stream.start("Write.")
    await until(lambda: len(stream.transcript.of("r")) == 3)
    await stream.cancel()
    r._model_client = fast
    assert await speakers(stream, "Once more.") == "wrwrwre"


# --- what AutoGen leaves out ---------------------------------------------------------------------------------------


def filtered() -> tuple[Any, Any]:
    inside = member("inside", "one", "two")
    sources = MessageFilterConfig(per_source=[PerSourceFilter(source="user", position="last", count=1)])
    return MessageFilterAgent("filtered", inside, sources), inside


def society() -> tuple[Any, Any]:
    mind = SocietyOfMindAgent("mind", RoundRobinGroupChat([member("deep", "deep")], max_turns=1), text("one", "two"))
    return mind, mind


def coder() -> tuple[Any, Any]:
    coder = CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(), model_client=text("one", "two"))
    return coder, coder


def tool_of(make: Callable[[AssistantAgent], Any]) -> tuple[Any, Any]:
    helper = member("helper", "one", "two")
    client = ScriptedClient([Call("helper", {"task": "help"}), Say("done")])
    return AssistantAgent("boss", client, tools=[make(helper)], reflect_on_tool_use=True), helper


def agent_tool() -> tuple[Any, Any]:
    return tool_of(AgentTool)


def team_tool() -> tuple[Any, Any]:
    return tool_of(lambda helper: TeamTool(RoundRobinGroupChat([helper], max_turns=1), "helper", "helps"))


def filtered_society() -> tuple[Any, Any]:
    mind, _ = society()
    sources = MessageFilterConfig(per_source=[PerSourceFilter(source="user")])
    return MessageFilterAgent("filtered", mind, sources), mind


KINDS = (filtered, society, coder, agent_tool, team_tool, filtered_society)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("build", KINDS)
async def test_an_agent_knows_after_loading_what_it_knew_when_it_was_saved(
    build: Callable[[], tuple[Any, Any]], alone: bool
) -> None:
    def team() -> tuple[Any, Any]:
        outer, inner = build()
        return (outer if alone else RoundRobinGroupChat([outer], max_turns=1)), inner

    root, knows = team()
    before = TeamStream(root)
    await before.run("First.")
    state = json.loads(json.dumps(await before.save_state(), default=str))
    said = await knows.model_context.get_messages()
    assert said
    root, knows = team()
    after = TeamStream(root)
    await after.load_state(state)
    assert await knows.model_context.get_messages() == said
    assert json.loads(json.dumps(await after.save_state(), default=str)) == state
    await after.run("Second.")
    assert (await knows.model_context.get_messages())[: len(said)] == said


async def test_a_selector_that_takes_up_a_state_forgets_what_it_knew_before() -> None:
    def team() -> SelectorGroupChat:
        return SelectorGroupChat([agent("a", fine), agent("b", fine)], text("a"), max_turns=1)

    async def knows(stream: TeamStream) -> list[Any]:
        manager = await private_runtime.manager(stream._backend.root)
        return [message.content for message in await manager._model_context.get_messages()]

    first, second = TeamStream(team()), TeamStream(team())
    await first.run("First.")
    await second.run("Second.")
    await second.load_state(await first.save_state())
    assert await knows(second) == await knows(first)
