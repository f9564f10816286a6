"""A transcript as Markdown: for a pull request, a chat or a text file."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Cell, CellKind, CellStatus, RunInfo, ToolCall


def markdown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as Markdown. Messages stand as they were written; code, arguments and errors stand in fences."""
    parts: list[str] = []
    for number, run in enumerate(runs, 1):
        parts.append(f"## Run {number}: {_one_line(run.task)}".rstrip(": "))
        parts.extend(_cell(cell) for cell in cells if cell.run == run.id)
        parts.append(f"*{_ending(run)}*")
    parts.extend(_cell(cell) for cell in cells if not cell.run)
    return "\n\n".join(parts) + ("\n" if parts else "")


def _cell(cell: Cell) -> str:
    head = f"### {cell.agent or 'nb_stream'}"
    if cell.kind is not CellKind.TEXT:
        head += f" ({cell.kind.value})"
    if cell.status is not CellStatus.DONE:
        head += f": {cell.status.value}"
    return "\n\n".join(part for part in (head, *_body(cell)) if part)


def _body(cell: Cell) -> list[str]:
    if cell.kind is CellKind.TOOL_CALL:
        return [_call(call) for call in cell.tool_calls]
    if cell.kind is CellKind.THOUGHT:
        return [_quoted(cell.text)]
    if cell.kind is CellKind.STRUCTURED:
        return [_fenced(cell.text, "json")]
    if cell.kind is CellKind.CODE:
        blocks = [_fenced(block["code"], block["language"]) for block in cell.data.get("code_blocks", ())]
        output = cell.data.get("output")
        return [cell.text if not blocks else "", *blocks, _fenced(output, "text") if output else ""]
    if cell.kind is CellKind.ERROR:
        return [_fenced(cell.text, "text"), _fenced(cell.data.get("traceback", ""), "text")]
    return [cell.text]


def _call(call: ToolCall) -> str:
    result = "" if call.result is None else _fenced(call.result, "text")
    title = f"`{call.name}`" + (" failed" if call.is_error else "")
    return "\n\n".join(part for part in (title, _fenced(call.arguments, "json"), result) if part)


def _ending(run: RunInfo) -> str:
    word = run.status.value.capitalize()
    return f"{word}: {run.stop_reason}" if run.stop_reason else f"{word}."


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]


def _fenced(text: str, language: str) -> str:
    """A code block that no run of backticks in the text can end."""
    if not text:
        return ""
    longest = max((len(run) for run in _runs_of_backticks(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _runs_of_backticks(text: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in text).split()]
