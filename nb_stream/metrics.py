"""Figures of a message: how long until its first token, how fast it came, how much was used."""

from __future__ import annotations

from .model import Usage


def tokens_per_second(usage: Usage | None, chunks: int, first_at: float, last_at: float) -> tuple[float | None, bool]:
    """The pace of a generation between its first and its last chunk, and whether it is an estimate.

    The server's count of completion tokens is taken where there is one; otherwise chunks stand for tokens and the
    pace is marked as estimated. What came with the first chunk is not counted: it took no part of the time. None
    where the time between the chunks is too short to say anything.
    """
    seconds = last_at - first_at
    if chunks < 2 or seconds <= 0:
        return None, False
    counted = usage.completion_tokens if usage is not None else 0
    return (counted or chunks) * (chunks - 1) / chunks / seconds, not counted
