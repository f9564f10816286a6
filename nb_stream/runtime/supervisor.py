"""Runs from their start to their last word, one at a time, whatever the team does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..backends.base import Backend, Handoff, Outcome, Rewound, Verdict
from ..concurrency import comm_interceptor
from ..concurrency.clock import counting, now
from ..concurrency.event_loops import OwnerLoop, discard_result, ended, keep_alive
from ..concurrency.guarded_calls import attempt, attempted
from ..core.model import CellStatus, Chunk, Event, Message, Notice, RunFinished, RunStarted, RunState
from ..errors import AlreadyRunningError, already_running
from .event_hub import EventHub
from .human_input import Questions
from .run import CURRENT_RUN, MessageQueue, Run

CANCEL_STEPS_S = (0.25, 0.15, 0.1)
"""Seconds that a run has to end when it is cancelled: by its token, by cancelling the agents' tasks, by cancelling its
own. What does not end then is left behind, and can reach neither transcript nor team."""

RECOVERY_TIMEOUT_S = 0.3
"""Seconds that the end of a run waits for the team to be made fit for the next one, which waits for the rest."""

CALLBACK_TIMEOUT_S = 0.5
"""Seconds that the end of a run waits for slow callbacks, which get what is left later."""


class RunRequest(NamedTuple):
    """What a run was asked for. `token` is a cancellation token of the caller's; `answer` is that to a handoff; `moved`
    says that the team's queues belong to another event loop."""

    task: Any
    text: str
    output_task_messages: bool
    outlet: MessageQueue | None
    token: Any
    answer: str | None
    moved: bool


class _Asking:
    """How a backend asks a person in one run; nobody is asked any more once the run's words do not count."""

    def __init__(self, questions: Questions, counts: Callable[[], bool]) -> None:
        self._questions, self._counts = questions, counts

    async def text(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        self._check()
        return await self._questions.text(path, agent, request_id, prompt)

    async def approval(self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any]) -> Verdict:
        self._check()
        return await self._questions.approval(path, agent, request_id, prompt, what)

    def _check(self) -> None:
        if not self._counts():
            raise asyncio.CancelledError


class RunSupervisor:
    """Begins runs, drives them and ends them, and keeps the state. `begin` and the wishes may come from any thread,
    the rest belongs to the stream's loop."""

    def __init__(
        self, backend: Backend, feed: EventHub, home: OwnerLoop, input_timeout: float | None, input_default: str
    ) -> None:
        self.state, self.detail = RunState.IDLE, ""
        self.run: Run | None = None
        self.saved: dict[str, Any] | None = None  # a state for the team to take up before anything else
        self.questions = Questions(
            feed.event,
            home.call,
            self._asked,
            lambda: feed.attended,
            input_timeout,
            input_default,
            backend.input_type,
        )
        self._backend, self._feed, self._home = backend, feed, home
        self._lock = threading.Lock()
        self._aside: tuple[str, asyncio.AbstractEventLoop] | None = None  # what is done to the team between runs
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump: asyncio.Task[Any] | None = None
        self._cancelled: asyncio.Future[None] | None = None  # done: nobody waits for the run any more
        self._cancelling = False
        self._heard: Run | None = None  # the run whose words count; none before its start, after its end or a cancel
        self._mending: asyncio.Task[None] | None = None
        self._handoff: Handoff | None = None
        self._reply: Any = None  # the task that was made last of an answer to it

    @property
    def active(self) -> bool:
        """Whether a run is under way. One whose event loop was closed under it is not."""
        with self._lock:
            run, loop = self.run, self._loop
        if run is None or run.done():
            return False
        if loop is not None and loop.is_closed():
            self._bury(run)
            return False
        return True

    @property
    def left(self) -> Run | None:
        """The run that is under way, if its `run_stream` was left and not closed yet."""
        return self.run if self.active and self.run is not None and self.run.left() else None

    def check_free(self, wish: str) -> None:
        """Raises AlreadyRunningError while a run is under way, here or elsewhere."""
        if self.active:
            raise already_running(wish, left_early=self.left is not None)
        self._check_aside(wish)
        self._backend.check_free()

    @contextlib.contextmanager
    def aside(self, wish: str) -> Iterator[None]:
        """Have the team to oneself between two runs. Raises AlreadyRunningError as `check_free`. On the loop."""
        self.check_free(wish)
        with self._lock:
            self._check_taken(wish)
            mine = self._aside = wish, asyncio.get_running_loop()
        try:
            yield
        finally:
            if self._aside is mine:
                self._aside = None

    def _check_taken(self, wish: str) -> None:
        """Whether another thread was quicker. Under the lock."""
        if self.run is not None and not self.run.done():
            raise already_running(wish)
        self._check_aside(wish)

    def _check_aside(self, wish: str) -> None:
        if self._aside is not None and not self._aside[1].is_closed():
            raise AlreadyRunningError(f"Cannot {wish}: a call to {self._aside[0]} has not ended. Wait for its end.")

    def begin(
        self,
        task: Any,
        text: str,
        output_task_messages: bool = True,
        outlet: MessageQueue | None = None,
        token: Any = None,
    ) -> Run:
        """Begin a run; returns at once. `text` is the task for a reader. `token` is anything with `add_callback`: the
        run is cancelled when the token calls back, on any thread.

        Raises AlreadyRunningError and LoopError.
        """
        self.check_free("start a run")  # before the lock: callbacks hear of a run that it buries
        with self._lock:
            self._check_taken("start a run")
            loop = self._home.choose()
            self._backend.claim()
            self._count += 1
            run = self.run = Run(f"r{self._count}")
            run.loop, run.end = loop, lambda at_once: self.cancel(run, at_once=at_once)
            moved, self._loop = self._loop not in (None, loop), loop
            self._pump, self._cancelled, self._cancelling, self._heard = None, None, False, None
            self.questions.stopping = False
            answer = text if self._reply is not None and task is self._reply else None
            self._handoff = self._reply = None
        self._set_state(RunState.RUNNING, "")
        work = self._supervise(run, RunRequest(task, text, output_task_messages, outlet, token, answer, moved))
        context = contextvars.copy_context()
        self._home.call(lambda: keep_alive(context.run(asyncio.ensure_future, work)))
        return run

    def go_on(self, runs: int, state: dict[str, Any] | None) -> None:
        """Go on after so many recorded runs, with the state of the team that was saved with them, if it was."""
        self._count, self.saved = runs, state

    def as_reply(self, task: Any) -> Any:
        """The task; where the team waits after a handoff and it is a text, that as the answer."""
        handoff = self._handoff  # another thread may begin a run
        if handoff is None or not isinstance(task, str):
            return task
        self._reply = handoff.reply(task)
        return self._reply

    async def changed(self) -> None:
        """The conversation is another one: it was reset, or a state was loaded. On the loop."""
        self._handoff = self.saved = None
        self.questions.begin(None)
        self._set_state(RunState.IDLE, "")
        await self._offer(None)

    async def ready(self) -> None:
        """Wait until the team is fit for use after a failed or cancelled run, and has taken up its saved state. On the
        loop."""
        if self._mending is not None and self._mending.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([self._mending])
        await self._take_up()

    async def _take_up(self) -> None:
        if self.saved is not None:
            await self._backend.load_state(self.saved)
            self.saved = None

    # --- wishes ----------------------------------------------------------------------------------------------------

    def stop(self, run: Run) -> None:
        """Let a run end after the current turn. On the loop."""
        if run is not self.run or run.done() or self._cancelling:
            return
        self._backend.request_stop()
        self._set_state(RunState.STOPPING, "The run ends after the current turn.")
        self.questions.stop()

    def cancel(self, run: Run, *, at_once: bool = False) -> None:
        """End a run now; `at_once` leaves behind what does not end by itself. On the loop."""
        if run is not self.run or run.done():
            return
        if at_once and self._cancelled is not None and not self._cancelled.done():
            self._cancelled.set_result(None)
        if self._cancelling:
            return
        self._cancelling = True  # first: what the cancel calls may wish for it again
        attempt("A cancel", self._backend.request_cancel)
        self._heard = None
        keep_alive(asyncio.ensure_future(self._cut(self._pump, self._cancelled)))
        self._set_state(RunState.STOPPING, "The run is being cancelled.")
        self.questions.cancel()

    async def _cut(self, pump: asyncio.Task[Any] | None, cancelled: asyncio.Future[None] | None) -> None:
        """End a run ever harder, until it has ended or nobody waits for it any more."""
        if pump is not None and cancelled is not None:
            steps: tuple[Callable[[], object], ...] = (self._backend.abandon, pump.cancel, pump.cancel, lambda: None)
            for harder, seconds in zip(steps, (*CANCEL_STEPS_S, 0.05), strict=True):
                if (await asyncio.wait((pump, cancelled), timeout=seconds, return_when=asyncio.FIRST_COMPLETED))[0]:
                    break
                attempt("A cancel", harder)
        if cancelled is not None and not cancelled.done():
            cancelled.set_result(None)

    # --- a run -----------------------------------------------------------------------------------------------------

    async def _supervise(self, run: Run, order: RunRequest) -> None:
        """Own a run from its start to its last word."""
        CURRENT_RUN.set(weakref.ref(run))
        with counting():
            await self._to_its_end(run, order)

    async def _to_its_end(self, run: Run, order: RunRequest) -> None:
        outcome = Outcome(None)
        error: BaseException | None = None
        try:
            outcome = await self._carry_out(run, order)
        except BaseException as caught:  # noqa: BLE001 - also CancelledError: it becomes the run's outcome
            error = caught
        if run.done():  # it was buried
            return
        self._heard = None
        try:
            await self._close(run, order, outcome, error)
        finally:
            self._let_go()
            run.finish(outcome.result, error)

    def _let_go(self) -> None:
        """Give the team back, once it is fit."""
        if self._mending is None or self._mending.done():
            self._backend.release()
        else:
            self._mending.add_done_callback(lambda _: None if self.active else self._backend.release())

    async def _carry_out(self, run: Run, order: RunRequest) -> Outcome:
        self._cancelled = asyncio.get_running_loop().create_future()
        if self._cancelling:
            self._cancelled.set_result(None)
        if order.token is not None:
            order.token.add_callback(self._canceller(run))
        self.questions.begin(order.answer)
        self._feed.begin(order.outlet)
        for event in self._backend.opening(RunStarted(run.id, now(), order.text)):
            self._feed.event(event)
        await self._mended(order.moved)
        if self._cancelling:
            raise asyncio.CancelledError
        self._heard = run
        pump = self._pump = asyncio.ensure_future(self._drive(run, order))
        pump.add_done_callback(discard_result)
        try:
            with comm_interceptor.hold():
                await asyncio.wait((pump, self._cancelled), return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                raise asyncio.CancelledError
            try:
                outcome: Outcome = pump.result()
                return outcome
            except Exception as error:
                if self._cancelling:  # it is the cancel that an agent, its model or its team failed of
                    raise asyncio.CancelledError from error
                raise
        finally:
            if not pump.done():  # it is left behind; or this task was cancelled, as all are when a loop is closed
                self._cancelling, self._heard = True, None
                attempt("A cancel", self._backend.request_cancel)
                attempt("A cancel", self._backend.abandon)
                pump.cancel()

    def _canceller(self, run: Run) -> Callable[[], None]:
        """What cancels a run when its caller's token is cancelled, on any thread. A token may live on: it keeps neither
        run nor team in memory."""
        home, cancel, wanted = self._home, weakref.WeakMethod(self.cancel), weakref.ref(run)

        def cancel_run() -> None:
            method, meant = cancel(), wanted()
            if method is not None and meant is not None:
                home.call(lambda: method(meant))

        return cancel_run

    async def _mended(self, moved: bool) -> None:
        """Wait until the team is fit for a run."""
        mending, self._mending = self._mending, None
        if mending is not None and mending.get_loop() is asyncio.get_running_loop():
            assert self._cancelled is not None
            await asyncio.wait((mending, self._cancelled), return_when=asyncio.FIRST_COMPLETED)
            if not mending.done():
                self._mending = mending
        elif mending is not None or moved:
            await self._backend.recover()
        await self._take_up()

    async def _drive(self, run: Run, order: RunRequest) -> Outcome:
        outcome = Outcome(None)

        def emit(event: Event | Rewound) -> None:
            if run is not self._heard:
                return
            if isinstance(event, Rewound):
                self._feed.rewind()
            else:
                self._feed.event(event, getattr(event, "path", ""))

        def hear(native: Any, chunk: Chunk) -> None:
            if run is self._heard:
                self._feed.chunk(native, chunk)

        items = self._backend.run(
            order.task,
            output_task_messages=order.output_task_messages,
            as_stream=order.outlet is not None,
            emit=emit,
            hear=hear,
            ask=_Asking(self.questions, lambda: run is self._heard),
        )
        async with contextlib.aclosing(items):
            async for item in items:
                if run is not self._heard:
                    raise asyncio.CancelledError
                if isinstance(item, Outcome):
                    outcome = item
                    continue
                native, event, is_task = item
                if isinstance(event, Chunk):
                    self._feed.chunk(native, event)
                    continue
                if isinstance(event, Message):
                    event = self.questions.reported(event)
                self._feed.event(event, "" if is_task else getattr(event, "path", ""))
                if order.outlet is not None:
                    order.outlet.put(native)
        return outcome

    async def _close(self, run: Run, order: RunRequest, outcome: Outcome, error: BaseException | None) -> None:
        self.questions.cancel()
        at, (result, reason) = now(), outcome
        if error is None:
            event, state, detail = RunFinished(run.id, at, CellStatus.DONE, reason), RunState.IDLE, reason or ""
        elif isinstance(error, asyncio.CancelledError):
            event, state, detail = RunFinished(run.id, at, CellStatus.CANCELLED), RunState.CANCELLED, ""
        else:
            said, trace, agent, path = self._backend.failure(error)
            event = RunFinished(run.id, at, CellStatus.FAILED, None, said, trace, agent, path)
            state, detail = RunState.FAILED, f"{path} failed: {said}".removeprefix(" failed: ").partition("\n")[0]
        if error is not None and self._mending is None:
            self._mending = asyncio.ensure_future(self._mend())
            with contextlib.suppress(asyncio.CancelledError):  # the loop ends: the last words are said all the same
                await ended(self._mending, RECOVERY_TIMEOUT_S)
        try:
            for closing in self._backend.closing(event):
                self._feed.event(closing)
            self._feed.end()
            if not self._cancelling:
                with contextlib.suppress(asyncio.CancelledError):
                    await self._feed.settle(CALLBACK_TIMEOUT_S)
        finally:
            if order.outlet is not None:
                if error is None and result is not None:  # an agent may end without a response
                    order.outlet.put(result)
                order.outlet.close()
            self._set_state(state, detail)
        if self._mending is None or self._mending.done():
            await attempted("What is offered after a run", lambda: self._offer(result))

    async def _mend(self) -> None:
        error = await attempted("To make the team ready for another run", self._backend.recover)
        if error is not None:
            self._feed.event(Notice(now(), f"The team could not be made ready for another run: {error} Build it anew."))

    async def _offer(self, result: Any) -> None:
        """Where the team handed over to somebody outside, ask for the words with which it goes on."""
        handoff = self._handoff = await self._backend.handoff(result)
        if handoff is not None:
            if self.state is RunState.IDLE:
                self._set_state(self.state, f"{handoff.source} hands over to {handoff.target}: answer to go on.")
            self.questions.offer(handoff.target, handoff.text, lambda answer: self.begin(self.as_reply(answer), answer))

    def _bury(self, run: Run) -> None:
        """End a run whose event loop was closed: nothing of it can go on. Who hears of it may begin another."""
        with self._lock:
            if run.done():  # another thread has buried it, and may have begun the next one
                return
            self._heard = self._mending = None
            self._backend.release()
            run.finish(error=asyncio.CancelledError())
        self.questions.begin(None)
        self._feed.end()
        self._set_state(RunState.CANCELLED, "Its event loop was closed.")
        if self._feed.outlet is not None:
            self._feed.outlet.close()
        for closing in self._backend.closing(RunFinished(run.id, now(), CellStatus.CANCELLED)):
            self._feed.event(closing)

    # --- state -----------------------------------------------------------------------------------------------------

    def _set_state(self, state: RunState, detail: str) -> None:
        self.state, self.detail = state, detail
        self._home.call(self._feed.tell_state)

    def _asked(self) -> None:
        """A question came or went."""
        waiting = self.questions.of_run
        if waiting and self.state in (RunState.RUNNING, RunState.WAITING):
            self._set_state(RunState.WAITING, f"{waiting[0].agent} asks: {waiting[0].text}".strip())
        elif not waiting and self.state is RunState.WAITING:
            self._set_state(RunState.RUNNING, "")
