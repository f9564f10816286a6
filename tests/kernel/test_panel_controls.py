"""A real panel on real kernels: every control acts while a cell runs, whatever the run is started with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment, Kernel, Latencies, at_once, within_200_ms
from tests.support.virtual_environments import THIS_PYTHON

IPYKERNELS = ("6.29.5", "6.31.0", "7.1.0", NEWEST_FOR_PYTHON[THIS_PYTHON])
CLICKS, PACE_S = 5, 0.3

RUNS = {
    "awaited": ["results.append(await panel.run('go'))"],
    "blocking": ["results.append(panel.run_sync('go'))"],
    "by hand": ["await by_hand()"],
    "background": ["await in_background()"],
    "background, beside a cell that sleeps": ["await in_background()", "await beside()"],
}
"""Cells, the last of which lasts as long as the run does (but for that of the idle background)."""


@pytest.fixture(scope="module")
def kernels() -> Iterator[list[Kernel]]:
    with ExitStack() as stack:
        started = [stack.enter_context(closing(Kernel(Environment(version, THIS_PYTHON)))) for version in IPYKERNELS]
        at_once(started, prepare)
        yield started


def prepare(kernel: Kernel) -> None:
    kernel.connect()
    kernel.run(
        "from tests.support.in_kernel.switched_team import *\nfrom tests.support.in_kernel import switched_team as team"
    )


class Page:
    """What a notebook page does with the panel, over the kernel's sockets."""

    def __init__(self, kernel: Kernel, panel: str = "panel") -> None:
        self.kernel = kernel
        self.panel, self.box = kernel.evaluate(f"[team.{panel}.comm.comm_id, team.box.comm.comm_id]")

    def ops(self, kind: str) -> list[dict[str, Any]]:
        """The operations of that kind in all frames so far, in the order of the frames."""
        frames = [
            message["content"]["data"]["content"]
            for messages in list(self.kernel.published.values())
            for message in messages
            if message["msg_type"] == "comm_msg"
            and message["content"]["comm_id"] == self.panel
            and message["content"]["data"]["method"] == "custom"
        ]
        return [op for frame in sorted(frames, key=lambda f: f["seq"]) for op in frame["ops"] if op["op"] == kind]

    def command(self, subshell: str | None = None, **command: Any) -> str:
        return self.kernel.custom(command, subshell=subshell, comm_id=self.panel)

    def state(self, word: str) -> None:
        """Wait for a run's state."""
        self.kernel.wait_for(lambda: self.ops("state")[-1:] and self.ops("state")[-1]["state"] == word, word)

    def begin(self, cells: list[str]) -> str:
        """Start a run and answer the person's question; the cell that lasts."""
        written, answered = len(self.ops("append")), self.questions()
        for cell in cells:
            last = self.kernel.execute(cell)
        self.state("waiting for input")
        (request,) = self.kernel.wait_for(lambda: self.questions() - answered, "the question")
        self.command(type="answer", request_id=request, text="Write.")
        self.kernel.wait_for(lambda: len(self.ops("append")) > written, "the first words")
        return last

    def questions(self) -> set[str]:
        """The ids of all questions so far."""
        cells = [op["cell"] for op in self.ops("cell") + self.ops("settle")]
        return {str(cell["data"]["request_id"]) for cell in cells if cell["kind"] == "human input" and cell.get("data")}

    def boxes(self) -> set[bool]:
        """How the switches of ann and ben stand, as the page was told last."""
        rows = (self.ops("agents") or [{"agents": []}])[-1]["agents"]
        return {row["on"] for row in rows if row["can_stream"]}

    def click(self) -> dict[str, list[float]]:
        """Click the panel's box of ann and the plain box of ben over each route, `PACE_S` apart; when they were."""
        sent: dict[str, list[float]] = {"ann": [], "ben": []}
        for number in range(CLICKS):
            began = time.monotonic()
            for turn, subshell in enumerate(self.kernel.routes.values()):
                on = (number * len(self.kernel.routes) + turn) % 2 == 1
                now = time.time()
                clicked = self.command(subshell, type="toggle", path="ann", on=on, at_ms=now * 1000)
                sent["ann"].append(now)
                sent["ben"].append(time.time())
                plain = self.kernel.set_value(self.box, on, subshell=subshell)
                for message in (clicked, plain):  # ipywidgets' page sends no second update before it sees the idle
                    self.kernel.wait_until_idle(message)
                self.kernel.wait_for(lambda on=on: self.boxes() == {on}, "the confirmation of a click")
            time.sleep(max(0.0, began + PACE_S - time.monotonic()))
        return sent


@pytest.mark.parametrize("run", RUNS)
def test_every_control_acts_during_a_run(kernels: list[Kernel], latencies: Latencies, run: str) -> None:
    def check(kernel: Kernel) -> None:
        kernel.run("await team.fresh()")
        page = Page(kernel)
        idle = run == "background"

        cell = page.begin(RUNS[run])
        sent = page.click()
        page.command(type="stop")
        page.state("stopping")
        assert idle or cell not in kernel.replies
        kernel.custom({"hurry": True})
        page.state("idle")
        assert kernel.finish(cell)["status"] == "ok"
        told = kernel.evaluate("{name: each.seen for name, each in team.flips.items()}")
        for name, times in sent.items():
            assert [on for on, _ in told[name]] == [number % 2 == 1 for number in range(len(times))], name
            took = [at - clicked for (_, at), clicked in zip(told[name], times, strict=True)]
            latencies[str(kernel.environment), f"{run}: {'panel' if name == 'ann' else 'plain'} box"] = took

        kernel.run("await team.fresh()")
        cell = page.begin(RUNS[run])
        page.command(type="cancel")
        page.state("cancelled")
        content = kernel.finish(cell)
        assert content["status"] == "ok" if run.startswith("background") else content["ename"] == "CancelledError"
        kernel.wait_until("probe.restored()")

    at_once(kernels, check)


def test_clicks_reach_the_switch_within_200_ms(latencies: Latencies) -> None:
    """All clicks of the test above."""
    assert latencies
    for environment in {environment: None for environment, _ in latencies}:
        within_200_ms(latencies, environment)


@pytest.mark.parametrize("run", ["awaited", "blocking", "by hand"])
def test_a_run_leaves_alone_what_is_beside_it_and_an_interrupt_leaves_all_in_order(
    kernels: list[Kernel], run: str
) -> None:
    def check(kernel: Kernel) -> None:
        kernel.run("await team.fresh()")
        page, second = Page(kernel), Page(kernel, "second")
        cell = page.begin(RUNS[run])
        for value in (1, 2, 3):
            kernel.slide(value)
        second.command(type="toggle", path="ann", on=False, at_ms=time.time() * 1000)
        kernel.wait_for(lambda: second.boxes() == {False, True}, "the second panel's confirmation")
        assert cell not in kernel.replies
        kernel.interrupt()
        assert kernel.finish(cell)["ename"] == "KeyboardInterrupt"
        kernel.wait_until("len(probe.slid) >= 3")
        assert kernel.evaluate("probe.slid") == [1, 2, 3]
        kernel.wait_until("team.panel.stream.current.done() and probe.restored()")
        second.command(type="toggle", path="ann", on=True, at_ms=time.time() * 1000)
        kernel.wait_until("team.second.switches['ann']")

        kernel.run("await team.fresh()")
        cell = page.begin(RUNS[run])
        page.command(type="cancel")
        kernel.finish(cell)
        kernel.wait_until("probe.restored()")

    at_once(kernels, check)
