"""Figures: pace, usage and cost per message, agent and run."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelInfo
from autogen_core.tools import FunctionTool
from autogen_ext.models.cache import ChatCompletionCache
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient

from nb_stream import TeamStream, needs_approval
from nb_stream.core.metrics import by_agent, checked, cost, first_token, price_of, tokens_per_second
from nb_stream.core.model import Cell, CellKind, CellStatus, Usage
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.export.summary import length, money
from nb_stream.recording.reader import load_transcript
from tests.support.openai_server import OpenAIServer, Reply
from tests.support.team_shapes import agent_tool, magentic_one, selector, selector_inside, society, team_tool
from tests.support.wait_until import until


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
    assert money(run.cost) in team.transcript.to_html()
    assert money(spoken[0].cost) in team.transcript.to_html()


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


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize(
    "build", [selector, partial(selector, events=False), magentic_one, selector_inside, society, agent_tool, team_tool]
)
async def test_all_calls_are_in_the_sums_of_run_and_agents_also_those_without_a_message(
    build: Any, streams: bool, tmp_path: Path
) -> None:
    shape = build(streams)
    stream = TeamStream(shape.team, prices={"gpt-4o": (2.5, 10.0)}, record=tmp_path / "run.jsonl")
    await stream.run("go")
    calls = sum((Usage(u.prompt_tokens, u.completion_tokens) for u in used(shape)), Usage())
    for transcript in (stream.transcript, load_transcript(tmp_path / "run.jsonl")):
        assert transcript.runs[0].usage == calls
        assert sum((figures.usage for figures in transcript.figures().values()), Usage()) == calls


async def test_an_answer_that_was_broken_off_is_in_the_sums_as_an_estimate() -> None:
    with OpenAIServer(lambda body: Reply("word " * 200, pace=0.02)) as server:
        client = OpenAIChatCompletionClient(model="gpt-4o", base_url=server.url, api_key="test")
        stream = TeamStream(AssistantAgent("ann", client, model_client_stream=True), prices={"gpt-4o": (2.5, 10.0)})
        stream.start("go")
        await until(lambda: any("word word" in cell.text for cell in stream.transcript))
        await stream.cancel()
    [info] = stream.transcript.runs
    assert info.usage.about
    assert info.usage.completion_tokens > 1
    assert info.cost > 0
    assert "at least" in stream.transcript.to_html()
    assert stream.transcript.figures()["ann"].usage == info.usage


async def test_what_a_person_took_is_neither_the_agents_time_nor_the_runs(tmp_path: Path, monkeypatch: Any) -> None:
    real, ahead = time.monotonic, 0.0
    monkeypatch.setattr(
        "nb_stream.concurrency.clock.time", SimpleNamespace(time=time.time, monotonic=lambda: real() + ahead)
    )
    began = real()
    writer = AssistantAgent("ann", ScriptedClient([Say("word " * 5)], pace=0.01), model_client_stream=True)
    asker = needs_approval(FunctionTool(lambda: "done", "Does it.", name="act"))
    lead = AssistantAgent("lead", ScriptedClient([Call("act", {}, "Yes."), Say("Done.")]), tools=[asker])
    team = RoundRobinGroupChat([UserProxyAgent("human"), writer, lead], max_turns=3)
    stream = TeamStream(team, record=tmp_path / "run.jsonl")
    run = stream.start("go")
    for seconds, answer in ((60.0, "Write."), (120.0, "approve")):
        await until(lambda: waiting(stream))
        ahead += seconds
        stream.answer(stream.questions[0].request_id, answer)
        await until(lambda: not waiting(stream))
    await run
    took = real() - began
    for transcript in (stream.transcript, load_transcript(tmp_path / "run.jsonl")):
        [info] = transcript.runs
        assert 180.0 <= info.waited <= 180.0 + took
        assert info.duration == pytest.approx(info.waited + info.worked)
        assert 0 < info.worked <= took
        assert info.ttft is not None
        assert info.ttft <= took
        figures = transcript.figures()
        assert figures["human"].seconds == 0.0
        assert 60.0 <= figures["human"].waited <= 60.0 + took
        assert 120.0 <= figures["lead"].waited <= 120.0 + took
        assert max(one.seconds for one in figures.values()) <= took
        assert f"waited {length(info.waited)} for a person" in transcript.to_html()


async def test_a_wait_that_is_open_when_its_run_is_cancelled_counts_until_then(monkeypatch: Any) -> None:
    real, ahead = time.monotonic, 0.0
    monkeypatch.setattr(
        "nb_stream.concurrency.clock.time", SimpleNamespace(time=time.time, monotonic=lambda: real() + ahead)
    )
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1))
    stream.start("go")
    await until(lambda: waiting(stream))
    ahead = 60.0
    await stream.cancel()
    assert stream.transcript.runs[0].waited >= 60.0


def test_waits_at_the_same_time_count_once_and_are_not_the_time_of_who_holds_the_agent() -> None:
    def cell(kind: CellKind, begin: float, end: float, path: str) -> Cell:
        return Cell("c", "r", path, path, kind, started_at=begin, ended_at=end)

    cells = [
        cell(CellKind.TOOL_CALL, 0.0, 10.0, "lead"),
        cell(CellKind.APPROVAL, 2.0, 6.0, "lead/ann"),
        cell(CellKind.INPUT, 4.0, 8.0, "lead/ann"),
        cell(CellKind.TEXT, 3.0, 5.0, "leader"),
    ]
    figures = by_agent(cells)
    assert [(one.seconds, one.waited) for one in figures.values()] == [(4.0, 6.0), (0.0, 6.0), (2.0, 0.0)]


async def test_the_cost_of_a_run_with_a_model_that_has_no_price_is_the_least() -> None:
    with OpenAIServer(lambda body: Reply("Four words are enough.")) as server:
        paid = OpenAIChatCompletionClient(model="gpt-4o", base_url=server.url, api_key="test")
        agents = [AssistantAgent("ann", paid), AssistantAgent("ben", ScriptedClient([Say("One.")]))]
        stream = TeamStream(RoundRobinGroupChat(agents, max_turns=2), prices={"gpt-4o": (2.5, 10.0)})
        await stream.run("go")
    assert stream.transcript.runs[0].unpriced
    assert {path: one.unpriced for path, one in stream.transcript.figures().items()} == {"ann": False, "ben": True}
    assert f"at least {money(stream.transcript.runs[0].cost)}" in stream.transcript.to_html()


def waiting(stream: TeamStream) -> bool:
    """Whether a question stands in the transcript, and nobody has answered."""
    return any(cell.status is CellStatus.WAITING for cell in stream.transcript)


def used(shape: Any) -> list[Any]:
    """What all clients of a shape have counted."""
    return [client.total_usage() for client in {id(one): one for one in shape.clients.values()}.values()]
