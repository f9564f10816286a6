"""The core, the stream and the backend pass on every supported Python, each in the environment of its kernel."""

from __future__ import annotations

import os
import subprocess

import pytest
from conftest import ROOT
from environments import THIS_PYTHON, find_python
from kernel.harness import NEWEST_FOR_PYTHON, Environment

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
OTHERS = [version for version in VERSIONS if version != THIS_PYTHON]
SUITE = (
    "test_callbacks.py",
    "test_demo.py",
    "test_gates.py",
    "test_model.py",
    "test_reduce.py",
    "test_run.py",
    "test_stream.py",
    "test_switches.py",
    "test_transcript.py",
)


@pytest.mark.parametrize("version", [version for version in OTHERS if find_python(version)])
def test_the_suite_passes_on(version: str) -> None:
    python = Environment(NEWEST_FOR_PYTHON[version], version).python_executable()
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in SUITE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_PROFILE": "brief"},
    )
    print(f"Python {version}: {done.stdout.splitlines()[-1] if done.stdout else done.stderr}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
