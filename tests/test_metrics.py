"""Figures: pace, usage and cost per message, agent and run."""

from __future__ import annotations

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openai_server import OpenAIServer, Reply

from nb_stream import TeamStream
from nb_stream.metrics import checked, cost, tokens_per_second
from nb_stream.model import Usage


def test_pace_is_the_servers_count_over_the_time_between_chunks() -> None:
    pace, estimated = tokens_per_second(Usage(5, 100), 101, 10.0, 12.0)
    assert pace == pytest.approx(100 / 101 * 100 / 2.0)
    assert not estimated


def test_pace_without_usage_is_an_estimate_by_chunks() -> None:
    pace, estimated = tokens_per_second(None, 11, 0.0, 2.0)
    assert pace == pytest.approx(5.0)
    assert estimated


def test_one_chunk_has_no_pace() -> None:
    assert tokens_per_second(Usage(1, 1), 1, 0.0, 0.0) == (None, False)


def test_cost_is_usd_per_million_tokens() -> None:
    assert cost(Usage(1_000_000, 500_000), (2.5, 10.0)) == pytest.approx(7.5)


@pytest.mark.parametrize("prices", [{"m": 3}, {"m": (1, 2, 3)}, {"m": ("a", "b")}, [1]])
def test_prices_that_are_none_are_refused_in_a_sentence(prices: object) -> None:
    with pytest.raises(ValueError, match="prices is a mapping such as"):
        checked(prices)  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [True, False])
async def test_messages_agents_and_runs_have_their_cost(stream: bool) -> None:
    with OpenAIServer(lambda body: Reply("Four words are enough.")) as server:
        client = OpenAIChatCompletionClient(
            model="gpt-4o",
            base_url=server.url,
            api_key="test",
            **({"stream_options": {"include_usage": True}} if stream else {}),
        )
        agents = [AssistantAgent(name, client, model_client_stream=stream) for name in ("ann", "ben")]
        team = TeamStream(RoundRobinGroupChat(agents, max_turns=2), prices={"gpt-4o": (2.5, 10.0)})
        await team.run("go")
    spoken = [cell for cell in team.transcript if cell.agent in ("ann", "ben")]
    for cell in spoken:
        assert cell.usage
        assert cell.cost == pytest.approx(cost(cell.usage, (2.5, 10.0)))
    run = team.transcript.runs[0]
    assert run.cost == pytest.approx(sum(cell.cost for cell in spoken))
    assert run.usage == spoken[0].usage + spoken[1].usage
    figures = team.transcript.figures()
    assert list(figures) == ["ann", "ben"]
    assert figures["ann"].cost == spoken[0].cost
    assert figures["ann"].messages == 1


async def test_without_a_price_there_is_no_cost() -> None:
    from nb_stream.demo import writers

    team = TeamStream(writers(pace=0), prices={"gpt-4o": (2.5, 10.0)})
    await team.run("go")
    assert {cell.cost for cell in team.transcript} == {None}
    assert team.transcript.runs[0].cost == 0.0
    assert team.transcript.figures()["poet"].usage.completion_tokens > 0
