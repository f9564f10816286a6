"""Every viewer ends with the worker's transcript, whatever the team says, the switches do and the wire loses."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest

from nb_stream import CellStatus, TeamStream
from nb_stream.demo import TEAMS
from nb_stream.errors import NbStreamError
from nb_stream.serve.worker import Worker
from tests.support import served_teams
from tests.support.memory_transport import MemoryRemote
from tests.support.wait_until import until

Wire = type[MemoryRemote]
BUILDS: dict[str, Callable[[], Any]] = {
    **{name: lambda build=build: build(pace=0.0005) for name, build in TEAMS.items()},
    "tooled": served_teams.tooled,
    "failing": served_teams.faulty,
}


async def ended(stream: TeamStream, worker: Worker) -> None:
    """Run once, and wait until the stream has all of it."""
    await stream.ready()
    run = stream.start("Begin.")
    await run.settled()
    await until(lambda: stream.transcript == worker.stream.transcript, 10)


@pytest.mark.parametrize("switches", ["off", "moving"])
@pytest.mark.parametrize("name", BUILDS)
async def test_the_transcript_is_the_workers(memory_wire: Wire, name: str, switches: str) -> None:
    worker = Worker.of(BUILDS[name](), {"streaming": switches != "off"})
    stream = TeamStream(memory_wire(worker))
    await stream.ready()
    if switches == "moving":
        chance = random.Random(name)

        async def move() -> None:
            while True:
                agent = chance.choice(worker.stream.agents)
                if agent.can_stream:
                    stream.switches[agent.path] = chance.random() < 0.5
                await asyncio.sleep(chance.random() * 0.06)

        moving = asyncio.ensure_future(move())
    await ended(stream, worker)
    if switches == "moving":
        moving.cancel()
    here, there = stream.transcript, worker.stream.transcript
    assert here.cells == there.cells
    assert here.runs == there.runs
    late = TeamStream(memory_wire(worker))
    await late.ready()
    assert late.transcript == there
    assert late.state is worker.stream.state


@pytest.mark.parametrize("seed", range(5))
async def test_a_wire_that_loses_doubles_reorders_and_breaks_ends_the_same(memory_wire: Wire, seed: int) -> None:
    chance = random.Random(seed)
    name = chance.choice(list(BUILDS))
    worker = Worker.of(BUILDS[name](), {"streaming": True})
    remotes = [memory_wire(worker, trouble=0.1, seed=seed * 10 + number) for number in range(3)]
    streams = [TeamStream(remote) for remote in remotes]
    heard: dict[str, str] = {}
    streams[0].on_token(lambda token: heard.update({token.path: heard.get(token.path, "") + token.text}))
    await asyncio.gather(*(stream.ready() for stream in streams))
    run = streams[0].start("Begin.")
    while not run.done():
        agent = chance.choice([agent for agent in worker.stream.agents if agent.can_stream])
        chance.choice(streams).switches[agent.path] = chance.random() < 0.5
        await asyncio.sleep(0.05)
    for stream in streams:
        await until(lambda stream=stream: stream.transcript == worker.stream.transcript)
        await until(lambda stream=stream: dict(stream.switches) == dict(worker.stream.switches))
        await until(lambda stream=stream: stream.state is worker.stream.state)
    assert len(worker.stream.transcript.runs) == 1, "a start that was sent twice is one start"
    assert any(remote.made for remote in remotes)


@pytest.mark.parametrize("seed", range(3))
async def test_a_worker_that_starts_anew_now_and_then_is_told_and_the_next_run_is_whole(
    memory_wire: Wire, seed: int
) -> None:
    """The wire makes its trouble all the while. In a tenth of the looks, the worker is another one."""
    chance = random.Random(seed)
    worker = Worker.of(served_teams.pair(), {"streaming": True})
    remotes = [memory_wire(worker, trouble=0.1, seed=seed * 10 + number) for number in range(2)]
    streams = [TeamStream(remote) for remote in remotes]
    await asyncio.gather(*(stream.ready() for stream in streams))
    restarts = 0
    whole = None
    while whole is None:
        run = streams[0].start("Begin.")
        while not run.done():
            if restarts < 3 and chance.random() < 0.1:
                restarts += 1
                old, worker = worker, Worker.of(served_teams.pair(), {"streaming": True})
                for remote in remotes:
                    remote.worker = worker
                await old.stream.cancel()
            await asyncio.sleep(0.02)
        with contextlib.suppress(NbStreamError):
            whole = await run if restarts == 3 else None
    (told,) = worker.stream.transcript.runs[-1:]
    said = [cell.text for cell in worker.stream.transcript if cell.run == told.id]
    for stream in streams:
        await until(lambda stream=stream: [cell.text for cell in stream.transcript][-len(said) :] == said)
        runs = stream.transcript.runs
        assert runs[-1].status is CellStatus.DONE
        assert sum("started anew" in cell.text for cell in stream.transcript) >= 1
        assert all(info.ended_at is not None for info in runs)
    assert [message.source for message in whole.messages] == ["user", "ann", "bob"]
