"""Writes a transcript as HTML without scripts: one file to keep or to send.

Each message is a `<details>`. All text is escaped, and nothing is loaded from anywhere. The page can be read without
its styles. The fragment has inline styles only, because web sites remove `<style>`; its colours suit light and dark
pages. The file adds a style sheet, and a policy that forbids the browser to load or run anything. The output in a saved
notebook must be smaller, so `outputs` writes that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from html import escape

from ..core import cell_content as content
from ..core.model import Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm, ToolCall
from ..core.text_safety import one_line, visible
from ..errors import unreachable
from .runs import by_run
from .text import dollars, ending, seconds

_FENCED_CODE = re.compile(r"^(`{3,}|~{3,})[^\n`]*\n(.*?)(?:^\1[`~]*[ \t]*$\n?|\Z)", re.MULTILINE | re.DOTALL)

_CELL = "overflow-wrap:anywhere;margin:4px 0;padding:2px 0 2px 10px;border-left:3px solid hsl({hue},45%,50%)"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0;font:inherit"
_CODE_STYLE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0;padding:6px 8px;border:1px solid rgba(128,128,128,.4)"
)

_SHEET = """
:root{color-scheme:light dark;--page:#fff;--ink:#1c1e21;--soft:#59636e;--edge:#d8dee4;--code:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e4e7ea;--soft:#9aa5b1;--edge:#343b43;--code:#1c2126}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:52rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--edge)}
summary{cursor:pointer;padding:2px 0}
summary:focus-visible{outline:2px solid currentColor;outline-offset:2px}
small,.nb-end{color:var(--soft)}
pre.nb-code{font:13px/1.45 ui-monospace,SFMono-Regular,Consolas,monospace!important;background:var(--code);
border-color:var(--edge)!important;border-radius:4px}
img{max-width:100%;height:auto}
@media print{main{max-width:none;padding:0}body{font-size:11pt}summary{break-after:avoid}
details::details-content{content-visibility:visible!important;height:auto!important}
details:not([open])>:not(summary){display:block!important}}
""".strip()

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(cells: Sequence[Cell], runs: Sequence[RunInfo], title: str = "") -> Iterator[str]:
    """One whole page, in pieces. If no title is given, the first task is the title."""
    title = title or next((run.task for run in runs if run.task.strip()), "") or "Transcript"
    heading = escape(one_line(title))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="nb_stream">\n'
        f"<title>{heading}</title>\n<style>\n{_SHEET}\n</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n"
    )
    yield from fragment(cells, runs, unfold=True)
    yield "</main>\n</body>\n</html>\n"


def fragment(cells: Sequence[Cell], runs: Sequence[RunInfo], *, unfold: bool = False) -> Iterator[str]:
    """Runs and cells as HTML for the inside of a page, in pieces, without `<style>` and `<script>`.

    The last message of each run is unfolded. With `unfold` all cells are, except thoughts, tool calls and what a team
    did between messages.
    """
    hues: dict[str, int] = {}
    for cell in cells:
        hues.setdefault(cell.path, 210 + 137 * len(hues))  # the golden angle keeps neighbours apart
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is None:
            yield from _html_cells(own, unfold, hues)
            continue
        yield f"<section>\n<h2>Run {number}{_joined(': ', one_line(run.task))}</h2>\n"
        yield f"<p><small>{_when(run)}</small></p>\n" if run.started_at is not None else ""
        yield from _html_cells(own, unfold, hues)
        yield f'<p class="nb-end"><small>{escape(capital(ending(run)))}</small></p>\n</section>\n'


def _html_cells(cells: Sequence[Cell], unfold: bool, hues: Mapping[str, int]) -> Iterator[str]:
    for place, cell in enumerate(cells, 1):
        is_open = place == len(cells) or (unfold and _is_read_first(cell.kind.role))
        yield from _html_cell(cell, is_open, hues[cell.path])


def _is_read_first(role: CellRole) -> bool:
    """Whether cells with this role are unfolded in a whole page."""
    match role:
        case CellRole.MESSAGE | CellRole.CODE | CellRole.QUESTION | CellRole.ERROR | CellRole.NOTICE:
            return True
        case CellRole.THOUGHT | CellRole.TOOL_CALL | CellRole.ASIDE:
            return False
        case _:
            unreachable(role)


def _html_cell(cell: Cell, is_open: bool, hue: int) -> Iterator[str]:
    words = "" if is_open else _first_words(cell)
    yield (
        f'<details class="nb-cell" style="{_CELL.format(hue=hue % 360)}"{" open" if is_open else ""}>\n<summary>'
        f"<b><bdi>{escape(one_line(cell.path or cell.agent or 'nb_stream'))}</bdi></b>"
        f"{_joined(' ', marks(cell))}{_joined(' – ', words)} <small>{escape(figures(cell))}</small></summary>\n"
    )
    for section in content.sections_of(cell):
        yield from _html_section(section)
    yield "</details>\n"


def _html_section(section: content.Section) -> Iterator[str]:
    match section:
        case content.Text(text, form):
            yield from _html_said(text, form)
        case content.Approval(text):
            yield from _html_said(text, TextForm.PLAIN)
        case content.HandoffTarget():
            pass  # the text names the agent
        case content.Code(code):
            yield _html_code(code)
        case content.ToolUse(call):
            yield from _html_tool_call(call)
        case content.Output(text):
            yield from _labelled("Output", text)
        case content.Ending(_, answer):
            yield from _labelled("Answer", answer or "")
        case content.Traceback(text):
            yield from _labelled("Traceback", text)
        case content.Image():
            yield html_image(section)
        case _:
            unreachable(section)


def _html_said(text: str, form: TextForm) -> Iterator[str]:
    match form:
        case TextForm.MARKDOWN | TextForm.PLAIN:
            yield from _unfenced(text)
        case TextForm.PREFORMATTED | TextForm.JSON | TextForm.ERROR:
            yield _html_code(text)
        case _:
            unreachable(form)


def _labelled(label: str, text: str) -> Iterator[str]:
    if text:
        yield f"<div><small>{label}</small></div>\n{_html_code(text)}"


def _unfenced(text: str) -> Iterator[str]:
    """A message as it was written. The text between code fences is shown as code."""
    place = 0
    for fence in _FENCED_CODE.finditer(text):
        if text[place : fence.start()].strip():
            yield _html_text(text[place : fence.start()])
        yield _html_code(fence[2])
        place = fence.end()
    if text[place:].strip():
        yield _html_text(text[place:])


def _html_text(text: str) -> str:
    inside = escape(visible(text).strip("\n"), quote=False)
    return f'<pre class="nb-text" dir="auto" style="{_TEXT}">\n{inside}</pre>\n'


def _html_code(text: str) -> str:
    if not text.strip():
        return ""
    inside = escape(visible(text).strip("\n"), quote=False)
    return f'<pre class="nb-code" dir="ltr" style="{_CODE_STYLE}">\n{inside}</pre>\n'


def _html_tool_call(call: ToolCall) -> Iterator[str]:
    yield f"<div><code><bdi>{escape(one_line(call.name))}</bdi></code></div>\n{_html_code(call.arguments)}"
    if call.result is not None:
        yield f"<div><small>{'Failed' if call.is_error else 'Result'}</small></div>\n{_html_code(call.result)}"


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


def _first_words(cell: Cell) -> str:
    return one_line(cell.text) or one_line(", ".join(call.name for call in cell.tool_calls))


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


def _joined(sign: str, words: str) -> str:
    return f"{sign}<bdi>{escape(words)}</bdi>" if words else ""


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _when(run: RunInfo) -> str:
    try:
        moment = datetime.fromtimestamp(run.started_at or 0.0, timezone.utc)
    except (ValueError, OverflowError, OSError):  # a file can hold any number
        return ""
    return f'<time datetime="{moment.isoformat()}">{moment:%Y-%m-%d %H:%M} UTC</time>'
