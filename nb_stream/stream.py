"""`TeamStream`: runs a team, keeps its transcript, and lets every agent's tokens be switched at any moment.

It needs no widget and no notebook. `TeamPanel` is a face over it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
import weakref
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from .backends.base import Ability, Backend
from .backends.registry import open_backend
from .backends.stand_in import StandIn
from .concurrency import event_loops, interrupts
from .concurrency.clock import now
from .core.metrics import Prices, checked
from .core.model import AgentInfo, AgentStatus, Event, Notice, RunState, Token
from .core.transcript import Transcript
from .errors import EmptyTaskError, NoTeamError
from .export import export
from .recording.codec import header
from .recording.reader import Recording
from .recording.redaction import Redact
from .recording.replay import Replay
from .runtime.callbacks import name_of
from .runtime.event_hub import EventHub, Watcher
from .runtime.human_input import Question
from .runtime.options import names_options
from .runtime.run import MessageQueue, Run, is_within
from .runtime.supervisor import RunSupervisor
from .runtime.switches import Switches, resolve
from .runtime.token_gate import StreamingOption, TokenGate

if TYPE_CHECKING:
    from typing_extensions import Self


class TeamStream(StandIn):
    """Runs an AgentChat team, a single agent, or what a zero-argument factory returns.

    `run` and `run_stream` take what AgentChat's `TaskRunner` takes and give what it gives. So a TeamStream can stand
    wherever AgentChat takes a team: it can be printed by `Console`, take part in a team, or stand in a
    `SocietyOfMindAgent`, an `AgentTool` or a `TeamTool`; an outer stream finds the agents inside it. (`Swarm`,
    `GraphFlow` and `MagenticOneGroupChat` take agents alone.) Its options:

    - `streaming`: which agents begin with their switch on. `"built"`: those that were built to stream. `True`: all that
      can stream; `False`: none. Or names and paths (`["writer", "research/critic"]`): these and no others. Or a mapping
      (`{"critic": False}`): as it says, and all that it does not mention.
    - `unchecked`: `"hold"` keeps the model call of an agent as it was built, and holds its tokens back while its switch
      is off; `"create"` lets such an agent call `create()` from its next turn.
    - `approve_code`: True lets every CodeExecutorAgent without an approval function ask before it runs code.
    - `input_timeout`: seconds after which a request for input is answered with `input_default`, and an approval is
      refused; None waits for ever. A person is asked in the stream (see `questions`).
    - `input_default`: the answer of a person who does not answer in time.
    - `record`: a file that is written as the runs go; `Replay` plays it.
    - `redact`: a function that may rewrite each text before it is recorded.
    - `view`: `"terminal"` prints what is said.
    - `prices`: for each model, the USD for a million prompt and completion tokens (`{"gpt-4o": (2.5, 10.0)}`). Then
      messages and runs have a cost.

    A call of an agent beside the run, or by a tool within it, belongs to its caller alone. Agents of the same name are
    told apart by their paths. A single agent goes on if nobody reads its `run_stream`, as a team does: leaving the loop
    cancels it, but a tool may have begun. After a failure or a cancel the next run works, with the history.

    A recording holds no secret of the environment, wherever it was said: no value of a variable with KEY, TOKEN,
    SECRET, PASSWORD or CREDENTIAL in its name that looks like a secret (12 characters and more; no address, path or
    number). A saved state is the team's own, and a bare team takes it up. Beside it stands what AutoGen 0.7.5 leaves
    out: the way through the loops of a GraphFlow, and what agents know that are filtered, run code, hold a team or are
    tools of others. It has not how far a termination condition has counted, and who speaks in the middle of a run.

    Raises NotATeamError for anything that is no team, BackendError if its framework is missing, RecordingError if the
    file of `record`
    cannot be written; ValueError, UnknownAgentError and CannotStreamError for a value that an option does not take.
    """

    @names_options
    def __init__(
        self,
        team: Any,
        *,
        streaming: StreamingOption = "built",
        unchecked: str = "hold",
        approve_code: bool = False,
        input_timeout: float | None = None,
        input_default: str = "",
        record: str | os.PathLike[str] | None = None,
        redact: Redact | None = None,
        view: str | None = None,
        prices: Prices | None = None,
    ) -> None:
        if unchecked not in ("hold", "create"):
            raise ValueError(f'unchecked is "hold" or "create", not {unchecked!r}.')
        if view not in (None, "terminal"):
            raise ValueError(f'view is "terminal" or None, not {view!r}.')
        if input_timeout is not None and input_timeout <= 0:
            raise ValueError(f"input_timeout is a number of seconds above 0, or None, not {input_timeout!r}.")
        self._unchecked = unchecked
        self._backend: Backend = open_backend(team, approve_code=approve_code)
        self._backend.may_create = unchecked == "create"
        agents, built = self._backend.agents, self._backend.streaming
        self._gate = TokenGate(agents, built, streaming, may_create=self._backend.may_create)
        self._backend.wanted = self._gate.wanted
        self._feed = EventHub(agents, self._gate, self._backend.joined)
        self._switches = Switches(lambda: self._feed.agents, self._gate.is_open, self._set_switch)
        self._home = event_loops.OwnerLoop()
        self._runner = RunSupervisor(self._backend, self._feed, self._home, input_timeout, input_default)
        self._feed.prices, self._feed.models = checked(prices or {}), self._backend.models
        self._head = header(self.agents, built, time.time())
        if record is not None:
            self._feed.tape.record(record, self._head, redact=redact, complain=self._complain)
        self._replay = team if isinstance(team, Replay) else None
        if self._replay is not None:
            self._replay.on_change(lambda: self.call(self._feed.tell_state))
        if view is not None:
            from .terminal.view import terminal_view

            self.watch(terminal_view(self))

    @classmethod
    @functools.partial(names_options, of=__init__)
    def load(cls, path: str | os.PathLike[str], team: Any = None, **options: Any) -> Self:
        """A stream that begins with what a recording holds (`save`, `record`): its transcript, which `save` writes
        again. With a `team` the next run goes on from there; if the recording was saved with the team's state, the
        team takes it up first. Without a team there is nothing to run: that raises NoTeamError.

        Raises RecordingError where the file is missing or no recording; warns with RecordingWarning where it is broken,
        and has what stands before. `options` are those of the class.
        """
        recording = Recording(path)
        stream = cls(recording if team is None else team, **options)
        transcript, events = recording.ended()
        stream._feed.restore(transcript, events)
        stream._runner.go_on(len(transcript.runs), None if team is None else recording.state)
        if team is None:
            stream._head = header(recording.agents, recording.streaming, recording.created or time.time())
        return stream

    # --- what there is to see --------------------------------------------------------------------------------------

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents of the team and of the teams and agents inside it."""
        return self._feed.agents

    @property
    def has_team(self) -> bool:
        """Whether there is somebody to run: not where `load` was given no team."""
        return self._backend.has_team

    @property
    def team(self) -> Any:
        """The team or agent itself. Raises NoTeamError for a recording."""
        if self._backend.root is None:
            raise NoTeamError("There is no team behind a recording. Pass a team: TeamStream(team).")
        return self._backend.root

    @property
    def switches(self) -> Switches:
        """Whether each agent's tokens are shown; writing acts at once. Any thread may write."""
        return self._switches

    @property
    def gate(self) -> TokenGate:
        """What decides whether the tokens of an agent pass: everybody who shows some asks it. Any thread may."""
        return self._gate

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far, text under closed gates included. Any thread may read it at any time; it
        waits for nobody."""
        return self._feed.transcript if self._home.here else self._feed.so_far

    @property
    def state(self) -> RunState:
        """The state of the current or the last run."""
        return self._runner.state

    @property
    def detail(self) -> str:
        """A sentence to go with the state: why the run ended, or what it waits for."""
        return self._runner.detail

    @property
    def replay(self) -> Replay | None:
        """The recording that is played, None where a team runs."""
        return self._replay

    @property
    def statuses(self) -> dict[str, AgentStatus]:
        """What each agent is doing, by path; agents that had no turn yet are missing."""
        return dict(self._feed.status)

    @property
    def models(self) -> dict[str, str]:
        """What the model of each agent is called, by path; agents are missing where nobody knows."""
        return dict(self._feed.models)

    @property
    def limits(self) -> tuple[str, ...]:
        """Sentences on what the team's framework has no way to do, of what a display has controls for."""
        cannot = self._backend.cannot if self.has_team else {}
        return tuple(cannot[ability] for ability in (Ability.STOP, Ability.RESET) if ability in cannot)

    def note(self, path: str) -> str:
        """A sentence on what the switch of an agent does, and from when, or why it cannot."""
        agent = resolve(self.agents, path)
        if not agent.can_stream:
            return agent.reason
        if agent.path in self._backend.unable and self._gate.is_open(agent.path):
            return self._backend.unable[agent.path]
        if self._replay is not None and self._gate.is_open(agent.path):
            return "Streams as it was recorded."
        return self._gate.word(agent.path)

    # --- callbacks -------------------------------------------------------------------------------------------------

    def on_token(
        self, callback: Callable[[Token], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(token)` for each piece of text that passes an agent's gate; what was held comes as one
        token when the gate opens. `agents` narrows to names or paths. Returns what removes the callback; it may be
        called more than once.

        The agents that the callback is for stream from their next turn (without `agents`: all that can, also those
        that are found later), unless their switch was or is set off by hand. When the last such callback is removed,
        they do as they did without, from their next turn. An agent that cannot stream is named in a notice.

        A plain function is called on the stream's loop, and goes on in a thread once it is slow; a coroutine function
        gets its tokens one after the other. What a callback raises is told once and harms nobody. Any thread may
        register and remove one, also during a run.
        """
        paths = self._paths(agents)
        remove_callback = self._feed.tokens.add(callback, paths)
        remove_wish = self._gate.listen(paths)
        self.call(self._feed.gates_changed)
        for agent in self.agents:
            if paths is not None and agent.path in paths and not agent.can_stream:
                self._complain(f"{agent.path!r} has no tokens for the callback {name_of(callback)}. {agent.reason}")

        def remove() -> None:
            remove_callback()
            remove_wish()
            self.call(self._feed.gates_changed)

        return remove

    def on_event(
        self, callback: Callable[[Event], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(event)` for each event of a run; chunks follow the gate, and no agent streams for this alone.
        Returns what removes it."""
        return self._feed.events.add(callback, self._paths(agents))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Let a display follow the stream; returns what removes it. Any thread may call both; they act on the loop."""
        gone = False

        def leave() -> None:
            nonlocal gone
            gone = True
            self.call(lambda: self._feed.leave(watcher))

        self.call(lambda: None if gone else self._feed.watch(watcher))  # it may be removed before the loop comes to it
        return leave

    def drain(self) -> None:
        """Bring the transcript up to date with the text that is waiting. On the stream's loop."""
        self._feed.drain()

    def _paths(self, agents: Collection[str] | str | None) -> Collection[str] | None:
        if agents is None:
            return None
        names = [agents] if isinstance(agents, str) else agents
        return frozenset(resolve(self.agents, name).path for name in names)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        state: Mapping[str, Any] | None = None,
        redact: Redact | None = None,
    ) -> None:
        """Write everything that was heard so far as a recording, with the time of every chunk; `.gz` compresses it.
        With `state=await stream.save_state()` it holds the team's own state too, and `load(path, team)` goes on with
        the conversation. `redact` may rewrite each text, those of the state included. The file that `record` writes may
        be saved, too, and goes on.

        Raises RecordingError where the file cannot be written, or where nothing was heard yet.
        """
        head = self._head if state is None else {**self._head, "state": dict(state)}
        self._feed.tape.save(path, head, redact=redact)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the transcript; the suffix says as what (`nb_stream.export`)."""
        export(self.transcript, path)

    def _complain(self, sentence: str) -> None:
        self.call(lambda: self._feed.complain(sentence))

    # --- running ---------------------------------------------------------------------------------------------------

    def start(self, task: Any = None, *, output_task_messages: bool = True) -> Run:
        """Begin a run in the background and return its handle at once. Any thread may call it once the stream has a
        running loop. Where the last run ended with a handoff to somebody outside the team, a text is their answer.

        Raises AlreadyRunningError while a run is under way here or elsewhere, EmptyTaskError for a task without text,
        LoopError where no event loop runs.
        """
        text = self._backend.task_text(task)
        return self._runner.begin(self.as_reply(task), text, output_task_messages)

    async def run(self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True) -> Any:
        """Run the team and return its `TaskResult` or raise what it raises. Cancelling the wait cancels the run."""
        await self._freed()
        return await self._awaited(
            self._runner.begin(task, self._text(task), output_task_messages, token=cancellation_token)
        )

    def run_stream(
        self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        """Run the team and yield what it yields, the `TaskResult` last; chunks follow the gates.

        Leaving the loop early cancels the run. Python closes a generator that nobody holds only a moment later: `run`,
        `run_stream`, `run_sync`, `reset` and `load_state` see the run end first. Before `start`, and where something
        holds the generator still, close it: best by `contextlib.aclosing`.
        """
        messages = self._messages(task, output_task_messages, cancellation_token, lambda: consumer() is None)
        consumer = weakref.ref(messages)
        return messages

    async def _messages(
        self, task: Any, output_task_messages: bool, token: Any, left: Callable[[], bool]
    ) -> AsyncGenerator[Any, None]:
        await self._freed()
        outlet = MessageQueue()
        run = self._runner.begin(task, self._text(task), output_task_messages, outlet, token)
        run.left = left
        async with run.waited_for() as wait:
            try:
                async for message in outlet:
                    wait.away = True
                    yield message
                    wait.away = False
                await run
            finally:
                await self._end(run)

    def run_sync(self, task: Any = None, *, output_task_messages: bool = True) -> Any:
        """Run the team, wait for its end without `await`, and return its `TaskResult`.

        Works in a notebook cell too: there the running loop is patched by nest_asyncio2, from the first call on.
        Raises what `start` raises, and LoopError where the loop cannot be patched.
        """

        async def work() -> Any:
            wait.stand_for_task()
            await self._freed()
            return await self._awaited(self.start(task, output_task_messages=output_task_messages))

        self.check_task(task)
        if self._runner.left is None:
            self._runner.check_free("start a run")  # what cannot begin is refused before anything is patched
        with interrupts.caught_blocking() as wait:
            return event_loops.run_sync(work, self._home, self.cancel)

    async def stop(self) -> None:
        """End the run after the current turn, and wait for its end: a question that the turn waits for is dismissed.
        A tool or a callback of the run itself does not wait. Does nothing where no run is under way."""
        run = self._runner.run
        if run is not None and not run.done():
            self._backend.check_able(Ability.STOP)
            self.call(lambda: self._runner.stop(run))
            if not is_within(run):
                async with run.waited_for():
                    await run.settled()

    async def cancel(self) -> None:
        """End the run now, and wait for its end. The team stays usable, with its history; text that was being written
        stays in the transcript, marked. Does nothing where no run is under way."""
        run = self._runner.run
        if run is not None and not run.done():
            await self._cancel(run)

    async def reset(self) -> None:
        """Let the team forget the conversation. The transcript stays and says so.

        Raises AlreadyRunningError while a run is under way.
        """
        await self._freed()
        await self._home.do(self._reset)

    async def pause(self) -> None:
        """Pause the team's agents, as its own `pause` does. Most agents take no notice."""
        await self._backend.pause()

    async def resume(self) -> None:
        """Let the team's agents go on after `pause`."""
        await self._backend.resume()

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, without a trace of streaming. Bare teams take it up, too."""
        return await self._home.do(self._save_state)

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a state of the team. Raises AlreadyRunningError while a run is under way, StateError for what is no
        state of this team."""
        await self._freed()
        await self._home.do(lambda: self._load_state(state))

    def as_reply(self, task: Any) -> Any:
        """The task as `start` takes it: where the last run ended with a handoff to somebody outside the team, a text
        is their answer."""
        return self._runner.as_reply(task)

    def check_task(self, task: Any) -> None:
        """Raises EmptyTaskError for a text or a list without content, which a bare team would take."""
        self._backend.task_text(task)

    def _text(self, task: Any) -> str:
        """The task for a reader. What a team makes of a task without text is its own affair."""
        try:
            return self._backend.task_text(task)
        except EmptyTaskError:
            return ""

    async def _awaited(self, run: Run) -> Any:
        try:
            return await run
        except asyncio.CancelledError:
            await self._end(run)
            raise

    async def _cancel(self, run: Run) -> None:
        self.call(lambda: self._runner.cancel(run))
        await run.settled()

    async def _freed(self) -> None:
        """See the end of a run whose `run_stream` was left; it takes as long as a cancel."""
        run = self._runner.left
        if run is not None and not is_within(run):
            await asyncio.wait([asyncio.ensure_future(self._cancel(run))], timeout=event_loops.RUN_END_TIMEOUT_S)

    async def _end(self, run: Run) -> None:
        """Cancel a run that nobody waits for any more, and see it end, also where this is cancelled itself: it is
        brief, and who waits must find the team free afterwards."""
        if not run.done():
            await event_loops.outlast([self._cancel(run)])

    async def _save_state(self) -> dict[str, Any]:
        await self._runner.ready()
        return await self._backend.save_state()

    async def _load_state(self, state: dict[str, Any]) -> None:
        with self._runner.aside("load a state"):
            self._runner.saved = None
            await self._runner.ready()
            await self._backend.load_state(state)
            await self._runner.changed()

    async def _reset(self) -> None:
        with self._runner.aside("reset"):
            self._runner.saved = None
            await self._runner.ready()
            await self._backend.reset()
            await self._runner.changed()
        self._feed.event(Notice(now(), "The team was reset: its agents remember nothing from above."))

    # --- questions -------------------------------------------------------------------------------------------------

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that wait for a person: requests for input, approvals, and a handoff to somebody outside the
        team. Each stands in a waiting cell, too."""
        return self._runner.questions.listed

    def answer(self, request_id: str, text: str | bool, reason: str = "") -> None:
        """Answer a question; an approval with "approve" or "reject" (True, False), and perhaps a reason. The answer
        to a handoff starts the run that goes on with it. Any thread may call it.

        Raises NotRunningError where the question is not open, ValueError for what is no answer to it.
        """
        self._runner.questions.answer(request_id, text, reason)

    def dismiss(self, request_id: str) -> None:
        """End a question without an answer: the input is empty, the approval refused. Any thread may call it. Raises
        NotRunningError where it is not open."""
        self._runner.questions.dismiss(request_id)

    def on_question(self, callback: Callable[[Question], Any]) -> Callable[[], None]:
        """Call `callback(question)` for each question; what it returns, unless None, is the answer. A plain function
        is called in a thread of its own, so that it may wait: `stream.on_question(lambda q: input(q.text))`. What it
        raises is told in the transcript, and the question stays open. Returns what removes it."""
        return self._runner.questions.on_question(callback)

    # --- the loop --------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Run | None:
        """The handle of the current or the last run."""
        return self._runner.run

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the stream lives on: that of its first run, or the one that ran when it was made."""
        return self._home.loop

    def call(self, function: Callable[[], object]) -> None:
        """Call on the stream's loop: now where we are on it (or it does not run), soon otherwise. Any thread."""
        self._home.call(function)

    # --- switches --------------------------------------------------------------------------------------------------

    def _set_switch(self, path: str, on: bool) -> None:
        self._gate.set(path, on)
        self.call(self._feed.gates_changed)
