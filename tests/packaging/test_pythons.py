"""The core, the stream and the backend pass on every supported Python, each in the environment of its kernel."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.paths import ROOT
from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment, as_parameter, is_in_the_middle
from tests.support.virtual_environments import THIS_PYTHON, find_python

VERSIONS = ("3.10", "3.11", "3.12", "3.13")
OTHERS = [version for version in VERSIONS if version != THIS_PYTHON and find_python(version)]
SMOKE = ("core/test_model.py", "runtime/test_run.py", "runtime/test_callbacks.py")
SUITE = (
    *SMOKE,
    "core/test_reducer.py",
    "core/test_transcript.py",
    "demo/test_demo.py",
    "runtime/test_closed_gates.py",
    "runtime/test_stream.py",
    "runtime/test_switches.py",
)


def run(version: str, suite: tuple[str, ...]) -> None:
    python = Environment(NEWEST_FOR_PYTHON[version], version).python_executable()
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in suite)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_PROFILE": "brief"},
    )
    print(f"Python {version}: {done.stdout.splitlines()[-1] if done.stdout else done.stderr}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("version", [as_parameter(Environment(NEWEST_FOR_PYTHON[each], each)) for each in OTHERS])
def test_the_suite_passes_on(version: Environment) -> None:
    run(version.python, SUITE)


@pytest.mark.parametrize("version", [each for each in OTHERS if is_in_the_middle(Environment("", each))])
def test_a_part_of_the_suite_passes_on(version: str) -> None:
    run(version, SMOKE)
