"""Gives the texts for the line of a cell and of a run in a page: as `frontend/src/views/transcript/summary.ts`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..core.model import USER, Cell, CellKind, CellRole, CellStatus, RunInfo, TextForm, ToolCall, Usage
from ..core.text_safety import one_line
from .text import amount_of

_MARKS = re.compile(r"^ {0,3}(?:#{1,6}|>|[-*+](?= ))[ \t]*|\*\*|~~|`+|\\$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*(?=\S)([^*\n]*\S)\*")
_HEAD_CHARS = 160


def kind_word(cell: Cell) -> str:
    """The word for the kind of a cell; empty for an ordinary message of an agent."""
    if cell.kind is CellKind.TEXT:
        return "task" if cell.agent == USER else ""
    return one_line(cell.type) if cell.kind is CellKind.OTHER else cell.kind.value


def status_word(cell: Cell) -> str:
    """A word for the state of a cell; empty if it ended in the ordinary way."""
    role, answer = cell.kind.role, cell.data.get("answer")
    if role is CellRole.ERROR:
        return ""
    if cell.kind is CellKind.APPROVAL and answer is not None:
        return "approved" if str(answer).startswith("approve") else "rejected"
    if cell.status is not CellStatus.DONE:
        is_partial = cell.status in (CellStatus.FAILED, CellStatus.CANCELLED) and cell.text
        return f"{cell.status}, partial" if is_partial and role in (CellRole.MESSAGE, CellRole.THOUGHT) else cell.status
    if role is CellRole.CODE and (code := cell.data.get("exit_code")):
        return f"exit code {code}"
    return "error" if any(call.is_error for call in cell.tool_calls) else ""


def status_colour(cell: Cell) -> str:
    """The status that colours a cell. It is "failed" also if a tool or code failed, or if a person rejected it."""
    word = status_word(cell) if cell.status is CellStatus.DONE else ""
    return cell.status.value if word in ("", "approved") else CellStatus.FAILED.value


def headline(cell: Cell) -> str:
    """The first words of a cell, or a line that says more than they would."""
    text, data = cell.text, cell.data
    if cell.tool_calls:
        return one_line(" · ".join(map(_call_line, cell.tool_calls)), _HEAD_CHARS)
    if target := data.get("target"):
        return one_line(f"to {target}: {text}", _HEAD_CHARS)
    if cell.kind.role is CellRole.CODE:
        blocks = data.get("code_blocks") or [{"code": ""}]
        return one_line(blocks[0]["code"] or text or data.get("output") or "", _HEAD_CHARS)
    if cell.kind.role is CellRole.QUESTION:
        answer = data.get("answer")
        asked = _asked_for(data.get("what") or {}) or text
        return one_line(f"{asked} → {answer}" if answer else asked, _HEAD_CHARS)
    return one_line(_unmarked(text) if cell.text_form is TextForm.MARKDOWN else text, _HEAD_CHARS)


def _asked_for(what: Mapping[str, Any]) -> str:
    """The subject of a request for approval, on one line; empty if there is only the question."""
    if (tool := what.get("tool")) is not None:
        given = what.get("arguments")
        return f"{tool}({one_line(given if isinstance(given, str) else json.dumps(given or {}, default=str), 80)})"
    blocks = what.get("code_blocks") or [{"code": what.get("code") or ""}]
    return one_line(blocks[0]["code"], 80)


def _unmarked(text: str) -> str:
    """The beginning of a Markdown text, without the marks that one line does not need."""
    return _EMPHASIS.sub(r"\1", _MARKS.sub("", text[:1000]))


def _call_line(call: ToolCall) -> str:
    line = f"{one_line(call.name)}({one_line(call.arguments, 80)})"
    return line if call.result is None else f"{line} → {one_line(call.result, 80)}"


def cell_figures(cell: Cell) -> list[str]:
    """What a cell took, for the end of its line: tokens, cost and duration."""
    words = []
    if cell.usage and cell.usage.completion_tokens:
        words.append(
            f"{'about ' if cell.usage.about else ''}{counted(cell.usage.completion_tokens, 'completion token')}"
        )
    if cell.cost:
        words.append(money(cell.cost))
    if cell.duration is not None and cell.duration >= 0.05:
        words.append(length(cell.duration))
    return words


def run_figures(run: RunInfo) -> list[str]:
    """How a run ended, and what it took."""
    words = ["set aside"] if run.set_aside else []
    words.append(run.status + (f": {one_line(run.stop_reason, _HEAD_CHARS)}" if run.stop_reason else ""))
    if run.usage:
        words.append(tokens(run.usage))
    if run.cost:
        words.append(f"{'at least ' if run.unpriced else ''}{money(run.cost)}")
    if run.ttft is not None:
        words.append(f"first token after {length(run.ttft)}")
    if run.tokens_per_s is not None:
        words.append(pace(run.tokens_per_s, run.estimated))
    if run.worked is not None:
        words.append(length(run.worked))
    if run.waited >= 0.05:
        words.append(f"waited {length(run.waited)} for a person")
    return words


def tokens(usage: Usage) -> str:
    """The tokens of a sum of model calls."""
    both = f"{usage.prompt_tokens:,} prompt + {counted(usage.completion_tokens, 'completion token')}"
    return f"at least {both}" if usage.about else both


def money(dollars: float) -> str:
    """US dollars with the digits that matter: "$1.25", "$0.0042"."""
    return f"${amount_of(dollars)}"


def counted(amount: int, noun: str) -> str:
    """ "1 message", "1,234 messages"."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def pace(tokens_per_s: float, estimated: bool) -> str:
    """A pace as "31 tokens/s", or "about 31 tokens/s" if it was counted from chunks."""
    return f"{'about ' if estimated else ''}{tokens_per_s:.{1 if tokens_per_s < 9.95 else 0}f} tokens/s"


def length(seconds: float) -> str:
    """Seconds as "40 ms", "0.4 s", "12 s" or "3 min 5 s"."""
    if 0 < seconds < 0.0995:
        return f"{max(1, round(1000 * seconds))} ms"
    if seconds < 9.95 or not math.isfinite(seconds):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def moment(epoch: float | None) -> datetime | None:
    """A time of a transcript, in UTC; None if it is none."""
    try:
        return None if epoch is None else datetime.fromtimestamp(epoch, timezone.utc)
    except (ValueError, OverflowError, OSError):  # a file can hold any number
        return None
