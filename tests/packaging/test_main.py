"""The command line: the demo opens JupyterLab on the quick start, and AutoGen's absence is told in words."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings

import pytest

from nb_stream.__main__ import main
from tests.support.paths import ROOT


def listens(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def test_the_demo_opens_jupyterlab_on_the_quick_start(tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "nb_stream", "demo", "--no-browser", f"--port={port}"],
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 90
        address = r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab/tree/\S*01_quickstart\.ipynb"
        while not (told := re.search(address, log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        taken = int(told[1])
        assert port <= taken < port + 5, "neither the port that was asked for nor one of the next free ones"
        while not listens(taken):  # it tells its address a moment before it does
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        with pytest.raises(urllib.error.HTTPError) as refused:  # it is there, and asks for the token in the address
            urllib.request.urlopen(f"http://127.0.0.1:{taken}/api/contents", timeout=10)
        assert refused.value.code == 403
        token = re.search(r"token=(\w+)", log.read_text())
        assert token is not None
        asking = f"/lab/api/settings/@jupyterlab/apputils-extension:notification?token={token[1]}"
        with urllib.request.urlopen(f"http://127.0.0.1:{taken}{asking}", timeout=30) as answer:
            defaults = json.load(answer)["schema"]["properties"]
        assert defaults["fetchNews"]["default"] == "false", "it asks over the notebook whether it may fetch news"
        assert defaults["checkForUpdates"]["default"] is False
        assert list((tmp_path / "config").rglob("*.json")) == []  # nothing of it is written down for the user
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def test_the_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    assert "demo" in capsys.readouterr().out


def test_a_missing_autogen_is_told_with_the_remedy() -> None:
    code = (
        "import sys; sys.modules['autogen_agentchat'] = None; sys.modules['autogen_agentchat.base'] = None\n"
        "from nb_stream import TeamStream\n"
        "class Team:\n    def run(self): ...\n    def run_stream(self): ...\n"
        "try: TeamStream(Team())\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "BackendError nb_stream needs AutoGen AgentChat" in done.stdout
    assert 'pip install "autogen-agentchat>=0.7.5,<0.8"' in done.stdout


def test_an_untested_autogen_is_told_once_and_used_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from nb_stream import TeamStream
    from nb_stream.backends.autogen import backend
    from nb_stream.demo import writers
    from nb_stream.errors import UntestedVersionWarning

    monkeypatch.setattr(backend.metadata, "version", lambda name: "0.8.1")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert TeamStream(writers(pace=0)).agents
    told = [str(warning.message) for warning in caught if issubclass(warning.category, UntestedVersionWarning)]
    assert len(told) == 1
    assert "0.8.1 is installed" in told[0]
