"""The front end's scripts."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.support.paths import FRONTEND


def npm(script: str, *arguments: str, **variables: str) -> str:
    """Run a script of package.json, with these variables, and return what it printed; fails the test if the script fails."""
    command = shutil.which("npm")
    assert command, 'npm is missing: pip install "nb_stream[test]" brings it'
    done = subprocess.run(
        [command, "run", "--silent", script, *arguments],
        cwd=FRONTEND,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, "NO_COLOR": "1", **variables},
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
