"""A real JupyterLab or Notebook 7 in a real Chromium, for tests."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Protocol

import nbformat
from playwright.sync_api import Browser, Error, Page

from tests.support.paths import ROOT

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
APPS = {
    "lab": ("jupyterlab", "LabApp", "lab/tree"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks"),
    "server": ("jupyter_server", "ServerApp", "files"),
}


class Server:
    """A Jupyter server with its own configuration folder. `url(name)` is the address of a notebook in it."""

    def __init__(self, folder: pathlib.Path, app: str = "lab", *options: str) -> None:
        self.folder, self._options = folder, options
        self._module, self._class, self._route = APPS[app]
        self.port = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        """Start the server; it is stopped at the end of the block."""
        home = self.folder / ".jupyter"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PATH": str(home / "share"),
        }
        self._settings(home / "settings")
        (self.folder / "work").mkdir(exist_ok=True)
        with (self.folder / "server.log").open("w") as log, contextlib.ExitStack() as started:
            for _ in range(3):  # somebody else may take the free port first: then the server ends at once
                with socket.socket() as free:
                    free.bind(("127.0.0.1", 0))
                    self.port = free.getsockname()[1]
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        self._module,
                        "--no-browser",
                        f"--ServerApp.port={self.port}",
                        "--ServerApp.port_retries=0",
                        "--ServerApp.token=",
                        "--ServerApp.password=",
                        "--ServerApp.allow_root=True",
                        f"--{self._class}.expose_app_in_browser=True",
                        f"--ServerApp.root_dir={self.folder / 'work'}",
                        *self._options,
                    ],
                    env=environment,
                    cwd=self.folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                started.callback(_end, process)
                if self._answers(process):
                    break
            else:
                raise RuntimeError(f"The Jupyter server did not start:\n{(self.folder / 'server.log').read_text()}")
            yield self

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server answers; False where it does not within a minute, or has ended."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status", timeout=2).close()
                return True
            time.sleep(0.1)
        return False

    def _settings(self, folder: pathlib.Path) -> None:
        news = folder / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        news.parent.mkdir(parents=True, exist_ok=True)
        news.write_text(json.dumps({"checkForUpdates": False, "fetchNews": "false"}))

    def theme(self, name: str) -> None:
        """The theme for pages that are opened from now on: "JupyterLab Light" or "JupyterLab Dark"."""
        themes = self.folder / ".jupyter/settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
        themes.write_text(json.dumps({"theme": name}))

    def url(self, name: str) -> str:
        """The address of a notebook."""
        reset = "?reset" if self._route.startswith("lab") else ""
        return f"http://127.0.0.1:{self.port}/{self._route}/{name}{reset}"

    def add_kernel(self, name: str, python: pathlib.Path) -> None:
        """Let notebooks use the ipykernel of another environment."""
        spec = self.folder / ".jupyter" / "share" / "kernels" / name / "kernel.json"
        spec.parent.mkdir(parents=True, exist_ok=True)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))

    def write(self, name: str, cells: Sequence[str], kernel: str = "python3") -> None:
        """Write a notebook of code cells."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        nbformat.write(notebook, self.folder / "work" / name)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    if process.poll() is None:
        process.kill()


class Notebook:
    """A notebook in a page: run its cells, read what they show."""

    def __init__(self, server: Server, browser: Browser, name: str, *, width: int = 1200, height: int = 900) -> None:
        self.server, self.name = server, name
        self.page: Page = browser.new_page(viewport={"width": width, "height": height})
        self.errors: list[str] = []
        self.page.on("pageerror", self._page_error)
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)

    def _page_error(self, error: Error) -> None:
        """Keep what is thrown in our module, which is loaded from a blob; the host's own faults are not ours."""
        stack = error.stack or ""
        if "blob:" in stack or "/static/" not in stack:
            self.errors.append(stack or str(error))

    def open(self) -> Notebook:
        """Load the page and wait until its kernel is ready."""
        self.page.goto(self.server.url(self.name))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=60_000,
        )
        return self

    def close(self) -> None:
        """Shut the kernel down and close the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close(run_before_unload=False)

    def run(self, index: int, *, wait: bool = True, timeout: float = 60) -> None:
        """Run the code cell `index`; wait for its end, or go on at once."""
        self.page.evaluate(
            """index => {
                const panel = window.jupyterapp.shell.currentWidget;
                panel.content.activeCellIndex = index;
                window.__ran = window.jupyterapp.commands.execute('notebook:run-cell').then(() => true);
            }""",
            index,
        )
        if wait:
            self.page.wait_for_function(
                """index => {
                    const cell = window.jupyterapp.shell.currentWidget.content.widgets[index].model;
                    return cell.executionState ? cell.executionState === 'idle' : cell.executionCount !== null;
                }""",
                arg=index,
                timeout=timeout * 1000,
            )

    def output(self, index: int) -> str:
        """The text that a cell printed or returned."""
        return str(
            self.page.evaluate(
                """index => {
                    const outputs = window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON();
                    return outputs.map(o => o.text ? [].concat(o.text).join('')
                        : o.data ? [].concat(o.data['text/plain'] || '').join('')
                        : [].concat(o.traceback || '').join('\\n')).join('');
                }""",
                index,
            )
        )

    def evaluate(self, source: str, timeout: float = 20) -> str:
        """What an expression is in the kernel, as its `repr`, asked without a cell."""
        return str(
            self.page.evaluate(
                """async ([code, timeout]) => {
                    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                    const future = kernel.requestExecute({code: '', silent: true, user_expressions: {v: code}});
                    const reply = await Promise.race([future.done,
                        new Promise((_, no) => setTimeout(() => no(new Error('no reply')), timeout))]);
                    const v = reply.content.user_expressions.v;
                    if (v.status !== 'ok') throw new Error(v.ename + ': ' + v.evalue);
                    return v.data['text/plain'];
                }""",
                [source, timeout * 1000],
            )
        )


class Open(Protocol):
    """Opens a notebook with these cells, on this kernel."""

    def __call__(self, cells: Sequence[str], kernel: str = ...) -> Notebook: ...
