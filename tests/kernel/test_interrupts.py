"""Interrupts of a cell are ours while it waits for a run, and only then."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.interrupted_cells import WAITS, begin, interrupt_once, prepare
from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment, Kernel, at_once
from tests.support.virtual_environments import THIS_PYTHON

IPYKERNELS = ("6.29.5", "7.1.0", NEWEST_FOR_PYTHON[THIS_PYTHON])


@pytest.fixture(scope="module")
def kernels() -> Iterator[list[Kernel]]:
    with ExitStack() as stack:
        started = [stack.enter_context(closing(Kernel(Environment(version, THIS_PYTHON)))) for version in IPYKERNELS]
        at_once(started, prepare)
        yield started


def end_of(kernel: Kernel, code: str, *, interrupts: int = 1) -> str:
    """Interrupt a cell; what it raised."""
    cell = begin(kernel, code)
    for _ in range(interrupts):
        kernel.interrupt()
    return str(kernel.finish(cell).get("ename"))


def started(kernel: Kernel, code: str) -> str:
    """Send a cell, and wait for its first line."""
    cell = kernel.execute(f"print('begins', flush=True)\n{code}")
    kernel.wait_for(lambda: "begins" in kernel.text(cell), "the cell's start")
    return cell


@pytest.mark.parametrize("waiting", WAITS)
def test_an_interrupted_cell_sees_the_end_of_its_run_and_everything_goes_on(
    kernels: list[Kernel], waiting: str
) -> None:
    """tests/benchmarks/interrupts.py does it three hundred times."""
    chance = random.Random(waiting)
    at_once(kernels, lambda kernel: [interrupt_once(kernel, waiting, number, chance) for number in range(2)])


TOGETHER = {
    "gathered": "await asyncio.gather(panel.run(slow('a')), second.run('b'))",
    "a task of the cell": "task = asyncio.create_task(second.run('b'))\nawait panel.run(slow('a'))",
    "awaited as a task": "await asyncio.create_task(panel.run(slow('a')))",
    "in time": "await asyncio.wait_for(asyncio.gather(second.run('b'), panel.run(slow('a'))), 60)",
    "handles": "await asyncio.gather(panel.start(slow('a')), second.start('b'))",
    "inside nest_asyncio": (
        "import nest_asyncio2\nnest_asyncio2.apply()\n"
        "asyncio.get_event_loop().run_until_complete(asyncio.gather(second.run('b'), panel.run(slow('a'))))"
    ),
}


@pytest.mark.parametrize("code", TOGETHER.values(), ids=TOGETHER)
def test_several_waits_end_with_one_interrupt(kernels: list[Kernel], code: str) -> None:
    def check(kernel: Kernel) -> None:
        assert end_of(kernel, f"import asyncio\n{code}") == "KeyboardInterrupt"
        assert kernel.evaluate("[panel.state, second.state]") == ["cancelled"] * 2
        kernel.run("found = await talk.facts()")

    at_once(kernels, check)


def test_the_handler_that_was_there_is_back_whoever_set_it(kernels: list[Kernel]) -> None:
    def check(kernel: Kernel) -> None:
        kernel.run("""
            import asyncio, signal
            def mine(number, frame): ...
            def there(): return signal.getsignal(signal.SIGINT)
            seen = []
            async def interrupted(wait):
                try: await wait
                except KeyboardInterrupt: seen.append("KeyboardInterrupt")
                return there()
        """)
        for before in ("there()", "signal.signal(signal.SIGINT, mine) and mine"):
            cell = begin(kernel, f"before = {before}\nok = await interrupted(panel.run(slow('a'))) is before")
            kernel.interrupt()
            assert kernel.finish(cell)["status"] == "ok"
            assert kernel.evaluate("(seen.pop(), ok)") == ("KeyboardInterrupt", True)
        kernel.run("before = there()\nawait panel.run(quick('b'))\nassert there() is before")
        # A handler that is set while a cell waits is nobody's to take away.
        kernel.run("""
            forget = panel.on_event(lambda _: signal.signal(signal.SIGINT, mine))
            await panel.run(quick("c"))
            forget()
            assert there() is mine
        """)
        kernel.run("assert there() is not mine")

    at_once(kernels, check)


def test_an_interrupt_of_a_cell_that_waits_for_something_else_is_not_ours(kernels: list[Kernel]) -> None:
    def check(kernel: Kernel) -> None:
        kernel.run("import asyncio, time")
        # a run in the background, and one that a task of this cell waits for in the next one
        cell = begin(kernel, "run = panel.start(slow('a'))\nawait asyncio.sleep(60)")
        kernel.interrupt()
        assert kernel.finish(cell)["ename"] == "CancelledError"
        assert kernel.evaluate("(panel.state, run.done())") == ("running", False)
        kernel.run("await panel.cancel()")
        kernel.run("task = asyncio.create_task(panel.run(slow('b')))")
        cell = started(kernel, "await asyncio.sleep(60)")
        kernel.interrupt()
        assert kernel.finish(cell)["ename"] == "CancelledError"
        assert kernel.evaluate("(panel.state, task.done())") == ("running", False)
        kernel.run("await panel.cancel()")

    at_once(kernels, check)


STUBBORN = """
    import asyncio, time
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.teams import RoundRobinGroupChat
    from nb_stream import TeamPanel
    from nb_stream.demo import Call, Say, ScriptedClient
    began = []
    async def deaf() -> str:
        began.append(time.monotonic())
        print("deaf", flush=True)
        until = time.monotonic() + 60
        while time.monotonic() < until and began:
            try: await asyncio.sleep(0.1)
            except asyncio.CancelledError: pass
        return "heard nothing"
    async def blocked() -> str:
        print("blocked", flush=True)
        time.sleep(60)
        return "slept"
    client = ScriptedClient([Call("deaf", {}), Call("blocked", {})])
    stubborn = TeamPanel(AssistantAgent("ann", client, tools=[deaf, blocked]))
"""


@pytest.mark.parametrize("waiting", ["await stubborn.run('go')", "stubborn.run_sync('go')"])
def test_a_second_interrupt_ends_a_run_that_will_not_end(kernels: list[Kernel], waiting: str) -> None:
    def check(kernel: Kernel) -> None:
        kernel.run(STUBBORN)
        for tool in ("deaf", "blocked"):
            cell = started(kernel, f"began.clear()\n{waiting}")
            kernel.wait_for(lambda tool=tool, cell=cell: tool in kernel.text(cell), "the tool")
            kernel.interrupt()
            time.sleep(0.3 if tool == "blocked" else 0.02)
            kernel.interrupt()
            assert kernel.finish(cell)["ename"] == "KeyboardInterrupt", tool
            assert kernel.evaluate("stubborn.state") == "cancelled", tool
        kernel.run("began.clear()")

    at_once(kernels, check)
