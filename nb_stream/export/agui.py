"""Writes a transcript as events of the AG-UI protocol 1.0, so that any front end that speaks it can show the run.

The `name` of a message is its agent. Paths, and everything else that AG-UI has no field for, stand in `metadata`. Times
are milliseconds since the epoch. The order is that of the protocol: a run is opened, each message and tool call is
opened, filled and closed, and the run ends with one event (`docs.ag-ui.com`, specification 1.0).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..core import cell_content as content
from ..core.model import USER, Cell, CellKind, CellRole, CellStatus, RunInfo, ToolCall, Usage
from ..errors import unreachable
from ..recording.codec import dumps
from .runs import by_run

PROTOCOL = "1.0"
THREAD = "nb_stream"

Row = dict[str, Any]


def events(cells: Sequence[Cell], runs: Sequence[RunInfo]) -> Iterator[Row]:
    """The events, as JSON values with the names of the protocol. Cells that belong to no run are left out, because an
    event of AG-UI stands in a run."""
    for run, own in by_run(cells, runs):
        if run is None:
            return
        yield _row("RUN_STARTED", run.started_at, threadId=THREAD, runId=run.id, protocolVersion=PROTOCOL)
        for cell in own:
            yield from _cell_rows(cell)
        yield from _run_end_rows(run, own)


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """One event a line."""
    for row in rows:
        yield dumps(row) + "\n"


def _cell_rows(cell: Cell) -> Iterator[Row]:
    match cell.kind.role:
        case CellRole.TOOL_CALL:
            yield from _message_rows(cell, "assistant")
            for number, call in enumerate(cell.tool_calls):
                yield from _tool_call_events(cell, call, number)
        case CellRole.THOUGHT:
            yield from _reasoning(cell)
        case CellRole.MESSAGE | CellRole.CODE:
            yield from _message_rows(cell, "user" if cell.path == USER else "assistant")
            if images := content.images_of(cell):  # the protocol has a field for the images of a task only
                value = {"messageId": cell.id, "images": [image.source for image in images]}
                yield _row("CUSTOM", cell.started_at, name="images", value=value)
        case CellRole.ASIDE | CellRole.QUESTION | CellRole.NOTICE:
            value = {"agent": cell.path, "text": cell.text, "status": cell.status.value, **_other_row(cell)}
            yield _row("CUSTOM", cell.started_at, name=cell.kind.value, value=value)
        case CellRole.ERROR:
            pass  # RUN_ERROR says it
        case _:
            unreachable(cell.kind.role)


def _message_rows(cell: Cell, role: str) -> Iterator[Row]:
    metadata: Row = {"path": cell.path, "kind": cell.kind.value, "status": cell.status.value}
    if cell.usage is not None:
        metadata["usage"] = _usage_row(cell.usage)
    yield _row("TEXT_MESSAGE_START", cell.started_at, messageId=cell.id, role=role, name=cell.agent, metadata=metadata)
    if text := "\n\n".join(filter(None, map(_message_text, content.sections_of(cell)))):
        yield _row("TEXT_MESSAGE_CONTENT", cell.started_at, messageId=cell.id, delta=text)
    yield _row("TEXT_MESSAGE_END", _end_time(cell), messageId=cell.id)


def _reasoning(cell: Cell) -> Iterator[Row]:
    metadata = {"path": cell.path, "agent": cell.agent}
    yield _row("REASONING_START", cell.started_at, messageId=cell.id, metadata=metadata)
    yield _row("REASONING_MESSAGE_START", cell.started_at, messageId=cell.id, role="reasoning")
    yield _row("REASONING_MESSAGE_CONTENT", cell.started_at, messageId=cell.id, delta=cell.text)
    yield _row("REASONING_MESSAGE_END", _end_time(cell), messageId=cell.id)
    yield _row("REASONING_END", _end_time(cell), messageId=cell.id)


def _tool_call_events(cell: Cell, call: ToolCall, number: int) -> Iterator[Row]:
    # Some servers give all calls of a message the same id, or none. The protocol needs a different id for each.
    call_id = f"{cell.id}.{number}.{call.id}"
    at, end = cell.started_at, _end_time(cell)
    yield _row("TOOL_CALL_START", at, toolCallId=call_id, toolCallName=call.name, parentMessageId=cell.id)
    yield _row("TOOL_CALL_ARGS", at, toolCallId=call_id, delta=call.arguments)
    yield _row("TOOL_CALL_END", at, toolCallId=call_id)
    if call.result is not None:
        failed = {"metadata": {"isError": True}} if call.is_error else {}
        yield _row(
            "TOOL_CALL_RESULT",
            end,
            messageId=f"{call_id}.result",
            toolCallId=call_id,
            content=call.result,
            role="tool",
            **failed,
        )


def _run_end_rows(run: RunInfo, cells: Sequence[Cell]) -> Iterator[Row]:
    if run.status is CellStatus.RUNNING:
        return
    usage: Row = {"usage": [_usage_row(run.usage)]} if run.usage else {}
    if run.status is CellStatus.FAILED:
        said = next((cell.text for cell in reversed(cells) if cell.kind is CellKind.ERROR), "The run failed.")
        yield _row("RUN_ERROR", run.ended_at, message=said, **usage)
        return
    result = {} if run.stop_reason is None else {"result": {"stopReason": run.stop_reason}}
    outcome = {"type": "success" if run.status is CellStatus.DONE else "cancelled"}
    yield _row("RUN_FINISHED", run.ended_at, threadId=THREAD, runId=run.id, outcome=outcome, **result, **usage)


def _usage_row(usage: Usage) -> Row:
    return {"inputTokens": usage.prompt_tokens, "outputTokens": usage.completion_tokens}


def _message_text(section: content.Section) -> str:
    """The part of a section that stands in the text of its message. The rest has events of its own."""
    match section:
        case content.Text(text) | content.Approval(text) | content.Code(text) | content.Output(text):
            return text
        case content.ToolUse() | content.Image() | content.HandoffTarget() | content.Ending() | content.Traceback():
            return ""
        case _:
            unreachable(section)


def _other_row(cell: Cell) -> Row:
    return {name: cell.data[name] for name in ("how", "answer", "request_id", "agents", "count") if name in cell.data}


def _end_time(cell: Cell) -> float | None:
    return cell.started_at if cell.ended_at is None else cell.ended_at


def _row(kind: str, at: float | None, **fields: Any) -> Row:
    time = {} if at is None or not math.isfinite(at * 1000) else {"timestamp": round(at * 1000)}
    return {"type": kind, **time, **fields}
