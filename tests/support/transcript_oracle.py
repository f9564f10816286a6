"""What a transcript of a scenario must show, worked out without the reducer; and readers of its patches and frames."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nb_stream.core.chunk_buffer import ChunkBuffer
from nb_stream.core.model import (
    Cell,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    Message,
    RunInfo,
    ToolCall,
    ToolResults,
)
from nb_stream.core.patches import CellFinished, CellStarted, Patch, RunChanged, TextDelta
from nb_stream.core.reducer import fold
from nb_stream.core.transcript import Transcript
from tests.support.random_runs import LONE, Scenario, cut

UNTIMED = {"started_at": None, "ttft": None, "tokens_per_s": None, "estimated": False}
"""The figures of a cell that only streaming can give."""


def untimed(runs: Iterable[RunInfo]) -> tuple[RunInfo, ...]:
    """Runs without the figures that only streaming can give."""
    return tuple(replace(run, ttft=None, tokens_per_s=None, estimated=False) for run in runs)


def folded(events: Iterable[Event]) -> Transcript:
    """The transcript of some events."""
    transcript = Transcript()
    for event in events:
        transcript, _ = fold(transcript, event)
    return transcript


# --- comparing -----------------------------------------------------------------------------------------------------


def of_messages(transcript: Transcript) -> list[Cell]:
    """The cells that are not text without a message."""
    return [cell for cell in transcript.cells if cell.type or cell.kind not in (CellKind.TEXT, CellKind.THOUGHT)]


def without_message(transcript: Transcript) -> list[Cell]:
    """The cells of streamed text that never became a message."""
    return [cell for cell in transcript.cells if not cell.type and cell.kind in (CellKind.TEXT, CellKind.THOUGHT)]


# --- cutting anew --------------------------------------------------------------------------------------------------


def recut(events: Sequence[Event], r: random.Random) -> list[Event]:
    """The same streams with other chunk borders. Calls begin in the same order; no text crosses another event."""
    made: list[Event] = []
    window: dict[tuple[Any, ...], list[Chunk]] = {}

    def close() -> None:
        queues = []
        for chunks in window.values():
            pieces = cut("".join(chunk.text for chunk in chunks), r)
            queues.append([replace(chunks[0], text=piece) for piece in pieces])
        made.extend(queue.pop(0) for queue in queues)
        while queues := [queue for queue in queues if queue]:
            made.append(r.choice(queues).pop(0))
        window.clear()

    for event in events:
        if isinstance(event, Chunk):
            window.setdefault((event.path, event.agent, event.turn, event.message_id), []).append(event)
        else:
            close()
            made.append(event)
    close()
    return made


def piled(events: Sequence[Event], r: random.Random | None = None) -> list[Event]:
    """The same streams as `Feed` gives them to the reducer: joined, until somebody looks."""
    made: list[Event] = []
    pile = ChunkBuffer()
    for event in events:
        if isinstance(event, Chunk):
            pile.add(event)
            if r is None or r.random() < 0.8:
                continue
        made.extend(joined.chunk() for joined in pile.take())
        if not isinstance(event, Chunk):
            made.append(event)
    return made


# --- what must come out --------------------------------------------------------------------------------------------


@dataclass
class Expected:
    """A cell as the message events tell it."""

    kind: CellKind
    agent: str
    path: str
    type: str
    message_id: str | None
    text: str
    calls: list[ToolCall] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    turn: str | None = None


def whole(text: str) -> str:
    """A text with its surrogate pairs as characters and lone ones as U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parts(raw: str) -> tuple[str, str]:
    """The thought and the answer of a text as far as it was streamed."""
    raw = whole(raw)
    marked = re.match(r"\s*<think>\n*", raw)
    if marked is None:
        turned = LONE.fullmatch(raw)
        if turned is not None:
            thought, answer = turned.groups()
            return thought if thought.strip() else "", answer
        return "", raw if raw.strip() else ""
    thought, closed, answer = raw[marked.end() :].partition("</think>")
    return (thought.rstrip("\n"), answer.lstrip("\n")) if closed else (thought if thought.strip("\n") else "", "")


def expected(events: Iterable[Event]) -> list[Expected]:
    """The cells of all messages, in their order, with results, outputs and answers in their places."""
    cells: list[Expected] = []
    for event in events:
        if isinstance(event, Message):
            cells.extend(_of_message(event, cells))
        elif isinstance(event, ToolResults):
            found = _last(cells, event, CellKind.TOOL_CALL)
            results = {(r.id, number): r for number, r in _counted(event.results)}
            calls = []
            for number, call in _counted(found.calls):
                result = results[call.id, number]
                calls.append(replace(call, result=whole(result.result or ""), is_error=result.is_error))
            found.calls = calls
            found.data["result_message_id"] = event.message_id
        elif isinstance(event, CodeResult):
            found = _last(cells, event, CellKind.CODE)
            found.data.update(output=whole(event.output), exit_code=event.exit_code, result_message_id=event.message_id)
    return cells


def _of_message(event: Message, before: list[Expected]) -> Iterable[Expected]:
    said = (event.kind, event.agent, event.path, event.type, event.message_id)
    text = whole(event.text)
    if event.kind is CellKind.INPUT:
        for cell in before:
            if cell.data.get("request_id") == event.data["request_id"]:
                cell.text, cell.message_id = cell.text or text, cell.message_id or event.message_id
                return
    if event.kind is CellKind.SELECTION and "agents" in event.data:  # the words of a choice, and then the choice
        own = [cell for cell in before if (cell.path, cell.agent) == (event.path, event.agent)]
        if own and own[-1].kind is CellKind.SELECTION and "agents" not in own[-1].data:
            words = own[-1].text
            own[-1].text = text if words.strip() == text else f"{text}\n\n{words}"
            own[-1].data.update(event.data, result_message_id=event.message_id)
            return
    if event.kind in (CellKind.TEXT, CellKind.CODE, CellKind.SELECTION, CellKind.THOUGHT):
        marked = re.fullmatch(r"\s*<think>\n*(.*?)\n*</think>\n*(.*)", text, re.DOTALL) or LONE.fullmatch(text)
        if marked is not None:
            opened, (thought, answer) = text.lstrip().startswith("<think>"), marked.groups()
            text = answer
            if thought and (opened or thought.strip()):
                yield Expected(CellKind.THOUGHT, *said[1:], thought)
                if event.kind is CellKind.THOUGHT and not answer:
                    return
    yield Expected(*said, text, list(event.tool_calls), dict(event.data), event.turn)


def _counted(calls: Iterable[ToolCall]) -> Iterable[tuple[int, ToolCall]]:
    """Calls with their number among those of the same id."""
    seen: dict[str, int] = {}
    for call in calls:
        seen[call.id] = seen.get(call.id, 0) + 1
        yield seen[call.id], call


def _last(cells: list[Expected], event: ToolResults | CodeResult, kind: CellKind) -> Expected:
    return next(
        cell
        for cell in reversed(cells)
        if (cell.kind, cell.path, cell.turn) == (kind, event.path, event.turn) and cell.data.get("code_blocks") != []
    )


def unclaimed(scenario: Scenario) -> list[tuple[str, CellKind, str]]:
    """What was streamed and has no message, by path, kind and text, sorted."""
    came = {event.message_id for event in scenario.events if isinstance(event, Message)} - {None}
    found = []
    for turn, segment in scenario.segments:
        thought, answer = parts("".join(segment.said))
        if thought and segment.thought_by not in came:
            found.append((turn.path, CellKind.THOUGHT, thought))
        if answer and segment.answer_by not in came:
            found.append((turn.path, CellKind.TEXT, answer))
    return sorted(found)


def healed(scenario: Scenario) -> dict[str, str]:
    """For the id of each thought that was streamed, its text in full."""
    return {
        segment.thought_by: parts("".join(segment.said))[0]
        for _, segment in scenario.segments
        if segment.thought_by is not None
    }


# --- a reader of patches -------------------------------------------------------------------------------------------


class Mirror:
    """Keeps cells by patches alone, as a page would."""

    def __init__(self) -> None:
        self.settled: list[Cell] = []
        self.live: dict[str, Cell] = {}
        self.runs: dict[str, Any] = {}

    @property
    def cells(self) -> tuple[Cell, ...]:
        return (*self.settled, *self.live.values())

    def apply(self, patches: Sequence[Patch]) -> None:
        for patch in patches:
            if isinstance(patch, CellStarted):
                assert patch.cell.status is CellStatus.WRITING
                before = self.live.get(patch.cell.id)
                assert before is None or (before.kind, patch.cell.kind) == (CellKind.TEXT, CellKind.THOUGHT)
                self.live[patch.cell.id] = patch.cell if before is None else replace(patch.cell, text=before.text)
            elif isinstance(patch, TextDelta):
                cell = self.live[patch.cell_id]
                assert patch.at == len(cell.text)
                self.live[patch.cell_id] = replace(cell, text=cell.text + patch.text)
            elif isinstance(patch, CellFinished):
                self._settle(patch)
            else:
                assert isinstance(patch, RunChanged)
                self.runs[patch.run.id] = patch.run

    def _settle(self, patch: CellFinished) -> None:
        if patch.index == len(self.settled):
            self.live.pop(patch.cell.id, None)
            self.settled.append(patch.cell)
        else:
            assert self.settled[patch.index].id == patch.cell.id
            self.settled[patch.index] = patch.cell
