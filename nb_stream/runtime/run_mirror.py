"""`RunMirror`: follows the runs of a team in another process, in place of the `RunSupervisor` that would run it here.

The worker's lines become events of this stream's hub in the worker's order, so the transcript here is the worker's. A
run that a caller began here ends when its last line has come; a run that somebody else began is followed in the same
way. What the worker says of switches is set here too, except for a switch that was set here a moment ago, on whose way
to the worker older words may still come.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..backends.remote import RemoteBackend
from ..concurrency import comm_interceptor
from ..concurrency.clock import now
from ..concurrency.event_loops import OwnerLoop, keep_alive, running_loop
from ..core.model import (
    AgentInfo,
    AgentStatus,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    Message,
    Notice,
    RunFinished,
    RunStarted,
    RunState,
    ToolResults,
)
from ..core.typed_json import decoded
from ..errors import NbStreamError, NotRunningError, RemoteError, RemoteRunError, run_under_way
from ..recording.codec import from_line
from ..remote.protocol import begun_chunk, control_of, native_of
from .budget import Spending
from .event_hub import EventHub
from .grants import Grant, GrantScope
from .human_input import Question, consulted, verdict_of
from .run import MessageQueue, Run

ANEW = "The worker was started anew: its team remembers nothing from above."
"""What viewers are told when another worker answers at the address."""

RESTARTED = "The worker was started anew, and this run ended with the old one."
"""The error of a run whose worker is gone."""


@dataclass(eq=False)
class _Following:
    """A run of the worker that is followed: its handle here, the consumer of its messages, and its end."""

    run: Run
    command: str = ""
    queue: MessageQueue | None = None
    messages: list[Any] = field(default_factory=list)
    end: RunFinished | None = None
    began: bool = False
    taken_by: str | None = None  # the epoch of the worker that took the start


class RunMirror:
    """The runs of a remote team and their state. A `TeamStream` owns it. `begin`, `check_free` and `active` may be used
    on any thread, the rest on the stream's loop."""

    saved: dict[str, Any] | None = None

    def __init__(self, backend: RemoteBackend, hub: EventHub, home: OwnerLoop) -> None:
        self.state, self.detail = RunState.IDLE, ""
        self.run: Run | None = None
        self.questions = MirroredQuestions(self._send)
        self.budget: tuple[Spending, ...] = ()
        self._backend, self._hub, self._home = backend, hub, home
        self._connection = backend.connection
        self._current: _Following | None = None
        self._wanted: _Following | None = None  # asked for here, and not begun yet
        self._said, self._worded, self._trouble = (
            RunState.IDLE,
            "",
            "",
        )  # of the worker, and above it
        self._later: list[Callable[[], Awaitable[None]]] = []  # what was wished while no loop ran
        self._anew = False  # whether another worker answered since the connection was lost
        self._ids: dict[str, str] = {}  # by the worker's id of a run, its id here
        self._given: set[str] = set()
        self._native: Mapping[str, Any] | None = None  # of the next event
        self._held_here: dict[str, tuple[bool, int | None]] = {}  # switches set here, with the status that has them
        self._holding = contextlib.ExitStack()
        if running_loop() is not None:
            self._connection.open(self)

    # --- what a stream asks ------------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether a run is under way in the worker, or asked for here."""
        return self._wanted is not None or self._current is not None

    @property
    def abandoned(self) -> Run | None:
        """The run that is under way, if the loop over its `run_stream` was left and the generator is not closed yet."""
        run = self.run
        return run if run is not None and not run.done() and run.abandoned() else None

    def check_free(self, wish: str) -> None:
        """Raises AlreadyRunningError, which names the run, while one is under way."""
        current = self._wanted or self._current
        if current is None:
            return
        infos = [info for info in self._hub.so_far.runs if info.id == current.run.id]
        raise run_under_way(wish, current.run.id, infos[-1].task if infos else "")

    def go_on(self, runs: int, state: dict[str, Any] | None) -> None:
        """Raises ValueError: a remote team has a transcript of its own."""
        raise ValueError("A remote team goes on with its worker's own transcript: load the recording in the worker.")

    def begin(
        self,
        task: Any,
        text: str,
        output_task_messages: bool = True,
        queue: MessageQueue | None = None,
        token: Any = None,
    ) -> Run:
        """Ask the worker to begin a run; returns at once. If the worker refuses, the run ends with its error."""
        self.check_free("start a run")
        self._home.choose()
        command = uuid.uuid4().hex
        run = self.run = Run(command)
        run.loop = self._home.loop
        run.end = lambda at_once: self.cancel(run)
        wanted = self._wanted = _Following(run, command, queue)
        if token is not None:
            token.add_callback(lambda: self._home.call(lambda: self.cancel(run)))
        body = {"type": "start", "output_task_messages": output_task_messages, "command": command, **_packed(task)}
        self._keep(lambda: self._start(wanted, body))
        self._show()
        return run

    async def _start(self, wanted: _Following, body: Mapping[str, Any]) -> None:
        self._holding.enter_context(comm_interceptor.hold())
        try:
            await self.ready()
            have = self._connection.have
            await self._connection.command(body)
            wanted.taken_by = None if have is None else have.epoch
            if self._connection.have is not None and self._connection.have.epoch != wanted.taken_by:
                self._give_up(wanted)
        except (NbStreamError, ValueError) as error:
            if not wanted.began:
                self._hub.notice(str(error))
                self._finish(wanted, error=error)

    def _give_up(self, wanted: _Following) -> None:
        """The worker that took the start is gone, and nothing came of the run."""
        if not wanted.began:
            self._finish(wanted, error=RemoteRunError(RESTARTED))

    async def ready(self) -> None:
        """Connect, and wait until everything has come that the worker had. Raises RemoteError if it refuses."""
        self._connection.open(self)
        await self._connection.ready()
        while self._later:
            await self._later.pop(0)()

    def as_reply(self, task: Any) -> Any:
        """The task itself. The worker makes the answer to a handoff of a text."""
        return task

    def say(self, native: Any, text: str, now: bool) -> None:
        """Tell the team something. The worker keeps the order, and begins a run with it if none is under way."""
        self._send({"type": "say", "text": text, "now": now})

    def stop(self, run: Run) -> None:
        """Let a run end after the current turn."""
        self._send({"type": "stop", "run": self._worker_id(run)})

    def cancel(self, run: Run) -> None:
        """End a run now. If the worker cannot be told, the handle here ends with the error: the run may go on there."""
        wanted = self._wanted

        async def work() -> None:
            try:
                if wanted is not None and wanted.run is run:
                    await self._begun(wanted)
                if not run.done():
                    await self._connection.command({"type": "cancel", "run": self._worker_id(run)})
            except NbStreamError as error:
                run.finish(error=RemoteError(f"The run could not be cancelled, and may go on in the worker. {error}"))

        self._keep(work)

    async def _begun(self, wanted: _Following) -> None:
        while not wanted.began and not wanted.run.done():
            await asyncio.sleep(0.01)

    async def reset(self) -> None:
        """Let the team forget the conversation. The worker says so in the transcript."""
        await self.ready()
        await self._backend.reset()

    async def rewind(self, run: str, to_end: bool) -> None:
        """Set the team to how it was before a run, or at its end."""
        await self.ready()
        theirs = next((theirs for theirs, here in self._ids.items() if here == run), run)
        await self._connection.command({"type": "rewind", "run": theirs, "to_end": to_end})

    def task_of(self, run: str) -> Any:
        """None: the worker knows its tasks."""
        return None

    async def save_state(self) -> dict[str, Any]:
        """The team's own state."""
        await self.ready()
        return await self._backend.save_state()

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a state of the team."""
        await self.ready()
        await self._backend.load_state(state)

    # --- what the connection brings (remote.connection.Viewer) -------------------------------------------------------

    def begins(self, again: bool) -> None:
        """A worker's journal begins. If another worker was there before, its run is over."""
        self._ids.clear()
        self._native = None
        if again:
            self._held_here.clear()
            self.questions.update(())
            if self._current is not None:
                self._event(RunFinished(self._current.run.id, now(), CellStatus.FAILED, None, RESTARTED))
                self._settle()
            self._anew = True
            self._hub.event(Notice(now(), ANEW))
            if self._wanted is not None and self._wanted.taken_by is not None:
                self._give_up(self._wanted)

    def lines(self, lines: list[bytes], fresh: bool) -> None:
        """The next lines of the journal."""
        self._hub.quiet = not fresh
        try:
            for line in lines:
                control = control_of(line)
                if control is not None:
                    self._control(control)
                    continue
                for event in from_line(line):
                    self._event(event)
        finally:
            self._hub.quiet = False

    def status(self, version: int, changed: Mapping[str, Any]) -> None:
        """Take what the worker says of the present."""
        if "framework" in changed:
            self._backend.speaks(str(changed["framework"]))
        if "agents" in changed:
            self._agents(changed["agents"])
        if "on" in changed:
            for path, is_on in changed["on"].items():
                mine = self._held_here.get(path)
                if mine is not None and (mine[1] is None or mine[1] > version):
                    continue
                self._held_here.pop(path, None)
                if path in self._hub.gate and self._hub.gate.is_open(path) != is_on:
                    self._hub.gate.set(path, is_on)
        if "statuses" in changed:
            self._hub.status = {path: AgentStatus(word) for path, word in changed["statuses"].items()}
        if "notes" in changed:
            self._backend.notes = dict(changed["notes"])
        if "models" in changed:
            self._hub.models = dict(changed["models"])
        if "held" in changed:
            self._backend.held = dict(changed["held"])
        if changed.keys() & {"agents", "on", "statuses", "notes", "models", "held"}:
            self._hub.gates_changed()
        if "state" in changed:
            self._said, self._worded = RunState(changed["state"][0]), str(changed["state"][1])
        if "questions" in changed:
            self.questions.update(tuple(decoded(Question, row) for row in changed["questions"]))
        if "budget" in changed:
            self.budget = tuple(decoded(Spending, row) for row in changed["budget"])
            self._hub.tell_agents()
        if "grants" in changed:
            self.questions.grants = tuple(Grant(*row) for row in changed["grants"])
            self._hub.tell_agents()
        self._settle()
        self._show()

    def connected(self) -> None:
        """The connection stands."""
        if self._trouble:
            self._hub.notice(ANEW if self._anew else "Connected to the worker again.")
        self._trouble, self._anew = "", False
        self._show()

    def lost(self, sentence: str) -> None:
        """The connection broke."""
        if not self._trouble:
            self._hub.notice(f"The connection to the worker is lost. {sentence}")
        self._trouble = f"Not connected, trying again. {sentence}"
        self._show()

    # --- lines -------------------------------------------------------------------------------------------------------

    def _control(self, values: Mapping[str, Any]) -> None:
        if values["event"] == "native":
            self._native = values
        elif values["event"] == "begun":
            self._hub.begin_call(begun_chunk(values))
        elif values["event"] == "rewound":
            self._hub.rewind()
        elif self._wanted is not None and self._wanted.command == values["command"]:
            self._wanted.run.id = str(values["run"])

    def _event(self, event: Event) -> None:
        if isinstance(event, Chunk):  # it may come between a message and its native: it is the text that was held
            made = self._backend.reader.chunk(event) if self._hub.queue is not None else event
            self._hub.chunk(made, event)
            return
        native, self._native = self._native, None
        if isinstance(event, RunStarted):
            event = self._begin(event)
        elif isinstance(event, RunFinished) and self._current is not None:
            event = self._current.end = replace(event, run=self._current.run.id)
        path = getattr(event, "path", "")
        self._hub.event(event, path if path in self._hub.gate else "")
        if native is not None and self._current is not None and isinstance(event, (Message, ToolResults, CodeResult)):
            text = event.text if isinstance(event, Message) else ""
            message = self._backend.reader.message(event, native_of(native, text))
            self._current.messages.append(message)
            if self._current.queue is not None:
                self._current.queue.put(message)

    def _begin(self, event: RunStarted) -> RunStarted:
        """A run begins in the worker. It is the one that was asked for here if the worker has said so."""
        mine = self._wanted if self._wanted is not None and self._wanted.run.id == event.run else None
        name, number = event.run, 2
        while name in self._given:  # a worker that was started anew counts from the beginning
            name, number = f"{event.run}.{number}", number + 1
        self._given.add(name)
        self._ids[event.run] = name
        current = self._current = mine or _Following(Run(name))
        if mine is not None:
            self._wanted = None
        else:
            self.run = current.run
            current.run.end = lambda at_once: self.cancel(current.run)
        current.run.id, current.began, current.run.loop = name, True, self._home.loop
        self._hub.begin(current.queue)
        return replace(event, run=name)

    def _settle(self) -> None:
        """End the handle of a run when its last line has come and the worker is free again."""
        current = self._current
        if current is None or current.end is None:
            return
        self._current = None
        self._hub.end()
        end = current.end
        if end.status is CellStatus.DONE:
            self._finish(current, self._backend.reader.result(current.messages, end.stop_reason))
        elif end.status is CellStatus.CANCELLED:
            self._finish(current, error=asyncio.CancelledError())
        else:
            self._finish(current, error=RemoteRunError(end.error, end.traceback))

    def _finish(self, following: _Following, result: Any = None, error: BaseException | None = None) -> None:
        if self._wanted is following:
            self._wanted = None
        if following.queue is not None:
            if error is None and result is not None:
                following.queue.put(result)
            following.queue.close()
            self._hub.queue = None
        self._holding.close()
        self._show()
        following.run.finish(result, error)

    def _worker_id(self, run: Run) -> str:
        return next((theirs for theirs, here in self._ids.items() if here == run.id), run.id)

    # --- status ------------------------------------------------------------------------------------------------------

    def _agents(self, rows: Any) -> None:
        agents = tuple(decoded(AgentInfo, row) for row in rows)
        for agent in agents:
            self._hub.gate.meet(agent.path, agent.can_stream)
        self._backend.agents = agents
        self._hub.meet_all(agents)

    def _show(self) -> None:
        """Work out the state from what the worker says, what is asked here, and whether the connection stands."""
        state, detail = self._said, self._worded
        if self._wanted is not None and not state.active:
            state, detail = RunState.RUNNING, ""
        detail = self._trouble or detail
        if (state, detail) != (self.state, self.detail):
            self.state, self.detail = state, detail
            self._home.call(self._hub.tell_state)

    def switched(self, path: str, is_on: bool) -> None:
        """A switch was set here, where it acts at once; tell the worker, whose word counts."""
        self._held_here[path] = is_on, None

        async def tell() -> None:
            try:
                await self.ready()
                answer = await self._connection.command({"type": "toggle", "path": path, "on": is_on})
            except (NbStreamError, ValueError) as error:
                self._held_here.pop(path, None)
                self._hub.notice(f"The switch of {path} was not set in the worker. {error}")
                return
            if self._held_here.get(path) == (is_on, None):
                self._held_here[path] = is_on, int(answer.get("version", 0))

        self._keep(tell)

    def _send(self, command: Mapping[str, Any]) -> None:
        """Send a command, and tell the reader if it is refused."""

        async def work() -> None:
            try:
                await self.ready()
                await self._connection.command(command)
            except (NbStreamError, ValueError) as error:
                self._hub.notice(str(error))

        self._keep(work)

    def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Let something happen on the loop. In a script no loop runs between two calls: then with the next call."""

        def begin() -> None:
            if running_loop() is None:
                self._later.append(work)
            else:
                keep_alive(asyncio.ensure_future(work()))

        self._home.call(begin)


class MirroredQuestions:
    """The open questions of a remote team. `send` sends a command."""

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self.grants: tuple[Grant, ...] = ()
        self._open: dict[str, Question] = {}
        self._hooks: list[Callable[[Question], Any]] = []

    @property
    def listed(self) -> tuple[Question, ...]:
        """The open questions, the oldest first."""
        return tuple(self._open.values())

    def update(self, questions: tuple[Question, ...]) -> None:
        """Take the worker's list, and ask the callbacks about those that are new."""
        fresh = [question for question in questions if question.request_id not in self._open]
        self._open = {question.request_id: question for question in questions}
        for question in fresh:
            for hook in list(self._hooks):
                keep_alive(asyncio.ensure_future(self._consult(hook, question)))

    async def _consult(self, hook: Callable[[Question], Any], question: Question) -> None:
        answer = await consulted(hook, question)
        if answer is not None and question.request_id in self._open:
            self.answer(question.request_id, answer)

    def on_question(self, callback: Callable[[Question], Any]) -> Callable[[], None]:
        """Call `callback(question)` for each new question. Returns a function that removes the callback. Any thread."""
        if not callable(callback):
            raise TypeError(f"A callback is a function of one argument, not {type(callback).__name__}.")
        self._hooks.append(callback)
        return lambda: self._hooks.remove(callback) if callback in self._hooks else None

    def answer(self, request_id: str, text: str | bool, reason: str = "", always: GrantScope | None = None) -> None:
        """Answer a question. If somebody else was quicker, or if the tool cannot run with changed arguments, the reader
        is told. Raises NotRunningError if it is not open here, and ValueError if `text` cannot be the answer."""
        question = self._known(request_id)
        if question.kind is CellKind.APPROVAL:
            text = str(verdict_of(text, reason))
        elif not isinstance(text, str):
            raise ValueError(f"The answer to a request for input is a text, not {text!r}.")
        self._send({"type": "answer", "request_id": request_id, "text": text, "always": always})

    def revoke(self, path: str, tool: str) -> None:
        """Ask about an agent's calls of a tool again. Raises ValueError if they were not granted."""
        if not any((grant.path, grant.tool) == (path, tool) for grant in self.grants):
            raise ValueError(f"The calls of {tool!r} by {path!r} were not approved in advance.")
        self._send({"type": "revoke", "path": path, "tool": tool})

    def dismiss(self, request_id: str) -> None:
        """End a question without an answer. Raises NotRunningError if it is not open."""
        self._known(request_id)
        self._send({"type": "dismiss", "request_id": request_id})

    def _known(self, request_id: str) -> Question:
        question = self._open.get(request_id)
        if question is None:
            raise NotRunningError("This question is not open any more: it was answered, or its run ended.")
        return question


def _packed(task: Any) -> dict[str, Any]:
    """A task as members of a command. Raises TypeError for what cannot be sent."""
    if task is None or isinstance(task, str):
        return {"task": task}
    messages = task if isinstance(task, (list, tuple)) else [task]
    if not all(hasattr(message, "dump") for message in messages):
        raise TypeError(f"A task for a remote team is a text, a message or a list of messages, not {task!r}.")
    return {"task": None, "messages": [dict(message.dump()) for message in messages]}
