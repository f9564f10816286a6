"""`TeamStream`: runs a team, keeps its transcript, and lets every agent's tokens be switched at any moment.

It needs no widget and no notebook. `TeamPanel` is a face over it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
import traceback as tracebacks
from collections.abc import AsyncGenerator, Callable, Collection
from typing import Any

from . import kernel_gate, loops
from .backends import Backend, open_backend
from .errors import AlreadyRunningError
from .feed import Feed, Watcher
from .model import (
    AgentInfo,
    AgentStatus,
    CellStatus,
    Chunk,
    Event,
    Message,
    Notice,
    RunFinished,
    RunStarted,
    RunState,
    Token,
)
from .questions import Questions
from .run import Outlet, Run
from .switches import Switches, resolve
from .transcript import Transcript

log = logging.getLogger("nb_stream")

PATIENCE = 0.3
"""Seconds that each step of a cancel is given before the next, harder one."""


class TeamStream:
    """Runs an AgentChat team, a single agent, or what a zero-argument factory returns.

    `run` and `run_stream` take what AgentChat's `TaskRunner` takes and give what it gives, so that a TeamStream can
    stand wherever a team is run. `unchecked="hold"` keeps the model call of an agent as it was built and holds its
    tokens back while its switch is off; `unchecked="create"` lets such an agent call `create()` from its next turn.

    Raises NotATeamError for anything else, BackendError where AutoGen is missing.
    """

    def __init__(self, team: Any, *, unchecked: str = "hold") -> None:
        if unchecked not in ("hold", "create"):
            raise ValueError(f'unchecked is "hold" or "create", not {unchecked!r}.')
        self._unchecked = unchecked
        self._backend: Backend = open_backend(team)
        self._on = dict(self._backend.streaming)
        self._feed = Feed(self._backend.agents, self._on, self._backend.joined)
        self._backend.wanted.update(self._source())
        self._switches = Switches(lambda: self._feed.agents, self._on, self._flip)
        self._state, self._detail = RunState.IDLE, ""
        self._questions = Questions(lambda event: self._feed.event(event, event.path))
        self._loop: asyncio.AbstractEventLoop | None = loops.running()
        self._used_loop: asyncio.AbstractEventLoop | None = None
        self._run: Run | None = None
        self._pump: asyncio.Task[Any] | None = None
        self._cancelling = False
        self._count = 0

    # --- what there is to see --------------------------------------------------------------------------------------

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents of the team and of the teams and agents inside it."""
        return self._feed.agents

    @property
    def switches(self) -> Switches:
        """Whether each agent's tokens are shown; writing acts at once. Any thread may write."""
        return self._switches

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far, text under closed gates included."""
        return self._feed.transcript

    @property
    def state(self) -> RunState:
        """The state of the current or the last run."""
        return self._state

    @property
    def detail(self) -> str:
        """A sentence to go with the state: why the run ended, or what it waits for."""
        return self._detail

    @property
    def statuses(self) -> dict[str, AgentStatus]:
        """What each agent is doing, by path; agents that had no turn yet are missing."""
        return dict(self._feed.status)

    def note(self, path: str) -> str:
        """A sentence on how the switch of an agent acts now, or why it cannot; empty where there is nothing to say."""
        agent = resolve(self.agents, path)
        if not agent.can_stream:
            return agent.reason
        built, on, active = self._backend.streaming.get(path, True), self._on[path], self._state.active
        if not built:
            return "Streams from its next turn." if on else "Was built without streaming; its messages come whole."
        if not on and self._unchecked == "create":
            return "Its messages come whole from its next turn."
        return "Held back; the finished message comes whole." if not on and active else ""

    # --- callbacks -------------------------------------------------------------------------------------------------

    def on_token(
        self, callback: Callable[[Token], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(token)` for each piece of text that passes an agent's gate; what was held comes as one
        token when the gate opens. `agents` narrows to names or paths. Returns what removes the callback."""
        return self._feed.tokens.add(callback, self._paths(agents))

    def on_event(
        self, callback: Callable[[Event], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(event)` for each event of a run; chunks follow the gate. Returns what removes it."""
        return self._feed.events.add(callback, self._paths(agents))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Let a display follow the stream; returns what removes it."""
        watchers = self._feed.watchers
        watchers.append(watcher)
        return lambda: watchers.remove(watcher) if watcher in watchers else None

    def drain(self) -> None:
        """Bring the transcript up to date with the text that is waiting. On the stream's loop."""
        self._feed.drain()

    def _paths(self, agents: Collection[str] | str | None) -> Collection[str] | None:
        if agents is None:
            return None
        names = [agents] if isinstance(agents, str) else agents
        return frozenset(resolve(self.agents, name).path for name in names)

    # --- running ---------------------------------------------------------------------------------------------------

    def start(self, task: Any = None, *, output_task_messages: bool = True) -> Run:
        """Begin a run in the background and return its handle at once. Any thread may call it once the stream has a
        running loop.

        Raises AlreadyRunningError while a run is under way here or elsewhere, EmptyTaskError for a task without text,
        LoopError where no event loop runs.
        """
        return self._begin(task, output_task_messages, None)

    async def run(self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True) -> Any:
        """Run the team and return its `TaskResult` or raise what it raises. Cancelling the wait cancels the run."""
        run = self._begin(task, output_task_messages, None, cancellation_token)
        try:
            return await run
        except asyncio.CancelledError:
            if not run.done():
                await asyncio.shield(self.cancel())
            raise

    async def run_stream(
        self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        """Run the team and yield what it yields, the `TaskResult` last; chunks follow the gates. Leaving the loop
        early cancels the run."""
        outlet = Outlet()
        run = self._begin(task, output_task_messages, outlet, cancellation_token)
        try:
            async for message in outlet:
                yield message
            await run
        finally:
            if not run.done():
                await asyncio.shield(self.cancel())

    def run_sync(self, task: Any = None, *, output_task_messages: bool = True) -> Any:
        """Run the team, wait for its end without `await`, and return its `TaskResult`.

        Works in a notebook cell too: there the running loop is patched by nest_asyncio2, from the first call on.
        Raises LoopError where the loop cannot be patched.
        """
        return loops.run_sync(
            lambda: self.run(task, output_task_messages=output_task_messages), self._home(), self.cancel
        )

    async def stop(self) -> None:
        """End the run after the current turn, and wait for its end. Does nothing where no run is under way."""
        run = self._run
        if run is not None and not run.done():
            self.call(self._request_stop)
            await asyncio.wait([asyncio.ensure_future(_quiet(run))])

    async def cancel(self) -> None:
        """End the run now, and wait for its end. The team stays usable, with its history; text that was being written
        stays in the transcript, marked. Does nothing where no run is under way."""
        run = self._run
        if run is not None and not run.done():
            self.call(self._request_cancel)
            await _quiet(run)

    async def reset(self) -> None:
        """Let the team forget the conversation. The transcript stays and says so.

        Raises AlreadyRunningError while a run is under way.
        """
        self._check_free("reset")
        await self._backend.reset()
        self._set_state(RunState.IDLE, "")
        self._feed.event(Notice(time.time(), "The team was reset: its agents remember nothing from above."))

    def answer(self, request_id: str, text: str) -> None:
        """Answer a request for human input. Any thread may call it. Raises NotRunningError where it is not open."""
        future = self._questions.open(request_id)
        self.call(lambda: None if future.done() else future.set_result(text))

    def dismiss(self, request_id: str) -> None:
        """Give an empty answer to a request for human input. Raises NotRunningError where it is not open."""
        self.answer(request_id, "")

    async def save_state(self) -> dict[str, Any]:
        """The team's own state (AgentChat's `save_state`), without a trace of streaming."""
        return await self._backend.save_state()

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a state of the team. Raises AlreadyRunningError while a run is under way."""
        self._check_free("load a state")
        await self._backend.load_state(state)

    # --- the loop --------------------------------------------------------------------------------------------------

    def _home(self) -> asyncio.AbstractEventLoop | None:
        """The loop of this stream, or None where it has none yet or its loop is closed."""
        if self._loop is not None and self._loop.is_closed():
            self._loop = None
        return self._loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the stream lives on: that of its first run, or the one that ran when it was made."""
        return self._home()

    def call(self, function: Callable[[], None]) -> None:
        """Call on the stream's loop: now where we are on it (or it does not run), soon otherwise. Any thread."""
        loop = self._home()
        if loop is None or not loop.is_running() or loop is loops.running():
            function()
        else:
            kernel_gate.call_in_loop(loop, function)

    def _check_free(self, wish: str) -> None:
        if self._run is not None and not self._run.done():
            raise AlreadyRunningError(
                f"Cannot {wish} while a run is under way. Stop or cancel it first, or wait for its end."
            )
        self._backend.check_free()

    def _begin(self, task: Any, output_task_messages: bool, outlet: Outlet | None, token: Any = None) -> Run:
        text = self._backend.task_text(task)
        self._check_free("start a run")
        self._loop = loops.home(self._home())
        self._count += 1
        run = self._run = Run(f"r{self._count}")
        self._feed.begin(outlet)
        self._pump, self._cancelling = None, False
        self._set_state(RunState.RUNNING, "")
        if token is not None:
            token.add_callback(lambda: self.call(self._request_cancel))
        work = self._supervise(run, task, text, output_task_messages)
        context = contextvars.copy_context()
        self.call(lambda: _create_task(context, work))
        return run

    # --- a run -----------------------------------------------------------------------------------------------------

    async def _supervise(self, run: Run, task: Any, text: str, output_task_messages: bool) -> None:
        """Own a run from its start to its last word, whatever the team does."""
        self._feed.event(RunStarted(run.id, time.time(), text))
        result: Any = None
        error: BaseException | None = None
        try:
            if self._used_loop not in (None, self._loop):
                await self._backend.recover()  # queues of a team belong to the loop of its last run
            self._used_loop = self._loop
            if self._cancelling:
                raise asyncio.CancelledError
            with kernel_gate.hold():
                self._pump = asyncio.ensure_future(self._drive(run, task, output_task_messages))
                await asyncio.wait([self._pump])
            result = self._pump.result()
        except BaseException as caught:  # noqa: BLE001 - also CancelledError: it becomes the run's outcome
            error = caught
        await self._close(run, result, error)

    async def _drive(self, run: Run, task: Any, output_task_messages: bool) -> Any:
        result: Any = None

        def emit(event: Event) -> None:
            if run is self._run and not self._cancelling:
                self._feed.event(event, getattr(event, "path", ""))

        def hear(native: Any, chunk: Chunk) -> None:
            if run is self._run and not self._cancelling:
                self._feed.chunk(native, chunk)

        async for native, event in self._backend.run(
            task, output_task_messages=output_task_messages, emit=emit, hear=hear, ask=self._ask
        ):
            if self._cancelling or run is not self._run:
                raise asyncio.CancelledError
            if event.__class__ is Chunk:
                self._feed.chunk(native, event)
            elif event is None:
                result = native
            else:
                if event.__class__ is Message:
                    event = self._questions.reported(event)
                self._feed.event(event, event.path)  # type: ignore[union-attr]
                if self._feed.outlet is not None:
                    self._feed.outlet.put(native)
        return result

    async def _close(self, run: Run, result: Any, error: BaseException | None) -> None:
        self._questions.cancel()
        now, reason = time.time(), getattr(result, "stop_reason", None)
        if error is None:
            event, state, detail = RunFinished(run.id, now, CellStatus.DONE, reason), RunState.IDLE, reason or ""
        elif isinstance(error, asyncio.CancelledError):
            event, state, detail = RunFinished(run.id, now, CellStatus.CANCELLED), RunState.CANCELLED, ""
        else:
            said, trace = _described(error)
            event = RunFinished(run.id, now, CellStatus.FAILED, None, said, trace)
            state, detail = RunState.FAILED, said.splitlines()[0]
        if error is not None:
            try:
                await self._backend.recover()
            except Exception as failed:
                log.warning("The team could not be made ready for another run", exc_info=True)
                detail = f"{detail} The team could not be made ready for another run: {failed}".strip()
        self._feed.event(event)
        self._feed.end()
        self._set_state(state, detail)
        await self._feed.tokens.drain(1.0)
        await self._feed.events.drain(1.0)
        if self._feed.outlet is not None:
            if error is None:
                self._feed.outlet.put(result)
            self._feed.outlet.close()
        run.finish(result, error)

    def _request_stop(self) -> None:
        self._backend.request_stop()
        if self._state in (RunState.RUNNING, RunState.WAITING):
            self._set_state(RunState.STOPPING, "The run ends after the current turn.")

    def _request_cancel(self) -> None:
        if self._cancelling or self._run is None or self._run.done():
            return
        self._cancelling = True
        self._set_state(RunState.STOPPING, "The run is being cancelled.")
        _keep(asyncio.ensure_future(self._cut(self._run, self._pump)))

    async def _cut(self, run: Run, pump: asyncio.Task[Any] | None) -> None:
        """End a run ever harder: by its token, by cancelling the agents' tasks, by leaving them behind."""
        if pump is None:
            return
        self._backend.request_cancel()
        self._questions.cancel()
        for harder in (self._backend.abandon, pump.cancel, pump.cancel):
            await asyncio.wait([pump], timeout=PATIENCE)
            if pump.done() or run.done():
                return
            harder()

    # --- switches, states, requests --------------------------------------------------------------------------------

    def _source(self) -> dict[str, bool]:
        built = self._backend.streaming
        if self._unchecked == "create":
            return dict(self._on)
        return {path: built[path] or self._on.get(path, False) for path in built}

    def _flip(self, path: str, on: bool) -> None:
        self._on[path] = on
        self._backend.wanted.update(self._source())

        def tell() -> None:
            if self._on[path]:
                self._feed.release(path)
            self._feed.tell_agents()

        self.call(tell)

    def _set_state(self, state: RunState, detail: str) -> None:
        self._state, self._detail = state, detail

        def tell() -> None:
            for watcher in self._feed.watchers:
                watcher.state_changed()

        self.call(tell)

    async def _ask(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        """Ask a person: a cell that waits, a state that says so, and the answer."""
        self._set_state(RunState.WAITING, f"{agent} asks: {prompt}".strip())
        try:
            return await self._questions.ask(path, agent, request_id, prompt)
        finally:
            if not self._questions and self._state is RunState.WAITING:
                self._set_state(RunState.RUNNING, "")


async def _quiet(run: Run) -> None:
    """Wait for the end of a run, whatever it is."""
    try:
        await run
    except (Exception, asyncio.CancelledError):
        if not run.done():
            raise


def _create_task(context: contextvars.Context, work: Any) -> None:
    _keep(context.run(asyncio.ensure_future, work))


def _keep(task: asyncio.Future[Any]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Future[Any]] = set()
"""Runs under way: a loop keeps only weak references to its tasks."""


def _described(error: BaseException) -> tuple[str, str]:
    """What went wrong, for a reader: a text, and the traceback.

    AgentChat flattens an agent's exception into the text of a RuntimeError, traceback included (0.7.5,
    `_base_group_chat.py`); it is taken apart again here.
    """
    text = str(error)
    said, mark, trace = text.partition("\nTraceback:\n")
    if mark and isinstance(error, RuntimeError):
        return said, trace
    trace = "".join(tracebacks.format_exception(type(error), error, error.__traceback__))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__, trace
