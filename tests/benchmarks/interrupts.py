"""Interrupt cells at random moments, and see whether the kernel answers, the next run works and the history is kept.

    python tests/benchmarks/interrupts.py [ROUNDS] [IPYKERNEL ...]

Two busy processes run beside it, and comm messages are under way at each interrupt. Prints a line for each kernel and
way of waiting, and ends with 1 if a round failed. Three hundred rounds of all take an hour and a half.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.interrupted_cells import WAITS, interrupt_once, prepare
from tests.support.real_kernel import Environment, Kernel
from tests.support.virtual_environments import THIS_PYTHON

IPYKERNELS = ("6.29.5", "7.1.0", "7.4.0")


def keep_busy() -> None:
    """Until the parent has gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        sum(range(100_000))


def measure(ipykernel: str, waiting: str, rounds: int) -> bool:
    """Interrupt so often, until a round fails; whether all went well."""
    chance, began, failed, done = random.Random(ipykernel + waiting), time.monotonic(), "", 0
    with closing(Kernel(Environment(ipykernel, THIS_PYTHON))) as kernel:
        prepare(kernel)
        try:
            for done in range(rounds):
                interrupt_once(kernel, waiting, done, chance)
            done = rounds
        except AssertionError as error:
            failed = f"failed: {error}"
    seconds = time.monotonic() - began
    print(f"ipykernel {ipykernel:7} {waiting:22} {done:4} rounds, {seconds:4.0f} s  {failed or 'all well'}", flush=True)
    return not failed


if __name__ == "__main__":
    rounds, versions = int(sys.argv[1]) if sys.argv[1:] else 300, sys.argv[2:] or IPYKERNELS
    for _ in range(os.cpu_count() or 1):
        multiprocessing.Process(target=keep_busy, daemon=True).start()
    results = [measure(version, waiting, rounds) for version in versions for waiting in WAITS]
    sys.exit(not all(results))
