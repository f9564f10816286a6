"""A panel costs the kernel next to nothing, by the table that the benchmark prints (there with 100,000 chunks)."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


@pytest.mark.alone
def test_a_panel_costs_at_most_a_tenth_more_than_the_bare_run_and_less_than_half_of_console() -> None:
    """Shares of CPU time in one process. One agent, and ten at the same time."""
    script = ROOT / "tests" / "benchmarks" / "kernel.py"
    done = subprocess.run(
        [sys.executable, script, "3000", "1"], capture_output=True, text=True, timeout=300, check=True
    )
    found = re.findall(r"^  (bare async for|TeamStream|TeamPanel|Console) +[\d.]+ +([\d.]+)", done.stdout, re.MULTILINE)
    assert [way for way, _ in found] == ["bare async for", "TeamStream", "TeamPanel", "Console"] * 2
    for (_, bare), _, (_, panel), (_, console) in (found[:4], found[4:]):
        assert float(panel) <= 1.10 * float(bare)
        assert float(panel) < 0.5 * float(console)
    sent = re.search(r"sent ([\d.]+) MB and left (\d+) outputs", done.stdout)
    assert sent is not None
    assert float(sent[1]) > 0
    assert int(sent[2]) >= 2
