"""Starts the kernels under test, two for each environment, and reports what was measured and what could not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from .harness import Kernel, environments

Latencies = dict[tuple[str, str], list[float]]


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[round(0.95 * (len(seconds) - 1))]


FOUND, MISSING = environments()
LATENCIES = pytest.StashKey[Latencies]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LATENCIES] = {}


@pytest.fixture(scope="session")
def latencies(pytestconfig: pytest.Config) -> Latencies:
    """Seconds from a click's sending to its handler, by environment and kind of run; printed in the summary."""
    return pytestconfig.stash[LATENCIES]


@pytest.fixture(scope="module", params=FOUND, ids=lambda e: f"ipykernel{e.ipykernel}-py{e.python}")
def kernels(request: pytest.FixtureRequest) -> Iterator[tuple[Kernel, Kernel]]:
    """Two kernels of one environment: the second has nest_asyncio 1.6 applied, which cannot be undone."""
    with ExitStack() as stack:
        plain, nest1 = (stack.enter_context(closing(Kernel(request.param))) for _ in range(2))
        plain.connect()
        nest1.connect()
        nest1.run("import nest_asyncio; nest_asyncio.apply()")
        yield plain, nest1


@pytest.fixture
def kernel(kernels: tuple[Kernel, Kernel]) -> Kernel:
    kernels[0].rest()
    return kernels[0]


@pytest.fixture
def nest1_kernel(kernels: tuple[Kernel, Kernel]) -> Kernel:
    kernels[1].rest()
    return kernels[1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if measured := config.stash[LATENCIES]:
        terminalreporter.section("from click to handler: p95 in milliseconds, clicks")
        for (environment, run), seconds in measured.items():
            terminalreporter.write_line(f"{environment:32} {run:50} {p95(seconds) * 1000:7.1f} {len(seconds):4}")
    for sentence in MISSING:
        terminalreporter.write_line(f"not run: {sentence}")
