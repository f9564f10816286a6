"""Cells that wait for a run are interrupted, while messages for them and for others are under way."""

from __future__ import annotations

import math
import random
import time
from typing import Any

from tests.support.real_kernel import Kernel

TEXT = "Nobody is in a hurry here. " * 200

WAITS = {
    "awaited": "results.append(await panel.run(slow('{task}')))",
    "blocking": "results.append(panel.run_sync(slow('{task}')))",
    "by hand": "await by_hand(slow('{task}'))",
    "started, then awaited": "run = panel.start(slow('{task}'))\nawait run",
}
"""Cells that wait for a run, in every way."""


def prepare(kernel: Kernel) -> None:
    """Connect, and have a panel there."""
    kernel.connect()
    kernel.run(
        "from tests.support.in_kernel import remembering_team as talk\nfrom tests.support.in_kernel.remembering_team import *"
    )


def begin(kernel: Kernel, code: str) -> str:
    """Start a cell that runs the panel, and wait for its first words; words of the run before may still be coming."""
    kernel.published.clear()
    comm_id = kernel.evaluate("talk.panel.comm.comm_id")
    cell = kernel.execute(code)

    def writes() -> bool:
        frames = [
            message["content"]["data"].get("content", {})
            for messages in list(kernel.published.values())
            for message in messages
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == comm_id
        ]
        ops = [(frame["seq"], op) for frame in frames for op in frame.get("ops", ())]
        begun = min((seq for seq, op in ops if op["op"] == "state" and op["state"] == "running"), default=math.inf)
        return any(op["op"] == "append" and seq > begun for seq, op in ops)

    kernel.wait_for(lambda: writes() or cell in kernel.replies, "the first words")
    assert cell not in kernel.replies, kernel.replies[cell]["content"]
    return cell


def interrupt_once(kernel: Kernel, waiting: str, number: int, chance: random.Random) -> None:
    """Interrupt a cell at a random moment; the kernel must answer, the cell have waited for the end of its run, its
    text have stayed, the other widgets' messages have arrived, the next run work, and the agents remember everything."""
    task, panel = f"task {number}", kernel.evaluate("talk.panel.comm.comm_id")
    cell = begin(kernel, WAITS[waiting].format(task=task))
    for value in (1, 2, 3):
        kernel.slide(value)
        kernel.custom({"type": "toggle", "path": "ben", "on": value != 2, "at_ms": time.time() * 1000}, comm_id=panel)
    time.sleep(chance.random() * 0.05)
    kernel.interrupt()
    ename = kernel.reply(cell)["content"].get("ename")
    kernel.run("found = await talk.facts()")
    found: dict[str, Any] = kernel.evaluate("found")
    text, memory = found.pop("text"), found.pop("memory")
    expected = {"state": "cancelled", "cell": "cancelled", "next": 3, "slid": [1, 2, 3]}
    assert (ename, found) == ("KeyboardInterrupt", expected), (ename, found)
    assert text, "nothing of the text was kept"
    assert TEXT.startswith(text), text
    assert memory[-2:] == [task, "and now?"], memory[-3:]
