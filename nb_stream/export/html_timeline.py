"""Draws a run as a small picture in SVG: when each agent wrote, when tools ran, and when the team waited for a person.

As `frontend/src/views/tools/timeline.ts`. A bar is a link to its message.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from ..core.metrics import Figures, by_agent
from ..core.model import Cell, CellRole, RunInfo
from ..core.text_safety import one_line
from ..errors import unreachable
from .highlighted_code import html_text
from .summary import counted, headline, kind_word, length, money, tokens

_WIDTH, _HEIGHT = 1000, 14
_MIN_BAR_WIDTH = 4.0
"""The least width of a bar, so that the reader sees a bar for something that took no time."""

_BAR_PLACES = {"writing": (1, 12), "working": (7, 6), "waiting": (3, 8)}
"""The top and the height of each kind of bar."""

_LEGEND = {"writing": "writing", "working": "tools and code", "waiting": "waiting for a person"}


def timeline(
    run: RunInfo, cells: Sequence[Cell], colour_of: Callable[[str], str], anchor_of: Callable[[Cell], str]
) -> Iterator[str]:
    """The picture of a run as HTML; nothing if the times of the run are not known."""
    timed = [cell for cell in cells if cell.path and cell.started_at is not None and math.isfinite(cell.started_at)]
    timed.sort(key=lambda cell: cell.started_at or 0.0)
    if not timed:
        return
    begin = min(run.started_at or math.inf, timed[0].started_at or 0.0)
    ends = [cell.ended_at or cell.started_at or 0.0 for cell in timed]
    end = max([run.ended_at or -math.inf, *ends])
    if not (math.isfinite(begin) and math.isfinite(end)):
        return
    facts = by_agent(timed, run.calls)
    yield '<div class="nbs-timeline"><div class="nbs-timeline-rows">\n'
    for path in dict.fromkeys(cell.path for cell in timed):
        own = [cell for cell in timed if cell.path == path]
        name = one_line(path)
        bars = "".join(_bars(own, begin, end, anchor_of))
        box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="group" aria-label="{escape(name)}"'
        yield (
            f'<div class="nbs-timeline-row {colour_of(path)}">'
            f'<span class="nbs-agent-name"><bdi>{html_text(name)}</bdi></span>'
            f'<span class="nbs-track"><svg class="nbs-bars" {box}>{bars}</svg></span>'
            f'<span class="nbs-timeline-facts">{html_text(" · ".join(_facts(facts.get(path))))}</span></div>\n'
        )
    kinds = {_bar_kind(cell.kind.role) for cell in timed}
    legend = "".join(_legend_entry(kind) for kind in _LEGEND if kind in kinds)
    yield f'</div><p class="nbs-label">{legend}</p></div>\n'


def _bar_kind(role: CellRole) -> str:
    """What an agent does in a cell with this role."""
    match role:
        case CellRole.TOOL_CALL | CellRole.CODE:
            return "working"
        case CellRole.QUESTION:
            return "waiting"
        case CellRole.MESSAGE | CellRole.THOUGHT | CellRole.ASIDE | CellRole.ERROR | CellRole.NOTICE:
            return "writing"
        case _:
            unreachable(role)


def _bars(cells: Sequence[Cell], begin: float, end: float, anchor_of: Callable[[Cell], str]) -> Iterator[str]:
    scale = _WIDTH / max(end - begin, 0.1)
    reached: dict[str, float] = {}
    for cell in cells:
        start = cell.started_at or 0.0
        seconds = max(0.0, (end if cell.ended_at is None else cell.ended_at) - start)
        kind = _bar_kind(cell.kind.role)
        x = min(max(0.0, (start - begin) * scale), _WIDTH - _MIN_BAR_WIDTH)
        width = max(_MIN_BAR_WIDTH, min(seconds * scale, _WIDTH - x))
        # Bars that nobody could tell apart are drawn once, so that a run of thousands stays a small picture.
        if x + width < reached.get(kind, -_MIN_BAR_WIDTH) + _MIN_BAR_WIDTH:
            continue
        reached[kind] = x + width
        top, height = _BAR_PLACES[kind]
        words = [cell.path, kind_word(cell) or kind, *([length(seconds)] if seconds >= 0.05 else [])]
        said = one_line(headline(cell), 80)
        title = html_text(one_line(", ".join(words)) + (f": {said}" if said else ""))
        yield (
            f'<a href="#{anchor_of(cell)}"><rect class="nbs-bar-{kind}" x="{x:.1f}" y="{top}" width="{width:.1f}" '
            f'height="{height}" rx="2"><title>{title}</title></rect></a>'
        )


def _facts(figures: Figures | None) -> list[str]:
    """What an agent did, in words. The person who gives the task has no figures."""
    if figures is None:
        return []
    words = [length(figures.seconds)] if figures.seconds >= 0.05 else []
    if figures.waited >= 0.05:
        words.append(f"waited {length(figures.waited)} for a person")
    if figures.messages:
        words.append(counted(figures.messages, "message"))
    if figures.usage:
        words.append(tokens(figures.usage))
    if figures.cost:
        words.append(f"{'at least ' if figures.unpriced else ''}{money(figures.cost)}")
    return words


def _legend_entry(kind: str) -> str:
    top, height = _BAR_PLACES[kind]
    return (
        '<span class="nbs-legend-entry"><svg class="nbs-legend" viewBox="0 0 14 14" width="14" height="14" '
        f'aria-hidden="true"><rect class="nbs-bar-{kind}" x="1" y="{top}" width="12" height="{height}" rx="2"/></svg>'
        f"{_LEGEND[kind]}</span>"
    )
