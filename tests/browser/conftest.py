"""One Jupyter server and one browser for all browser tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.support.browser.dev_page import DevPage, served
from tests.support.browser.jupyter import CHROMIUM, FLAGS, Notebook, Open, Server

_numbers = itertools.count(1)

expect.set_options(timeout=20_000)  # a busy machine is slow, and not wrong


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver; a thread can have only one."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium, headless. Fails where there is none: a browser test that does not run proves nothing."""
    assert CHROMIUM, "The browser tests need Chromium: apt-get install chromium"
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield chromium
    chromium.close()


NOTEBOOK_7 = pytest.param("notebook", marks=pytest.mark.all_versions("Notebook 7, beside the smoke tests"))


@pytest.fixture(scope="package", params=["lab", NOTEBOOK_7])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab, then Notebook 7."""
    with Server(tmp_path_factory.mktemp(request.param), request.param).running() as running:
        yield running


@pytest.fixture
def notebook(server: Server, browser: Browser) -> Iterator[Open]:
    """Opens a notebook with these cells; afterwards its kernel is shut down and its page has told of no error."""
    opened: list[Notebook] = []

    def open_(cells: Sequence[str], kernel: str = "python3") -> Notebook:
        name = f"test{next(_numbers)}.ipynb"
        server.write(name, cells, kernel)
        opened.append(Notebook(server, browser, name).open())
        return opened[-1]

    yield open_
    for book in opened:
        errors = list(book.errors)
        book.close()
        assert errors == []


@pytest.fixture(scope="package")
def origin() -> Iterator[str]:
    """Where the front end's dev page is served."""
    with served() as address:
        yield address


@pytest.fixture
def dev(browser: Browser, origin: str) -> Iterator[DevPage]:
    """Opens scenes of the dev page; afterwards none of them has told of an error."""
    pages = DevPage(browser, origin)
    yield pages
    errors = list(pages.errors)
    pages.close()
    assert errors == []
