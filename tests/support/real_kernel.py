"""Real kernels of many ipykernel versions, driven over their sockets the way a notebook page drives them.

Each version gets a small virtual environment of its own, made once and kept (see virtual_environments.py). POSIX only: cells
are interrupted with ``SIGINT``.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import tempfile
import textwrap
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient

from tests.support.paths import ROOT
from tests.support.virtual_environments import THIS_PYTHON, dependencies, find_python, make

T = TypeVar("T")
Message = dict[str, Any]

IPYKERNELS = ("6.17.1", "6.29.5", "6.31.0", "7.0.1", "7.1.0")
WITHOUT_TEAM = ("6.17.1", "7.0.1")
"""Proven with the interceptor's own probe alone; in all others a real panel runs, so that they have AutoGen."""
NEWEST_FOR_PYTHON = {"3.10": "7.3.0", "3.11": "7.4.0", "3.12": "7.4.0", "3.13": "7.4.0"}
PATIENCE = 60.0
"""Seconds after which something is not going to come: a kernel that imports AutoGen beside three others takes ten."""


# -- environments ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """One ipykernel version on one Python version ("3.11")."""

    ipykernel: str
    python: str

    def __str__(self) -> str:
        return f"ipykernel {self.ipykernel} on Python {self.python}"

    @property
    def requirements(self) -> list[str]:
        kernel = [f"ipykernel=={self.ipykernel}", "nest-asyncio==1.6.0"]
        if self.ipykernel in WITHOUT_TEAM:
            return [*kernel, "ipywidgets>=8.1", "anywidget>=0.9", "nest-asyncio2>=1.7.3"]
        return [*kernel, *dependencies()]

    def python_executable(self) -> Path:
        """The environment's Python; installed at the first call, which takes half a minute."""
        return make(f"ipykernel{self.ipykernel}", self.python, self.requirements)


def environments() -> list[Any]:
    """The environments to test as parameters, if this machine has their interpreter.

    The older ipykernels run on the Python that runs the tests, the newest one on every Python.
    """
    wanted = [Environment(ipykernel, THIS_PYTHON) for ipykernel in IPYKERNELS]
    wanted += [Environment(ipykernel, python) for python, ipykernel in NEWEST_FOR_PYTHON.items()]
    return [as_parameter(environment) for environment in wanted if find_python(environment.python)]


def as_parameter(environment: Environment) -> Any:
    """An environment between the ends of the matrix has smoke tests alone, unless all versions are asked for."""
    middle = pytest.mark.all_versions("versions between the oldest and the newest, beside the smoke tests")
    return pytest.param(
        environment,
        id=f"ipykernel{environment.ipykernel}-py{environment.python}",
        marks=[middle] if is_in_the_middle(environment) else [],
    )


def is_in_the_middle(environment: Environment) -> bool:
    """Neither the oldest nor the newest of ipykernel or of Python: what is tested of it is a smoke test."""
    pythons = [python for python in NEWEST_FOR_PYTHON if python != THIS_PYTHON]
    is_old = environment.ipykernel in IPYKERNELS[1:]
    return is_old or environment.python in pythons[1:-1]


def p95(seconds: list[float]) -> float:
    """The time that 95 of 100 do not exceed."""
    return sorted(seconds)[round(0.95 * (len(seconds) - 1))]


Latencies = dict[tuple[str, str], list[float]]


def within_200_ms(latencies: Latencies, environment: str) -> None:
    """Of all clicks of an environment; prints them by kind of run."""
    measured = {run: each for (name, run), each in latencies.items() if name == environment}
    for run, took in measured.items():
        print(f"{environment:32} {run:52} {len(took):2} clicks, p95 {p95(took) * 1000:5.1f} ms")
    took = [each for every in measured.values() for each in every]
    assert p95(took) < 0.2, (environment, sorted(took))


# -- kernels -----------------------------------------------------------------------------------------------------------


class Kernel:
    """A running kernel; ``probe`` (see in_kernel/probe.py) is imported in it. Used from one thread.

    Sending never waits; waiting is done with `wait_for`, by condition and deadline. What arrives is kept: the reply to
    a request in `replies`, everything published for it in `published`, both by the request's message id.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.replies: dict[str, Message] = {}
        self.published: dict[str, list[Message]] = defaultdict(list)
        self.status = ""  # what a page shows: the state that was published last, whatever for
        self._folder = tempfile.TemporaryDirectory(prefix="nb_stream-kernel-")
        folder = Path(self._folder.name)
        self._connection_file = folder / "connection.json"
        self.log = folder / "log.txt"
        variables = os.environ | {
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(folder),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [environment.python_executable(), "-m", "ipykernel_launcher", "-f", self._connection_file],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._client = BlockingKernelClient(connection_file=str(self._connection_file))
        self._channels: dict[zmq.Socket[bytes], Any] = {}

    def connect(self) -> None:
        """Wait until the kernel answers, then import the probe and make a subshell where there are subshells."""
        self._wait_for_connection_file()
        self._client.load_connection_file()
        self._client.start_channels(hb=False, stdin=False)
        self._client.wait_for_ready(timeout=60)
        control = self._client.control_channel
        self._channels = {
            channel.socket: channel for channel in (self._client.shell_channel, self._client.iopub_channel, control)
        }
        self.run("from tests.support.in_kernel import probe")
        self.panel, self.slider = self.evaluate("[probe.panel.comm.comm_id, probe.slider.comm.comm_id]")
        self.routes: dict[str, str | None] = {"main shell": None}
        if int(self.environment.ipykernel.split(".")[0]) >= 7:
            reply = self.reply(self.send("create_subshell_request", {}, channel=control))
            self.routes["subshell"] = reply["content"]["subshell_id"]

    def _wait_for_connection_file(self) -> None:
        """The kernel chooses its own free ports and then writes them down; ports chosen here might be taken by then."""
        deadline = time.monotonic() + 60
        while not (self._connection_file.exists() and self._connection_file.read_text().rstrip().endswith("}")):
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        self._client.stop_channels()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def send(
        self,
        kind: str,
        content: Message,
        *,
        subshell: str | None = None,
        channel: Any = None,
        metadata: Message | None = None,
    ) -> str:
        """Send a request and return its message id."""
        message = self._client.session.msg(kind, content, metadata=metadata)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        (channel or self._client.shell_channel).send(message)
        return str(message["header"]["msg_id"])

    def execute(self, code: str, expressions: dict[str, str] | None = None) -> str:
        """Send a cell and return its message id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "allow_stdin": False,
            "stop_on_error": False,
            "user_expressions": expressions or {},
        }
        return self.send("execute_request", content)

    def custom(self, content: Message, *, subshell: str | None = None, comm_id: str | None = None) -> str:
        """Send a custom message, as ``model.send`` does on a page; to the probe's panel where no comm is named."""
        data = {"method": "custom", "content": content}
        return self.send("comm_msg", {"comm_id": comm_id or self.panel, "data": data}, subshell=subshell)

    def slide(self, value: int, *, subshell: str | None = None) -> str:
        """Send the slider's new value."""
        return self.set_value(self.slider, value, subshell=subshell)

    def set_value(self, comm_id: str, value: object, *, subshell: str | None = None) -> str:
        """Send the new value of a control of ipywidgets, as its page does."""
        data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
        return self.send("comm_msg", {"comm_id": comm_id, "data": data}, subshell=subshell)

    def _take_in(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for a message, and take in what there is."""
        poller = zmq.Poller()
        for socket in self._channels:
            poller.register(socket, zmq.POLLIN)
        for socket, _ in poller.poll(int(timeout * 1000)):
            message = self._channels[socket].get_msg(timeout=0)
            request = message["parent_header"].get("msg_id", "")
            if self._channels[socket] is self._client.iopub_channel:
                self.published[request].append(message)
                self.status = message["content"].get("execution_state", self.status)
            else:
                self.replies[request] = message

    def wait_for(self, condition: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
        """Take in messages until the condition gives something true; its value. Fails after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            left = deadline - time.monotonic()
            assert left > 0, f"{self.environment}: {what} did not come within {timeout} s\n{self.log.read_text()}"
            self._take_in(left)
        return value

    def reply(self, request: str, timeout: float = PATIENCE) -> Message:
        return self.wait_for(lambda: self.replies.get(request), f"the reply to {request}", timeout)

    def states(self, request: str) -> list[str]:
        """The busy and idle that the kernel has published for a request, so far."""
        return [m["content"]["execution_state"] for m in self.published[request] if m["msg_type"] == "status"]

    def text(self, request: str) -> str:
        """What a cell has printed so far."""
        return "".join(m["content"]["text"] for m in self.published[request] if m["msg_type"] == "stream")

    def wait_until_idle(self, request: str) -> None:
        self.wait_for(lambda: "idle" in self.states(request), f"idle for {request}")

    def finish(self, request: str) -> Message:
        """The reply's content of a cell, once everything that it published has come."""
        content: Message = self.reply(request)["content"]
        self.wait_until_idle(request)
        return content

    def run(self, code: str) -> None:
        """Run a cell to its end; an error in it fails the test."""
        content = self.finish(self.execute(textwrap.dedent(code)))
        assert content["status"] == "ok", "\n".join(content.get("traceback", [str(content)]))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, made of Python literals."""
        content = self.finish(self.execute("", {"value": f"repr({expression})"}))["user_expressions"]["value"]
        assert content["status"] == "ok", f"{expression}: {content}"
        # IPython shortens a long list, but not a string.
        return ast.literal_eval(ast.literal_eval(content["data"]["text/plain"]))

    def wait_until(self, expression: str) -> None:
        """Wait until an expression is true in the (idle) kernel."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            late = f"{self.environment}: {expression} did not become true within {PATIENCE} s"
            assert time.monotonic() < deadline, late

    def rest(self) -> None:
        """Between checks: wait until the gate has left the kernel, and forget what the probe has seen."""
        self.wait_until("probe.restored()")
        self.run("probe.slider.value = 0")
        self.run("for seen in (probe.gated, probe.ordinary, probe.slid, probe.ran): seen.clear()")

    def start_cell(self, code: str) -> str:
        """Send a cell that prints "held" once the gate is held, and wait for that; its message id."""
        request = self.execute(code)
        self.wait_for(lambda: "held" in self.text(request) or request in self.replies, "the cell's start")
        assert request not in self.replies, f"the cell ended at once: {self.replies[request]['content']}"
        return request

    def stop_cell(self, request: str) -> Message:
        """Tell the probe's run to stop, over the gate, and return the content of the cell's reply."""
        self.custom({"stop": True})
        return self.finish(request)

    def open_comm(self, target: str, metadata: Message) -> str:
        comm_id = uuid.uuid4().hex
        self.send("comm_open", {"comm_id": comm_id, "target_name": target, "data": {}}, metadata=metadata)
        return comm_id


def at_once(kernels: list[Kernel], work: Callable[[Kernel], Any]) -> list[Any]:
    """Do the same with all kernels at the same time, as most of it is waiting."""
    with ThreadPoolExecutor(len(kernels)) as pool:
        return list(pool.map(work, kernels))
