"""Shared by all tests: what can be imported, which tests are run, which run side by side, and what is told at the end."""

from __future__ import annotations

import fcntl
import gc
import os
import pathlib
import re
import signal
import sys
import tempfile
from collections import Counter
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

# "brief" is for the same properties once more on another Python: what fails there is made small by the run of the whole.
# Each run tries other examples, so that "quick" finds in a few runs what "full" finds in one.
settings.register_profile("brief", max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink, Phase.explain})
settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("full", deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-versions", action="store_true", help="every test with every version, not a smoke test only")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: measures time, so no other test runs beside it")
    config.addinivalue_line("markers", "all_versions(what): runs with --all-versions only, unless it is a smoke test")
    config.addinivalue_line("markers", "smoke: runs with every version")
    config.stash[THINNED] = Counter()
    profile = "full" if config.getoption("--all-versions") else "quick"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", profile))


# --- which are run -------------------------------------------------------------------------------------------------

THINNED = pytest.StashKey[Counter[str]]()
"""How many tests were left out, by what `all_versions` says of them."""
LONG = ("browser", "kernel", "packaging", "notebooks", "backends", "terminal")
"""The folders of the files that take longest: they begin first, so that none is alone at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thin out what is the same test with another version, and order the files."""
    if not config.getoption("--all-versions"):
        left = [item for item in items if item.get_closest_marker("all_versions") and not _is_smoke(item)]
        config.stash[THINNED].update(_what(item) for item in left)
        if left:
            config.hook.pytest_deselected(items=left)
            items[:] = [item for item in items if item not in set(left)]
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folders = item.nodeid.partition("::")[0].split("/")
    return next((rank for rank, name in enumerate(LONG) if name in folders), len(LONG))


def pytest_collection_finish() -> None:
    """What was imported stays: tests that collect their garbage need not look at it, which took half a second each."""
    gc.collect()
    gc.freeze()


def _is_smoke(item: pytest.Item) -> bool:
    return item.get_closest_marker("smoke") is not None


def _what(item: pytest.Item) -> str:
    marker = item.get_closest_marker("all_versions")
    return str(marker.args[0]) if marker else ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["thinned"] = dict(session.config.stash[THINNED])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Each worker has collected everything: what one of them left out is what all have."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[THINNED] |= Counter(output.get("thinned", {}))  # type: ignore[attr-defined]


# --- side by side (pytest-xdist) -----------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Each file is run by one worker, and so are all tests of Notebook 7: one server is enough for them."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "notebook 7" if re.match(r"tests/browser/[^[]*\[notebook\b", nodeid) else file

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
    """What the tests that passed have printed: figures and seeds; and what was not run, with the reason."""
    from tests.support.hostile_texts import CORPORA
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
    if not CORPORA.is_dir():
        terminalreporter.write_line(
            f"not run: hostile texts and GFM examples of {CORPORA}: no such folder (our own were run)"
        )
    for what, count in sorted(terminalreporter.config.stash[THINNED].items()):
        terminalreporter.write_line(f"not run: {what}, {count} tests (--all-versions runs them)")
