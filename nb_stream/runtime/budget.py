"""`Budget`: what a run may use of tokens, US dollars and seconds, and what it has used so far.

A server counts the tokens of a call when the call ends. Until then, and if a server counts nothing, the tokens are
estimated from the length of the texts, and the figure is marked as "about". If a model has no price, a sum of dollars
is marked as "at least".
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..core.metrics import Prices, cost, price_of
from ..core.model import ModelCalls, RunInfo, Usage

LimitUnit = Literal["tokens", "usd", "seconds"]

OVERDRAFT = 1.2
"""A run that has used this share of its budget is ended at once, in mid-turn."""


@dataclass(frozen=True)
class Spending:
    """What a run has used of one limit. `about` says that a part is estimated, `at_least` that a part is missing."""

    unit: LimitUnit
    spent: float
    limit: float
    about: bool = False
    at_least: bool = False

    @property
    def share(self) -> float:
        """The part of the limit that is used; 1.0 is all of it."""
        return self.spent / self.limit

    def __str__(self) -> str:
        """Such as "about 5,214 of 5,000 tokens"."""
        word = "at least " if self.at_least else "about " if self.about else ""
        if self.unit == "tokens":
            return f"{word}{self.spent:,.0f} of {self.limit:,.0f} tokens"
        if self.unit == "usd":
            return f"{word}${self.spent:,.4f} of ${self.limit:,.4g}"
        return f"{word}{self.spent:,.0f} of {self.limit:,g} seconds"


class Budget:
    """The limits of each run of a stream, and the use of the current or the last one. The supervisor owns it; it
    belongs to the stream's loop. The time in which a run waits for a person does not count.

    Raises ValueError for a limit that is no number above 0, and for a limit in dollars without prices.
    """

    def __init__(self, tokens: float | None, usd: float | None, seconds: float | None, prices: Prices) -> None:
        self._limits: dict[LimitUnit, float] = {}
        given: tuple[tuple[LimitUnit, float | None], ...] = (("tokens", tokens), ("usd", usd), ("seconds", seconds))
        for unit, limit in given:
            if limit is None:
                continue
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0:
                raise ValueError(f"limit_{unit} is a number above 0, or None, not {limit!r}.")
            self._limits[unit] = limit
        if usd is not None and not prices:
            raise ValueError('limit_usd needs prices: prices={"gpt-4o": (2.5, 10.0)}, in USD for a million tokens.')
        self._prices = prices
        self._since: float | None = None  # None while the run waits for a person
        self._worked = 0.0
        self.spent: tuple[Spending, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._limits)

    def begin(self) -> None:
        """A run begins."""
        self._since, self._worked = time.monotonic(), 0.0
        self.spent = tuple(Spending(unit, 0, limit) for unit, limit in self._limits.items())

    def waits(self, for_person: bool) -> None:
        """The run waits for a person, or goes on."""
        if for_person and self._since is not None:
            self._worked, self._since = self._worked + time.monotonic() - self._since, None
        elif not for_person and self._since is None:
            self._since = time.monotonic()

    def count(self, run: RunInfo | None, calls: Iterable[ModelCalls], models: dict[str, str]) -> None:
        """Count what `run` has used, with `calls` that the transcript does not have yet, and the agents' `models`."""
        usage, usd, at_least = (Usage(), 0.0, False) if run is None else (run.usage, run.cost, run.unpriced)
        for call in calls:
            price = price_of(models.get(call.path, ""), self._prices)
            usage += call.usage
            usd += 0.0 if price is None else cost(call.usage, price)
            at_least = at_least or (price is None and bool(call.usage))
        worked = self._worked + (0.0 if self._since is None else time.monotonic() - self._since)
        used: dict[LimitUnit, float] = {
            "tokens": usage.prompt_tokens + usage.completion_tokens,
            "usd": round(usd, 6),
            "seconds": round(worked, 1),
        }
        self.spent = tuple(
            Spending(unit, used[unit], limit, usage.about and unit != "seconds", at_least and unit == "usd")
            for unit, limit in self._limits.items()
        )

    @property
    def used_up(self) -> str:
        """A sentence that says which limit is reached; empty while none is."""
        over = next((one for one in self.spent if one.share >= 1), None)
        return "" if over is None else f"The budget is used up: {over}."

    @property
    def overdrawn(self) -> bool:
        """Whether the run must end at once."""
        return any(one.share >= OVERDRAFT for one in self.spent)
