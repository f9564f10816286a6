"""A transcript as Markdown: for a pull request, a chat or a text file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from .code import unshown
from .contained import code_span, contained_markdown, fenced, inline, lines_of
from .html import IMAGE
from .runs import by_run


def markdown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as Markdown. Messages stand as they were written, each by itself; code, arguments, errors
    and what no model wrote stand in fences."""
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
    return "\n\n".join(part for part in (head, *_markdown_body(cell)) if part)


def _markdown_body(cell: Cell) -> Iterator[str]:
    if cell.kind is CellKind.TOOL_CALL:
        yield from (_markdown_tool_call(call) for call in cell.tool_calls)
    elif cell.kind is CellKind.THOUGHT:
        yield "\n".join(f"> {line}".rstrip() for line in lines_of(contained_markdown(cell.text)))
    elif cell.kind is CellKind.STRUCTURED:
        yield fenced(cell.text, "json")
    elif cell.kind is CellKind.CODE:
        yield contained_markdown(cell.text)
        for code, language in unshown(cell):
            yield fenced(code, language)
        yield fenced(cell.data.get("output", ""), "text")
    elif cell.kind is CellKind.ERROR:
        yield fenced(cell.text, "text")
        yield fenced(cell.data.get("traceback", ""), "text")
    else:
        yield contained_markdown(cell.text) if cell.is_markdown else fenced(cell.text, "text")
    yield from _answer(cell)
    for number, source in enumerate(cell.data.get("images", ()), 1):
        if IMAGE.fullmatch(str(source)):
            yield f"![image {number}]({''.join(str(source).split())})"


def _answer(cell: Cell) -> Iterator[str]:
    """How a question ended: what a person answered, or why nobody did."""
    if how := cell.data.get("how"):
        answer = str(cell.data.get("answer") or "")
        yield f"*{inline(str(how)).capitalize()}{':' if answer else '.'}*"
        yield contained_markdown(answer)


def _markdown_tool_call(call: ToolCall) -> str:
    title = code_span(call.name) + (" failed" if call.is_error else "")
    parts = (title, fenced(call.arguments, "json"), fenced(call.result or "", "text"))
    return "\n\n".join(part for part in parts if part)


def _markdown_run_end(run: RunInfo) -> str:
    word = run.status.value.capitalize()
    return f"{word}: {inline(run.stop_reason)}" if run.stop_reason else f"{word}."
