"""Writes a transcript as Markdown, for a pull request, a chat or a text file.

The Markdown is GitHub's. The results of tools are folded by `<details>`, which is the only HTML of the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core import cell_content as content
from ..core.model import Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm, ToolCall
from ..errors import unreachable
from .contained import code_span, contained_markdown, fenced, folded, inline, lines_of
from .html import capital
from .runs import by_run
from .text import ending


def markdown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as Markdown. Messages stand as they were written, but change nothing outside of themselves
    (`contained`). Code, arguments, errors and the output of programs stand in code fences."""
    parts: list[str] = []
    count = 0
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        task = "" if run is None else inline(run.task)
        if run is not None:
            parts.append(f"## Run {number}: {task}" if task else f"## Run {number}")
        parts.extend(_markdown_cell(cell, place) for place, cell in enumerate(own, count + 1))
        count += len(own)
        if run is not None:
            parts.append(f"*{capital(inline(ending(run)))}*")
    return "\n\n".join(parts) + ("\n" if parts else "")


def _markdown_cell(cell: Cell, number: int) -> str:
    head = f"### {inline(cell.agent) or 'nb_stream'}"
    if cell.kind is not CellKind.TEXT:
        head += f" ({cell.kind.value})"
    if cell.status is not CellStatus.DONE:
        head += f": {cell.status.value}"
    role = cell.kind.role
    parts = [part for section in content.sections_of(cell) for part in _markdown_section(section, role, number)]
    return "\n\n".join(part for part in (head, *parts) if part)


def _markdown_section(section: content.Section, role: CellRole, number: int) -> Iterator[str]:
    match section:
        case content.Text(text, form):
            said = _markdown_said(text, form, number)
            yield _as_quotation(said) if role is CellRole.THOUGHT else said
        case content.Approval(text):
            yield contained_markdown(text, number)
        case content.HandoffTarget():
            pass  # the text names the agent
        case content.Code(code, language):
            yield fenced(code, language)
        case content.ToolUse(call):
            yield _markdown_tool_call(call)
        case content.Output(text) | content.Traceback(text):
            yield fenced(text, "text")
        case content.Ending(how, answer):
            if how:
                yield f"*{inline(how).capitalize()}{':' if answer else '.'}*"
            yield contained_markdown(answer or "", number)
        case content.Image():
            if image := section.raster:
                yield f"![image {section.number}](data:{image[0]};base64,{image[1]})"
        case _:
            unreachable(section)


def _markdown_said(text: str, form: TextForm, number: int) -> str:
    match form:
        case TextForm.MARKDOWN | TextForm.PLAIN:
            return contained_markdown(text, number)
        case TextForm.PREFORMATTED | TextForm.ERROR:
            return fenced(text, "text")
        case TextForm.JSON:
            return fenced(text, "json")
        case _:
            unreachable(form)


def _as_quotation(said: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in lines_of(said))


def _markdown_tool_call(call: ToolCall) -> str:
    title = code_span(call.name) + (" failed" if call.is_error else "")
    result = folded("Error" if call.is_error else "Result", fenced(call.result or "", "text"))
    return "\n\n".join(part for part in (title, fenced(call.arguments, "json"), result) if part)
