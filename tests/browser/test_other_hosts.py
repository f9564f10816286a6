"""Voila and marimo, each in an environment of its own: the panel runs, switches in the middle of a message, and folds."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from importlib import metadata

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser.jupyter import ROOT
from tests.support.browser.panel_page import PanelPage
from tests.support.virtual_environments import THIS_PYTHON, make

SHOW = """
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
client = ScriptedClient([Say("A sentence that everybody can wait for. " * 20)], pace=0.02)
ann, ben = (AssistantAgent(name, client, model_client_stream=True) for name in ("ann", "ben"))
panel = TeamPanel(RoundRobinGroupChat([ann, ben], max_turns=2))
panel
"""
HOSTS = {"voila": ["voila==0.5.13", "ipykernel"], "marimo": ["marimo==0.25.2"]}


def command(host: str, folder: pathlib.Path, port: int) -> list[str]:
    """Write the panel as a document of the host; what serves it."""
    if host == "voila":
        cells = [nbformat.v4.new_code_cell(SHOW)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "page.ipynb")
        return ["voila", "page.ipynb", "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    cell = textwrap.indent(SHOW.strip(), "    ")
    (folder / "page.py").write_text(f"import marimo\napp = marimo.App()\n\n@app.cell\ndef _():\n{cell}\n    return\n")
    return ["marimo", "run", "page.py", "--headless", "--no-token", f"--port={port}", "--host=127.0.0.1"]


@contextlib.contextmanager
def served(host: str, folder: pathlib.Path) -> Iterator[str]:
    """The address of the panel in that host."""
    own = [one for one in metadata.requires("nb_stream") or [] if "extra ==" not in one]
    python = make(host, THIS_PYTHON, [*own, *HOSTS[host]])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}/", folder / "log.txt"
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "PATH": f"{python.parent}:{os.defpath}",
        # The host's templates come first; the widgets' scripts stand beside the tests' packages.
        "JUPYTER_PATH": os.pathsep.join(f"{home}/share/jupyter" for home in (python.parents[1], sys.prefix)),
    }
    with (
        log.open("w") as out,
        subprocess.Popen(
            [python, "-m", *command(host, folder, port)],
            cwd=folder,
            env=variables,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as server,
    ):
        try:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


@pytest.fixture(params=HOSTS)
def page(request: pytest.FixtureRequest, browser: Browser, tmp_path: pathlib.Path) -> Iterator[Page]:
    with served(request.param, tmp_path) as address:
        opened = browser.new_page(viewport={"width": 900, "height": 900})
        opened.goto(address, timeout=60_000, wait_until="commit")
        yield opened
        opened.close()


def test_the_panel_streams_switches_and_folds(page: Page) -> None:
    panel = PanelPage(page)
    expect(panel.root).to_be_visible(timeout=60_000)
    panel.ask("Go")
    written = panel.live("ann").locator(".nbs-text")  # as a locator: marimo shows it in a shadow tree
    expect(written).to_have_text(re.compile(r".{40}"))
    panel.box("ann").uncheck()
    expect(panel.live("ann")).to_contain_text(re.compile(r"\d characters held"))
    painted = panel.live_text("ann")
    panel.box("ann").check()
    expect(written).to_have_text(re.compile(rf".{{{len(painted) + 1}}}"))
    panel.ended(seconds=60)
    assert [agent for agent, _ in panel.history()][-2:] == ["ann", "ben"]
    cell, was_open = panel.cell("ann"), panel.history()[-2][1]
    cell.locator("summary").first.click()
    assert panel.history()[-2][1] is not was_open
