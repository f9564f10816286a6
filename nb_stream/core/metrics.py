"""Figures of a message: how long until its first token, how fast it came, how much was used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .model import USER, Cell, CellRole, ModelCalls, Usage

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


def price_of(model: str, prices: Mapping[str, tuple[float, float]]) -> tuple[float, float] | None:
    """The price of a model, or of the model whose dated release it is ("gpt-4o-2024-08-06"); None where it has none."""
    return prices.get(model) or prices.get(_RELEASE.sub("", model))


_RELEASE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


@dataclass(frozen=True)
class Figures:
    """What an agent did, or a whole run: its messages, the tokens and the cost (USD) of its model calls, and the
    seconds in which it was at work; those in which it waited for a person are `waited`.

    `ttft` is the mean time to the first token of its model calls, `tokens_per_s` their pace, where longer ones count
    more; both are None where nothing was streamed. `estimated` says that the pace of a call was counted from chunks.

    Usage is what servers counted, also of calls that no message tells of: a selector's, an orchestrator's, code drafts.
    `unpriced` says that a model has no price, so that the cost is the least.
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
    """The figures of what agents said in some cells. The task counts for nobody.

    `asked` are the cells that may have waited for a person, `cells` where it is None; `unseen` are model calls that no
    message tells of.
    """
    said = [cell for cell in cells if cell.path and cell.path != USER]
    waits = [*_spans(cell for cell in (cells if asked is None else asked) if cell.kind.role is CellRole.QUESTION)]
    work = [*_spans(cell for cell in said if cell.kind.role is not CellRole.QUESTION)]
    # A thought and its answer are two cells of one call, and begin with it.
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
        seconds=max(0.0, _together([*work, *waits]) - _together(waits)),
        ttft=sum(firsts) / len(firsts) if firsts else None,
        tokens_per_s=sum(pace * seconds for pace, seconds in paces) / written if written else None,
        estimated=any(cell.estimated for cell in calls.values()),
        waited=_together(waits),
        unpriced=any(call.cost is None for call in used),
    )


def first_token(cells: Sequence[Cell], since: float | None) -> float | None:
    """Seconds until the first token of all, without those that a person took; None where nothing was streamed."""
    streamed = (c.started_at for c in cells if c.ttft is not None or c.tokens_per_s is not None)
    first = min((at for at in streamed if at is not None), default=None)
    if first is None or since is None:
        return None
    waits = _spans(cell for cell in cells if cell.kind.role is CellRole.QUESTION)
    return max(0.0, first - since - _together((begin, min(end, first)) for begin, end in waits))


def by_agent(cells: Iterable[Cell], unseen: Iterable[ModelCalls] = ()) -> dict[str, Figures]:
    """The figures of each agent, by path, in the order in which they first spoke; last those of whom there are only
    `unseen` calls. The task counts for nobody. An agent waits for a person, too, while one inside it does."""
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
    """From when to when cells were under way, as far as they have ended."""
    return ((c.started_at, c.ended_at) for c in cells if c.started_at is not None and c.ended_at is not None)


def _together(spans: Iterable[tuple[float, float]]) -> float:
    """The seconds that spans cover; where several do, they count once."""
    seconds, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        seconds += max(0.0, end - max(begin, until))
        until = max(until, end)
    return seconds


def tokens_per_second(usage: Usage | None, chunks: int, first_at: float, last_at: float) -> tuple[float | None, bool]:
    """The pace of a generation between its first and its last chunk, and whether it is an estimate.

    The server's count of completion tokens is taken where there is one; otherwise chunks stand for tokens and the
    pace is marked as estimated. What came with the first chunk is not counted: it took no part of the time. None
    where the time between the chunks is too short to say anything.
    """
    seconds = last_at - first_at
    if chunks < 2 or seconds <= 0:
        return None, False
    counted = usage.completion_tokens if usage is not None and not usage.about else 0
    return (counted or chunks) * (chunks - 1) / chunks / seconds, not counted
