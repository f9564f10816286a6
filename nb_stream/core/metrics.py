"""Counts what messages, agents and runs took: seconds until the first token, tokens a second, tokens, US dollars.

All figures come from cells and from `ModelCalls`. So a live run, a replay and a loaded file show the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .model import USER, Cell, CellRole, ModelCalls, Usage

Prices = Mapping[str, tuple[float, float]]
"""For each model, by its name, the USD for a million prompt tokens and for a million completion tokens."""


def checked(prices: Prices) -> dict[str, tuple[float, float]]:
    """The prices as numbers. Raises ValueError if one of them is not a pair of numbers."""
    try:
        pairs = {model: tuple(map(float, pair)) for model, pair in prices.items()}
        return {model: (prompt, completion) for model, (prompt, completion) in pairs.items()}
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            'prices is a mapping such as {"gpt-4o": (2.5, 10.0)}: for each model, USD for a million prompt tokens and '
            f"for a million completion tokens ({error})."
        ) from error


def cost(usage: Usage, price: tuple[float, float]) -> float:
    """The cost of a model call in USD."""
    return (usage.prompt_tokens * price[0] + usage.completion_tokens * price[1]) / 1e6


def price_of(model: str, prices: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    """The price of a model. A dated release ("gpt-4o-2024-08-06") has the price of its model unless it has its own.
    None if there is no price."""
    return prices.get(model) or prices.get(_RELEASE.sub("", model))


_RELEASE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


@dataclass(frozen=True)
class Figures:
    """What an agent, or a whole run, has done.

    `messages` counts its messages. `usage` and `cost` (USD) are those of its model calls. `seconds` is the time in
    which it was at work; `waited` is the time, in seconds, in which it waited for a person.

    `ttft` is the mean time in seconds to the first token of its model calls. `tokens_per_s` is the mean pace of these
    calls, in which a longer call counts more. Both are None if nothing was streamed. `estimated` says that the pace of
    at least one call was counted from chunks.

    Servers count the usage. It includes calls that no message tells of: those of a selector or an orchestrator, and
    drafts of code. `unpriced` says that a model has no price, so the true cost is higher than `cost`.
    """

    messages: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    seconds: float = 0.0
    ttft: float | None = None
    tokens_per_s: float | None = None
    estimated: bool = False
    waited: float = 0.0
    unpriced: bool = False


def figures_of(
    cells: Sequence[Cell], asked: Iterable[Cell] | None = None, unseen: Iterable[ModelCalls] = ()
) -> Figures:
    """The figures of what agents said in `cells`. The task belongs to no agent and is not counted.

    `asked` are the cells that may have waited for a person; None means `cells`. `unseen` are model calls that no
    message tells of.
    """
    said = [cell for cell in cells if cell.path and cell.path != USER]
    waits = [*_spans(cell for cell in (cells if asked is None else asked) if cell.kind.role is CellRole.QUESTION)]
    work = [*_spans(cell for cell in said if cell.kind.role is not CellRole.QUESTION)]
    # A thought and its answer are two cells of one call, which begin at the same time.
    calls = {(cell.path, cell.started_at): cell for cell in said if cell.ttft is not None or cell.tokens_per_s}
    spoken: list[Cell | ModelCalls] = [*said, *unseen]
    used = [call for call in spoken if call.usage]
    firsts = [cell.ttft for cell in calls.values() if cell.ttft is not None]
    paces = [
        (cell.tokens_per_s, cell.duration) for cell in calls.values() if cell.tokens_per_s and cell.duration is not None
    ]
    written = sum(seconds for _, seconds in paces)
    return Figures(
        messages=sum(cell.kind.role is CellRole.MESSAGE for cell in said),
        usage=sum((call.usage for call in used if call.usage), Usage()),
        cost=sum(call.cost or 0.0 for call in used),
        seconds=max(0.0, _together([*work, *waits]) - _together(waits)),  # work during a wait counts as waiting
        ttft=sum(firsts) / len(firsts) if firsts else None,
        tokens_per_s=sum(pace * seconds for pace, seconds in paces) / written if written else None,
        estimated=any(cell.estimated for cell in calls.values()),
        waited=_together(waits),
        unpriced=any(call.cost is None for call in used),
    )


def first_token(cells: Sequence[Cell], since: float | None) -> float | None:
    """Seconds from `since` to the first token of a run, without the time that a person took before it. None if nothing
    was streamed."""
    streamed = (c.started_at for c in cells if c.ttft is not None or c.tokens_per_s is not None)
    first = min((at for at in streamed if at is not None), default=None)
    if first is None or since is None:
        return None
    waits = _spans(cell for cell in cells if cell.kind.role is CellRole.QUESTION)
    return max(0.0, first - since - _together((begin, min(end, first)) for begin, end in waits))


def by_agent(cells: Iterable[Cell], unseen: Iterable[ModelCalls] = ()) -> dict[str, Figures]:
    """The figures of each agent by path, in the order in which the agents first spoke. Agents that have `unseen` calls
    and said nothing come last. The task belongs to no agent and is not counted. While an agent waits for a person, the
    agents and teams around it wait too."""
    said: dict[str, list[Cell]] = {}
    asked: list[Cell] = []
    for cell in cells:
        if cell.kind.role is CellRole.QUESTION:
            asked.append(cell)
        if cell.path and cell.path != USER:
            said.setdefault(cell.path, []).append(cell)
    calls: dict[str, list[ModelCalls]] = {}
    for call in unseen:
        calls.setdefault(call.path, []).append(call)
    return {
        path: figures_of(
            said.get(path, []),
            [cell for cell in asked if f"{cell.path}/".startswith(f"{path}/")],
            calls.get(path, ()),
        )
        for path in dict.fromkeys([*said, *calls])
    }


def _spans(cells: Iterable[Cell]) -> Iterator[tuple[float, float]]:
    """When each cell began and ended. Cells that have not ended are left out."""
    return ((c.started_at, c.ended_at) for c in cells if c.started_at is not None and c.ended_at is not None)


def _together(spans: Iterable[tuple[float, float]]) -> float:
    """The seconds that the spans cover. A time that several spans cover counts once."""
    seconds, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        seconds += max(0.0, end - max(begin, until))
        until = max(until, end)
    return seconds


def tokens_per_second(usage: Usage | None, chunks: int, first_at: float, last_at: float) -> tuple[float | None, bool]:
    """The tokens per second of a model call between its first and its last chunk, and whether this is an estimate.

    If the server counted completion tokens, its count is taken. If not, chunks stand for tokens and the pace is an
    estimate. The first chunk does not count, because the time begins with it. The pace is None if there are fewer than
    two chunks, or no time between them.
    """
    seconds = last_at - first_at
    if chunks < 2 or seconds <= 0:
        return None, False
    counted = usage.completion_tokens if usage is not None and not usage.about else 0
    return (counted or chunks) * (chunks - 1) / chunks / seconds, not counted
