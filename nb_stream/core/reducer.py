"""`fold`: the pure function that makes the next transcript from an event, and says what changed.

The rules, with `message_matching` saying which streamed text belongs to which message:

* text belongs to the call (path, agent, turn, message id) that wrote it;
* a message ends the text of its own agent and turn, never another's;
* on a match the message's text replaces what was streamed for it;
* text that nothing claims becomes a cell of its own, so that nothing a reader saw is lost;
* cells settle in the order of their messages, so chunks never change the finished transcript.
"""

from __future__ import annotations

from dataclasses import replace

from . import message_matching, think_tags
from .embedded_images import without_images
from .encodable_text import clean_start, cleaned
from .metrics import figures_of, first_token
from .model import (
    Branched,
    Cell,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    InputResolved,
    Message,
    ModelCalls,
    Notice,
    RunFinished,
    RunInfo,
    RunStarted,
    ToolCall,
    ToolResults,
    TurnEnded,
    TurnStarted,
    Usage,
)
from .patches import Patch
from .transcript import StreamingCall, StreamingCell, Transcript
from .transcript_builder import TranscriptBuilder

_WRITTEN = (CellKind.TEXT, CellKind.CODE, CellKind.SELECTION, CellKind.THOUGHT)
"""The kinds whose text a model wrote. A framework may have left the marks of a thought in it."""


def fold(transcript: Transcript, event: Event) -> tuple[Transcript, tuple[Patch, ...]]:
    """The transcript after `event`, and the patches. Raises TypeError if `event` is not an event.

    Every text in the result can be encoded as UTF-8, even if a text of the event cannot.
    """
    draft = TranscriptBuilder(transcript)
    if isinstance(event, Chunk):
        _chunk(draft, event)
        return draft.result()
    event = cleaned(event)
    if isinstance(event, Message):
        _on_message(draft, _with_images(event))
    elif isinstance(event, ToolResults):
        _tool_results(draft, event)
    elif isinstance(event, CodeResult):
        _code_result(draft, event)
    elif isinstance(event, TurnStarted):
        draft.mark(event.turn, event.at)
    elif isinstance(event, TurnEnded):
        _turn_ended(draft, event)
    elif isinstance(event, RunStarted):
        draft.start_run(RunInfo(id=event.run, task=event.task, started_at=event.at, parent=draft.head))
    elif isinstance(event, RunFinished):
        _run_finished(draft, event)
    elif isinstance(event, InputResolved):
        _input_resolved(draft, event)
    elif isinstance(event, ModelCalls):
        _use(draft, event)
    elif isinstance(event, Branched):
        draft.set_aside_all_but(event.after)
    elif isinstance(event, Notice):
        cell = draft.new(CellKind.NOTICE, None, event.at, CellStatus.DONE)
        draft.place(replace(cell, text=event.text, ended_at=event.at))
    else:
        raise TypeError(f"fold takes an event of nb_stream.core.model.Event, not {type(event).__name__}.")
    return draft.result()


# --- streamed text ------------------------------------------------------------------------------------------


def _chunk(draft: TranscriptBuilder, event: Chunk) -> None:
    live = _call_of(draft, event)
    text, half = clean_start(live.pending + event.text)  # the other half of a pair may come with the next chunk
    phase, thought, answer, pending = think_tags.split(live.phase, text)
    turned = draft.turn(live) if think_tags.is_turned(phase) and not think_tags.is_turned(live.phase) else live
    grown = replace(
        turned,
        phase=phase,
        pending=pending + half,
        count=live.count + event.count,
        last_at=event.at if event.until is None else event.until,
    )
    if thought:
        grown = draft.grow(grown, CellKind.THOUGHT, thought)
    if answer:
        grown = draft.grow(grown, CellKind.TEXT, answer)
    draft.swap(live, grown)


def _call_of(draft: TranscriptBuilder, event: Chunk) -> StreamingCall:
    """The call that a chunk belongs to; a new call if it is the first chunk."""
    key = event.key
    for live in draft.live:
        if live.key == key:
            return live
    began = draft.turns.get(event.turn or "")
    ttft = None if began is None else max(0.0, event.at - began)
    live = StreamingCall(**key._asdict(), first_at=event.at, ttft=ttft, number=draft.number())
    draft.live = (*draft.live, live)
    return live


# --- whole messages -----------------------------------------------------------------------------------------


def _with_images(event: Message) -> Message:
    """The message with the images in its text taken out, if a tool gave it that text."""
    if not event.data.get("preformatted"):
        return event
    known = event.data.get("images", [])
    text, images = without_images(event.text, len(known) + 1)
    return replace(event, text=text, data={**event.data, "images": [*known, *images]}) if images else event


def _on_message(draft: TranscriptBuilder, event: Message) -> None:
    if event.kind is CellKind.THOUGHT:
        _thought(draft, event)
    elif event.kind in (CellKind.INPUT, CellKind.APPROVAL):
        _request(draft, event)
    elif not _is_chosen(draft, event):
        _other(draft, event)
    if event.kind in message_matching.REPLACES or event.kind is CellKind.HANDOFF:
        for index, cell in draft.waiting(event, CellKind.INPUT):  # the agent goes on, so somebody answered elsewhere
            draft.put(index, replace(cell, status=CellStatus.DONE, ended_at=event.at))
    _use(draft, event)
    if event.kind is not CellKind.THOUGHT:  # a thought is reported with its answer, at the end of one model call
        draft.mark(event.turn, event.at)
    if event.final:
        draft.forget(event.turn)


def _use(draft: TranscriptBuilder, event: Message | ModelCalls) -> None:
    """Add the tokens and the cost of model calls to the sums of the run."""
    if event.usage is None or not draft.runs:
        return
    run = draft.runs[-1]
    unpriced = run.unpriced or bool(event.usage and event.cost is None)
    run = replace(run, usage=run.usage + event.usage, cost=run.cost + (event.cost or 0.0), unpriced=unpriced)
    draft.change_run(replace(run, calls=(*run.calls, event)) if isinstance(event, ModelCalls) else run)


def _thought(draft: TranscriptBuilder, event: Message) -> None:
    """Place a thought. It ends the thought that was streamed, or the text that was streamed before a tool call."""
    said = event.text
    marked, rest = think_tags.whole(said)
    if marked and not rest:
        event = replace(event, text=marked)
    live = message_matching.thought_of(message_matching.own(draft.live, event), event)
    if live is None:
        _place_message(draft, event)
    elif marked and live.thought is not None and message_matching.is_answer(live, said):
        _place_message(draft, event, _without_thought(draft, live))
    elif (marked and rest) or (
        message_matching.is_aside(live, event.text) and not message_matching.is_thought(live, event.text)
    ):
        _place_message(draft, event, live)
    else:
        streamed = live.thought
        text = event.text if streamed is None else think_tags.repaired_thought(event.text, streamed.text)
        cell = _settled_cell(draft, event, live, streamed) if streamed is not None else _settled_cell(draft, event)
        draft.place(replace(cell, text=text))
        if streamed is not None or live.message_id == event.message_id:
            # The answer may still be coming, under another id. If none has begun, a new call will begin with it.
            unfinished = live.answer is not None or live.pending.strip()
            goes_on = replace(live, thought=None, renamed=True, number=draft.number()) if unfinished else None
            draft.swap(live, goes_on)


def _other(draft: TranscriptBuilder, event: Message) -> None:
    """Place a message that is no thought and no question. It ends the text that was streamed for it, and all other text
    of its turn. A message of an unknown class may come in the middle of a text, so it ends no other text."""
    own = message_matching.own(draft.live, event)
    inside = message_matching.inside(draft.live, event)
    live = message_matching.answer_of(own, event) or message_matching.repeated(inside, event)
    clear = event.turn is not None or len(own) == 1 or event.kind not in message_matching.REPLACES
    if clear and event.kind.ends_text:
        draft.close(other for other in own if other is not live)
    draft.close(other for other in inside if other is not live)
    _place_message(draft, event, live)


def _is_chosen(draft: TranscriptBuilder, event: Message) -> bool:
    """Join a selector's choice to the cell with its model's words, choice first. Returns whether there was such a cell.

    A selector that streams reports its model's words and then the choice. A selector that does not stream reports the
    choice alone.
    """
    if event.kind is not CellKind.SELECTION or "agents" not in event.data:
        return False
    speaker = (event.path, event.agent)
    own = ((index, cell) for index, cell in draft.of_run() if (cell.path, cell.agent) == speaker and cell.type)
    index, cell = next(own, (0, None))
    if cell is None or cell.kind is not CellKind.SELECTION or "agents" in cell.data:
        return False
    chosen = event.text
    text = chosen if cell.text.strip() == chosen else f"{chosen}\n\n{cell.text}"
    data = {**cell.data, **event.data, "result_message_id": event.message_id}
    usages = [usage for usage in (cell.usage, event.usage) if usage is not None]
    costs = [cost for cost in (cell.cost, event.cost) if cost is not None]
    usage, cost = sum(usages, Usage()) if usages else None, sum(costs) if costs else None
    context = event.context or cell.context
    draft.put(index, replace(cell, text=text, ended_at=event.at, usage=usage, cost=cost, data=data, context=context))
    return True


def _place_message(draft: TranscriptBuilder, event: Message, live: StreamingCall | None = None) -> None:
    """Settle the cell of a message and the cells of `live`, the call that it ends. A thought in the text of the message
    becomes a cell of its own."""
    thought, text = think_tags.whole(event.text) if event.kind in _WRITTEN else ("", event.text)
    streamed, answer = (live.thought, live.answer) if live is not None else (None, None)
    if thought:
        if live is not None and streamed is not None and message_matching.is_answer(live, event.text):
            live, streamed = _without_thought(draft, live), None
        aside = replace(event, kind=CellKind.THOUGHT, text=thought, usage=None, cost=None, tool_calls=(), data={})
        draft.place(_settled_cell(draft, aside, live, streamed))
    elif live is not None and streamed is not None:
        if answer is None and think_tags.opens(event.text):
            answer = streamed  # the thought was never closed, so the message is one text
        else:
            draft.place(draft.ended(streamed.cell, live))
    draft.place(replace(_settled_cell(draft, event, live, answer), text=text), event.turn)
    if live is not None:
        draft.swap(live, None)


def _without_thought(draft: TranscriptBuilder, live: StreamingCall) -> StreamingCall:
    """Settle the thought of a call as it was streamed, and return the call without it. The message that follows repeats
    only the answer, and a mark in that answer begins another thought."""
    if live.thought is not None:
        draft.place(draft.ended(live.thought.cell, live))
    rest = replace(live, thought=None)
    draft.swap(live, rest)
    return rest


def _settled_cell(
    draft: TranscriptBuilder, event: Message, live: StreamingCall | None = None, streamed: StreamingCell | None = None
) -> Cell:
    """The settled cell of a message: the cell that `live` has `streamed`, with its content replaced, or a new cell."""
    status = _status(event)
    cell = draft.new(event.kind, event, _began(draft, event), status) if streamed is None else streamed.head
    if live is not None:
        cell = draft.timed(cell, live, event.usage)
    return replace(
        cell,
        agent=event.agent,
        path=event.path,
        kind=event.kind,
        text=event.text,
        status=status,
        type=event.type,
        message_id=event.message_id,
        ended_at=event.at if status is CellStatus.DONE else None,
        usage=event.usage,
        cost=event.cost,
        tool_calls=event.tool_calls,
        data=event.data,
        context=event.context,
    )


def _began(draft: TranscriptBuilder, event: Message) -> float:
    """When a message that was not streamed began. The whole answer of a model began with the last sign of its turn."""
    called = event.usage is not None and event.kind in message_matching.REPLACES
    return draft.turns.get(event.turn or "", event.at) if called else event.at


def _status(event: Message) -> CellStatus:
    """The first status of a message: a tool call and code are running, a request is waiting, all else is done."""
    if event.kind in (CellKind.INPUT, CellKind.APPROVAL):
        return CellStatus.WAITING
    if event.kind is CellKind.TOOL_CALL or (event.kind is CellKind.CODE and event.data.get("code_blocks")):
        return CellStatus.RUNNING
    return CellStatus.DONE


# --- what ends later ----------------------------------------------------------------------------------------


def _tool_results(draft: TranscriptBuilder, event: ToolResults) -> None:
    """Give results to the calls that wait for them. A result without a call becomes a cell of its own."""
    results = list(event.results)
    for index, cell in draft.waiting(event, CellKind.TOOL_CALL):
        calls = tuple(_paired(call, results) for call in cell.tool_calls)
        if calls == cell.tool_calls:
            continue
        cell = replace(cell, tool_calls=calls, data={**cell.data, "result_message_id": event.message_id})
        cell = _with_tool_images(cell)
        if all(call.result is not None for call in calls):
            cell = replace(cell, status=CellStatus.DONE, ended_at=event.at)
        draft.put(index, cell)
    if results:
        cell = draft.new(CellKind.TOOL_CALL, event, event.at, CellStatus.DONE)
        cell = replace(cell, type=event.type, message_id=event.message_id, ended_at=event.at)
        draft.place(_with_tool_images(replace(cell, tool_calls=tuple(results))))
    draft.mark(event.turn, event.at)


def _with_tool_images(cell: Cell) -> Cell:
    """The cell with the images in the results of its calls taken out."""
    images = list(cell.data.get("images", ()))
    before, calls = len(images), []
    for call in cell.tool_calls:
        result, found = without_images(call.result or "", len(images) + 1)
        images += found
        calls.append(replace(call, result=result) if found else call)
    if len(images) == before:
        return cell
    return replace(cell, tool_calls=tuple(calls), data={**cell.data, "images": images})


def _paired(call: ToolCall, results: list[ToolCall]) -> ToolCall:
    """The call with its result, which is removed from `results`: some servers give all calls the same id, and then each
    call gets one of the results."""
    found = next((result for result in results if result.id == call.id), None)
    if call.result is not None or found is None:
        return call
    results.remove(found)
    return replace(call, result=found.result or "", is_error=found.is_error)


def _code_result(draft: TranscriptBuilder, event: CodeResult) -> None:
    data = {"output": event.output, "exit_code": event.exit_code, "result_message_id": event.message_id}
    waiting = draft.waiting(event, CellKind.CODE)
    if waiting:
        index, cell = waiting[0]
        cell = replace(cell, data={**cell.data, **data}, status=CellStatus.DONE, ended_at=event.at)
        draft.put(index, cell)
    else:
        cell = draft.new(CellKind.CODE, event, event.at, CellStatus.DONE)
        draft.place(replace(cell, type=event.type, message_id=event.message_id, ended_at=event.at, data=data))
    draft.mark(event.turn, event.at)


def _request(draft: TranscriptBuilder, event: Message) -> None:
    """Place a request for input or approval. The stream reports it with its prompt, and the framework may report it
    too, before or after, even when it is already answered. Both reports are one cell."""
    request_id = event.data.get("request_id")
    for index, cell in draft.of_run():
        if cell.kind is event.kind and request_id is not None and cell.data.get("request_id") == request_id:
            text, message_id = cell.text or event.text, cell.message_id or event.message_id
            cell = replace(cell, text=text, message_id=message_id, data={**event.data, **cell.data})
            draft.put(index, cell, event.turn)
            return
    draft.place(_settled_cell(draft, event), event.turn)


def _input_resolved(draft: TranscriptBuilder, event: InputResolved) -> None:
    for index, turn in draft.awaited:
        cell = draft.settled[index]
        if cell.data.get("request_id") == event.request_id and cell.status is CellStatus.WAITING:
            if turn in draft.turns:  # the time that the person took does not count as time to the next token
                draft.mark(turn, event.at)
            status = CellStatus.CANCELLED if event.answer is None else CellStatus.DONE
            data = {**cell.data, "how": event.how, "answer": event.answer}
            draft.put(index, replace(cell, status=status, ended_at=event.at, data=data))


def _turn_ended(draft: TranscriptBuilder, event: TurnEnded) -> None:
    own = message_matching.own(draft.live, event)
    draft.close([live for live in draft.live if live.turn == event.turn or live in own], event.status)
    for index, turn in draft.awaited:
        if turn == event.turn:
            draft.put(index, replace(draft.settled[index], status=event.status, ended_at=event.at))
    draft.forget(event.turn)


def _run_finished(draft: TranscriptBuilder, event: RunFinished) -> None:
    draft.close(draft.live, event.status)
    unfinished = CellStatus.CANCELLED if event.status is CellStatus.DONE else event.status
    for index, _ in draft.awaited:
        draft.put(index, replace(draft.settled[index], status=unfinished, ended_at=event.at))
    if event.error:
        cell = draft.new(CellKind.ERROR, None, event.at, CellStatus.FAILED)
        data = {"traceback": event.traceback} if event.traceback else {}
        cell = replace(cell, agent=event.agent, path=event.path, text=event.error)
        draft.place(replace(cell, ended_at=event.at, data=data))
    draft.turns = {}
    if draft.runs:
        run = replace(draft.runs[-1], status=event.status, stop_reason=event.stop_reason, ended_at=event.at)
        own = [cell for _, cell in draft.of_run()]
        figures, ttft = figures_of(own), first_token(own, run.started_at)
        run = replace(run, ttft=ttft, waited=figures.waited)
        draft.change_run(replace(run, tokens_per_s=figures.tokens_per_s, estimated=figures.estimated))
