"""A transcript as Markdown: for a pull request, a chat or a text file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from .html import IMAGE
from .runs import by_run

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def markdown(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> str:
    """Runs and cells as Markdown. Messages stand as they were written; code, arguments and errors stand in fences."""
    parts: list[str] = []
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        task = "" if run is None else _one_line(run.task)
        if run is not None:
            parts.append(f"## Run {number}: {task}" if task else f"## Run {number}")
        parts.extend(_cell(cell) for cell in own)
        if run is not None:
            parts.append(f"*{_ending(run)}*")
    return "\n\n".join(parts) + ("\n" if parts else "")


def _cell(cell: Cell) -> str:
    head = f"### {cell.agent or 'nb_stream'}"
    if cell.kind is not CellKind.TEXT:
        head += f" ({cell.kind.value})"
    if cell.status is not CellStatus.DONE:
        head += f": {cell.status.value}"
    return "\n\n".join(part for part in (head, *_body(cell)) if part)


def _body(cell: Cell) -> Iterator[str]:
    if cell.kind is CellKind.TOOL_CALL:
        yield from (_call(call) for call in cell.tool_calls)
    elif cell.kind is CellKind.THOUGHT:
        yield "\n".join(f"> {line}".rstrip() for line in _closed(cell.text).splitlines())
    elif cell.kind is CellKind.STRUCTURED:
        yield _fenced(cell.text, "json")
    elif cell.kind is CellKind.CODE:
        yield _closed(cell.text)
        for block in cell.data.get("code_blocks", ()):
            if block["code"].strip() not in cell.text:
                yield _fenced(block["code"], block["language"])
        yield _fenced(cell.data.get("output", ""), "text")
    elif cell.kind is CellKind.ERROR:
        yield _fenced(cell.text, "text")
        yield _fenced(cell.data.get("traceback", ""), "text")
    else:
        yield _closed(cell.text)
    yield from _answer(cell)
    for number, source in enumerate(cell.data.get("images", ()), 1):
        if IMAGE.fullmatch(str(source)):
            yield f"![image {number}]({''.join(str(source).split())})"


def _answer(cell: Cell) -> Iterator[str]:
    """How a question ended: what a person answered, or why nobody did."""
    if how := cell.data.get("how"):
        answer = str(cell.data.get("answer") or "")
        yield f"*{_one_line(str(how)).capitalize()}{':' if answer else '.'}*"
        yield _closed(answer)


def _call(call: ToolCall) -> str:
    title = f"`{call.name}`" + (" failed" if call.is_error else "")
    parts = (title, _fenced(call.arguments, "json"), _fenced(call.result or "", "text"))
    return "\n\n".join(part for part in parts if part)


def _ending(run: RunInfo) -> str:
    word = run.status.value.capitalize()
    return f"{word}: {_one_line(run.stop_reason)}" if run.stop_reason else f"{word}."


def _one_line(text: str) -> str:
    return " ".join(text.split())[:120]


def _closed(text: str) -> str:
    """A message as it was written; a code block that it leaves open, as a cancelled one may, is closed, so that it
    does not swallow what follows."""
    fence = ""
    for line in re.split("\r\n|\r|\n", text):
        mark = _FENCE.fullmatch(line)
        if mark is None:
            continue
        if not fence and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        elif fence and mark[1].startswith(fence) and not mark[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _fenced(text: str, language: str) -> str:
    """A code block that no run of backticks in the text can end."""
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
