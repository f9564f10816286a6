"""A question at standard input, if a plain script runs a team and nobody else is there to answer it.

At a terminal the event loop waits until a line is typed, and nothing is read before that. A pipe and a file cannot be
waited for in this way, and on Windows nothing can: there a daemon thread reads, which never keeps the process alive. A
line that comes when its question is over is for the next one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import stat
import sys
import threading


def attended() -> bool:
    """Whether somebody can be asked: standard input is a terminal, a pipe or a file. Not if an interactive Python reads
    from it, and not if it is a device that says nothing, as services have."""
    if sys.stdin is None or hasattr(sys, "ps1"):
        return False
    try:
        return sys.stdin.isatty() or not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):  # it is closed, or nothing that the system knows
        return False


async def ask(prompt: str) -> str:
    """The line that comes after `prompt`. Raises EOFError if none comes any more."""
    print(prompt, end="", flush=True)
    typed = sys.platform != "win32" and sys.stdin.isatty()
    line = await (_typed() if typed else _read_line())
    if not line:
        raise EOFError("EOF when reading a line")
    return line.rstrip("\n")


def ends() -> bool:
    """Whether there is an end to what can be read: not at a terminal."""
    return not sys.stdin.isatty()


async def _typed() -> str:
    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()
    typed = loop.create_future()
    loop.add_reader(file, lambda: None if typed.done() else typed.set_result(None))
    try:
        await typed
    finally:
        loop.remove_reader(file)
    return sys.stdin.readline()


_lock = threading.Lock()
_reading: concurrent.futures.Future[str] | None = None
"""The line that a thread is reading: one at a time, for whoever asks first."""


async def _read_line() -> str:
    while True:
        reading = _begin_reading()
        waiter = asyncio.wrap_future(reading)
        try:
            await asyncio.wait([waiter])
        finally:
            waiter.cancel()
        if _take_line(reading):
            return reading.result()


def _begin_reading() -> concurrent.futures.Future[str]:
    global _reading
    with _lock:
        if _reading is None:
            _reading = concurrent.futures.Future()
            _reading.set_running_or_notify_cancel()  # from now on no waiter's end cancels it
            threading.Thread(target=_work, args=(_reading,), name="nb_stream stdin", daemon=True).start()
        return _reading


def _take_line(reading: concurrent.futures.Future[str]) -> bool:
    """Take a line that was read; false if somebody else has it."""
    global _reading
    with _lock:
        if _reading is not reading:
            return False
        _reading = None
        return True


def _work(reading: concurrent.futures.Future[str]) -> None:
    try:
        reading.set_result(sys.stdin.readline())
    except Exception as error:  # noqa: BLE001 - raised where it is awaited
        reading.set_exception(error)
