"""Writes a transcript as the output of a notebook's cell: as rendered HTML and as plain text, each whole.

The HTML is what JupyterLab lets through for a notebook that is not trusted, and what is still read if styles are
stripped, as on GitHub: elements that have a meaning, and few inline styles, whose colours suit light and dark pages.
MathML is none of it. All text is escaped, and nothing is loaded from anywhere.

A notebook is a JSON file. Programs that write it put every line of a text on a line of its own, which costs 12 bytes
a line. So the HTML is one line, in which line feeds stand as `&#10;`. This has a second use: `nbconvert` gives HTML to
Markdown readers as it is, and they would end it at an empty line. Attributes have no quotation marks and paragraphs
have no end tags, as HTML allows.

Both forms of all messages together take four times their bytes, and `RESERVE_BYTES` at most. If the HTML of a message
would be longer, its code loses its colours first, then its boxes. The message loses the line at its edge, and its
figures. At last it is shown as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Literal, NamedTuple

from ..core import cell_content as content
from ..core.model import USER, Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm
from ..core.text_safety import one_line, quoted, visible
from ..errors import unreachable
from .highlighted_code import html_text
from .html import capital, figures, marks
from .rendered_markdown import Detail, html_code_block, rendered_markdown
from .summary import headline
from .text import ending

_MARK = "--- "

GROWTH = 4
"""How many bytes both forms of a message may take in a notebook for each byte that was said."""

RESERVE_BYTES = 24_000
"""What they may take beyond that, in all transcripts of a notebook together. Most messages take half of it, but a row
of short messages full of tables and lists takes more."""

_COLOUR_SHARE, _STYLE_SHARE, _STRUCTURE_SHARE = 0.01, 0.03, 0.05
"""The part of what is left of the reserve that one message may take: for the colours of its code, for its looks, and to
be rendered at all."""

_RESERVE_FOR_LOOKS = 0.5
"""The part of the reserve for colours and looks. The rest is there so that as many messages as can be are rendered."""

_LINE_BYTES = 12
"""What a line feed costs in the JSON of a notebook, beside itself."""

_FOLDED = 48
"""The number of characters of a message that stand in its head while it is folded."""

_SHORT = 100
"""Messages up to this number of characters are never folded."""

_LIVE_CHARS = 8_000
"""An unfinished message that is longer is shown as it was written: it is rendered again whenever it has grown."""

CHARS_AT_ONCE = 40_000
"""How many characters of messages are rendered while a kernel's loop waits, which takes some 30 ms."""

AGENT_INKS = ("07d", "a60", "086", "95c", "d33", "773", "76b", "873", "c3a", "479", "080", "966")
"""The panel's colours of agents, for text on light and on dark pages: the contrast is about 4 on both."""

_USER_INK, _FAILED_INK = "777", "d33"

_DETAIL = Detail(highlight=False, formulas=False, typeset=True, compact=True)

_BOX = "<pre style='background:#8881;padding:4px 8px;margin:4px 0;word-break:normal;font-family:monospace'>"
"""Code in a box. JupyterLab would break words anywhere, and nbconvert would write it as text."""

_TOKEN_TAGS = {"keyword": "b", "comment": "i"}
_TOKEN_COLOURS = {"string": "080", "number": "07d", "added": "080", "removed": "d33"}
_TOKEN = re.compile("<span class=nbs-t-([a-z]+)>(.*?)</span>", re.DOTALL)

_MATH_IS_TEXT = "tex2jax_ignore mathjax_ignore"
"""The classes by which MathJax 2 and 3, which typeset the outputs of notebooks, leave a text with dollars as it is."""

PRINTED = "<style>@media print{.mathjax_ignore details::details-content{content-visibility:visible}}</style>"
"""Unfolds messages on paper. Pages that take style sheets away lose nothing else by it."""

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")

_NOT_FINISHED = (CellStatus.WRITING, CellStatus.RUNNING, CellStatus.WAITING)
_CUT_OFF = "cut off"
"""The status of an unfinished cell: it is read in a saved notebook without a kernel, where nobody will finish it."""


class Entry(NamedTuple):
    """A message, or the head or the end of a run, as text and as HTML. `folded` is the HTML of a message when it is
    folded, None if it cannot be."""

    kind: Literal["head", "message", "end"]
    text: str
    html: str
    folded: str | None = None
    is_finished: bool = True


class Renderer:
    """Makes entries of cells and runs. It renders a finished cell once, and keeps the entry until `drop`. Agents get
    their colours in the order in which they first speak."""

    def __init__(self, reserve: Callable[[], int] = lambda: RESERVE_BYTES) -> None:
        """`reserve` tells how many bytes the finished messages may take beyond `GROWTH` times what they say."""
        self.waiting: list[Cell] = []
        """The finished cells that `entries` had no time for. Their entries have the text as it was written."""
        self.taken = 0
        """How many bytes they take beyond that; less than 0 if they take less."""
        self._reserve = reserve
        self._colours: dict[str, str] = {}
        self._kept: dict[int, tuple[Cell, Entry]] = {}  # by `id(cell)`; holding the cell keeps that id from others

    def entries(
        self, cells: Iterable[Cell], runs: Sequence[RunInfo], begun: int = 0, chars: float = float("inf")
    ) -> Iterator[Entry]:
        """The entries of the cells, in their order, with the heads and ends of the runs. The last message of each run
        is unfolded. The first `begun` runs have their heads already, and the cells go on in the last of these. Only so
        many `chars` are rendered; `waiting` has the cells beyond."""
        numbers = {run.id: number for number, run in enumerate(runs[begun:], begun + 1)}
        self.waiting = []
        before: Entry | None = None
        for cell in cells:
            bounds = list(_bounds(runs, begun, numbers.get(cell.run, begun)))
            if before is not None:
                yield before if bounds or before.folded is None else before._replace(html=before.folded)
            yield from bounds
            begun = max(begun, numbers.get(cell.run, begun))
            before, rendered_chars = self._entry(cell, chars)
            chars -= rendered_chars
        if before is not None:
            yield before
        yield from _bounds(runs, begun, len(runs))
        if runs:
            yield _run_end(runs[-1])

    def prepare(self, waiting: Iterable[Cell]) -> None:
        """Render cells that are `waiting`. It may be called on another thread, because it takes its time."""
        for cell in waiting:
            self._render(cell, self._colours[cell.path])

    def drop(self, cells: Iterable[Cell]) -> None:
        """Forget the entries of these cells."""
        for cell in cells:
            self._kept.pop(id(cell), None)

    def _entry(self, cell: Cell, chars: float) -> tuple[Entry, int]:
        """The entry of a cell, and how many characters had to be rendered for it."""
        kept, entry = self._kept.get(id(cell), (None, None))
        if kept is cell and entry is not None:
            return entry, 0
        if cell.agent == USER:
            self._colours.setdefault(cell.path, _USER_INK)
        agents = sum(ink != _USER_INK for ink in self._colours.values())
        colour = self._colours.setdefault(cell.path, AGENT_INKS[agents % len(AGENT_INKS)])
        length = _length(cell)
        if cell.status in _NOT_FINISHED:
            return rendered(cell, colour, self._allows, as_written=length > _LIVE_CHARS)[0], 0
        if length > chars:
            self.waiting.append(cell)
            return rendered(cell, colour, as_written=True)[0]._replace(is_finished=False), 0
        return self._render(cell, colour), length

    def _render(self, cell: Cell, colour: str) -> Entry:
        entry, beyond = rendered(cell, colour, self._allows)
        self.taken += beyond
        self._kept[id(cell)] = cell, entry
        return entry

    def _allows(self, beyond: int, share: float) -> bool:
        """Whether a message may take so many bytes beyond its own: as many as the messages before it have left, and a
        share of the reserve."""
        needed = self.taken + beyond
        reserve = self._reserve() * (1 if share >= _STRUCTURE_SHARE else _RESERVE_FOR_LOOKS)
        return needed <= 0 or min(needed, beyond) <= share * (reserve - max(0, self.taken))


def _length(cell: Cell) -> int:
    calls = sum(len(call.arguments) + len(call.result or "") for call in cell.tool_calls)
    return len(cell.text) + calls + len(cell.data.get("output", "")) + len(cell.data.get("traceback", ""))


def _bounds(runs: Sequence[RunInfo], begun: int, number: int) -> Iterator[Entry]:
    """The ends and heads of runs between a cell of the run `begun` and one of the run `number`, counted from 1."""
    for place in range(begun, number):
        if place > 0:
            yield _run_end(runs[place - 1])
        yield _head(runs[place], place + 1)


def _head(run: RunInfo, number: int) -> Entry:
    words = f"Run {number}: {one_line(run.task)}".rstrip(": ")
    return Entry("head", f"{_MARK}{words}\n", f"<h3>{_aside(words)}</h3>")


def _run_end(run: RunInfo) -> Entry:
    is_finished = run.status not in _NOT_FINISHED
    words = capital(ending(run) if is_finished else _CUT_OFF)
    return Entry("end", f"{_MARK}{words}\n", f"<p><small>{_aside(words)}</small>", is_finished=is_finished)


def rendered(
    cell: Cell,
    colour: str,
    allows: Callable[[int, float], bool] = lambda beyond, share: beyond <= 0,
    as_written: bool = False,
) -> tuple[Entry, int]:
    """The entry of a cell, with all that the cell says, and the bytes that it takes beyond `GROWTH` times what is said.
    `allows` says whether a form may take so many. `colour` is that of its agent, as three digits. With `as_written` the
    Markdown is not read, which costs next to nothing."""
    said, name, about = said_in(cell), one_line(cell.path or cell.agent or "nb_stream"), marks(cell)
    is_finished = cell.status not in _NOT_FINISHED
    if not is_finished:
        about = about.replace(f"{cell.status.value})", f"{_CUT_OFF})")
    has_lines = "\n" in said
    who = f"{name} {about}" if about else name
    text = f"{_MARK}{who}:{chr(10) if has_lines else ' '}{quoted(said)}"
    text = text if text.endswith("\n") else text + "\n"
    images = content.images_of(cell)
    room = GROWTH * len(said.encode("utf-8", "replace")) + sum(len(image.source) for image in images) - _bytes_of(text)
    forms = _short_forms if len(said) <= _SHORT and not images else _folded_forms
    html, folded, beyond = "", None, 0
    for html, folded, share in forms(
        cell, said, f"{_aside(name)}</b>{' ' if about else ''}{about}", colour, as_written
    ):
        beyond = _bytes_of(folded or html) - room
        if allows(beyond, share):
            break
    return Entry("message", text, html, folded, is_finished), beyond


_Form = tuple[str, "str | None", float]
"""The HTML of a message, the same when it is folded, and the share of the reserve that it may take."""


def _short_forms(cell: Cell, said: str, who: str, colour: str, as_written: bool) -> Iterator[_Form]:
    """The forms of a message that is never folded, from the best to the shortest."""
    written = f" <bdi>{_plain_text(said)}</bdi>" if _turns(said) else f" {_plain_text(said)}"
    named = f"<p><b style=color:#{colour}>{who}"
    if not as_written:
        coloured, body = (f" {made}".replace(" <p>", " ", 1) for made in _bodies(cell))
        if coloured != body:
            yield f"{named}{_boxed(coloured)}", None, _COLOUR_SHARE
        if "<pre>" in body:
            yield f"{named}{_boxed(body)}", None, _STYLE_SHARE
        yield f"{named}{body}", None, _STYLE_SHARE
        yield f"<p><b>{who}{body}", None, _STRUCTURE_SHARE
    yield f"<p><b>{who}{written}", None, 1


def _folded_forms(cell: Cell, said: str, who: str, colour: str, as_written: bool) -> Iterator[_Form]:
    """The forms of a message that can be folded, from the best to the shortest."""
    is_failed = cell.kind.role is CellRole.ERROR or cell.status is CellStatus.FAILED
    style = f" style='border-left:3px solid #{_FAILED_INK if is_failed else colour};padding-left:9px;margin:6px 0'"
    figured = f" <small>{escape(figures(cell))}</small>" if figures(cell) else ""
    before, behind = ("<div dir=auto>", "</div>") if _turns(said) else ("", "")
    first = one_line(headline(cell), _FOLDED)

    def form(body: str, attributes: str, share: float = _STRUCTURE_SHARE, *, brief: bool = False) -> _Form:
        head = f"{attributes}><summary><b style=color:#{colour}>{who}"
        inside = f"{'' if brief else figured}</summary>{before}{body}{behind}</details>"
        words = _aside(one_line(first, _FOLDED // 2) if brief else first)
        return f"<details open{head}{inside}", f"<details{head} – {words}{inside}", share

    written = html_code_block(said, "", _DETAIL) if said else ""
    written += "".join(map(_image_html, content.images_of(cell)))
    if not as_written:
        coloured, body = _bodies(cell)
        if coloured != body:
            yield form(_boxed(coloured), style, _COLOUR_SHARE)
        yield form(_boxed(body), style, _STYLE_SHARE)
        yield form(body, style, _STYLE_SHARE)
        yield form(body, "")
        yield form(body, "", brief=True)
    yield form(written, "", 1, brief=not as_written)


def _bodies(cell: Cell) -> tuple[str, str]:
    """All that a cell says as HTML, with and without colours of code."""
    body = "".join(_body_html(cell, _DETAIL))
    return "".join(_body_html(cell, replace(_DETAIL, highlight=True))) if "<pre>" in body else body, body


def _boxed(body: str) -> str:
    """The body with boxes round its code. What a message says cannot hold `<pre>`: it is escaped."""
    return body.replace("<pre><code>", _BOX).replace("</code></pre>", "</pre>")


def _body_html(cell: Cell, detail: Detail) -> Iterator[str]:
    """All that a cell says, as HTML."""
    for section in content.sections_of(cell):
        yield from _saved_section(section, cell.kind, detail)


def _saved_section(section: content.Section, kind: CellKind, detail: Detail) -> Iterator[str]:
    match section:
        case content.Text(text, form):
            said = _said_html(text, form, detail)
            yield f"<div style=opacity:.75>{said}</div>" if kind is CellKind.THOUGHT else said
        case content.Approval(text):
            yield rendered_markdown(text, detail)
        case content.HandoffTarget():
            pass  # the text names the agent
        case content.Code(code, language):
            yield _code_html(code, language, detail)
        case content.ToolUse(call):
            yield f"<p><code><b>{html_text(one_line(call.name))}</b></code>"
            yield _beside(call.arguments, "", "json", detail)
            if call.result is not None:
                yield _beside(call.result, "failed: " if call.is_error else "→ ", "", detail)
        case content.Output(text):
            yield f"<p><small>Output</small>{_code_html(text, '', detail)}" if text else ""
        case content.Ending(_, answer):
            yield f"<p><small>Answer</small><p>{_plain_text(answer)}" if answer else ""
        case content.Traceback(text):
            yield f"<p><small>Traceback</small>{_code_html(text, '', detail)}"
        case content.Image():
            yield _image_html(section)
        case _:
            unreachable(section)


def _said_html(text: str, form: TextForm, detail: Detail) -> str:
    match form:
        case TextForm.MARKDOWN:
            return _with_print_marks(rendered_markdown(text, detail))
        case TextForm.PLAIN:
            return f"<p>{_plain_text(text)}"
        case TextForm.PREFORMATTED | TextForm.ERROR:
            return _code_html(text, "", detail)
        case TextForm.JSON:
            return _code_html(text, "json", detail)
        case _:
            unreachable(form)


def _image_html(image: content.Image) -> str:
    if image.raster is None:
        return f"<p><small>Image {image.number} is not shown: only PNG, JPEG, GIF and WebP data are.</small>"
    kind, data = image.raster
    return f"<p><img alt='image {image.number}' style=max-width:100% src='data:{kind};base64,{data}'>"


def _beside(code: str, label: str, language: str, detail: Detail) -> str:
    """Arguments or a result of a tool: on the line of the tool's name if they are short, else as a block."""
    if "\n" in code or len(code) > _SHORT:
        return label.rstrip(" →") + _code_html(code, language, detail)
    return f" {label}<code>{html_text(code)}</code>" if code.strip() else ""


def _code_html(code: str, language: str, detail: Detail) -> str:
    code = visible(code).strip("\n")
    return _with_print_marks(html_code_block(code, language, detail)) if code.strip() else ""


def _with_print_marks(html: str) -> str:
    """HTML in which the tokens of code have the marks of print, or inline colours, because there is no style sheet."""
    return _TOKEN.sub(_token_html, html) if "<span class=nbs-t-" in html else html


def _token_html(found: re.Match[str]) -> str:
    kind, text = found[1], found[2]
    if tag := _TOKEN_TAGS.get(kind):
        return f"<{tag}>{text}</{tag}>"
    return f"<font color=#{_TOKEN_COLOURS[kind]}>{text}</font>" if kind in _TOKEN_COLOURS else text


def _bytes_of(form: str) -> int:
    """The bytes that a form takes in the JSON of a notebook."""
    size = len(form) if form.isascii() else len(form.encode("utf-8", "replace"))
    return size + form.count('"') + form.count("\\") + _LINE_BYTES * form.count("\n")


def as_text(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as plain text. Each message is as it was written, behind a head that begins a line with dashes."""
    return "".join(entry.text for entry in Renderer().entries(cells, runs))


def as_html(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as HTML for the inside of a page, on one line. Messages that are not short are folded, except the
    last one of each run."""
    return framed("".join(entry.html for entry in Renderer().entries(cells, runs)))


def framed(inside: str) -> str:
    """The HTML of entries in the element that they need."""
    return f"<div class='{_MATH_IS_TEXT}'>{inside}{PRINTED}</div>" if inside else ""


def _plain_text(said: str) -> str:
    return escape(visible(said), quote=False).replace("\n", "<br>")


def _aside(words: str) -> str:
    """Words that stand between others. If they are written from right to left, they must not change the order of the
    others."""
    return f"<bdi>{escape(words, quote=False)}</bdi>" if _turns(words) else escape(words, quote=False)


def _turns(text: str) -> bool:
    """Whether a part of the text is written from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def said_in(cell: Cell) -> str:
    """All that a cell says, as it was written: its text, its tool calls with their results, its code with the output.

    Control characters are made visible.
    """
    return "\n".join(part for section in content.sections_of(cell) for part in _printed_lines(section) if part)


def _printed_lines(section: content.Section) -> Iterator[str]:
    match section:
        case content.Text(text) | content.Approval(text) | content.Code(text):
            yield visible(text)
        case content.ToolUse(call):
            name = one_line(call.name)
            yield f"{name}({visible(call.arguments)})"
            if call.result is not None:
                yield f"{name} {'failed' if call.is_error else 'gave'}: {visible(call.result)}"
        case content.Output(text):
            yield text and f"output: {visible(text)}"
        case content.Ending(_, answer):
            yield f"answer: {visible(answer)}" if answer else ""
        case content.Traceback(text):
            yield f"traceback: {visible(text)}"
        case content.HandoffTarget() | content.Image():
            pass  # the text names the target, and images stand behind the text
        case _:
            unreachable(section)
