"""Shared by all tests: what can be imported, which tests run side by side, and what is told at the end."""

from __future__ import annotations

import fcntl
import os
import pathlib
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import Phase, settings

ROOT = str(pathlib.Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and what it starts inherits that: the tests' programs
    # are to hear it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same properties, once more on each Python. What fails there is kept and made small by the next run of the whole.
settings.register_profile("brief", max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
settings.register_profile("full", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: measures time, so no other test runs beside it")


# --- side by side (pytest-xdist) -----------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Each file is run by one worker, and so are all tests of the two Jupyter servers."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "jupyter" if re.match(r"tests/browser/[^[]*\[(lab|notebook)\b", nodeid) else file

    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A test that measures time waits for the other workers' tests to end, and they wait for it."""
    worker = getattr(item.config, "workerinput", None)
    if worker is None:  # also in a pytest that a test runs: it is in the room with that test
        return (yield)
    room = pathlib.Path(tempfile.gettempdir()) / f"nb_stream-{worker['testrunuid']}"
    with _turn(room, item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(path: pathlib.Path, alone: bool) -> Iterator[None]:
    """Be in the room, with others or alone. Who waits for it holds the door, so that nobody is overtaken."""
    with path.with_suffix(".door").open("w") as door, path.with_suffix(".room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


# --- what is told --------------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests that passed have printed: figures and seeds; and what this machine has no Python or no
    Firefox for."""
    from tests.support.virtual_environments import FIREFOX, find_python

    told = [report for report in terminalreporter.getreports("passed") if report.capstdout.strip()]
    if told:
        terminalreporter.section("figures")
    for report in told:
        terminalreporter.write_line(report.nodeid, bold=True)
        for line in report.capstdout.strip().splitlines():
            terminalreporter.write_line(f"    {line}")
    for version in ("3.10", "3.11", "3.12", "3.13"):
        if find_python(version) is None:
            terminalreporter.write_line(f"not run: Python {version}: no such interpreter on PATH or under pyenv")
    if FIREFOX is None:
        terminalreporter.write_line("not run: Firefox: no firefox-esr or firefox on PATH")
