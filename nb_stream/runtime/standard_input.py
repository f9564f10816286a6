"""Asks a question at standard input, if a plain script runs a team and no display can take the answer.

At a terminal the event loop is told when a line was typed, and the line is read only then. Pipes and files cannot be
watched in this way, and on Windows terminals cannot either. There a daemon thread reads, which never keeps the process
alive. If a line comes after its question has ended, it answers the next question.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import stat
import sys
import threading


def attended() -> bool:
    """Whether answers can be read: standard input is a terminal, a pipe or a file. False if an interactive Python reads
    from it, and if it is a device that gives nothing, as services have."""
    if sys.stdin is None or hasattr(sys, "ps1"):
        return False
    try:
        return sys.stdin.isatty() or not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):  # it is closed, or an object without a file of the system
        return False


async def ask(prompt: str) -> str:
    """Print `prompt` and return the next line. Raises EOFError if standard input has ended."""
    print(prompt, end="", flush=True)
    typed = sys.platform != "win32" and sys.stdin.isatty()
    line = await (_typed() if typed else _read_line())
    if not line:
        raise EOFError("EOF when reading a line")
    return line.rstrip("\n")


def ends() -> bool:
    """Whether standard input can end for good. At a terminal, input may go on after an end of file."""
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
"""The line that a thread is reading. One thread reads at a time, and the first question that takes the line has it."""


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
            _reading.set_running_or_notify_cancel()  # from now on it cannot be cancelled when a waiter is
            threading.Thread(target=_work, args=(_reading,), name="nb_stream stdin", daemon=True).start()
        return _reading


def _take_line(reading: concurrent.futures.Future[str]) -> bool:
    """Take a line that was read. Returns False if another question has taken it."""
    global _reading
    with _lock:
        if _reading is not reading:
            return False
        _reading = None
        return True


def _work(reading: concurrent.futures.Future[str]) -> None:
    try:
        reading.set_result(sys.stdin.readline())
    except Exception as error:  # noqa: BLE001 - the code that awaits the line gets the error
        reading.set_exception(error)
