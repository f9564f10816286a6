"""The panel in Firefox: what the other files test in Chromium, once through, in a real JupyterLab."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest

from tests.support.browser.jupyter import ROOT, Server
from tests.support.virtual_environments import FIREFOX

DRIVER = ROOT / "nb_stream" / "frontend" / "tests" / "firefox.mjs"

TEAM = """
from IPython.display import JSON
from nb_stream import TeamPanel
from nb_stream.demo import TEAMS
team = TEAMS["parallel"]()
clients = {agent.name: agent._model_client for agent in team._participants}
def say(value):
    return JSON([value])
def said(agent):
    return panel.transcript.of(agent)[-1].text
def pace(seconds):
    for name, client in clients.items():
        client.pace = 0 if name in ("planner", "editor") else seconds
pace(0.4)
panel = TeamPanel(team, title="parallel")
panel
"""


@pytest.mark.skipif(FIREFOX is None, reason="Firefox is not here: apt-get install firefox-esr")
def test_the_panel_works_in_firefox(tmp_path: pathlib.Path) -> None:
    node, picture = shutil.which("node"), tmp_path / "firefox.png"
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    with Server(tmp_path).running() as server:
        server.write("firefox.ipynb", [TEAM])
        done = subprocess.run(
            [node, DRIVER, str(FIREFOX), server.url("firefox.ipynb"), picture],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nThe page as it was: {picture}"
