"""The core, the stream and the backend pass on every supported Python, each with an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT
from environments import THIS_PYTHON, find_python, make

if sys.version_info >= (3, 11):
    import tomllib

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


def requirements() -> list[str]:
    """What the package asks for, and what the suite needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], "hypothesis", "pytest", "pytest-asyncio"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the other Pythons are tested from Python 3.11 or newer")
@pytest.mark.parametrize("version", [version for version in OTHERS if find_python(version)])
def test_the_suite_passes_on(version: str) -> None:
    python = make("suite", version, requirements())
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in SUITE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_PROFILE": "brief"},
    )
    print(f"Python {version}: {done.stdout.splitlines()[-1] if done.stdout else done.stderr}")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
