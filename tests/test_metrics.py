"""Figures: pace, usage and cost per message, agent and run."""

from __future__ import annotations

import time
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelInfo
from autogen_ext.models.cache import ChatCompletionCache
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient
from openai_server import OpenAIServer, Reply
from shapes import selector

from nb_stream import TeamStream
from nb_stream.demo import Say, ScriptedClient
from nb_stream.export.text import dollars
from nb_stream.metrics import by_agent, checked, cost, first_token, price_of, tokens_per_second
from nb_stream.model import Cell, CellKind, Usage


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
    assert figures["ann"].usage == spoken[0].usage
    assert figures["ann"].messages == 1
    assert team.transcript.to_dict()["figures"]["ben"]["cost"] == spoken[1].cost
    assert dollars(run.cost) in team.transcript.to_html()
    assert dollars(spoken[0].cost) in team.transcript.to_html()


async def test_a_server_that_counts_nothing_gives_estimates_that_say_so() -> None:
    with OpenAIServer(lambda body: Reply("Four words are enough.", pace=0.02, usage="never")) as server:
        client = OpenAIChatCompletionClient(model="gpt-4o", base_url=server.url, api_key="test")
        agent = AssistantAgent("ann", client, model_client_stream=True)
        stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1), prices={"gpt-4o": (2.5, 10.0)})
        await stream.run("go")
    [_, cell] = stream.transcript.cells
    run = stream.transcript.runs[0]
    assert cell.usage is not None
    assert cell.usage.about
    assert cell.usage.completion_tokens == 6  # a token for four bytes
    assert cell.estimated
    assert cell.tokens_per_s
    assert cell.ttft is not None
    assert (run.usage, run.estimated) == (cell.usage, True)
    assert "about 6 completion tokens" in stream.transcript.to_html()
    assert f"at least {cell.usage.prompt_tokens} prompt + 6 completion tokens" in stream.transcript.to_html()
    assert run.tokens_per_s == pytest.approx(cell.tokens_per_s)
    assert stream.transcript.figures()["ann"].estimated


@pytest.mark.parametrize("streams", [True, False])
async def test_a_message_takes_as_long_as_its_model_call_whether_it_streams_or_not(streams: bool) -> None:
    """A whole answer begins when its agent got the floor; a streamed one with its first token, after `ttft`."""
    client = ScriptedClient([Say("word " * 10, thought="Hm.")], pace=0.02)
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client, model_client_stream=streams)], max_turns=1))
    began = time.monotonic()
    await stream.run("go")
    took = time.monotonic() - began
    cell, run = stream.transcript.cells[-1], stream.transcript.runs[0]
    assert cell.duration is not None
    assert 0.15 < cell.duration <= took
    assert 0.15 < stream.transcript.figures()["ann"].seconds <= took
    assert run.duration is not None
    assert 0.15 < run.duration <= took
    assert (run.ttft is not None) == (cell.ttft is not None) == streams
    if cell.ttft is not None and run.ttft is not None:
        assert 0.0 < cell.ttft <= run.ttft < run.duration


def test_a_thought_and_its_answer_count_as_one_call_and_long_calls_more_than_short_ones() -> None:
    def cell(kind: CellKind, begin: float, end: float, pace: float, ttft: float, path: str = "ann") -> Cell:
        return Cell("c", "r", path, path, kind, started_at=begin, ended_at=end, tokens_per_s=pace, ttft=ttft)

    cells = [
        cell(CellKind.THOUGHT, 0.0, 9.0, 10.0, 1.0),
        cell(CellKind.TEXT, 0.0, 9.0, 10.0, 1.0),
        cell(CellKind.TEXT, 20.0, 21.0, 20.0, 3.0),
        Cell("c", "r", "ann", "ann", CellKind.INPUT, started_at=21.0, ended_at=90.0),
        cell(CellKind.TEXT, 5.0, 6.0, 1.0, 7.0, "ben"),
    ]
    ann = by_agent(cells)["ann"]
    assert (ann.messages, ann.seconds, ann.ttft, ann.tokens_per_s) == (2, 10.0, 2.0, pytest.approx(11.0))
    assert first_token(cells, -1.0) == 1.0
    assert first_token([], -1.0) is None


async def test_figures_of_one_run_are_those_of_its_cells() -> None:
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", ScriptedClient([Say("One two.")]))], max_turns=1))
    for _ in range(2):
        await stream.run("go")
    one, both = stream.transcript.figures("r2")["ann"], stream.transcript.figures()["ann"]
    assert (one.messages, both.messages) == (1, 2)
    assert one.usage == stream.transcript.runs[1].usage


def test_a_dated_release_has_the_price_of_its_model_and_another_model_has_not() -> None:
    prices = {"gpt-4o": (2.5, 10.0), "gpt-4o-2024-05-13": (5.0, 15.0)}
    assert price_of("gpt-4o", prices) == (2.5, 10.0)
    assert price_of("gpt-4o-2024-08-06", prices) == (2.5, 10.0)
    assert price_of("gpt-4o-2024-05-13", prices) == (5.0, 15.0)
    assert price_of("gpt-4o-mini", prices) is None
    assert price_of("gpt-4o-mini-2024-07-18", prices) is None
    assert price_of("claude-x-20241022", {"claude-x": (3.0, 15.0)}) == (3.0, 15.0)


@pytest.mark.parametrize("cached", [True, False])
async def test_a_client_that_names_only_its_family_is_priced_by_it_also_behind_a_cache(cached: bool) -> None:
    info = ModelInfo(vision=False, function_calling=False, json_output=False, family="gpt-4o", structured_output=False)
    client: Any = ReplayChatCompletionClient(["One two three."], model_info=info)
    if cached:
        client = ChatCompletionCache(client)
    stream = TeamStream(AssistantAgent("ann", client), prices={"gpt-4o": (2.5, 10.0)})
    await stream.run("go")
    assert stream.transcript.runs[0].cost > 0


async def test_without_a_price_there_is_no_cost() -> None:
    from nb_stream.demo import writers

    team = TeamStream(writers(pace=0), prices={"gpt-4o": (2.5, 10.0)})
    await team.run("go")
    assert {cell.cost for cell in team.transcript} == {None}
    assert team.transcript.runs[0].cost == 0.0
    assert team.transcript.figures()["poet"].usage.completion_tokens > 0


async def test_an_agent_built_to_stream_has_figures_although_it_asked_for_none_and_agents_see_none() -> None:
    with OpenAIServer(lambda body: Reply("Four words are enough.")) as server:
        client = OpenAIChatCompletionClient(model="gpt-4o", base_url=server.url, api_key="test")
        stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client, model_client_stream=True)], max_turns=1))
        result = await stream.run("go")
    usage = result.messages[-1].models_usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (0, 0)  # as bare: it decides when a team stops
    assert client.total_usage().completion_tokens == 0
    assert stream.transcript.cells[-1].usage == stream.transcript.runs[0].usage
    assert stream.transcript.runs[0].usage.completion_tokens == 4


async def test_a_model_without_a_price_says_so_once() -> None:
    stream = TeamStream(AssistantAgent("ann", ScriptedClient([Say("One.")])), prices={"gpt-4o": (2.5, 10.0)})
    for _ in range(2):
        await stream.run("go")
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert len(notices) == 1
    assert "There is no price for the model that ann calls" in notices[0]


async def test_a_selectors_choices_are_in_the_sums() -> None:
    shape = selector(stream=False)
    stream = TeamStream(shape.team)
    await stream.run("go")
    chosen = [cell for cell in stream.transcript if cell.kind is CellKind.SELECTION]
    assert any(cell.usage for cell in chosen)
    calls = sum((Usage(u.prompt_tokens, u.completion_tokens) for u in used(shape)), Usage())
    assert stream.transcript.runs[0].usage == calls


def used(shape: Any) -> list[Any]:
    """What all clients of a shape have counted."""
    return [client.total_usage() for client in {id(one): one for one in shape.clients.values()}.values()]
