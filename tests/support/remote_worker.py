"""A worker in a process of its own on 127.0.0.1, which serves one of `served_teams`, and may be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

from nb_stream import Remote
from tests.support.paths import ROOT

TOKEN = "a-token-of-the-tests"


class RemoteWorker:
    """Owned by a test or a fixture. `restart` serves the same team at the same port in a new process."""

    def __init__(self, team: str, *options: str, port: int = 0) -> None:
        self._team, self._options = team, options
        self._start(port)

    def _start(self, port: int) -> None:
        name = self._team if ":" in self._team else f"tests.support.served_teams:{self._team}"
        command = [sys.executable, "-m", "nb_stream", "serve", name, "--port", str(port), *self._options]
        env = {**os.environ, "NB_STREAM_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert " at " in said, said
        self.url = said.split(" at ")[1].strip()
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    @classmethod
    @contextlib.contextmanager
    def site(cls, factory: str) -> Iterator[RemoteWorker]:
        """A server of a user's own, made by a function, on uvicorn."""
        worker = cls.__new__(cls)
        with socket.create_server(("127.0.0.1", 0)) as door:
            command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--fd", str(door.fileno())]
            env = {**os.environ, "NB_STREAM_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
            worker.process = subprocess.Popen(command, cwd=ROOT, env=env, pass_fds=[door.fileno()])
            worker.url = f"http://127.0.0.1:{door.getsockname()[1]}"
        try:
            yield worker
        finally:
            worker.kill()

    @property
    def remote(self) -> Remote:
        """Its address, with the token."""
        return Remote(self.url, token=TOKEN)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Kill it, and serve the same team at the same port."""
        self.kill()
        self._start(self.port)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It stands still, as a computer does whose network is gone: nothing is closed, and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def served(team: str, *options: str) -> Iterator[RemoteWorker]:
    """A worker for the time of a block."""
    worker = RemoteWorker(team, *options)
    try:
        yield worker
    finally:
        worker.kill()
