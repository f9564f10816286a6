"""What watching a team in another process costs: messages, bytes, delay, switches, and processor time for each viewer.

    python tests/benchmarks/remote.py [VIEWERS]

Worker and viewers are processes of their own on 127.0.0.1. Prints one table. Delays are the difference between the time
that the worker wrote on a chunk and the time at which a callback here got it, so one clock must serve both.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from nb_stream import Remote, TeamStream, Token
from tests.support.cut_line import CutLine
from tests.support.remote_worker import TOKEN, RemoteWorker, served

VIEWERS = 20
ROUNDS = 40


def row(what: str, figure: str, limit: str) -> None:
    """A line of the table."""
    print(f"{what:<72} {figure:>22}   {limit}", flush=True)


async def one_message() -> None:
    """A message of 2,000 tokens of 6 characters."""
    with served("long") as worker:
        line = CutLine(worker.port)
        async with line.running() as url:
            stream = TeamStream(Remote(url, token=TOKEN))
            await stream.ready()
            before, pieces = line.bytes_down, line.pieces_down
            await stream.run("Begin.")
            await asyncio.sleep(0.3)
            row("2,000 tokens: messages on the network", str(line.pieces_down - pieces), "at most 80")
            row("2,000 tokens: bytes on the network", f"{line.bytes_down - before:,}", "at most 60,000")


async def ten_agents() -> None:
    """Ten agents who write 1,000 tokens a second each, for three seconds."""
    with served("ten") as worker:
        stream = TeamStream(worker.remote)
        late: list[float] = []
        heard: dict[str, int] = {}

        def hear(token: Token) -> None:
            late.append(time.time() - token.at)
            heard[token.path] = heard.get(token.path, 0) + len(token.text)

        stream.on_token(hear)
        await stream.ready()
        began = time.monotonic()
        await stream.run("Begin.")
        seconds = time.monotonic() - began
        told = {cell.path: len(cell.text) for cell in stream.transcript.cells if cell.path != "user"}
        complete = heard == told and len(heard) == 10
        row("10 agents x 3,000 tokens: all of it arrived", str(complete), "True")
        row("10 agents: tokens a second, all together", f"{len(late) / seconds:,.0f}", "10,000 are written")
        late.sort()
        row("10 agents: added at the median", f"{statistics.median(late) * 1000:.0f} ms", "at most 100 ms")
        row("10 agents: added at the 95th percentile", f"{late[int(len(late) * 0.95)] * 1000:.0f} ms", "")


async def switch() -> None:
    """From a click here until the worker has carried it out and says so."""
    with served("slow") as worker:
        stream, other = TeamStream(worker.remote), TeamStream(worker.remote)
        await asyncio.gather(stream.ready(), other.ready())
        run = stream.start("Begin.")
        times = []
        for number in range(ROUNDS):
            await asyncio.sleep(0.07)
            began = time.perf_counter()
            stream.switches["ann"] = bool(number % 2)
            while other.switches["ann"] is not bool(number % 2):
                await asyncio.sleep(0.001)
            times.append(time.perf_counter() - began)
        await stream.cancel()
        await run.settled()
        times.sort()
        row("a switch acts in the worker and is seen by another viewer, p50", f"{times[ROUNDS // 2] * 1000:.0f} ms", "")
        row("the same, p95", f"{times[math.ceil(ROUNDS * 0.95) - 1] * 1000:.0f} ms", "at most 50 ms")


def watch(url: str, count: int, ready: object, end: object) -> None:
    """Several viewers in a process of their own."""

    async def work() -> None:
        streams = [TeamStream(Remote(url, token=TOKEN)) for _ in range(count)]
        await asyncio.gather(*(stream.ready() for stream in streams))
        ready.release()  # type: ignore[attr-defined]
        while not end.is_set():  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)

    asyncio.run(work())


async def cpu_of_a_run(worker: RemoteWorker) -> tuple[float, float]:
    """Processor time and duration of a run."""
    stream = TeamStream(worker.remote)
    await stream.ready()
    process = psutil.Process(worker.process.pid)
    before, began = process.cpu_times(), time.monotonic()
    await stream.run("Begin.")
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system, time.monotonic() - began


async def viewers(count: int) -> None:
    """What each viewer adds to the worker's processor time, as a share of a run's."""
    with served("ten") as worker:
        await cpu_of_a_run(worker)
        alone = min([(await cpu_of_a_run(worker))[0] for _ in range(2)])
        ready, end = multiprocessing.Semaphore(0), multiprocessing.Event()
        others = [
            multiprocessing.Process(target=watch, args=(worker.url, count // 2, ready, end), daemon=True)
            for _ in range(2)
        ]
        for other in others:
            other.start()
        for _ in others:
            await asyncio.to_thread(ready.acquire)
        watched = min([(await cpu_of_a_run(worker))[0] for _ in range(2)])
        end.set()
        for other in others:
            other.join()
        row("10 agents, one viewer: the worker's processor time", f"{alone:.2f} s", "")
        row(f"the same with {count} more", f"{watched:.2f} s", "")
        row("each viewer adds, as a share of the run", f"{(watched - alone) / alone / count:.1%}", "less than 5 %")


async def main(count: int) -> None:
    """All of it."""
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    await one_message()
    await ten_agents()
    await switch()
    await viewers(count)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else VIEWERS))
