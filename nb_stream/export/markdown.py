"""Writes a transcript as Markdown, for a pull request, a chat or a text file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core import cell_content as content
from ..core.model import Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm, ToolCall
from ..errors import unreachable
from .contained import code_span, contained_markdown, fenced, inline, lines_of
from .runs import by_run


def markdown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as Markdown. Messages stand as they were written, but change nothing outside of themselves
    (`contained`). Code, arguments, errors and the output of programs stand in code fences."""
    parts: list[str] = []
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        task = "" if run is None else inline(run.task)
        if run is not None:
            parts.append(f"## Run {number}: {task}" if task else f"## Run {number}")
        parts.extend(_markdown_cell(cell) for cell in own)
        if run is not None:
            parts.append(f"*{_markdown_run_end(run)}*")
    return "\n\n".join(parts) + ("\n" if parts else "")


def _markdown_cell(cell: Cell) -> str:
    head = f"### {inline(cell.agent) or 'nb_stream'}"
    if cell.kind is not CellKind.TEXT:
        head += f" ({cell.kind.value})"
    if cell.status is not CellStatus.DONE:
        head += f": {cell.status.value}"
    parts = [part for section in content.sections_of(cell) for part in _markdown_section(section, cell.kind.role)]
    return "\n\n".join(part for part in (head, *parts) if part)


def _markdown_section(section: content.Section, role: CellRole) -> Iterator[str]:
    match section:
        case content.Text(text, form):
            said = _markdown_said(text, form)
            yield _as_quotation(said) if role is CellRole.THOUGHT else said
        case content.Approval(text):
            yield contained_markdown(text)
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
            yield contained_markdown(answer or "")
        case content.Image(number):
            if image := section.raster:
                yield f"![image {number}](data:{image[0]};base64,{image[1]})"
        case _:
            unreachable(section)


def _markdown_said(text: str, form: TextForm) -> str:
    match form:
        case TextForm.MARKDOWN | TextForm.PLAIN:
            return contained_markdown(text)
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
    parts = (title, fenced(call.arguments, "json"), fenced(call.result or "", "text"))
    return "\n\n".join(part for part in parts if part)


def _markdown_run_end(run: RunInfo) -> str:
    word = run.status.value.capitalize()
    return f"{word}: {inline(run.stop_reason)}" if run.stop_reason else f"{word}."
