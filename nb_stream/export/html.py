"""Writes a transcript as HTML without scripts: one file to keep or to send, with the look of the panel.

The elements and their classes are the panel's, and so is the style sheet: `frontend/src/page.css` puts it together from
the panel's own sheets. Each message is a `<details>`, so the page can be read, searched and printed without styles. All
text is escaped, nothing is loaded from anywhere, and a policy in the file forbids the browser to load or run anything.
The output in a saved notebook must be smaller, so `outputs` writes that.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape

from ..core import cell_content as content
from ..core.model import USER, Cell, CellKind, CellStatus, RunInfo
from ..core.text_safety import one_line
from .highlighted_code import html_text
from .html_body import html_body
from .html_timeline import timeline
from .runs import by_run
from .summary import cell_figures, counted, headline, kind_word, moment, run_figures, status_colour, status_word
from .text import dollars, seconds

COLOUR_CLASSES, MARK_CLASSES = 12, 5
"""How many colours can be told apart, and how many marks there are for teams with more agents; as in `theme.css`."""

_MAX_INDENT = 4
_OPEN_TIMELINES = 3
"""If a transcript has more runs, their timelines are folded."""


@lru_cache(maxsize=1)
def page_style() -> str:
    """The style sheet of a page."""
    return (pathlib.Path(__file__).parents[1] / "static" / "page.css").read_text("utf-8").strip()


def page_policy() -> str:
    """What a page may load: its own style sheet, by its digest, and images that stand in it."""
    digest = base64.b64encode(hashlib.sha256(page_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def page(cells: Sequence[Cell], runs: Sequence[RunInfo], title: str = "") -> Iterator[str]:
    """One whole page, in pieces. If no title is given, the first task is the title."""
    title = page_title(runs, title)
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{page_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="nb_stream">\n'
        f"<title>{escape(title)}</title>\n<style>{page_style()}</style>\n</head>\n<body>\n"
    )
    yield from page_body(cells, runs, title)
    yield "</body>\n</html>\n"


def page_title(runs: Sequence[RunInfo], title: str = "") -> str:
    """The title of a page, in one line: the first task if none is given."""
    return one_line(title or next((run.task for run in runs if run.task.strip()), "") or "Transcript")


def page_body(cells: Sequence[Cell], runs: Sequence[RunInfo], title: str) -> Iterator[str]:
    """What stands in the body of a page, in pieces, without styles and scripts."""
    colours = AgentColours(cells)
    yield (
        '<main class="nbs-root nbs-page"><div class="nbs-panel">\n<header class="nbs-header">'
        f'<h1 class="nbs-title" dir="auto">{html_text(title)}</h1>\n'
        f'<p class="nbs-label">{" · ".join(_page_facts(cells, runs))}</p>\n'
    )
    agents = [path for path in dict.fromkeys(cell.path for cell in cells) if path and path.split("/")[-1] != USER]
    names = "".join(
        f'<li class="{colours.of(path)}"><span class="nbs-dot"></span>'
        f'<span class="nbs-agent-name"><bdi>{html_text(one_line(path))}</bdi></span></li>'
        for path in agents
    )
    yield f'<ul class="nbs-page-agents" aria-label="Agents">{names}</ul></header>\n' if names else "</header>\n"
    anchors: dict[int, str] = {id(cell): f"m{number}" for number, cell in enumerate(cells, 1)}
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        yield '<section class="nbs-log">\n'
        if run is not None:
            yield _run_head(run, number)
            picture = "".join(timeline(run, own, colours.of, lambda cell: anchors[id(cell)]))
            if picture:
                is_open = len(runs) <= _OPEN_TIMELINES
                yield f'<details class="nbs-fold nbs-page-timeline"{" open" if is_open else ""}>'
                yield f"<summary>Timeline</summary>{picture}</details>\n"
        open_cells = _open_cells(own)
        for cell in own:
            yield from _html_cell(cell, id(cell) in open_cells, colours.of(cell.path), anchors[id(cell)])
        yield "</section>\n"
    yield "</div></main>\n"


class AgentColours:
    """Gives agents their colours, in the order in which they first speak; people and nobody are neutral."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        paths = dict.fromkeys(cell.path for cell in cells)
        agents = [path for path in paths if path and path.split("/")[-1] != USER]
        self._classes = {path: self._class(place) for place, path in enumerate(agents)}

    @staticmethod
    def _class(place: int) -> str:
        mark = place // COLOUR_CLASSES % (MARK_CLASSES + 1)
        return f"nbs-c{place % COLOUR_CLASSES}" + (f" nbs-mark{mark}" if mark else "")

    def of(self, path: str) -> str:
        """The classes for the colour and the mark of an agent."""
        return self._classes.get(path, "nbs-c-none")


def _page_facts(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[str]:
    if runs:
        yield counted(len(runs), "run")
    yield counted(len(cells), "message")
    began = moment(next((run.started_at for run in runs if run.started_at is not None), None))
    if began is not None:
        yield f'<time datetime="{began.isoformat()}">{began:%Y-%m-%d %H:%M}</time>, times in UTC'


def _run_head(run: RunInfo, number: int) -> str:
    ended = html_text("\u00a0· ".join(run_figures(run)))
    return (
        f'<div class="nbs-run" data-status="{run.status}"><div class="nbs-run-head">'
        f'<h2 class="nbs-run-title">Run {number}</h2>'
        f'<span class="nbs-run-task"><bdi>{html_text(one_line(run.task, 200))}</bdi></span></div>'
        f'<span class="nbs-run-end"><bdi>{ended}</bdi></span></div>\n'
    )


def _open_cells(cells: Sequence[Cell]) -> set[int]:
    """The cells of a run that are open, by `id`: its errors, its open questions and its last message."""
    found = {id(cell) for cell in cells if cell.kind is CellKind.ERROR or cell.status is CellStatus.WAITING}
    said = [cell for cell in cells if cell.kind in (CellKind.TEXT, CellKind.STRUCTURED) and cell.agent != USER]
    return found | {id(cell) for cell in said[-1:] or cells[-1:]}


def _html_cell(cell: Cell, is_open: bool, colour: str, anchor: str) -> Iterator[str]:
    agent, path = one_line(cell.agent), one_line(cell.path)
    above = path.removesuffix(agent) if agent and path != agent and path.endswith(f"/{agent}") else ""
    depth = min(above.count("/"), _MAX_INDENT)
    parts = (
        ("nbs-above", html_text(above)),
        ("nbs-agent-name", html_text(agent or path)),
        ("nbs-kind", html_text(kind_word(cell))),
        ("nbs-end", html_text(status_word(cell))),
        ("nbs-first", html_text(headline(cell))),
    )
    line = "".join(f'<span class="{name}"><bdi>{words}</bdi></span>' for name, words in parts if words)
    at = moment(cell.ended_at if cell.ended_at is not None else cell.started_at)
    meta = [html_text(words) for words in cell_figures(cell)]
    meta += [f'<time datetime="{at.isoformat(timespec="seconds")}">{at:%H:%M}</time>'] if at is not None else []
    line += f'<span class="nbs-meta">{" · ".join(meta)}</span>' if meta else ""
    yield (
        f'<details class="nbs-cell {colour}{f" nbs-d{depth}" if depth else ""}" data-kind="{cell.kind}" '
        f'data-status="{status_colour(cell)}"{" open" if is_open else ""}>\n'
        f'<summary class="nbs-line">{line}</summary>\n<div class="nbs-body" id="{anchor}">\n'
    )
    yield from html_body(cell)
    yield "</div></details>\n"


def html_image(image: content.Image) -> str:
    """An image of a message. If its source is not the data of a known kind of image, a sentence stands in its place."""
    number = image.number
    if image.raster is None:
        return f"<p><small>Image {number} is not shown: only PNG, JPEG, GIF and WebP data are.</small></p>\n"
    return f'<p><img alt="image {number}" style="max-width:100%" src="{image.source}"></p>\n'


def marks(cell: Cell) -> str:
    """The kind of a cell, unless it is a text, and its status, unless it is done, in brackets. It may be empty."""
    words = [] if cell.kind is CellKind.TEXT else [cell.kind.value]
    if cell.status is not CellStatus.DONE:
        words.append(cell.status.value)
    return f"({', '.join(words)})" if words else ""


def figures(cell: Cell) -> str:
    """The duration, pace, tokens and cost of a cell, as far as they are known."""
    words = []
    if cell.duration:
        words.append(seconds(cell.duration))
    if cell.tokens_per_s:
        words.append(f"{'about ' if cell.estimated else ''}{cell.tokens_per_s:.0f} tokens/s")
    if cell.usage:
        words.append(f"{'about ' if cell.usage.about else ''}{cell.usage.completion_tokens} completion tokens")
    if cell.cost:
        words.append(dollars(cell.cost))
    return ", ".join(words)


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]
