"""The code is linted, formatted and typed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.npm import npm
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "nb_stream", "tests"], ["ruff", "format", "--check", "nb_stream", "tests"], ["mypy"]],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_the_code_passes_its_tools(tool: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_front_end_passes_its_tools() -> None:
    npm("check")
