"""What a run costs in the kernel: bare `async for`, TeamStream, TeamPanel, and AutoGen's Console.

    python tests/benchmarks/kernel.py [chunks] [repeats]

CPU time of this process, the ways interleaved, medians. The model client is in memory and gives the event loop one
turn per chunk, as a socket would. The panel is a whole one, as it stands in a notebook: its messages are
encoded and signed as a kernel does, it keeps its recording, and it leaves its transcript as HTML.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import pathlib
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

import comm
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Team
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_agentchat.ui import Console
from comm.base_comm import BaseComm
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.session import Session

from nb_stream import TeamPanel, TeamStream
from nb_stream.demo import Say, ScriptedClient


def solo(chunks: int) -> Team:
    """One agent that says it all."""
    return RoundRobinGroupChat([_agent("solo", chunks)], max_turns=1)


def ten(chunks: int) -> Team:
    """Ten agents that speak at the same time, and share the chunks."""
    start = _agent("start", 1)
    builder = DiGraphBuilder().add_node(start)
    agents = [_agent(f"agent{n}", chunks // 10) for n in range(10)]
    for agent in agents:
        builder.add_node(agent).add_edge(start, agent)
    return GraphFlow([start, *agents], builder.build())


def _agent(name: str, chunks: int) -> AssistantAgent:
    return AssistantAgent(name, ScriptedClient([Say("token " * chunks, chunk=6)]), model_client_stream=True)


async def bare(team: Team) -> None:
    """AgentChat alone."""
    async for _ in team.run_stream(task="go"):
        pass


async def stream(team: Team) -> None:
    """TeamStream, no display."""
    await TeamStream(team).run("go")


async def panel(team: Team) -> None:
    """TeamPanel, displayed."""
    shown = TeamPanel(team)
    shown._repr_mimebundle_()
    await shown.run("go")
    shown.close()


class Wire(BaseComm):  # type: ignore[misc]
    """A comm that makes of each message the bytes that a kernel sends."""

    session = Session(key=b"key")
    sent = 0

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        content = {"comm_id": self.comm_id, "data": data or {}}
        Wire.sent += sum(map(len, self.session.serialize(self.session.msg(msg_type, content, metadata=metadata))))


def notebook() -> InteractiveShell:
    """Let panels take this process for a kernel; what they leave is in `display_pub.outputs`."""
    comm.create_comm = Wire
    shell = InteractiveShell.instance()
    shell.display_pub = CapturingDisplayPublisher()
    shell.kernel = object()
    return shell


async def console(team: Team) -> None:
    """AutoGen's Console, printing into memory."""
    with contextlib.redirect_stdout(io.StringIO()):
        await Console(team.run_stream(task="go"))


WAYS: dict[str, Callable[[Team], Awaitable[None]]] = {
    "bare async for": bare,
    "TeamStream": stream,
    "TeamPanel": panel,
    "Console": console,
}


def measure(
    make: Callable[[int], Team], chunks: int, repeats: int, ways: Sequence[str] = tuple(WAYS)
) -> dict[str, float]:
    """Median CPU seconds of each way."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way in ways:
            team = make(chunks)
            gc.collect()
            before = time.process_time()
            asyncio.run(WAYS[way](team))
            seconds[way].append(time.process_time() - before)
    return {way: statistics.median(values) for way, values in seconds.items()}


def main() -> None:
    """Print the table."""
    shell = notebook()
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{'':24}{'CPU s':>8}{'µs/chunk':>10}{'of bare':>9}")
    for make in (solo, ten):
        print(f"{make.__doc__} {chunks:,} chunks, {repeats} repeats")
        found = measure(make, chunks, repeats)
        for way, value in found.items():
            ratio = value / found["bare async for"]
            print(f"  {way:22}{value:8.2f}{value / chunks * 1e6:10.1f}{ratio:9.2f}")
    print(f"The panels sent {Wire.sent / 1e6:.1f} MB and left {len(shell.display_pub.outputs)} outputs.")


if __name__ == "__main__":
    main()
