"""What a viewer costs, in counts: messages and bytes on the network, and what the worker keeps."""

from __future__ import annotations

import asyncio

import pytest

from nb_stream import TeamStream
from nb_stream.recording.codec import from_line
from nb_stream.serve.http import sent_event
from nb_stream.serve.journal import FRESH_BYTES, Journal
from nb_stream.serve.worker import Worker
from tests.support import served_teams
from tests.support.memory_transport import MemoryRemote
from tests.support.wait_until import until


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "held"])
async def test_two_thousand_tokens_cost_at_most_80_messages_and_60_kB(is_open: bool) -> None:
    worker = Worker.of(served_teams.long(pace=0), {"streaming": is_open})
    batches: list[int] = []

    async def follow() -> None:
        async for batch in worker.follow(None):
            if batch.n:  # the first one is for everything that was there
                batches.append(len(sent_event(batch)))

    viewer = asyncio.ensure_future(follow())
    await worker.stream.run("Begin.")
    await until(lambda: worker.stream.transcript.runs[0].ended_at and len(worker.journal) > 5)
    await asyncio.sleep(0.2)
    viewer.cancel()
    assert len(batches) <= 80
    assert sum(batches) <= 60_000
    print(f"{len(batches)} messages, {sum(batches):,} bytes")


async def test_held_text_costs_nothing_until_it_is_let_out(memory_wire: type[MemoryRemote]) -> None:
    worker = Worker.of(served_teams.pair(), {"streaming": False})
    stream = TeamStream(memory_wire(worker))
    await stream.ready()
    run = stream.start("Begin.")
    await until(lambda: stream.held.get("bob"))
    assert "nobody may see" not in b"".join(worker.journal.read(0, 10**9)).decode()
    await run
    assert "nobody may see" in b"".join(worker.journal.read(0, 10**9)).decode()


def test_a_journal_keeps_old_lines_in_about_the_size_of_their_text() -> None:
    journal, written = Journal(), []
    for number in range(20_000):
        line = f'{{"event":"notice","at":{number},"text":"line {number} of a long story, told word for word"}}'.encode()
        written.append(line)
        journal.extend([line])
    kept = sum(len(segment.data) for segment in journal._old) + sum(map(len, journal._fresh))
    assert kept < FRESH_BYTES + 300_000 + sum(map(len, written)) / 4
    for first in (0, 1, 4000, 9999, 19_999):
        read = journal.read(first, 5000)
        assert read == written[first : first + len(read)]
        assert sum(map(len, read)) <= 5000
    assert journal.read(20_000, 5000) == []
    assert journal.read(19_999, 1) == written[19_999:]
    assert len(from_line(written[5])) == 1
