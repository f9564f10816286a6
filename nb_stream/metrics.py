"""Figures of a message: how long until its first token, how fast it came, how much was used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .model import Cell, Usage

Prices = Mapping[str, tuple[float, float]]
"""By model, USD for a million prompt tokens and for a million completion tokens."""


def checked(prices: Prices) -> dict[str, tuple[float, float]]:
    """The prices as numbers. Raises ValueError, with the model, for what is no pair of prices."""
    try:
        pairs = {model: tuple(map(float, pair)) for model, pair in prices.items()}
        return {model: (prompt, completion) for model, (prompt, completion) in pairs.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            'prices is a mapping such as {"gpt-4o": (2.5, 10.0)}: for each model, USD for a million prompt tokens and '
            f"for a million completion tokens ({error})."
        ) from error


def cost(usage: Usage, price: tuple[float, float]) -> float:
    """What a model call cost, in USD."""
    return (usage.prompt_tokens * price[0] + usage.completion_tokens * price[1]) / 1e6


@dataclass(frozen=True)
class Figures:
    """What an agent did: its messages, the tokens and the cost (USD) of its model calls, and the seconds it wrote."""

    messages: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    seconds: float = 0.0


def by_agent(cells: Iterable[Cell]) -> dict[str, Figures]:
    """The figures of each agent, by path, in the order in which they first spoke. The task counts for nobody."""
    found: dict[str, Figures] = {}
    for cell in cells:
        if not cell.path or cell.path == "user":
            continue
        so_far = found.get(cell.path, Figures())
        found[cell.path] = Figures(
            so_far.messages + 1,
            so_far.usage + (cell.usage or Usage()),
            so_far.cost + (cell.cost or 0.0),
            so_far.seconds + (cell.duration or 0.0),
        )
    return found


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
