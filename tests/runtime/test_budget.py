"""A run keeps within its budget: it ends after the turn that reaches a limit, in mid-turn at 120 %, and says why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.teams import MagenticOneGroupChat, RoundRobinGroupChat
from autogen_core.models import CreateResult, RequestUsage

from nb_stream import CellStatus, RunState, TeamPanel, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.runtime.budget import Spending
from tests.support.team_shapes import SHAPES, ledger
from tests.support.wait_until import until

LONG = "word " * 400


def agent(name: str, *script: Any, pace: float = 0.0, client: Any = None, **options: Any) -> AssistantAgent:
    client = client or ScriptedClient(script or [Say("Well.", prompt_tokens=90, completion_tokens=10)], pace=pace)
    return AssistantAgent(name, client, model_client_stream=True, **options)


def team(*agents: Any, **options: Any) -> RoundRobinGroupChat:
    return RoundRobinGroupChat(list(agents) or [agent("ann"), agent("ben")], **options)


async def test_a_run_ends_after_the_turn_that_reaches_its_tokens() -> None:
    stream = TeamStream(team(max_turns=10), limit_tokens=250)
    assert stream.budget == ()
    result = await stream.run("go")
    assert [message.source for message in result.messages] == ["user", "ann", "ben", "ann"]
    assert result.stop_reason == "The budget is used up: 300 of 250 tokens."
    (run,) = stream.transcript.runs
    assert (run.status, run.stop_reason) == (CellStatus.DONE, result.stop_reason)
    assert (stream.state, stream.detail) == (RunState.IDLE, result.stop_reason)
    assert stream.budget == (Spending("tokens", 300, 250),)
    again = await stream.run("again")  # each run has a budget of its own
    assert len(again.messages) == 4
    assert stream.budget[0].spent == 300


async def test_a_run_within_its_budget_ends_as_without_one() -> None:
    result = await TeamStream(team(max_turns=2), limit_tokens=1000, limit_seconds=600).run("go")
    assert result.stop_reason == "Maximum number of turns 2 reached."


async def test_dollars_are_counted_with_prices() -> None:
    prices = {"gpt-4o": (1_000_000.0, 2_000_000.0)}
    clients = [ScriptedClient([Say("Well.", prompt_tokens=1, completion_tokens=2)]) for _ in "ab"]
    for client in clients:
        client.model = "gpt-4o"  # type: ignore[attr-defined]
    agents = [agent(name, client=client) for name, client in zip(("ann", "ben"), clients, strict=True)]
    stream = TeamStream(team(*agents, max_turns=10), limit_usd=8.0, prices=prices)
    stream._hub.models.update(ann="gpt-4o", ben="gpt-4o")
    result = await stream.run("go")
    assert result.stop_reason == "The budget is used up: $10.0000 of $8."
    assert len(result.messages) == 3


async def test_a_model_without_a_price_leaves_the_sum_at_least() -> None:
    stream = TeamStream(team(max_turns=2), limit_usd=8.0, prices={"other": (1.0, 1.0)})
    await stream.run("go")
    assert stream.budget[0].at_least


class Uncounted(ScriptedClient):
    """A client whose server counts no tokens."""

    def _finish(self, *args: Any) -> CreateResult:
        return super()._finish(*args).model_copy(update={"usage": RequestUsage(prompt_tokens=0, completion_tokens=0)})


async def test_tokens_that_nobody_counts_are_estimated_and_marked() -> None:
    ann = agent("ann", client=Uncounted([Say("word " * 40)]))
    stream = TeamStream(team(ann, max_turns=20), limit_tokens=160)
    result = await stream.run("go")
    assert result.stop_reason.startswith("The budget is used up: about ")
    assert stream.budget[0].about
    assert len(result.messages) < 8


async def test_an_overdrawn_budget_ends_the_run_in_mid_turn_and_keeps_the_result() -> None:
    stream = TeamStream(team(agent("ann", Say(LONG), pace=0.005), max_turns=5), limit_tokens=50)
    result = await asyncio.wait_for(stream.run("go"), 30)
    assert type(result) is TaskResult
    assert [message.source for message in result.messages] == ["user"]
    assert result.stop_reason.startswith("The budget is used up: about ")
    cut = stream.transcript.cells[-1]
    assert cut.status is CellStatus.CANCELLED
    assert 0 < len(cut.text) < len(LONG)
    assert stream.transcript.runs[0].stop_reason == result.stop_reason
    assert (await stream.run("again")).stop_reason  # the team is fit for another run


async def test_a_tool_that_takes_too_long_is_ended_by_the_seconds() -> None:
    async def look_up() -> str:
        await asyncio.sleep(60)
        return "Nothing."

    stream = TeamStream(team(agent("ann", Call("look_up", {}), tools=[look_up]), max_turns=5), limit_seconds=0.3)
    result = await asyncio.wait_for(stream.run("go"), 20)
    assert "seconds" in result.stop_reason


async def test_the_time_that_a_person_takes_does_not_count() -> None:
    stream = TeamStream(team(UserProxyAgent("me"), agent("ann"), max_turns=2), limit_seconds=0.5)
    run = stream.start("go")
    await until(lambda: stream.questions)
    waited = asyncio.get_running_loop().time() + 1.0
    await until(lambda: asyncio.get_running_loop().time() > waited)
    assert stream.state is RunState.WAITING
    stream.answer(stream.questions[0].request_id, "Here.")
    assert (await run).stop_reason == "Maximum number of turns 2 reached."


async def test_a_single_agent_is_ended_in_mid_turn_and_says_why() -> None:
    stream = TeamStream(agent("ann", Say(LONG), pace=0.005), limit_tokens=50)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.ensure_future(stream.run("go")), 30)
    (run,) = stream.transcript.runs
    assert run.status is CellStatus.CANCELLED
    assert run.stop_reason is not None
    assert run.stop_reason.startswith("The budget is used up: about ")
    assert stream.detail == run.stop_reason
    within = TeamStream(agent("ann"), limit_tokens=90)
    assert (await within.run("go")).stop_reason == "The budget is used up: 100 of 90 tokens."


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("solo", "tool_alone")])
async def test_every_shape_of_team_ends_by_its_budget(name: str) -> None:
    """The calls of selectors, orchestrators and of agents that are tools count, too."""
    shape = SHAPES[name]()
    result = await asyncio.wait_for(TeamStream(shape.team, limit_tokens=1).run("go"), 30)
    assert result.stop_reason.startswith("The budget is used up: ")
    whole = SHAPES[name]()
    assert len(result.messages) < len((await TeamStream(whole.team).run("go")).messages)


async def test_an_orchestrator_that_only_plans_is_ended() -> None:
    client = ScriptedClient([Say("word " * 80), Say("A plan."), ledger(False)], pace=0.01, at_end="repeat")
    stream = TeamStream(MagenticOneGroupChat([agent("ann")], client), limit_tokens=100)
    result = await asyncio.wait_for(stream.run("go"), 30)
    assert result.stop_reason.startswith("The budget is used up: ")
    assert "ann" not in [message.source for message in result.messages]


async def test_words_that_came_too_late_are_named() -> None:
    ann = agent("ann", Say(LONG), pace=0.005)
    stream = TeamStream(team(ann, max_turns=5), limit_tokens=50)
    run = stream.start("go")
    stream.say("first")
    await until(lambda: len(stream.transcript.cells) > 2)
    stream.say("late")
    await run
    assert "The budget is used up, so the team was not told: late" in [cell.text for cell in stream.transcript.cells]
    await asyncio.sleep(0)
    assert len(stream.transcript.runs) == 1


@pytest.mark.parametrize("limit", [0, -1, "10", True, float("nan")])
def test_a_limit_is_a_number_above_zero(limit: Any) -> None:
    for unit in ("tokens", "usd", "seconds"):
        with pytest.raises(ValueError, match=f"limit_{unit} is a number above 0"):
            TeamStream(team(), prices={"m": (1, 1)}, **{f"limit_{unit}": limit})


def test_dollars_need_prices() -> None:
    with pytest.raises(ValueError, match="limit_usd needs prices"):
        TeamPanel(team(), limit_usd=1.0)


async def test_a_page_is_told_how_far_the_budget_is_and_nothing_without_limits() -> None:
    panel = TeamPanel(team(max_turns=3), limit_tokens=1000)
    told: list[Any] = []
    panel.send_frame = lambda frame: told.extend(  # type: ignore[method-assign]
        op for op in frame["ops"] if op["op"] == "state"
    )
    await panel.run("go")
    await until(lambda: told and told[-1]["state"] == "idle")
    row = {"unit": "tokens", "spent": 300, "limit": 1000, "about": False, "at_least": False}
    assert told[-1]["budget"] == panel.make_snapshot()["budget"] == [row]
    panel.close()
    plain = TeamPanel(team(max_turns=3))
    told.clear()
    plain.send_frame = lambda frame: told.extend(frame["ops"])  # type: ignore[method-assign]
    await plain.run("go")
    assert not any("budget" in op for op in told)
    plain.close()
