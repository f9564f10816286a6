"""Writes a transcript as plain text, for a terminal, a log, and programs that show `text/plain` only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..core import cell_content as content
from ..core.model import Cell, CellKind, CellStatus, RunInfo
from ..core.text_safety import one_line, quoted, visible
from ..errors import unreachable
from .runs import by_run

RULE_WIDTH = 72


def text(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[str]:
    """Runs and cells as text, in pieces that end in line feeds. Control characters are made visible."""
    for number, (run, own) in enumerate(by_run(cells, runs), 1):
        if run is not None:
            yield rule(beginning(run, number)) + "\n"
        for cell in own:
            yield f"{rule(head(cell))}\n{with_line_end(body(cell))}"
        if run is not None:
            yield rule(ending(run)) + "\n"


def rule(words: str) -> str:
    """A line with words in it."""
    return f"---------- {words} ".ljust(RULE_WIDTH, "-")


def beginning(run: RunInfo, number: int) -> str:
    """The words above a run: its number and its task."""
    return f"run {number}: {one_line(run.task)}".rstrip(": ")


def ending(run: RunInfo) -> str:
    """The words below a run: how it ended, its time, its tokens and its cost."""
    words = f"set aside; {run.status.value}" if run.set_aside else run.status.value
    if run.stop_reason:
        words += f": {one_line(run.stop_reason)}"
    figures = []
    if run.worked is not None:
        figures.append(seconds(run.worked))
    if run.waited:
        figures.append(f"waited {seconds(run.waited)} for a person")
    if run.usage:
        least = "at least " if run.usage.about else ""
        figures.append(f"{least}{run.usage.prompt_tokens} prompt + {run.usage.completion_tokens} completion tokens")
    if run.cost:
        figures.append(f"{'at least ' if run.unpriced else ''}{dollars(run.cost)}")
    return f"{words} ({', '.join(figures)})" if figures else words


def seconds(length: float) -> str:
    """A length of time with the digits that matter: "1.5 s", "40 ms"."""
    return f"{length:.1f} s" if not 0 < length < 0.0995 else f"{max(1, round(1000 * length))} ms"


def dollars(cost: float) -> str:
    """US dollars with the digits that matter: "1.25 USD", "0.0042 USD"."""
    return f"{amount_of(cost)} USD"


def amount_of(cost: float) -> str:
    """An amount of money with the digits that matter."""
    zeros = -math.floor(math.log10(cost)) if cost > 0 else 0
    return f"{cost:.{min(6, max(2, zeros + 1))}f}"


def head(cell: Cell) -> str:
    """The head of a message: the path of its agent, the kind unless it is a text, the status unless it is done."""
    words = one_line(cell.path or cell.agent or "nb_stream")
    if cell.kind is not CellKind.TEXT:
        words += f" ({cell.kind.value})"
    if cell.status not in (CellStatus.DONE, CellStatus.WRITING):
        words += f" [{cell.status.value}]"
    return words


def body(cell: Cell) -> str:
    """All that a cell says: first the message, then results, outputs and answers."""
    lines = [_lines_of(section) for section in content.sections_of(cell)]
    return quoted("\n".join(filter(None, [*(said for said, _ in lines), *(later for _, later in lines)])))


def result(cell: Cell) -> str:
    """What came after the message of a cell: the results of tools, the output of code, a person's answer, the
    traceback."""
    return quoted("\n".join(filter(None, (_lines_of(section)[1] for section in content.sections_of(cell)))))


def _lines_of(section: content.Section) -> tuple[str, str]:
    """The text of a section that stands in the message, and the text that came later."""
    match section:
        case content.Text(text) | content.Approval(text) | content.Code(text):
            return visible(text), ""
        case content.ToolUse(call):
            name, given = one_line(call.name), visible(call.result or "")
            came = "" if call.result is None else f"{name} {'failed' if call.is_error else 'gave'}: {given}"
            return f"{name}({visible(call.arguments)})", came and _indented(came)
        case content.Output(text):
            return "", _indented(f"output: {visible(text)}") if text else ""
        case content.Ending(_, answer):
            return "", _indented(f"answer: {visible(answer)}") if answer else ""
        case content.Traceback(text):
            return "", _indented(visible(text))
        case content.HandoffTarget() | content.Image():
            return "", ""  # the text names them
        case _:
            unreachable(section)


def with_line_end(said: str) -> str:
    """The text with one line feed at its end. Empty for an empty text."""
    return said.rstrip("\n") + "\n" if said.strip() else ""


def _indented(text: str) -> str:
    return "  " + text.rstrip("\n").replace("\n", "\n  ")
