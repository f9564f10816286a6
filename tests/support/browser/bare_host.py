"""A page of the tests' own with ipywidgets' base manager: no JupyterLab, no notebook, a real kernel."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import anywidget
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.support.browser.dev_page import FRONTEND
from tests.support.browser.jupyter import Server

ANYWIDGET = pathlib.Path(anywidget.__file__).parent / "nbextension" / "index.js"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script id="jupyter-config-data" type="application/json">{"baseUrl": "/", "appUrl": "/"}</script>
<body><script src="host.js"></script></body>"""


class BareHost:
    """Opens pages of the host; `errors` has what they said on the console."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser, self._server = browser, server
        self._pages: list[Page] = []
        self.errors: list[str] = []

    def open(self) -> Page:
        """A page of the host; `host` is there (see `frontend/dev/host.mjs`), no kernel yet."""
        page = self._browser.new_page(viewport={"width": 900, "height": 800})
        self._pages.append(page)
        page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        page.on("console", self._heard)
        page.goto(f"http://127.0.0.1:{self._server.port}/static/index.html")
        return page

    def _heard(self, line: ConsoleMessage) -> None:
        # While a kernel starts, Jupyter's server may answer the list of kernels, or a connection to one, with an error.
        # Both are tried again.
        is_starting = "/api/kernels" in line.location.get("url", "") or "/api/kernels/" in line.text
        if line.type == "error" and not is_starting:
            self.errors.append(line.text)

    def run(self, page: Page, code: str, seconds: float = 60, *, stdin: bool = True) -> str:
        """What a cell printed or returned, once it has ended."""
        late = "new Promise((_, no) => setTimeout(() => no(new Error('The cell did not end.')), seconds * 1000))"
        return str(
            page.evaluate(
                f"([code, seconds, stdin]) => Promise.race([host.run(code, stdin), {late}])", [code, seconds, stdin]
            )
        )

    def close(self) -> None:
        """Close the pages."""
        for page in self._pages:
            page.close()


@contextmanager
def bare_host(browser: Browser, folder: pathlib.Path) -> Iterator[BareHost]:
    """A Jupyter server without any application on it, which gives out the host's page."""
    node = shutil.which("node")
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    built = subprocess.run([node, "scripts/host.mjs"], cwd=FRONTEND, capture_output=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr.decode()
    static = folder / "static"
    static.mkdir()
    (static / "index.html").write_text(PAGE)
    (static / "host.js").write_bytes(built.stdout)
    shutil.copy(ANYWIDGET, static / "anywidget.js")
    options = (f"--ServerApp.extra_static_paths={[str(static)]}", "--ServerApp.disable_check_xsrf=True")
    with Server(folder, "server", *options).running() as server:
        host = BareHost(browser, server)
        yield host
        host.close()
