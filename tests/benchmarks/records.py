"""What recordings and exports cost and how they grow: `python tests/benchmarks/records.py`.

Recording: the CPU time of whole runs of an AgentChat team, with and without it, alternating, by the median. The model is
a server in another process behind AutoGen's own client for OpenAI, as in a run of a user's; then a script in this
process, which takes next to no time. Loading and exporting: a process of its own for each size, with its peak memory.
"""

from __future__ import annotations

import asyncio
import gc
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

from nb_stream import TeamStream
from nb_stream.core.model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    Message,
    RunFinished,
    RunStarted,
    TurnStarted,
)
from nb_stream.demo import Say, ScriptedClient
from nb_stream.recording.codec import header
from nb_stream.recording.writer import save_recording

ROUNDS = 21
CHUNKS = {"AutoGen's client": 4_000, "a script": 20_000}  # in a run, by what the model is
AGENTS = tuple(AgentInfo(name, name) for name in ("ann", "ben", "cy", "dee"))

MEASURE = """
import resource, sys, time
from nb_stream.recording.reader import load_transcript
from nb_stream.export import export
began = time.perf_counter()
transcript = load_transcript(sys.argv[1])
loaded = time.perf_counter()
export(transcript, sys.argv[2])
done = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(loaded - began, done - loaded, peak, sum(len(cell.text) for cell in transcript))
"""


RENDER = """
import resource, sys, time
from nb_stream.demo import texts
from nb_stream.export.rendered_markdown import rendered_markdown
essay = "\\n\\n".join(text for text in vars(texts).values() if isinstance(text, str) and "\\n" in text)
row = "| a *b* " * 20 + "|\\n"
one = {
    "essays with tables, code and formulas": essay + "\\n\\n",
    "prose": "The harbour wakes before the town, a gull, a rope, a lamp gone brown. " * 8 + "\\n\\n",
    "a table": row,
    "open brackets": "[a ",
    "open stars": "*a **b ",
    "formulas": "$x^2$ and $y_1$. ",
}[sys.argv[1]]
length = int(sys.argv[2])
text = (one * (length // len(one) + 1))[:length]
if sys.argv[1] == "a table":
    text = row + "|---" * 20 + "|\\n" + text
rendered_markdown("**warm** `up` $x$")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
began = time.process_time()
html = rendered_markdown(text)
print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before, len(html))
"""


SERVER = """
import sys
from nb_stream.demo.server import DemoServer
print(DemoServer({"": "word " * int(sys.argv[1])}, pace=0.0).url, flush=True)
sys.stdin.read()
"""


@contextmanager
def server(chunks: int) -> Iterator[str]:
    """A model that answers with so many chunks, in a process of its own; gives its address."""
    command = [sys.executable, "-c", SERVER, str(chunks)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def team(model: str, url: str) -> RoundRobinGroupChat:
    """Two agents who stream half of the chunks each."""

    def client() -> Any:
        if model == "a script":
            return ScriptedClient([Say("word " * (CHUNKS[model] // 2), chunk=5)])
        return OpenAIChatCompletionClient(model="gpt-4o", base_url=url, api_key="none")

    agents = [AssistantAgent(name, client(), model_client_stream=True) for name in ("ann", "ben")]
    return RoundRobinGroupChat(agents, max_turns=2)


def spent(kind: str, folder: pathlib.Path, model: str, url: str) -> float:
    """CPU seconds of one run: as it is with nobody who keeps events, with them in memory, with a file besides."""
    stream = TeamStream(team(model, url), record=folder / f"run{kind}" if kind.startswith(".") else None)
    if kind == "nothing":
        stream._hub.event_log = lambda event: None
        stream._hub._keep = lambda chunk: None
    gc.collect()
    began = time.process_time()
    asyncio.run(stream.run("go"))
    return time.process_time() - began


def recording_costs(folder: pathlib.Path, model: str, url: str) -> None:
    """Print what each way of recording adds to a run."""
    kinds = ("nothing", "memory", ".jsonl", ".jsonl.gz")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:
        spent(kind, folder, model, url)  # warm up
    for _ in range(ROUNDS):
        for kind in kinds:
            times[kind].append(spent(kind, folder, model, url))
    base, micro = statistics.median(times["nothing"]), 1e6 / CHUNKS[model]
    print(
        f"a run of {CHUNKS[model]} chunks of {model}, CPU, median of {ROUNDS}, alternating: {base * micro:.1f} us a chunk"
    )
    for kind in kinds[1:]:
        more = statistics.median(with_it - bare for with_it, bare in zip(times[kind], times["nothing"], strict=True))
        print(f"  recorded to {kind:9}  {more * micro:+6.2f} us a chunk  {100 * more / base:+5.1f} %")


def events(chunks: int, a_message: int) -> Iterator[Event]:
    """A run of so many chunks: four agents who write at the same time, message by message."""
    now, made = 1_760_000_000.0, 0
    yield RunStarted("r1", now, "Write.")
    while made < chunks:
        turns = [(agent.path, f"t{made + place}", f"b0fd42cf-{made + place:012}") for place, agent in enumerate(AGENTS)]
        for path, turn, _ in turns:
            yield TurnStarted(path, path, now, turn)
        for number in range(a_message):
            for path, turn, message in turns:
                now += 0.003137
                yield Chunk(path, path, now, f" word{number % 89}", message, turn)
        whole = "".join(f" word{number % 89}" for number in range(a_message))
        for path, turn, message in turns:
            yield Message(path, path, now, CellKind.TEXT, whole, "TextMessage", message, turn, True)
        made += a_message * len(turns)
    yield RunFinished("r1", now, CellStatus.DONE, "enough")


def sizes(folder: pathlib.Path) -> None:
    """Print how long recordings take to load and to export, and the memory that it takes."""
    print("load, export to HTML, peak memory (a process each)")
    for chunks, a_message in ((250_000, 500), (500_000, 500), (1_000_000, 500), (1_000_000, 250_000)):
        path = folder / f"{chunks}.jsonl"
        save_recording(path, header(AGENTS, {}, 0.0), events(chunks, a_message))
        out = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path), str(folder / "out.html")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        load, export, peak, length = map(float, out.stdout.split())
        print(
            f"  {chunks:9,} chunks in {chunks // a_message:5} messages ({path.stat().st_size / 1e6:4.0f} MB): load {load:5.2f} s"
            f" ({load * 1e6 / chunks:.2f} us a chunk), HTML {export:5.2f} s, {peak:4.0f} MB, {length / 1e6:.1f} M characters"
        )
        path.unlink()


def rendering() -> None:
    """Print how long one message of Markdown takes to become HTML, and the memory that it takes."""
    print("Markdown to HTML, CPU and peak memory beside the program (a process each): 250 kB, 1 MB")
    for kind in (
        "essays with tables, code and formulas",
        "prose",
        "a table",
        "open brackets",
        "open stars",
        "formulas",
    ):
        found = []
        for length in (250_000, 1_000_000):
            command = [sys.executable, "-c", RENDER, kind, str(length)]
            out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            found.append(tuple(map(float, out.split())))
        told = ", ".join(f"{spent:5.2f} s {peak:4.0f} MB ({size / 1e6:.1f} MB of HTML)" for spent, peak, size in found)
        print(f"  {kind:38} {told}")


if __name__ == "__main__":
    rendering()
    with tempfile.TemporaryDirectory() as temporary:
        with server(CHUNKS["AutoGen's client"] // 2) as url:
            for model in CHUNKS:
                recording_costs(pathlib.Path(temporary), model, url)
        sizes(pathlib.Path(temporary))
