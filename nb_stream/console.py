"""A question at the terminal, where a plain script runs a team and nobody else is there to answer it."""

from __future__ import annotations

import asyncio
import sys


def attended() -> bool:
    """Whether somebody can be asked at this process's terminal. Not where an interactive Python reads from it, and not
    on Windows, whose event loop cannot wait for a line without a thread that would outlive the question."""
    if sys.platform == "win32" or sys.stdin is None or hasattr(sys, "ps1"):
        return False
    try:
        return sys.stdin.isatty()
    except ValueError:  # it is closed
        return False


async def ask(prompt: str) -> str:
    """The line that is typed after `prompt`. Nothing is read once it is cancelled. Raises EOFError where the terminal
    was closed."""
    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()
    typed = loop.create_future()
    print(prompt, end="", flush=True)
    loop.add_reader(file, lambda: None if typed.done() else typed.set_result(None))
    try:
        await typed
    finally:
        loop.remove_reader(file)
    line = sys.stdin.readline()
    if not line:
        raise EOFError("The terminal was closed.")
    return line.rstrip("\n")
