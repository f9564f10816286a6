"""The front end's dev page, served on the loopback interface: the panel without Jupyter, in any of its states."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from tests.support.paths import FRONTEND

AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"

FRAME = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
"""Waits in the page until everything that was received is painted."""


class DevPage:
    """Opens scenes of `frontend/dev/scenes.ts`; in the page, `kernel` is the scripted kernel that the panel shows."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self._browser, self._origin = browser, origin
        self._pages: list[Page] = []
        self.errors: list[str] = []

    def open(
        self,
        scene: str,
        *,
        theme: str = "light",
        width: int = 900,
        height: int = 800,
        more: str = "",
        fragment: str = "",
    ) -> Page:
        """A page of its own that shows a scene; `more` is added to the query of its address."""
        page = self._browser.new_page(viewport={"width": width, "height": height})
        self._pages.append(page)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{self._origin}/?scene={scene}&theme={theme}{more}{fragment}")
        page.wait_for_selector(".nbs-panel")
        page.evaluate(FRAME)
        return page

    def close(self) -> None:
        """Close all pages."""
        for page in self._pages:
            page.close()


@contextlib.contextmanager
def served() -> Iterator[str]:
    """The origin of the dev page, built from the source, until the end of the block."""
    node = shutil.which("node")
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    assert AXE.exists(), f"{AXE} is missing: run npm ci in {FRONTEND}"
    command = [node, "scripts/dev.mjs"]
    server = subprocess.Popen(command, cwd=FRONTEND, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout is not None
        address = urlsplit(server.stdout.readline().strip())
        assert address.netloc, "The dev page was not built; run npm run dev to see why."
        yield f"{address.scheme}://{address.netloc}"
    finally:
        # `node` can be a launcher, whose end is not that of the server.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)
