"""The front end: its own checks and tests pass, and the committed bundle is what its source builds to."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from conftest import ROOT

FRONTEND = ROOT / "nb_stream" / "frontend"
STATIC = ROOT / "nb_stream" / "static"


def npm(script: str) -> str:
    """Run a script of package.json and return what it printed; fails the test where the script fails."""
    command = shutil.which("npm")
    assert command, 'npm is missing: pip install "nb_stream[test]" brings it'
    done = subprocess.run(
        [command, "run", "--silent", script], cwd=FRONTEND, capture_output=True, text=True, timeout=300, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_ends_own_checks_pass(script: str) -> None:
    npm(script)


def test_the_committed_bundle_is_what_the_source_builds_to() -> None:
    before = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    try:
        npm("build")
        after = {path.name: path.read_bytes() for path in STATIC.iterdir()}
    finally:
        for name, data in before.items():
            (STATIC / name).write_bytes(data)
    assert sorted(after) == sorted(before)
    for name in before:
        assert after[name] == before[name], f"{name} is not what its source builds to: run npm run build and commit"


def test_the_core_bundle_is_at_most_200_kb() -> None:
    assert (STATIC / "panel.js").stat().st_size <= 200_000
