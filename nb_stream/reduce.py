"""`fold`: the pure function that makes the next transcript from an event, and says what changed.

It owns the linkage between streamed text and the message that follows it. AutoGen 0.7.5 gives chunks an id that
usually, but not always, is the id of the message: a thought takes the id away from its answer, text before a tool
call has no message at all, and some agents give no id. The rules:

* text belongs to the call (path, agent, turn, message id) that wrote it;
* a message ends the text of its own agent and turn, never another's;
* a `TEXT` or `STRUCTURED` message replaces the text that was streamed for it;
* text that nothing claims becomes a cell of its own, so that nothing a reader saw is lost;
* cells settle in the order of their messages, so chunks never change the finished transcript.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterator, Union

from . import think
from .metrics import tokens_per_second
from .model import (
    Cell,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    InputResolved,
    Message,
    Notice,
    RunFinished,
    RunInfo,
    RunStarted,
    ToolResults,
    TurnStarted,
    Usage,
)
from .transcript import Live, Transcript

_UNFINISHED = (CellStatus.RUNNING, CellStatus.WAITING)
_BEGINS = {CellKind.TOOL_CALL: CellStatus.RUNNING, CellKind.INPUT: CellStatus.WAITING}
_REPLACES = (CellKind.TEXT, CellKind.STRUCTURED)


@dataclass(frozen=True)
class Opened:
    """A cell began to be written, or its head changed; its text comes by `Appended`."""

    cell: Cell


@dataclass(frozen=True)
class Appended:
    """Text was added to a live cell at the offset `at`, in code points."""

    cell_id: str
    at: int
    text: str


@dataclass(frozen=True)
class Settled:
    """A cell stands whole at `index` of the finished cells; also sent when such a cell is completed later."""

    cell: Cell
    index: int


@dataclass(frozen=True)
class RunChanged:
    """A run began or ended."""

    run: RunInfo


Patch = Union[Opened, Appended, Settled, RunChanged]


def fold(transcript: Transcript, event: Event) -> tuple[Transcript, tuple[Patch, ...]]:
    """The transcript after `event`, and what changed. Raises TypeError for what is not an event."""
    step = _Step(transcript)
    if isinstance(event, Chunk):
        step.chunk(event)
    elif isinstance(event, Message):
        step.message(event)
    elif isinstance(event, ToolResults):
        step.tool_results(event)
    elif isinstance(event, CodeResult):
        step.code_result(event)
    elif isinstance(event, TurnStarted):
        step.mark(event.turn, event.at)
    elif isinstance(event, RunStarted):
        step.run_started(event)
    elif isinstance(event, RunFinished):
        step.run_finished(event)
    elif isinstance(event, InputResolved):
        step.input_resolved(event)
    elif isinstance(event, Notice):
        step.add(CellKind.NOTICE, "", "", event.at, event.text)
    else:
        raise TypeError(f"fold takes an event of nb_stream.model.Event, not {type(event).__name__}.")
    return step.result()


class _Step:
    """One application of `fold`: the parts of the transcript that change, and the patches so far."""

    def __init__(self, transcript: Transcript) -> None:
        self._before = transcript
        self._settled: tuple[Cell, ...] = transcript.settled
        self._live: tuple[Live, ...] = transcript.live
        self._runs: tuple[RunInfo, ...] = transcript.runs
        self._turns = transcript.turns
        self._next_id = transcript.next_id
        self._patches: list[Patch] = []

    def result(self) -> tuple[Transcript, tuple[Patch, ...]]:
        after = Transcript(self._settled, self._live, self._runs, self._next_id, self._turns)
        return after, tuple(self._patches)

    # --- streamed text -------------------------------------------------------------------------------------------

    def chunk(self, event: Chunk) -> None:
        live = self._find(event.path, event.agent, event.turn, event.message_id)
        if live is None:
            began = self._turns.get(event.turn or "")
            live = Live(
                agent=event.agent,
                path=event.path,
                turn=event.turn,
                message_id=event.message_id,
                first_at=event.at,
                ttft=None if began is None else max(0.0, event.at - began),
            )
            self._live = (*self._live, live)
        phase, thought, answer, pending = think.split(live.phase, live.pending + event.text)
        grown = replace(live, phase=phase, pending=pending, count=live.count + event.count, last_at=event.until or event.at)
        if thought:
            grown = replace(grown, thought=self._grow(grown, grown.thought, CellKind.THOUGHT, thought))
        if answer:
            grown = replace(grown, answer=self._grow(grown, grown.answer, CellKind.TEXT, answer))
        self._swap(live, grown)

    def _grow(self, live: Live, cell: Cell | None, kind: CellKind, text: str) -> Cell:
        if cell is None:
            cell = self._new(kind, live.agent, live.path, live.last_at, CellStatus.WRITING)
            cell = replace(cell, ttft=live.ttft, started_at=live.first_at)
            self._patches.append(Opened(cell))
        self._patches.append(Appended(cell.id, len(cell.text), text))
        return replace(cell, text=cell.text + text)

    def _find(self, path: str, agent: str, turn: str | None, message_id: str | None) -> Live | None:
        for live in self._live:
            if (live.path, live.agent, live.turn, live.message_id) == (path, agent, turn, message_id):
                return live
        return None

    def _swap(self, old: Live, new: Live | None) -> None:
        index = next(i for i, live in enumerate(self._live) if live is old)
        self._live = (*self._live[:index], *(() if new is None else (new,)), *self._live[index + 1 :])

    def _of_turn(self, event: Message | ToolResults | CodeResult) -> list[Live]:
        return [
            live
            for live in self._live
            if live.path == event.path
            and live.agent == event.agent
            and (event.turn is None or live.turn is None or live.turn == event.turn)
        ]

    # --- whole messages ------------------------------------------------------------------------------------------

    def message(self, event: Message) -> None:
        own = self._of_turn(event)
        if event.kind is CellKind.THOUGHT:
            self._thought(event, own)
        elif event.kind in _REPLACES or _by_id(own, event.message_id) is not None:
            self._answer(event, own)
        else:
            self._close(own, CellStatus.DONE)
            self._other(event)
        if event.kind in _REPLACES or event.kind is CellKind.HANDOFF:
            self._end_input(event)
        if event.usage is not None:
            self._add_usage(event)
        self.mark(event.turn, event.at)
        if event.final:
            self._turns = {turn: at for turn, at in self._turns.items() if turn != event.turn}

    def _thought(self, event: Message, own: list[Live]) -> None:
        """A thought ends the thought that was streamed, or turns text before a tool call into one."""
        live = _by_id(own, event.message_id) or _only(own)
        if live is not None and live.thought is not None:
            cell = self._from_message(event, CellStatus.DONE, live, live.thought)
            self._place(replace(cell, text=think.heal(event.text, live.thought.text)))
            rest = replace(live, thought=None, renamed=True)
            self._swap(live, rest if rest.answer is not None or rest.pending else None)
        elif live is not None and _streamed(live).strip() == event.text.strip():
            self._place(self._from_message(event, CellStatus.DONE, live, live.answer))
            self._swap(live, None)
        else:
            self._place(self._from_message(event, CellStatus.DONE))

    def _answer(self, event: Message, own: list[Live]) -> None:
        live = _by_id(own, event.message_id) or _claimed(own, event.text)
        if event.turn is not None:
            self._close([other for other in own if other is not live], CellStatus.DONE)
        thought, text = think.whole(event.text) if event.kind is CellKind.TEXT else ("", event.text)
        streamed = live.thought if live is not None else None
        old = live.answer if live is not None else None
        if thought:
            cell = self._from_message(replace(event, usage=None), CellStatus.DONE, live, streamed)
            self._place(replace(cell, kind=CellKind.THOUGHT, text=thought))
        elif live is not None and streamed is not None:
            if think.opens(event.text):  # the mark was never closed: the message is all one text
                old = streamed
            else:
                self._place(self._ended(streamed, CellStatus.DONE, live))
        self._place(replace(self._from_message(event, CellStatus.DONE, live, old), text=text))
        if live is not None:
            self._swap(live, None)

    def _other(self, event: Message) -> None:
        """A message of any other kind is a cell; the two reports of one request for input are the same cell."""
        for index, cell in self._unfinished(CellKind.INPUT):
            if event.kind is CellKind.INPUT and cell.data.get("request_id") == event.data.get("request_id"):
                data = {**cell.data, **event.data}
                message_id = event.message_id or cell.message_id
                self._put(index, replace(cell, text=cell.text or event.text, data=data, message_id=message_id))
                return
        self._place(self._from_message(event, _BEGINS.get(event.kind, CellStatus.DONE)))

    def _from_message(
        self, event: Message, status: CellStatus, live: Live | None = None, cell: Cell | None = None
    ) -> Cell:
        """The settled cell of a message: the streamed `cell` of `live` with its content replaced, or a new one."""
        if cell is None:
            cell = self._new(event.kind, event.agent, event.path, event.at, status)
        if live is not None:
            cell = self._timed(cell, live, event.usage)
        return replace(
            cell,
            kind=event.kind,
            text=event.text,
            status=status,
            type=event.type,
            message_id=event.message_id,
            ended_at=None if status in _UNFINISHED else event.at,
            usage=event.usage,
            tool_calls=event.tool_calls,
            data=event.data,
        )

    def _timed(self, cell: Cell, live: Live, usage: Usage | None = None) -> Cell:
        pace, estimated = tokens_per_second(usage, live.count, live.first_at, live.last_at)
        return replace(cell, started_at=live.first_at, ttft=live.ttft, tokens_per_s=pace, estimated=estimated)

    # --- ends ----------------------------------------------------------------------------------------------------

    def _close(self, lives: list[Live], status: CellStatus) -> None:
        """End text that no message claims: it stays, as it was streamed."""
        for live in lives:
            if live.pending:
                grow = CellKind.THOUGHT if live.phase == "thought" else CellKind.TEXT
                old = live.thought if grow is CellKind.THOUGHT else live.answer
                if old is not None or live.pending.strip():
                    cell = self._grow(live, old, grow, live.pending)
                    live_after = replace(live, pending="", **{_slot(grow): cell})
                    self._swap(live, live_after)
                    live = live_after
            for cell in live.cells:
                self._place(self._ended(cell, status, live))
            self._swap(live, None)

    def _ended(self, cell: Cell, status: CellStatus, live: Live) -> Cell:
        return replace(self._timed(cell, live), status=status, ended_at=live.last_at)

    def tool_results(self, event: ToolResults) -> None:
        self._close(self._of_turn(event), CellStatus.DONE)
        results = {result.id: result for result in event.results}
        for index, cell in self._unfinished(CellKind.TOOL_CALL):
            waiting = [call.id for call in cell.tool_calls if call.result is None]
            if cell.path != event.path or not any(call in results for call in waiting):
                continue
            calls = tuple(
                replace(call, result=results[call.id].result, is_error=results.pop(call.id).is_error)
                if call.id in waiting and call.id in results
                else call
                for call in cell.tool_calls
            )
            done = all(call.result is not None for call in calls)
            self._put(
                index,
                replace(
                    cell,
                    tool_calls=calls,
                    status=CellStatus.DONE if done else cell.status,
                    ended_at=event.at if done else None,
                    data={**cell.data, "result_message_id": event.message_id},
                ),
            )
        if results:
            cell = self._new(CellKind.TOOL_CALL, event.agent, event.path, event.at, CellStatus.DONE)
            self._place(
                replace(
                    cell,
                    type=event.type,
                    message_id=event.message_id,
                    ended_at=event.at,
                    tool_calls=tuple(results.values()),
                )
            )
        self.mark(event.turn, event.at)

    def code_result(self, event: CodeResult) -> None:
        self._close(self._of_turn(event), CellStatus.DONE)
        data = {
            "output": event.output,
            "exit_code": event.exit_code,
            "result_message_id": event.message_id,
        }
        for index, cell in self._of_run():
            if cell.kind is CellKind.CODE and cell.path == event.path and "output" not in cell.data:
                self._put(index, replace(cell, data={**cell.data, **data}, ended_at=event.at))
                break
        else:
            new = self._new(CellKind.CODE, event.agent, event.path, event.at, CellStatus.DONE)
            self._place(
                replace(new, type=event.type, message_id=event.message_id, ended_at=event.at, data=data)
            )
        self.mark(event.turn, event.at)

    def input_resolved(self, event: InputResolved) -> None:
        for index, cell in self._unfinished(CellKind.INPUT, CellKind.APPROVAL):
            if cell.data.get("request_id") == event.request_id:
                status = CellStatus.DONE if event.how == "answered" else CellStatus.CANCELLED
                data = {**cell.data, "how": event.how, "answer": event.answer}
                self._put(index, replace(cell, status=status, ended_at=event.at, data=data))

    def _end_input(self, event: Message) -> None:
        """A request that was answered outside the panel ends with the answer's message."""
        for index, cell in self._unfinished(CellKind.INPUT):
            if cell.path == event.path and cell.agent == event.agent:
                self._put(index, replace(cell, status=CellStatus.DONE, ended_at=event.at))

    # --- runs ----------------------------------------------------------------------------------------------------

    @property
    def _run(self) -> str:
        return self._runs[-1].id if self._runs else ""

    def run_started(self, event: RunStarted) -> None:
        self._runs = (*self._runs, RunInfo(id=event.run, task=event.task, started_at=event.at))
        self._patches.append(RunChanged(self._runs[-1]))

    def run_finished(self, event: RunFinished) -> None:
        self._close(list(self._live), event.status)
        for index, cell in self._unfinished(CellKind.TOOL_CALL, CellKind.INPUT, CellKind.APPROVAL):
            self._put(index, replace(cell, status=event.status, ended_at=event.at))
        if event.error:
            cell = self.add(CellKind.ERROR, "", "", event.at, event.error, CellStatus.FAILED)
            if event.traceback:
                self._put(
                    len(self._settled) - 1, replace(cell, data={"traceback": event.traceback})
                )
        self._turns = {}
        self._change_run(status=event.status, stop_reason=event.stop_reason, ended_at=event.at)

    def _add_usage(self, event: Message) -> None:
        if self._runs and event.usage is not None:
            self._change_run(usage=self._runs[-1].usage + event.usage)

    def _change_run(self, **changes: object) -> None:
        if self._runs:
            self._runs = (*self._runs[:-1], replace(self._runs[-1], **changes))  # type: ignore[arg-type]
            self._patches.append(RunChanged(self._runs[-1]))

    def mark(self, turn: str | None, at: float) -> None:
        """Remember when a turn last gave a sign: the time to its next first token counts from there."""
        if turn is not None:
            self._turns = {**self._turns, turn: at}

    # --- placing cells -------------------------------------------------------------------------------------------

    def add(
        self,
        kind: CellKind,
        agent: str,
        path: str,
        at: float,
        text: str,
        status: CellStatus = CellStatus.DONE,
    ) -> Cell:
        cell = replace(self._new(kind, agent, path, at, status), text=text, ended_at=at)
        self._place(cell)
        return cell

    def _new(self, kind: CellKind, agent: str, path: str, at: float, status: CellStatus) -> Cell:
        number, self._next_id = self._next_id, self._next_id + 1
        return Cell(
            id=f"c{number}", run=self._run, agent=agent, path=path, kind=kind, status=status, started_at=at
        )

    def _place(self, cell: Cell) -> None:
        self._settled = (*self._settled, cell)
        self._patches.append(Settled(cell, len(self._settled) - 1))

    def _put(self, index: int, cell: Cell) -> None:
        self._settled = (*self._settled[:index], cell, *self._settled[index + 1 :])
        self._patches.append(Settled(cell, index))

    def _unfinished(self, *kinds: CellKind) -> list[tuple[int, Cell]]:
        """The settled cells of this run that still wait for their end, newest first."""
        return [
            (index, cell)
            for index, cell in self._of_run()
            if cell.kind in kinds and cell.status in _UNFINISHED
        ]

    def _of_run(self) -> Iterator[tuple[int, Cell]]:
        """The settled cells of this run with their index, newest first."""
        settled = self._settled
        for index in range(len(settled) - 1, -1, -1):
            if settled[index].run != self._run:
                return
            yield index, settled[index]


def _slot(kind: CellKind) -> str:
    return "thought" if kind is CellKind.THOUGHT else "answer"


def _streamed(live: Live) -> str:
    return (live.answer.text if live.answer is not None else "") + live.pending


def _by_id(lives: list[Live], message_id: str | None) -> Live | None:
    return next((live for live in lives if message_id is not None and live.message_id == message_id), None)


def _only(lives: list[Live]) -> Live | None:
    return lives[0] if len(lives) == 1 else None


def _claimed(lives: list[Live], text: str) -> Live | None:
    """The call whose text a message without a matching id ends: one without a usable id, or with the same text."""
    for live in lives:
        if text.strip() and text.strip().startswith(_streamed(live).strip() or "\0"):
            return live
    return next((live for live in lives if live.message_id is None or live.renamed), None)
