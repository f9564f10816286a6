"""Imported inside the kernel under test: two widgets, what reached them, and cells that last until they are stopped."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
import time
from typing import Any

import anywidget
import IPython
import ipywidgets

from nb_stream.concurrency import comm_interceptor

stream = IPython.get_ipython().kernel.shell_stream
kernel_callback = stream._recv_callback


class Panel(anywidget.AnyWidget):
    _esm = "export default {}"


panel, slider = Panel(), ipywidgets.IntSlider()
gated: list[dict[str, Any]] = []
ordinary: list[dict[str, Any]] = []
slid: list[int] = []
ran: list[str] = []

_loop: asyncio.AbstractEventLoop | None = None
_stop = threading.Event()


def handle(message: dict[str, Any]) -> None:
    """The handler given to the gate: notes the message and how long it took, and does as it is told."""
    content = message["content"]["data"]["content"]
    if "interrupt" in content:
        os.kill(os.getpid(), signal.SIGINT)
    if "toggle" in content:
        gated.append({"toggle": content["toggle"], "latency": time.time() - content["sent"]})
    if "fail" in content:
        raise ValueError("the handler failed as it was told")
    if "say" in content:
        assert _loop is not None
        comm_interceptor.call_in_loop(_loop, say, content["say"])
    if "stop" in content:
        _stop.set()


def say(text: str) -> None:
    print(text, flush=True)
    panel.send({"said": text})


def restored() -> bool:
    return bool(stream._recv_callback == kernel_callback)


async def stopped() -> None:
    """Say that the run has begun; last until the stop message comes, or a minute: longer than any test waits."""
    global _loop
    _loop = asyncio.get_running_loop()
    print("held", flush=True)
    for _ in range(6_000):
        if _stop.is_set():
            return _stop.clear()
        await asyncio.sleep(0.01)


async def held_run() -> None:
    with comm_interceptor.hold():
        await stopped()


async def many_short_holds() -> None:
    for number in range(40):
        with comm_interceptor.hold():
            if number == 0:
                print("held", flush=True)
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.005)
    await held_run()


def blocking_run() -> None:
    """A run on a worker thread, with the main thread waiting for it in slices, as ``run_sync`` waits."""
    with comm_interceptor.hold():
        worker = threading.Thread(target=contextvars.copy_context().run, args=(asyncio.run, stopped()), daemon=True)
        try:
            worker.start()
            while worker.is_alive():
                comm_interceptor.pump()
                worker.join(0.02)
        except KeyboardInterrupt:
            _stop.set()
            worker.join()
            raise


panel.on_msg(lambda _, content, __: ordinary.append(content))
slider.observe(lambda change: slid.append(change["new"]), "value")
unsubscribe = comm_interceptor.intercept(panel.comm.comm_id, handle)
