"""What it costs to import the package, each time in a process of its own."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


def run(program: str) -> str:
    """What a program prints, in a fresh process."""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.alone
def test_the_import_takes_less_than_60_ms_more_than_that_of_the_widget_libraries() -> None:
    program = (
        "import time, ipywidgets, anywidget\n"
        "began = time.perf_counter()\n"
        "import nb_stream\n"
        "print(time.perf_counter() - began)"
    )
    seconds = [float(run(program)) for _ in range(10)]
    print(f"import nb_stream: {statistics.median(seconds) * 1000:.1f} ms more, the median of 10")
    assert statistics.median(seconds) < 0.06


def test_autogen_is_imported_only_when_a_team_comes_and_nothing_is_patched() -> None:
    strangers = ("autogen", "openai", "pydantic", "nest_asyncio", "ipykernel")
    program = (
        "from nb_stream import TeamPanel, TeamStream, Replay\n"
        "import asyncio, sys\n"
        f"print([name for name in sys.modules if name.startswith({strangers})], hasattr(asyncio, '_nest_patched'))"
    )
    assert run(program) == "[] False\n"
