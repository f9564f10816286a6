"""A host of AutoGen's distributed runtime in a process of its own, as somebody else's: with its default options.

`python -m tests.support.grpc_host PORT` is one; `GrpcHost` starts, kills and restarts it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntimeHost

from tests.support.paths import ROOT


async def _main(port: int) -> None:
    host = GrpcWorkerAgentRuntimeHost(f"127.0.0.1:{port}")
    host.start()
    print("ready", flush=True)
    await host.stop_when_signal()


class GrpcHost:
    """Owned by a test or a fixture."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.start()

    def start(self) -> None:
        """Start it, or start it anew after `kill`."""
        command = [sys.executable, "-m", "tests.support.grpc_host", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
