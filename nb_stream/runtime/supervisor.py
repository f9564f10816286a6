"""`RunSupervisor`: begins runs, drives them and ends them, one at a time, whatever the team does.

A team may hang, fail, or go on after it was cancelled. The supervisor keeps such a team from reaching the transcript or
the next run: it counts the words of the current run alone, cancels in ever harder steps, and lets the backend recover
the team before it runs again.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..backends.base import Ability, Backend, Check, Handoff, Outcome, Rewound, Verdict
from ..concurrency import comm_interceptor
from ..concurrency.clock import counting, now
from ..concurrency.event_loops import OwnerLoop, discard_result, ended, keep_alive
from ..concurrency.guarded_calls import attempt, attempted
from ..core.model import Branched, CellStatus, Chunk, Event, Message, Notice, RunFinished, RunStarted, RunState
from ..core.transcript import head_of
from ..errors import AlreadyRunningError, NbStreamError, StateError, already_running
from .budget import Budget
from .event_hub import EventHub
from .human_input import Questions
from .kept_states import KeptStates
from .run import CURRENT_RUN, MessageQueue, Run

CANCEL_STEPS_S = (0.25, 0.15, 0.1)
"""Seconds that a cancelled run has to end after each step: its cancellation token, a cancel of the agents' tasks, a
cancel of its own task. A task that goes on even then is left behind. It can reach neither the transcript nor the team.
"""

RECOVERY_TIMEOUT_S = 0.3
"""Seconds that the end of a run waits for the recovery of the team. If it takes longer, the next run waits for it."""

BUDGET_INTERVAL_S = 0.25
"""Seconds between two looks at what a run has used, beside those at each message and each end of a turn."""

OVERDRAWN_TIMEOUT_S = 2.0
"""Seconds that a run has to end when its budget is overdrawn and its turns are cut. Then it is cancelled."""

CALLBACK_TIMEOUT_S = 0.5
"""Seconds that the end of a run waits for slow callbacks. They get the rest of their values later."""


class RunRequest(NamedTuple):
    """What a caller asked of a run. `text` is the task for a reader. `queue` takes the messages for the consumer of
    `run_stream`. `token` is the caller's cancellation token. `answer` is the answer to a handoff, if the task is one.
    `moved` says that the last run was on another event loop, to which the team's queues still belong."""

    task: Any
    text: str
    output_task_messages: bool
    queue: MessageQueue | None
    token: Any
    answer: str | None
    moved: bool


class _UserMessage(NamedTuple):
    """What a user says to a team in mid-run: as the backend takes it, and as a reader reads it."""

    native: Any
    text: str
    now: bool


def _end_of(run: str) -> str:
    """The word for the state at the end of a run. The state before a run has the id of the run as its word."""
    return f"{run}+"


class _Asking:
    """Asks a person for the backend in one run. It raises CancelledError once the run is not the current one."""

    def __init__(self, questions: Questions, counts: Callable[[], bool]) -> None:
        self._questions, self._counts = questions, counts

    async def text(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        self._check()
        return await self._questions.text(path, agent, request_id, prompt)

    async def approval(
        self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any], check: Check | None = None
    ) -> Verdict:
        self._check()
        return await self._questions.approval(path, agent, request_id, prompt, what, check)

    def _check(self) -> None:
        if not self._counts():
            raise asyncio.CancelledError


class RunSupervisor:
    """Runs of one team, and their state. A `TeamStream` owns it. `begin`, `check_free`, `active` and `abandoned` may be
    used on any thread, the rest on the stream's loop."""

    def __init__(
        self,
        backend: Backend,
        hub: EventHub,
        home: OwnerLoop,
        input_timeout: float | None,
        input_default: str,
        budget: Budget,
        keep_states: int,
    ) -> None:
        self.budget = budget
        self.states = KeptStates(keep_states)
        self._tasks: dict[str, Any] = {}  # by the id of a run, its task as the team took it
        self._why_none = ""  # why the team's states are not kept
        self._used_up = ""  # why the budget ends the run
        if budget:
            backend.used_up = self._spends
        self.state, self.detail = RunState.IDLE, ""
        self.run: Run | None = None
        self.saved: dict[str, Any] | None = None  # a state that the team loads before anything else
        self.questions = Questions(
            hub.event,
            home.call,
            self._asked,
            lambda: hub.attended,
            input_timeout,
            input_default,
            backend.input_type,
        )
        self._backend, self._hub, self._home = backend, hub, home
        self._lock = threading.Lock()
        self._exclusive: tuple[str, asyncio.AbstractEventLoop] | None = None  # the call that has the team between runs
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump: asyncio.Task[Any] | None = None
        self._cancelled: asyncio.Future[None] | None = None  # done when nobody waits for the run any more
        self._cancelling = False
        self._current: Run | None = None  # the run whose events count, from its start to its end or cancel
        self._recovery: asyncio.Task[None] | None = None
        self._handoff: Handoff | None = None
        self._reply: Any = None  # the last task that was made of an answer to the handoff
        self._words: deque[_UserMessage] = deque()  # what the user said and the backend has not; for any thread
        self._told: deque[_UserMessage] = deque()  # what the backend has, and the team did not get yet
        self._overdrawn: Run | None = None  # the last run that was ended at once for that
        self._ends = False  # somebody has stopped or cancelled the run: what is said now is for the next one

    @property
    def active(self) -> bool:
        """Whether a run is under way. If the event loop of a run was closed, this ends the run and returns False."""
        with self._lock:
            run, loop = self.run, self._loop
        if run is None or run.done():
            return False
        if loop is not None and loop.is_closed():
            self._abandon_closed_loop(run)
            return False
        return True

    @property
    def abandoned(self) -> Run | None:
        """The run that is under way, if the loop over its `run_stream` was left and the generator is not closed yet."""
        return self.run if self.active and self.run is not None and self.run.abandoned() else None

    def check_free(self, wish: str) -> None:
        """Raises AlreadyRunningError while a run is under way, here or elsewhere. `wish` says in the sentence what the
        caller wants to do."""
        if self.active:
            raise already_running(wish, left_early=self.abandoned is not None)
        self._check_exclusive(wish)
        self._backend.check_free()

    @contextlib.contextmanager
    def exclusive(self, wish: str) -> Iterator[None]:
        """A context in which no run can begin, so that the team can be changed. Raises AlreadyRunningError as
        `check_free`. On the loop."""
        self.check_free(wish)
        with self._lock:
            self._check_taken(wish)
            mine = self._exclusive = wish, asyncio.get_running_loop()
        try:
            yield
        finally:
            if self._exclusive is mine:
                self._exclusive = None

    def _check_taken(self, wish: str) -> None:
        """Raises AlreadyRunningError if another thread has begun something since `check_free`. Under the lock."""
        if self.run is not None and not self.run.done():
            raise already_running(wish)
        self._check_exclusive(wish)

    def _check_exclusive(self, wish: str) -> None:
        if self._exclusive is not None and not self._exclusive[1].is_closed():
            raise AlreadyRunningError(f"Cannot {wish}: a call to {self._exclusive[0]} has not ended. Wait for its end.")

    def begin(
        self,
        task: Any,
        text: str,
        output_task_messages: bool = True,
        queue: MessageQueue | None = None,
        token: Any = None,
    ) -> Run:
        """Begin a run; returns at once. `text` is the task for a reader. `token` is anything with `add_callback`: the
        run is cancelled when the token calls back, on any thread.

        Raises AlreadyRunningError and LoopError.
        """
        self.check_free("start a run")  # before the lock: it may end a run of a closed loop and call callbacks
        with self._lock:
            self._check_taken("start a run")
            loop = self._home.choose()
            self._backend.claim()
            self._count += 1
            run = self.run = Run(f"r{self._count}")
            run.loop, run.end = loop, lambda at_once: self.cancel(run, at_once=at_once)
            moved, self._loop = self._loop not in (None, loop), loop
            self._pump, self._cancelled, self._cancelling, self._current = None, None, False, None
            self._ends, self._used_up = False, ""
            self.questions.stopping = False
            answer = text if self._reply is not None and task is self._reply else None
            self._handoff = self._reply = None
        self._set_state(RunState.RUNNING, "")
        work = self._supervise(run, RunRequest(task, text, output_task_messages, queue, token, answer, moved))
        context = contextvars.copy_context()  # the caller's, even if the loop runs in another thread
        self._home.call(lambda: keep_alive(context.run(asyncio.ensure_future, work)))
        return run

    def go_on(self, runs: int, state: dict[str, Any] | None) -> None:
        """Go on after this number of recorded runs. `state` is the team's state that was saved with them, or None."""
        self._count, self.saved = runs, state

    def as_reply(self, task: Any) -> Any:
        """The task as the team takes it. If the team waits after a handoff and the task is a text, it is the answer."""
        handoff = self._handoff  # another thread may begin a run
        if handoff is None or not isinstance(task, str):
            return task
        self._reply = handoff.reply(task)
        return self._reply

    async def changed(self) -> None:
        """Follow a change of the conversation: it was reset, or a state was loaded. On the loop."""
        self._handoff = self.saved = None
        self.questions.begin(None)
        self._set_state(RunState.IDLE, "")
        await self._offer(None)

    async def ready(self) -> None:
        """Wait until the team has recovered from a failed or cancelled run, and has loaded its saved state. On the
        loop."""
        if self._recovery is not None and self._recovery.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._recovery])
        await self._load_saved_state()

    async def _load_saved_state(self) -> None:
        if self.saved is not None:
            await self._backend.load_state(self.saved)
            self.saved = None

    async def reset(self) -> None:
        """Let the team forget the conversation. On the loop."""
        with self.exclusive("reset"):
            self.saved = None
            await self.ready()
            await self._backend.reset()
            await self.changed()
        self._hub.event(Notice(now(), "The team was reset: its agents remember nothing from above."))

    async def save_state(self) -> dict[str, Any]:
        """The team's own state. On the loop."""
        await self.ready()
        return await self._backend.save_state()

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a state of the team. On the loop."""
        with self.exclusive("load a state"):
            self.saved = None
            await self.ready()
            await self._backend.load_state(state)
            await self.changed()

    # --- going back ------------------------------------------------------------------------------------------------

    async def _keep_state(self, word: str, cancelled: asyncio.Future[None] | None = None) -> None:
        """Keep the team's state by this word, unless `cancelled` is done before it is saved. A team whose state cannot
        be saved runs on all the same, whatever its agents raise."""
        if not self.states.most or Ability.STATE in self._backend.cannot:
            return

        async def saved() -> dict[str, Any] | BaseException:
            try:
                return await self._backend.save_state()
            except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt, too, would end the event loop
                return error

        saving = asyncio.ensure_future(saved())
        waits: list[asyncio.Future[Any]] = [saving] if cancelled is None else [saving, cancelled]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            state = saving.result() if saving.done() and not saving.cancelled() else None
        finally:
            saving.cancel()
        if isinstance(state, BaseException):
            self._why_none = f" Its state could not be saved: {type(state).__name__}: {state}"
        elif state is not None:
            self.states.put(word, state)

    async def rewind(self, run: str, to_end: bool) -> None:
        """Set the team to how it was before a run, or, with `to_end`, at its end. Raises AlreadyRunningError,
        ValueError if there is no such run, and StateError if the state is not kept. On the loop."""
        self._backend.check_able(Ability.STATE)
        with self.exclusive("go back"):
            runs = self._hub.transcript.runs
            info = next((one for one in runs if one.id == run), None)
            if info is None and (run or not to_end):
                raise ValueError(f"There is no run {run!r}: the runs are {', '.join(one.id for one in runs)}.")
            await self.ready()
            state = self.states.get(_end_of(run) if to_end else run)
            if state is None:
                raise StateError(
                    f"The team's state {'at the end of' if to_end else 'before'} the run {run} is not kept: "
                    f"keep_states is {self.states.most}, and a recording has states if it was saved with state=."
                    f"{self._why_none}"
                )
            await self._keep_state(_end_of(head_of(runs)))
            await self._backend.load_state(state)
            await self.changed()
        self._hub.event(Branched(now(), run if to_end or info is None else info.parent))

    def task_of(self, run: str) -> Any:
        """The task of a run as the team took it; None if it is not known any more."""
        return self._tasks.get(run)

    # --- what the user says in mid-run -------------------------------------------------------------------------------

    def say(self, native: Any, text: str, now: bool) -> None:
        """Give the team a message of the user: after the current turn, or at once. If no run is under way, or if it
        ends before the team gets the message, the message starts the next run. `text` is the message for a reader. Any
        thread. Raises the errors of `begin` if it begins a run."""
        if not self._words and not self.active:
            try:
                self.begin(self.as_reply(native), text)
                return
            except AlreadyRunningError:
                if not self.active:  # else another thread has begun a run meanwhile, which gets the message
                    raise
        self._words.append(_UserMessage(native, text, now))
        self._home.call(self._pass_words_on)

    def _pass_words_on(self) -> None:
        """Give the backend what the user said, or begin a run with it."""
        run = self.run
        if run is None or run.done():
            self._begin_with_words()
        elif self._ends:
            pass  # the end of the run begins the next one
        elif Ability.SAY not in self._backend.cannot:
            while self._words:
                word = self._words.popleft()
                self._told.append(word)
                self._backend.say(word.native, now=word.now)
            self._tell_words()
        elif any(word.now for word in self._words):
            self.cancel(run)

    def _heard(self, message: Message) -> None:
        """The team got a message of the user."""
        word = next((word for word in self._told if word.text == message.text), None)
        if word is not None:
            self._told.remove(word)
            self._tell_words()

    def _tell_words(self) -> None:
        if self.state is RunState.RUNNING:
            texts = " · ".join(word.text for word in self._told)
            self._set_state(self.state, f"After this turn, the team is told: {texts}" if texts else "")

    def _withdraw_words(self, why: str) -> None:
        """Tell the reader what the team does not get, because the run ends otherwise than the user thought."""
        if self._told:
            self._backend.unsay()
        words = [*self._told, *self._words]
        self._told.clear()
        self._words.clear()
        if words:
            texts = " · ".join(word.text for word in words)
            self._hub.event(Notice(now(), f"{why}, so the team was not told: {texts}"))

    def _begin_with_words(self) -> None:
        """Begin a run with what the user said, if there is something."""
        words = [*self._told, *self._words]
        self._told.clear()
        self._words.clear()
        if not words:
            return
        try:
            task = words[0].native if len(words) == 1 else self._backend.joint_task([word.native for word in words])
            self.begin(self.as_reply(task), "\n".join(word.text for word in words))
        except NbStreamError as error:
            self._hub.complain(f"{error} The team was not told: {' · '.join(word.text for word in words)}")

    # --- the budget ------------------------------------------------------------------------------------------------

    def _spends(self) -> str:
        """Count what the run has used. If its budget is used up, the run ends after the turn, for the reason that is
        returned; if it is overdrawn, at once."""
        run, before = self.run, self.budget.spent
        if run is None or run is not self._current:
            return ""
        self.budget.count(self._hub.transcript.runs[-1], self._backend.spending(), self._hub.models)
        if self.budget.used_up and not self._ends:
            self._used_up, self._ends = self.budget.used_up, True
            self._withdraw_words("The budget is used up")
            self._set_state(RunState.STOPPING, f"{self._used_up} The run ends after this turn.")
            if Ability.STOP in self._backend.cannot:
                self.cancel(run)
            else:
                self._backend.request_stop(self._used_up)
        elif self.budget.spent != before:
            self._hub.tell_state()
        if self._used_up and self.budget.overdrawn and self._overdrawn is not run:
            self._overdrawn = run
            if Ability.SAY in self._backend.cannot:
                self.cancel(run)
            else:
                self._backend.request_stop(self._used_up, now=True)
                asyncio.get_running_loop().call_later(OVERDRAWN_TIMEOUT_S, self.cancel, run)
        return self._used_up

    async def _watch_budget(self) -> None:
        while True:
            await asyncio.sleep(BUDGET_INTERVAL_S)
            self._spends()

    # --- ending a run ----------------------------------------------------------------------------------------------

    def stop(self, run: Run) -> None:
        """Let a run end after the current turn. On the loop."""
        if run is not self.run or run.done() or self._cancelling:
            return
        self._backend.request_stop()
        self._ends = True
        self._withdraw_words("The run was stopped")
        self._set_state(RunState.STOPPING, "The run ends after the current turn.")
        self.questions.stop()

    def cancel(self, run: Run, *, at_once: bool = False) -> None:
        """End a run now. With `at_once`, nobody waits for agents that do not end by themselves. On the loop."""
        if run is not self.run or run.done():
            return
        if at_once and self._cancelled is not None and not self._cancelled.done():
            self._cancelled.set_result(None)
        if self._cancelling:
            return
        self._cancelling = self._ends = True  # first, because callbacks of the cancel may call this again
        if not any(word.now for word in self._words):  # else the run ends for their sake
            self._withdraw_words("The run was cancelled")
        attempt("A cancel", self._backend.request_cancel)
        self._current = None  # agents may talk until they end, but nothing of it counts any more
        keep_alive(asyncio.ensure_future(self._cut(self._pump, self._cancelled)))
        self._set_state(RunState.STOPPING, "The run is being cancelled.")
        self.questions.cancel()

    async def _cut(self, pump: asyncio.Task[Any] | None, cancelled: asyncio.Future[None] | None) -> None:
        """End a run in ever harder steps, until it has ended or nobody waits for it any more."""
        if pump is not None and cancelled is not None:
            # The task is cancelled twice, because code of an agent may swallow one CancelledError.
            steps: tuple[Callable[[], object], ...] = (self._backend.abandon, pump.cancel, pump.cancel, lambda: None)
            for harder, seconds in zip(steps, (*CANCEL_STEPS_S, 0.05), strict=True):
                if (await asyncio.wait((pump, cancelled), timeout=seconds, return_when=asyncio.FIRST_COMPLETED))[0]:
                    break
                attempt("A cancel", harder)
        if cancelled is not None and not cancelled.done():
            cancelled.set_result(None)

    # --- a run -----------------------------------------------------------------------------------------------------

    async def _supervise(self, run: Run, request: RunRequest) -> None:
        """Own a run from its start to its last event, in a task of its own."""
        CURRENT_RUN.set(weakref.ref(run))
        with counting():
            await self._to_its_end(run, request)

    async def _to_its_end(self, run: Run, request: RunRequest) -> None:
        outcome = Outcome(None)
        error: BaseException | None = None
        try:
            outcome = await self._carry_out(run, request)
        except BaseException as caught:  # noqa: BLE001 - also CancelledError: it becomes the run's outcome
            error = caught
        if run.done():  # its event loop was closed
            return
        self._current = None
        try:
            await self._close(run, request, outcome, error)
        finally:
            self._let_go()
            run.finish(outcome.result, error)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._withdraw_words("The run failed")
        self._begin_with_words()

    def _let_go(self) -> None:
        """Give the team back when it has recovered."""
        if self._recovery is None or self._recovery.done():
            self._backend.release()
        else:  # if the next run of this stream has begun by then, it has claimed the team
            self._recovery.add_done_callback(lambda _: None if self.active else self._backend.release())

    async def _carry_out(self, run: Run, request: RunRequest) -> Outcome:
        self._cancelled = asyncio.get_running_loop().create_future()
        if self._cancelling:  # between `begin` and the first step of this task
            self._cancelled.set_result(None)
        if request.token is not None:
            request.token.add_callback(self._canceller(run))
        self.questions.begin(request.answer)
        self._hub.begin(request.queue)
        for event in self._backend.opening(RunStarted(run.id, now(), request.text)):
            self._hub.event(event)
        await self._wait_for_recovery(request.moved)
        await self._keep_state(run.id, self._cancelled)  # an agent of the user's own may save its state for ever
        self._tasks[run.id] = request.task
        if len(self._tasks) > self.states.most:
            del self._tasks[next(iter(self._tasks))]
        if self._cancelling:
            raise asyncio.CancelledError
        self._current = run
        # The team runs in a task of its own, so that the run can end although the team does not.
        pump = self._pump = asyncio.ensure_future(self._drive(run, request))
        pump.add_done_callback(discard_result)
        watch = None
        if self.budget:
            self.budget.begin()
            watch = asyncio.ensure_future(self._watch_budget())
        try:
            with comm_interceptor.hold():  # else the kernel would read clicks only when the cell has ended
                await asyncio.wait((pump, self._cancelled), return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                raise asyncio.CancelledError
            try:
                outcome: Outcome = pump.result()
                return outcome
            except Exception as error:
                if self._cancelling:  # an agent, its model client or its team made an error of the cancel
                    raise asyncio.CancelledError from error
                raise
        finally:
            if watch is not None:
                watch.cancel()
            if not pump.done():  # it is left behind, or this task was cancelled, as `asyncio.run` does at its end
                self._cancelling, self._current = True, None
                attempt("A cancel", self._backend.request_cancel)
                attempt("A cancel", self._backend.abandon)
                pump.cancel()

    def _canceller(self, run: Run) -> Callable[[], None]:
        """A function that cancels a run when the caller's token is cancelled, on any thread. It has weak references
        only, because a token may live longer than the run and its team."""
        home, cancel, wanted = self._home, weakref.WeakMethod(self.cancel), weakref.ref(run)

        def cancel_run() -> None:
            method, meant = cancel(), wanted()
            if method is not None and meant is not None:
                home.call(lambda: method(meant))

        return cancel_run

    async def _wait_for_recovery(self, moved: bool) -> None:
        """Wait until the team has recovered from the last run, and load its saved state."""
        recovery, self._recovery = self._recovery, None
        if recovery is not None and recovery.get_loop() is asyncio.get_running_loop():
            assert self._cancelled is not None
            await asyncio.wait((recovery, self._cancelled), return_when=asyncio.FIRST_COMPLETED)
            if not recovery.done():
                self._recovery = recovery
        elif recovery is not None or moved:  # a task of another loop cannot be awaited here: recover again
            await self._backend.recover()
        await self._load_saved_state()

    async def _drive(self, run: Run, request: RunRequest) -> Outcome:
        outcome = Outcome(None)

        def emit(event: Event | Rewound) -> None:
            if run is not self._current:
                return
            if isinstance(event, Rewound):
                self._hub.rewind()
            else:
                self._hub.event(event, getattr(event, "path", ""))

        def hear(native: Any, chunk: Chunk) -> None:
            if run is self._current:
                self._hub.chunk(native, chunk)

        items = self._backend.run(
            request.task,
            output_task_messages=request.output_task_messages,
            as_stream=request.queue is not None,
            emit=emit,
            hear=hear,
            ask=_Asking(self.questions, lambda: run is self._current),
        )
        async with contextlib.aclosing(items):
            async for item in items:
                if run is not self._current:
                    raise asyncio.CancelledError
                if isinstance(item, Outcome):
                    outcome = item
                    continue
                native, event, is_task = item
                if isinstance(event, Chunk):
                    self._hub.chunk(native, event)
                    continue
                if isinstance(event, Message):
                    event = self.questions.reported(event)
                self._hub.yielded(native, event, "" if is_task else getattr(event, "path", ""))
                if self.budget:
                    self._spends()
                if is_task and self._told and isinstance(event, Message):
                    self._heard(event)
        return outcome

    async def _close(self, run: Run, request: RunRequest, outcome: Outcome, error: BaseException | None) -> None:
        self.questions.cancel()
        at, (result, reason) = now(), outcome
        reason = reason or self._used_up or None
        if error is None:
            event, state, detail = RunFinished(run.id, at, CellStatus.DONE, reason), RunState.IDLE, reason or ""
        elif isinstance(error, asyncio.CancelledError):
            event, state, detail = (
                RunFinished(run.id, at, CellStatus.CANCELLED, reason),
                RunState.CANCELLED,
                reason or "",
            )
        else:
            said, trace, agent, path = self._backend.failure(error)
            event = RunFinished(run.id, at, CellStatus.FAILED, None, said, trace, agent, path)
            # One line, and the error alone if no agent's turn failed.
            state, detail = RunState.FAILED, f"{path} failed: {said}".removeprefix(" failed: ").partition("\n")[0]
        if error is not None and self._recovery is None:
            self._recovery = asyncio.ensure_future(self._recover())
            with contextlib.suppress(asyncio.CancelledError):  # the loop ends, but the run's last event must be told
                await ended(self._recovery, RECOVERY_TIMEOUT_S)
        try:
            for closing in self._backend.closing(event):
                self._hub.event(closing)
            if self.budget:
                self.budget.count(self._hub.transcript.runs[-1], (), self._hub.models)
            self._hub.end()
            if not self._cancelling:  # a cancel must not wait for slow callbacks
                with contextlib.suppress(asyncio.CancelledError):
                    await self._hub.settle(CALLBACK_TIMEOUT_S)
        finally:
            if request.queue is not None:
                if error is None and result is not None:  # an agent may end without a result
                    request.queue.put(result)
                request.queue.close()
            self._set_state(state, detail)
        if self._recovery is None or self._recovery.done():
            await attempted("What is offered after a run", lambda: self._offer(result))

    async def _recover(self) -> None:
        error = await attempted("To make the team ready for another run", self._backend.recover)
        if error is not None:
            self._hub.event(Notice(now(), f"The team could not be made ready for another run: {error} Build it anew."))

    async def _offer(self, result: Any) -> None:
        """If the team has handed over to somebody outside, ask for the text with which it goes on."""
        handoff = self._handoff = await self._backend.handoff(result)
        if handoff is not None:
            if self.state is RunState.IDLE:
                self._set_state(self.state, f"{handoff.source} hands over to {handoff.target}: answer to go on.")
            self.questions.offer(handoff.target, handoff.text, lambda answer: self.begin(self.as_reply(answer), answer))

    def _abandon_closed_loop(self, run: Run) -> None:
        """End a run whose event loop was closed, because none of its tasks can go on. This calls displays and
        callbacks, which may begin another run. Any thread."""
        with self._lock:
            if run.done():  # another thread has ended it, and may have begun the next one
                return
            self._current = self._recovery = None
            self._backend.release()
            run.finish(error=asyncio.CancelledError())
        self._withdraw_words("Its event loop was closed")
        self.questions.begin(None)
        self._hub.end()
        self._set_state(RunState.CANCELLED, "Its event loop was closed.")
        if self._hub.queue is not None:
            self._hub.queue.close()
        for closing in self._backend.closing(RunFinished(run.id, now(), CellStatus.CANCELLED)):
            self._hub.event(closing)

    # --- state -----------------------------------------------------------------------------------------------------

    def _set_state(self, state: RunState, detail: str) -> None:
        self.state, self.detail = state, detail
        self._home.call(self._hub.tell_state)

    def _asked(self) -> None:
        """Follow questions and grants that came or went: the state says whether the run waits for a person."""
        self._hub.tell_agents()
        waiting = self.questions.of_run
        if self.budget:
            self.budget.waits(bool(waiting))
        if waiting and self.state in (RunState.RUNNING, RunState.WAITING):
            self._set_state(RunState.WAITING, f"{waiting[0].agent} asks: {waiting[0].text}".strip())
        elif not waiting and self.state is RunState.WAITING:
            self._set_state(RunState.RUNNING, "")
