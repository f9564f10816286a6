"""A team in another process is watched and switched from here as if it ran here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage

from nb_stream import CellStatus, RunState, TeamStream
from tests.support.remote_worker import RemoteWorker, served
from tests.support.served_teams import SECRET, TEXT
from tests.support.wait_until import until


@pytest.fixture(scope="module")
def pair() -> Iterator[RemoteWorker]:
    with served("pair") as worker:
        yield worker


async def test_a_run_gives_the_messages_and_the_tokens_of_the_team(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    await stream.ready()
    assert [agent.path for agent in stream.agents] == ["ann", "bob"]
    heard: dict[str, str] = {"ann": "", "bob": ""}
    stream.on_token(lambda token: heard.update({token.path: heard[token.path] + token.text}))
    result = await stream.run("Write.")
    assert type(result) is TaskResult
    assert [(type(m), m.source, m.content) for m in result.messages] == [
        (TextMessage, "user", "Write."),
        (TextMessage, "ann", TEXT),
        (TextMessage, "bob", SECRET),
    ]
    assert heard == {"ann": TEXT, "bob": SECRET}
    assert stream.state is RunState.IDLE
    assert stream.detail == result.stop_reason == "Maximum number of turns 2 reached."
    cells = stream.transcript.cells
    assert all(cell.status is CellStatus.DONE for cell in cells)
    assert all(cell.ttft is not None and cell.tokens_per_s for cell in cells[1:])


async def test_a_switch_in_mid_message_holds_the_text_in_the_worker(pair: RemoteWorker) -> None:
    stream, other = TeamStream(pair.remote), TeamStream(pair.remote)
    await asyncio.gather(stream.ready(), other.ready())
    heard: list[str] = []
    stream.on_token(lambda token: heard.append(token.text), agents="ann")
    run = stream.start("Write.")
    await until(lambda: len(heard) > 5)
    stream.switches["ann"] = False
    assert not stream.switches["ann"]
    at_once = len(heard)
    await until(lambda: other.held.get("ann"))
    assert not other.switches["ann"], "the switch is the team's"
    crossed, held = other.transcript.live_cells[0].text, other.held["ann"]
    await until(lambda: other.held.get("ann", 0) > held)
    assert other.transcript.live_cells[0].text == crossed, "held text crosses no network"
    assert len(heard) == at_once
    other.switches["ann"] = True
    await until(lambda: stream.switches["ann"])
    await run
    assert "".join(heard) == TEXT
    await until(lambda: stream.transcript == other.transcript)


async def test_words_in_mid_run_reach_the_team_in_its_worker(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    await stream.ready()
    run = stream.start("Write.")
    await until(lambda: any(cell.text for cell in stream.transcript.live_cells))
    stream.say("Of whales.")
    stream.say("Of dolphins.")
    result = await run
    said = [message.content for message in result.messages if message.source == "user"]
    assert said == ["Write.", "Of whales.", "Of dolphins."]


async def test_a_remote_team_goes_back_to_before_a_run(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    await stream.ready()
    await stream.run("Write of cats.")
    run = stream.transcript.runs[-1]
    assert await stream.rewind(run) == "Write of cats."
    await until(lambda: stream.transcript.runs[-1].set_aside)
    await stream.rewind(stream.branches[-1] if stream.branches[-1].id == run.id else run, to_end=True)
    await until(lambda: not stream.transcript.runs[-1].set_aside)
