"""Shared by all tests: the project and the helpers of the tests can be imported without being installed."""

from __future__ import annotations

import os
import pathlib
import signal
import sys

import pytest
from hypothesis import settings

ROOT = pathlib.Path(__file__).resolve().parents[1]
for folder in (ROOT, ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and what it starts inherits that: the tests' programs
    # are to hear it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("brief", max_examples=25, deadline=None)  # the same properties, once more on each Python
settings.register_profile("full", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which Pythons could not be tested."""
    from environments import find_python

    for version in ("3.10", "3.11", "3.12", "3.13"):
        if find_python(version) is None:
            terminalreporter.write_line(f"not run: Python {version}: no such interpreter on PATH or under pyenv")
