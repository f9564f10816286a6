"""Questions to a person: requests for input, approvals, and handoffs to somebody outside the team.

A question stands in a cell that waits. `TeamStream.questions` lists it, and `on_question` callbacks get it. It ends
when somebody answers or dismisses it, when its time is over, or when its run ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Union

from ..backends.base import Check, Verdict
from ..concurrency import event_loops
from ..concurrency.clock import now
from ..core.model import CellKind, InputResolved, Message, Notice
from ..errors import NotRunningError
from . import standard_input
from .callbacks import is_async, name_of
from .grants import Grant, Grants, GrantScope

log = logging.getLogger("nb_stream")

REPORT_TIMEOUT_S = 0.5
"""Seconds to wait for a team's own report of a request. The report comes behind the messages before it, so a cell that
is placed with the report stands at the right place. Some ways of nesting agents swallow the report; then the question
is placed when this time is over."""

_YES = ("approve", "approved", "yes", "y")
_NO = ("reject", "rejected", "no", "n")

GivenAnswer = Union[str, Verdict]
"""The answer to a question: a text, or the verdict on an approval."""


@dataclass(frozen=True)
class Question:
    """A question that waits for a person.

    `request_id` names it for `answer` and `dismiss`. `agent` and `path` name the agent that asks. A handoff to somebody
    outside the team has the name of that target in their place. `kind` is `CellKind.INPUT` or `CellKind.APPROVAL`. For
    an approval, `what` holds the tool with its `arguments`, or the `code`, that a person is to approve.
    """

    request_id: str
    agent: str
    path: str
    text: str
    kind: CellKind = CellKind.INPUT
    what: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class _Open:
    """An open question. `settle` takes a word for how it ended and the answer, None if there is none. The word "ended"
    says that standard input has ended."""

    question: Question
    settle: Callable[[str, GivenAnswer | None], None]
    of_run: bool
    check: Check | None = None  # of changed arguments; None if they cannot be changed
    unreported: Message | None = None
    reported: asyncio.Event = field(default_factory=asyncio.Event)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the agent that asks. Between runs no agent asks: it is empty."""
        return self.question.path if self.of_run else ""


class Questions:
    """The open questions of a stream. A `RunSupervisor` owns them. `answer`, `dismiss`, `listed` and `on_question` may
    be used on any thread, the rest on the stream's loop.

    `say(event, path)` puts an event into the transcript. `call(function)` calls a function on the loop. `changed()` is
    called when a question came or went. `attended()` tells whether a person watches who can answer. If nobody does, the
    questions of a run are asked at standard input, if that can be read. After `timeout` seconds (None: never) a request
    for input is answered with `default`, and an approval is refused. `input_type` is the name of the class with which
    the framework reports a request for input.
    """

    def __init__(
        self,
        say: Callable[[Message | InputResolved | Notice, str], None],
        call: Callable[[Callable[[], object]], None],
        changed: Callable[[], None],
        attended: Callable[[], bool],
        timeout: float | None,
        default: str,
        input_type: str,
    ) -> None:
        self._say, self._call, self._changed, self._attended = say, call, changed, attended
        self._timeout, self._default, self._input_type = timeout, default, input_type
        self._open: dict[str, _Open] = {}
        self._hooks: list[Callable[[Question], Any]] = []
        self.grants = Grants()
        self.stopping = False  # the run ends after the turn, so new questions are dismissed
        self._terminal = asyncio.Lock()

    @property
    def listed(self) -> tuple[Question, ...]:
        """The open questions, the oldest first."""
        return tuple(entry.question for entry in list(self._open.values()))

    @property
    def of_run(self) -> tuple[Question, ...]:
        """The open questions for whose answers the current run waits."""
        return tuple(entry.question for entry in list(self._open.values()) if entry.of_run)

    def on_question(self, callback: Callable[[Question], Any]) -> Callable[[], None]:
        """Call `callback(question)` for each new question. Returns a function that removes the callback. Any thread."""
        if not callable(callback):
            raise TypeError(f"A callback is a function of one argument, not {type(callback).__name__}.")
        self._hooks.append(callback)
        return lambda: self._hooks.remove(callback) if callback in self._hooks else None

    # --- asking ----------------------------------------------------------------------------------------------------

    async def text(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        """Wait for the answer to a request for input of the current run. A cancel of the run raises CancelledError."""
        answer = await self._ask(Question(request_id, agent, path, prompt))
        assert isinstance(answer, str)
        return answer

    async def approval(
        self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any], check: Check | None = None
    ) -> Verdict:
        """Wait for the verdict on `what`. A tool that was granted is approved at once; the transcript says so. `check`
        raises ValueError if the tool cannot run with arguments that the person changed; without it, the arguments
        cannot be changed. A cancel of the run raises CancelledError."""
        answer = await self._ask(Question(request_id, agent, path, prompt, CellKind.APPROVAL, what), check)
        assert isinstance(answer, Verdict)
        return answer

    async def _ask(self, question: Question, check: Check | None = None) -> GivenAnswer:
        request_id, at_once = question.request_id, question.kind is CellKind.APPROVAL
        future: asyncio.Future[tuple[str, GivenAnswer]] = asyncio.get_running_loop().create_future()

        def settle(how: str, answer: GivenAnswer | None) -> None:
            if future.done():
                return
            if how == "ended":
                future.set_exception(EOFError("EOF when reading a line"))
            elif answer is None:
                future.cancel()
            else:
                future.set_result((how, answer))

        how, answer = "cancelled", None
        entry = _Open(question, settle, of_run=True, check=check)
        self._add(entry, at_once)
        try:
            how, answer = await future
            await entry.reported.wait()  # an answer may be quicker than the messages that stand before the question
            return answer
        finally:
            self._remove(request_id, how, answer)

    def offer(self, who: str, text: str, then: Callable[[str], object]) -> None:
        """Ask somebody outside the team, called `who`, while no run is under way. `then` is called with the answer."""
        question = Question(str(uuid.uuid4()), who, who, text)

        def settle(how: str, answer: GivenAnswer | None) -> None:
            self._remove(question.request_id, how, answer)
            if how == "answered" and answer is not None:
                then(str(answer))

        self._add(_Open(question, settle, of_run=False), at_once=True)

    def reported(self, event: Message) -> Message:
        """The message itself. If it is the team's report of an open request, the prompt, which such reports lack, is
        added."""
        entry = self._open.get(event.data.get("request_id", "")) if event.kind is CellKind.INPUT else None
        if entry is not None and entry.unreported is not None:
            known, entry.unreported = entry.unreported, None
            entry.reported.set()
            return replace(event, text=event.text or known.text)
        return event

    # --- answering -------------------------------------------------------------------------------------------------

    def answer(self, request_id: str, text: str | bool, reason: str = "", always: GrantScope | None = None) -> None:
        """Answer a question. Raises NotRunningError if it is not open, and ValueError if `text` cannot be the answer: a
        request for input takes a str; an approval takes a bool, "approve", "approve: " with changed arguments as JSON,
        or "reject". `always` approves the next calls of the tool, too."""
        entry = self._known(request_id)
        question = entry.question
        answer: GivenAnswer
        if question.kind is CellKind.APPROVAL:
            answer = verdict_of(text, reason)
            _check_arguments(entry, answer)
        elif isinstance(text, str):
            answer = text
        else:
            raise ValueError(f"The answer to a request for input is a text, not {text!r}.")
        grant = None if always is None else _grant(question, answer, always)

        def settle() -> None:
            if grant is not None:
                self._give(grant, but=request_id)
            self._settle(request_id, "answered", answer)

        self._call(settle)

    def revoke(self, path: str, tool: str) -> None:
        """Ask about the calls of a tool again. Raises ValueError if they were not granted."""
        if not self.grants.covers(path, tool):
            raise ValueError(f"{tool!r} of {path!r} was not granted; `grants` lists what was.")
        self._call(lambda: self._changed() if self.grants.revoke(path, tool) else None)

    def _give(self, grant: Grant, but: str) -> None:
        """Grant the calls of a tool, and approve those that wait. The question `but` has its own answer."""
        self.grants.give(grant)
        for request_id, entry in list(self._open.items()):
            if request_id != but and self._is_granted(entry.question):
                entry.settle("granted", Verdict(True))

    def _is_granted(self, question: Question) -> bool:
        return self.grants.covers(question.path, question.what.get("tool"))

    def dismiss(self, request_id: str) -> None:
        """End a question without an answer: the input is empty, the approval is refused. Raises NotRunningError if the
        question is not open."""
        question = self._known(request_id).question
        refused = Verdict(False, "The request was dismissed.")
        empty: GivenAnswer = refused if question.kind is CellKind.APPROVAL else ""
        self._call(lambda: self._settle(request_id, "dismissed", empty))

    def begin(self, answer: str | None) -> None:
        """A run begins: its task answers the question that was asked between runs (`answer`), or replaces it (None)."""
        self._terminal = asyncio.Lock()
        if self.grants.end_run():
            self._changed()
        for request_id in list(self._open):
            self._remove(request_id, "cancelled" if answer is None else "answered", answer)

    def stop(self) -> None:
        """The run ends after the turn: dismiss its questions, and those that it will ask."""
        self.stopping = True
        for question in self.of_run:
            self.dismiss(question.request_id)

    def cancel(self) -> None:
        """End all questions of the run without an answer."""
        for entry in list(self._open.values()):
            if entry.of_run:
                entry.settle("cancelled", None)

    def _known(self, request_id: str) -> _Open:
        entry = self._open.get(request_id)
        if entry is None:
            raise NotRunningError("This question is not open any more: it was answered, or its run ended.")
        return entry

    def _settle(self, request_id: str, how: str, answer: GivenAnswer | None) -> None:
        entry = self._open.get(request_id)
        if entry is not None:
            entry.settle(how, answer)

    # --- coming and going ------------------------------------------------------------------------------------------

    def _add(self, entry: _Open, at_once: bool) -> None:
        question, loop = entry.question, asyncio.get_running_loop()
        data: dict[str, Any] = {"request_id": question.request_id}
        if question.what:
            data["what"] = dict(question.what)
        kind = "ApprovalRequest" if question.kind is CellKind.APPROVAL else self._input_type
        entry.unreported = Message(question.agent, question.path, now(), question.kind, question.text, kind, data=data)
        self._open[question.request_id] = entry
        if at_once:
            self._report(entry)
        else:
            entry.timers.append(loop.call_later(REPORT_TIMEOUT_S, self._report, entry))
        if self._timeout is not None:
            entry.timers.append(loop.call_later(self._timeout, self._time_out, entry))
        self._changed()
        if self.stopping and entry.of_run:
            self.dismiss(question.request_id)
            return
        if self._is_granted(question):
            entry.settle("granted", Verdict(True))
            return
        for hook in list(self._hooks):
            entry.tasks.append(loop.create_task(self._consult(hook, question)))
        if self._hooks or self._attended():
            return
        if entry.of_run and standard_input.attended():
            entry.tasks.append(loop.create_task(self._consult(self._at_terminal, question)))
        else:
            log.warning(
                "%s asks %r, and nobody watches this stream. Answer with stream.answer(%r, ...) from another task or "
                "thread, register stream.on_question(callback), or give the stream an input_timeout.",
                question.agent,
                question.text,
                question.request_id,
            )

    def _remove(self, request_id: str, how: str, answer: GivenAnswer | None) -> None:
        entry = self._open[request_id]
        self._report(entry)
        del self._open[request_id]
        for timer in entry.timers:
            timer.cancel()
        for task in entry.tasks:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                task.cancel()
        question = entry.question
        said = None if answer is None else str(answer)
        self._say(InputResolved(question.agent, question.path, now(), request_id, how, said), entry.path)
        self._changed()

    def _report(self, entry: _Open) -> None:
        if entry.unreported is not None:
            message, entry.unreported = entry.unreported, None
            entry.reported.set()
            self._say(message, entry.path)

    def _time_out(self, entry: _Open) -> None:
        if not entry.of_run:
            entry.settle("timed out", None)
        elif entry.question.kind is CellKind.APPROVAL:
            entry.settle("timed out", Verdict(False, f"Nobody answered within {self._timeout:g} seconds."))
        else:
            entry.settle("timed out", self._default)

    async def _consult(self, hook: Callable[[Question], Any], question: Question) -> None:
        """Give a question to a callback. If the callback returns a value, that is the answer."""
        try:
            answer = await consulted(hook, question)
            if answer is not None and question.request_id in self._open:
                self.answer(question.request_id, answer)
        except Exception as error:
            sentence = (
                f"The callback {name_of(hook)} for questions failed; the question stays open: "
                f"{type(error).__name__}: {error}"
            )
            log.exception(sentence)
            if (entry := self._open.get(question.request_id)) is not None:
                await entry.reported.wait()  # the notice reads better below the question
            self._say(Notice(now(), sentence), "")

    async def _at_terminal(self, question: Question) -> str | None:
        """Ask at standard input, one question after the other, as agents do without a stream. If standard input has
        ended, the question fails with EOFError, as it does for them."""
        approval = question.kind is CellKind.APPROVAL
        prompt = f"{question.agent}: {question.text.rstrip()} " + ("\nApprove or reject? " if approval else "")
        async with self._terminal:
            while True:
                try:
                    answer = await standard_input.ask(prompt)
                except EOFError:
                    if not standard_input.ends():
                        raise
                    self._settle(question.request_id, "ended", None)
                    return None
                word = answer.partition(":")[0].strip().lower()
                if not approval or word in (*_YES, *_NO):
                    return answer


async def consulted(hook: Callable[[Question], Any], question: Question) -> Any:
    """What a callback says to a question. A plain function is called in a thread of its own, so that it may wait."""
    return await (hook(question) if is_async(hook) else event_loops.in_thread(lambda: hook(question), "question"))


def verdict_of(text: str | bool, reason: str) -> Verdict:
    """The verdict for an answer: "approve", "approve: " with the changed arguments as JSON, "reject", "reject: " with
    the reason, or a bool. Raises ValueError for anything else."""
    if isinstance(text, bool):
        return Verdict(text, "" if text else reason)
    word, _, rest = text.partition(":")
    if word.strip().lower() in _YES:
        return Verdict(True, arguments=_arguments(rest) if rest.strip() else None)
    if word.strip().lower() in _NO:
        return Verdict(False, reason or rest.strip())
    raise ValueError(f'The answer to an approval is "approve" or "reject", not {text!r}.')


def _arguments(text: str) -> Mapping[str, Any]:
    """The arguments that a person wrote as JSON. Raises ValueError, which says what is wrong with them."""
    try:
        arguments = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"The changed arguments are no JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    if not isinstance(arguments, dict):
        raise ValueError('The changed arguments are no JSON object, such as {"amount": 3}.')
    return arguments


def _check_arguments(entry: _Open, verdict: Verdict) -> None:
    if verdict.arguments is None:
        return
    if entry.check is None:
        raise ValueError("Only the arguments of a tool can be changed: approve or reject this as it is.")
    entry.check(verdict.arguments)


def _grant(question: Question, answer: GivenAnswer, always: GrantScope) -> Grant:
    tool = question.what.get("tool")
    if tool is None or not isinstance(answer, Verdict) or not answer.approved:
        raise ValueError("Only a tool that is approved can be approved for its next calls, too.")
    if always not in ("run", "tool"):
        raise ValueError(f'A grant is for this "run" or for this "tool", not {always!r}.')
    return Grant(question.path, tool, always)
