"""Shows the body of a message in a page: each of its sections in an element of its own, as
`frontend/src/views/transcript/body.ts`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from ..core import cell_content as content
from ..core.model import Cell, CellStatus, TextForm, ToolCall
from ..core.text_safety import one_line
from ..errors import unreachable
from .highlighted_code import html_text
from .html_data import html_data, parsed_json
from .rendered_markdown import html_code_block, rendered_markdown
from .summary import length

_SCROLL_BOX = 'dir="ltr" tabindex="0" role="group"'  # the Tab key stops at it, so that the arrow keys move it
_FRAME_LINE = re.compile(r'\s*File "(.*)", line \d+')
_LIBRARY_FILE = re.compile(r"[\\/](?:site-packages|dist-packages|lib[\\/]python\d)|^<frozen")
_RAISED_LINE = re.compile(r"[\w.]+(?:Error|Exception|Interrupt|Exit|Warning|Group)\b")


def html_body(cell: Cell) -> Iterator[str]:
    """All that a cell says, as HTML."""
    for section in content.sections_of(cell):
        yield from _section_view(section, cell)


def _section_view(section: content.Section, cell: Cell) -> Iterator[str]:
    match section:
        case content.HandoffTarget(target):
            yield _field("hands over to", target)
        case content.Text(text, form):
            yield from _said(text, form)
        case content.Approval(text, what):
            yield from _asked(text, what)
        case content.Code(code, language):
            yield html_code_block(code, language)
        case content.ToolUse(call):
            yield from _call_html(call, cell)
        case content.Output(text, exit_code):
            yield _label(f"output, exit code {exit_code}" if exit_code else "output", bool(exit_code))
            yield _source(text)
        case content.Ending(how, answer):
            yield (
                f'<p class="nbs-field"><span class="nbs-label">{html_text(how)}</span></p>'
                if answer is None
                else _field(f"{how}:", answer)
            )
        case content.Traceback(text):
            yield f'<details class="nbs-fold"><summary>Traceback</summary>{_traceback(text)}</details>\n'
        case content.Image():
            yield _picture(section, cell)
        case _:
            unreachable(section)


def _said(text: str, form: TextForm) -> Iterator[str]:
    match form:
        case TextForm.MARKDOWN:
            yield f'<div class="nbs-text nbs-md">\n{rendered_markdown(text)}</div>\n'
        case TextForm.PLAIN | TextForm.ERROR:
            yield _prose(text)
        case TextForm.PREFORMATTED:
            yield _source(text)
        case TextForm.JSON:
            yield from _value(text)
        case _:
            unreachable(form)


def _prose(text: str) -> str:
    return f'<div class="nbs-text" dir="auto">{html_text(text)}</div>\n'


def _asked(text: str, what: Mapping[str, Any]) -> Iterator[str]:
    """A question for approval, and its subject: code, or a tool with its arguments. The question repeats them as
    text."""
    tool, blocks = what.get("tool"), what.get("code_blocks") or []
    if not blocks and what.get("code") is not None:
        blocks = [{"code": what["code"], "language": what.get("language", "")}]
    question = text.split("\n\n", 1)[0] if tool is not None or blocks else text
    if question:
        yield _prose(question)
    for block in blocks:
        yield html_code_block(block["code"], block["language"])
    if tool is not None:
        given = what.get("arguments")
        yield f'<p class="nbs-call-head"><code class="nbs-call-name">{html_text(one_line(str(tool)))}</code></p>\n'
        yield from _argument_views(given if isinstance(given, str) else _json(text, given))


def _json(text: str, given: Any) -> str:
    """The arguments as they stand in the question, or as JSON."""
    import json

    found = re.search(r"\n\n(`{3,})json\n(.*)\n\1$", text, re.DOTALL)
    return found[2] if found else json.dumps(given or {}, ensure_ascii=False, default=str)


def _call_html(call: ToolCall, cell: Cell) -> Iterator[str]:
    is_running = cell.status is CellStatus.RUNNING
    outcome = "failed" if call.is_error else "running" if is_running else "no result"
    if call.result is not None and not call.is_error:
        outcome = "done"
    seconds = cell.duration or 0.0
    took = f" · {length(seconds)}" if len(cell.tool_calls) == 1 and seconds >= 0.05 else ""
    yield (
        f'<div class="nbs-call{" nbs-is-error" if call.is_error else ""}" data-outcome="{outcome}">'
        f'<p class="nbs-call-head"><code class="nbs-call-name"><bdi>{html_text(one_line(call.name))}</bdi></code>'
        f'<span class="nbs-outcome">{outcome}{took}</span></p>\n'
    )
    yield from _argument_views(call.arguments)
    if call.result is not None:
        yield _label("error" if call.is_error else "result", call.is_error)
        yield from _value(call.result)
    yield "</div>\n"


def _argument_views(text: str) -> Iterator[str]:
    if text.strip() not in ("", "{}"):
        yield _label("arguments", False)
        yield from _value(text.strip())


def _value(text: str) -> Iterator[str]:
    data = parsed_json(text)
    if data is None:
        yield _source(text)
    else:
        yield from html_data(data)


def _source(text: str) -> str:
    return f'<pre class="nbs-source" {_SCROLL_BOX} aria-label="Text">\n{html_text(text)}</pre>\n' if text else ""


def _label(words: str, is_error: bool) -> str:
    return f'<p class="nbs-label{" nbs-is-error" if is_error else ""}">{html_text(words)}</p>\n'


def _field(word: str, value: str) -> str:
    return f'<p class="nbs-field"><span class="nbs-label">{html_text(word)}</span> <bdi>{html_text(value)}</bdi></p>\n'


def _traceback(text: str) -> str:
    """A Python traceback: the error stands out, and frames of libraries step back."""
    lines, is_library = [], False
    for line in text.rstrip().split("\n"):
        frame = _FRAME_LINE.match(line)
        if frame:
            is_library = _LIBRARY_FILE.search(frame[1]) is not None
        elif line[:1].strip():
            is_library = False
        look = (
            "nbs-raised" if _RAISED_LINE.match(line) else "nbs-library" if is_library else "nbs-frame" if frame else ""
        )
        lines.append(f'<span class="{look}">{html_text(line)}</span>' if look else html_text(line))
    return f'<pre class="nbs-source nbs-traceback" {_SCROLL_BOX} aria-label="Traceback">\n{chr(10).join(lines)}</pre>'


def _picture(image: content.Image, cell: Cell) -> str:
    """An image of a message. If its source is not the data of a known kind of image, a sentence stands in its place."""
    if image.raster is None:
        return _label(f"Image {image.number} is not shown: it is no PNG, JPEG, GIF or WebP image.", False)
    name = escape(f"Image {image.number} from {one_line(cell.agent)}" if cell.agent else f"Image {image.number}")
    return (
        f'<figure class="nbs-image"><img alt="{name}" src="data:{image.raster[0]};base64,{image.raster[1]}"></figure>\n'
    )
