"""Starts the kernels under test, two for each environment, and keeps what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.real_kernel import Kernel, Latencies, environments


@pytest.fixture(scope="module")
def latencies() -> Latencies:
    """Seconds from a click's sending to its handler, by environment and kind of run."""
    return {}


@pytest.fixture(scope="module", params=environments())
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
