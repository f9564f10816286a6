"""`TeamStream`: runs a team, keeps its transcript, and lets every agent's tokens be switched at any moment.

It needs no widget and no notebook. `TeamPanel` shows one in a notebook. The class is thin: the backend runs the team,
the supervisor owns the run, the event hub keeps what was said, and the token gate decides whose tokens pass.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .backends.base import Ability, Backend
from .backends.registry import open_backend
from .backends.remote import RemoteBackend
from .backends.stand_in import StandIn
from .concurrency import event_loops, interrupts
from .core.metrics import Prices, checked
from .core.model import AgentInfo, AgentStatus, Event, RunInfo, RunState, Token
from .core.transcript import Branch, Transcript
from .errors import EmptyTaskError, NoTeamError, RecordingWarning
from .export import export, export_interactive
from .recording.codec import header
from .recording.reader import Recording
from .recording.redaction import Redact
from .recording.replay import Replay
from .runtime.budget import Budget, Spending
from .runtime.callbacks import name_of
from .runtime.event_hub import EventHub, EventListener, Watcher
from .runtime.grants import Grant, GrantScope
from .runtime.human_input import Question
from .runtime.options import names_options
from .runtime.run import MessageQueue, Run, is_within
from .runtime.run_mirror import RunMirror
from .runtime.supervisor import RunSupervisor
from .runtime.switches import Switches, resolve
from .runtime.token_gate import StreamingOption, TokenGate

if TYPE_CHECKING:
    from typing_extensions import Self


KEEP_STATES = 50
"""How many states of a team are kept if a stream is not told otherwise."""


class TeamStream(StandIn):
    """Runs an AgentChat team, a single agent, or the team that a function without arguments returns. It follows a team
    in another process if it is given a `Remote`, which says what differs.

    `run` and `run_stream` take and give the same as `TaskRunner` of AgentChat 0.7.5 (`base/_task.py`). So a TeamStream
    can stand wherever AgentChat takes a team: `Console` prints it, and it can be a participant of a team or stand in a
    `SocietyOfMindAgent`, an `AgentTool` or a `TeamTool`. A stream around it finds the agents inside it. (`Swarm`,
    `GraphFlow` and `MagenticOneGroupChat` take no teams as participants.) Its options:

    - `streaming`: which agents begin with their switch on. `"built"`: those that were built to stream. `True`: all that
      can stream. `False`: none. Names and paths (`["writer", "research/critic"]`): these and no others. A mapping
      (`{"critic": False}`): as it says, and all agents that it does not mention.
    - `unchecked`: what an agent does while its switch is off. `"hold"`: its model is called as the agent was built, and
      its tokens are held back. `"create"`: it calls `create()` from its next turn.
    - `approve_code`: if True, every CodeExecutorAgent without an approval function asks before it runs code.
    - `input_timeout`: seconds after which a request for input is answered with `input_default`, and an approval is
      refused. None waits for ever. `questions` lists the open questions.
    - `input_default`: the text that answers a request for input after `input_timeout`.
    - `record`: the path of a recording that is written during the runs. `Replay` plays it.
    - `redact`: a function that may rewrite each text before it is recorded.
    - `record_context`: if True, recordings also hold what the model saw for each message (`transcript.context`).
    - `view`: `"terminal"` prints the transcript as it grows.
    - `prices`: for each model, the USD for a million prompt and a million completion tokens
      (`{"gpt-4o": (2.5, 10.0)}`). With prices, messages and runs have a cost.

    - `limit_tokens`, `limit_usd`, `limit_seconds`: what each run may use. The run ends after the turn that reaches a
      limit, and in mid-turn at 120 % of it; its `stop_reason` says so. Prompt and completion tokens count, also those
      of model calls that no message tells of. The time in which a person is waited for does not count. `budget` tells
      how much is used. If a server counts no tokens, they are estimated. `limit_usd` needs `prices`.

    - `keep_states`: how many states of the team are kept, so that `rewind` can go back to them. One is kept before each
      run, as its difference from the last one. With 0, the team is never asked for its state.

    If other code calls an agent of the team during a run, or a tool calls one, the stream does not show that call.
    Paths tell apart agents that have the same name. A single agent runs ahead of a slow reader of `run_stream`, as a
    team does: leaving the loop cancels it, but a tool may have begun. After a failure or a cancel the next run works,
    and the history is kept.

    A recording holds no secret of the environment, whoever said it. A secret is the value of a variable with KEY,
    TOKEN, SECRET, PASSWORD or CREDENTIAL in its name, if it has at least 12 characters and is no address, path or
    number.

    A saved state is the team's own state, which a bare team can load. It has more members for state that AutoGen 0.7.5
    leaves out: the way through the loops of a GraphFlow, and the memory of agents that are filtered, run code, hold a
    team or are tools of others. It does not contain the counts of termination conditions, nor, in the middle of a run,
    the next speaker.

    Raises NotATeamError for anything that is no team, BackendError if the framework is missing, and RecordingError if
    the file of `record` cannot be written. Raises ValueError, UnknownAgentError or CannotStreamError for a value that
    an option does not take.
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
        record_context: bool = False,
        view: str | None = None,
        prices: Prices | None = None,
        limit_tokens: float | None = None,
        limit_usd: float | None = None,
        limit_seconds: float | None = None,
        keep_states: int = KEEP_STATES,
    ) -> None:
        if isinstance(keep_states, bool) or not isinstance(keep_states, int) or keep_states < 0:
            raise ValueError(f"keep_states is a number of states, or 0 for none, not {keep_states!r}.")
        if unchecked not in ("hold", "create"):
            raise ValueError(f'unchecked is "hold" or "create", not {unchecked!r}.')
        if view not in (None, "terminal"):
            raise ValueError(f'view is "terminal" or None, not {view!r}.')
        if input_timeout is not None and input_timeout <= 0:
            raise ValueError(f"input_timeout is a number of seconds above 0, or None, not {input_timeout!r}.")
        budget = Budget(limit_tokens, limit_usd, limit_seconds, checked(prices or {}))
        self._unchecked = unchecked
        self._backend: Backend = open_backend(team, approve_code=approve_code)
        self._backend.may_create = unchecked == "create"
        agents, built = self._backend.agents, self._backend.streaming
        self._gate = TokenGate(agents, built, streaming, may_create=self._backend.may_create)
        self._backend.wanted = self._gate.wanted
        self._hub = EventHub(agents, self._gate, self._backend.joined)
        self._switches = Switches(lambda: self._hub.agents, self._gate.is_open, self._set_switch)
        self._home = event_loops.OwnerLoop()
        self._supervisor: RunSupervisor | RunMirror
        if isinstance(self._backend, RemoteBackend):
            _refuse_for_remote(streaming, unchecked, approve_code, input_timeout, input_default, bool(budget))
            self._supervisor = RunMirror(self._backend, self._hub, self._home)
        else:
            self._supervisor = RunSupervisor(
                self._backend, self._hub, self._home, input_timeout, input_default, budget, keep_states
            )
        self._hub.prices, self._hub.models = checked(prices or {}), self._backend.models
        self._head = header(self.agents, built, time.time())
        self._hub.event_log.has_contexts = record_context
        if record is not None:
            self._hub.event_log.record(record, self._head, redact=redact, complain=self._complain)
        self._replay = team if isinstance(team, Replay) else None
        if self._replay is not None:
            self._replay.on_change(lambda: self.call(self._hub.tell_state))
        if view is not None:
            from .terminal.view import terminal_view

            self.watch(terminal_view(self))

    @classmethod
    @functools.partial(names_options, of=__init__)
    def load(cls, path: str | os.PathLike[str], team: Any = None, **options: Any) -> Self:
        """A stream that begins with the transcript of a recording (`save`, `record`); `save` writes it again. With a
        `team`, the next run goes on from there. If the recording was saved with the team's state, the team loads it
        first, and `rewind` can go back to the states that were kept then. Without a team, the stream only shows the
        recording, and `run` raises NoTeamError. `options` are those of the class.

        Raises RecordingError if the file is missing or is no recording. If the recording is broken, it warns with
        RecordingWarning and loads the part before the damage.
        """
        recording = Recording(path)
        stream = cls(recording if team is None else team, **options)
        transcript, events = recording.ended()
        stream._hub.restore(transcript, events)
        stream._supervisor.go_on(len(transcript.runs), None if team is None else recording.state)
        if team is not None and recording.states is not None and isinstance(stream._supervisor, RunSupervisor):
            try:
                stream._supervisor.states.load(recording.states)
            except ValueError as error:
                warnings.warn(str(error), RecordingWarning, stacklevel=3)
        if team is None:
            stream._head = header(recording.agents, recording.streaming, recording.created or time.time())
        return stream

    # --- state -----------------------------------------------------------------------------------------------------

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents of the team and of the teams and agents inside it."""
        return self._hub.agents

    @property
    def has_team(self) -> bool:
        """Whether there is a team to run. False if `load` was given no team."""
        return self._backend.has_team

    @property
    def team(self) -> Any:
        """The team or agent itself. Raises NoTeamError if the stream shows or plays a recording."""
        if isinstance(self._backend, RemoteBackend):
            raise NoTeamError("The team of a Remote is in its worker: it cannot stand in a team here.")
        if self._backend.root is None:
            raise NoTeamError("There is no team behind a recording. Pass a team: TeamStream(team).")
        return self._backend.root

    @property
    def switches(self) -> Switches:
        """Whether the tokens of each agent are shown. Setting a switch acts at once. Any thread."""
        return self._switches

    @property
    def gate(self) -> TokenGate:
        """The object that decides whether the tokens of an agent pass; every display asks it. Any thread."""
        return self._gate

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far, text behind closed gates included. Any thread may read it at any time,
        without waiting."""
        return self._hub.transcript if self._home.here else self._hub.so_far

    @property
    def state(self) -> RunState:
        """The state of the current or the last run."""
        return self._supervisor.state

    @property
    def detail(self) -> str:
        """A sentence for the state: why the run ended, or what it waits for. It may be empty."""
        return self._supervisor.detail

    @property
    def replay(self) -> Replay | None:
        """The recording that is played, or None if a team runs."""
        return self._replay

    @property
    def statuses(self) -> dict[str, AgentStatus]:
        """What each agent is doing, by path. Agents that had no turn yet are missing."""
        return dict(self._hub.status)

    @property
    def models(self) -> dict[str, str]:
        """The name of each agent's model, by path. Agents whose model is not known are missing."""
        return dict(self._hub.models)

    @property
    def limits(self) -> tuple[str, ...]:
        """Sentences for the controls of a display that cannot work, because the team's framework has no way to do
        it."""
        cannot = self._backend.cannot if self.has_team else {}
        return tuple(cannot[ability] for ability in (Ability.STOP, Ability.RESET) if ability in cannot)

    @property
    def held(self) -> Mapping[str, int]:
        """How many code points are held for each agent where its team runs, by path. Empty if the team runs here: what
        its closed gates hold is in the transcript."""
        return self._backend.held if isinstance(self._backend, RemoteBackend) else {}

    @property
    def budget(self) -> tuple[Spending, ...]:
        """What the current or the last run has used of each limit; empty without limits."""
        supervisor = self._supervisor
        return supervisor.budget if isinstance(supervisor, RunMirror) else supervisor.budget.spent

    @property
    def cannot_say(self) -> str:
        """A sentence that says why `say` cannot reach the team in mid-run; empty if it can. Then what is said starts
        the next run."""
        return self._backend.cannot.get(Ability.SAY, "") if self.has_team else ""

    def note(self, path: str) -> str:
        """A sentence that says what the switch of an agent does, and from when, or why it does nothing. Raises
        UnknownAgentError."""
        agent = resolve(self.agents, path)
        if not agent.can_stream:
            return agent.reason
        if isinstance(self._backend, RemoteBackend):
            return self._backend.notes.get(agent.path, "")
        if agent.path in self._backend.unable and self._gate.is_open(agent.path):
            return self._backend.unable[agent.path]
        if self._replay is not None and self._gate.is_open(agent.path):
            return "Streams as it was recorded."
        return self._gate.word(agent.path)

    # --- callbacks -------------------------------------------------------------------------------------------------

    def on_token(
        self, callback: Callable[[Token], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(token)` for each piece of text that passes the gate of its agent. Text that the gate held
        comes as one token when the gate opens. `agents` are the names or paths of the agents to hear; None hears all.
        Returns a function that removes the callback; it may be called more than once.

        The agents of the callback stream from their next turn, unless their switch is set off by hand. Without `agents`
        these are all that can stream, also those that are found later. When the last callback of an agent is removed,
        it does from its next turn what it would do without one. A notice names agents that cannot stream.

        A plain function is called on the stream's loop; if it is slow, it goes on in a thread. A coroutine function
        gets its tokens one after the other. The first error of a callback stands in a notice, and the run goes on. Any
        thread may add and remove a callback, also during a run. Raises TypeError if `callback` cannot be called, and
        UnknownAgentError.
        """
        paths = self._paths(agents)
        remove_callback = self._hub.tokens.add(callback, paths)
        remove_wish = self._gate.listen(paths)
        self.call(self._hub.gates_changed)
        for agent in self.agents:
            if paths is not None and agent.path in paths and not agent.can_stream:
                self._complain(f"{agent.path!r} has no tokens for the callback {name_of(callback)}. {agent.reason}")

        def remove() -> None:
            remove_callback()
            remove_wish()
            self.call(self._hub.gates_changed)

        return remove

    def on_event(
        self, callback: Callable[[Event], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(event)` for each event of a run (`nb_stream.core.model.Event`). Chunks come only if the gate
        of their agent is open, and this callback makes no agent stream. Returns a function that removes it."""
        return self._hub.events.add(callback, self._paths(agents))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Let a display follow the stream. Returns a function that removes it. Any thread may call both; they act on
        the stream's loop."""
        gone = False

        def leave() -> None:
            nonlocal gone
            gone = True
            self.call(lambda: self._hub.leave(watcher))

        self.call(lambda: None if gone else self._hub.watch(watcher))  # it may be removed before the loop adds it
        return leave

    def listen(self, listener: EventListener) -> None:
        """Let a listener hear every event, text behind closed gates included, as long as the stream lives. It is called
        on the stream's loop and must be quick."""
        self._hub.listeners.append(listener)

    @property
    def framework(self) -> str:
        """The name of the team's agent framework, for viewers in other processes."""
        return self._backend.framework

    def check_stoppable(self) -> None:
        """Raises UnsupportedError if the team's framework has no way to stop after a turn."""
        self._backend.check_able(Ability.STOP)

    def task_of(self, messages: Sequence[Any]) -> Any:
        """The task whose messages `dumped` wrote. Raises ValueError if they are none."""
        return self._backend.task_of(messages)

    def dumped(self, native: Any) -> dict[str, Any] | None:
        """A message of the team's framework as JSON values, None if it cannot be written."""
        return self._backend.dumped(native)

    def drain(self) -> None:
        """Fold the text that waits into the transcript. On the stream's loop."""
        self._hub.drain()

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
        """Write everything that was heard so far as a recording, with the time of every chunk. A name that ends in
        `.gz` compresses it. With `state=await stream.save_state()` the recording holds the team's own state too, and
        `load(path, team)` goes on with the conversation. `redact` may rewrite each text, also those of the state.
        `path` may be the file that `record` writes; recording goes on there.

        Raises RecordingError if the file cannot be written, or if nothing was heard yet.
        """
        head = self._head if state is None else {**self._head, "state": dict(state), **self._kept_states()}
        self._hub.event_log.save(path, head, redact=redact)

    def _kept_states(self) -> dict[str, Any]:
        known = None if isinstance(self._supervisor, RunMirror) else self._supervisor.states.dump()
        return {"states": known} if known and known["steps"] else {}

    def export(self, path: str | os.PathLike[str], *, interactive: bool = False, title: str = "") -> None:
        """Write the transcript to a file. Its suffix names the form: `nb_stream.export` lists them.

        With `interactive`, the file is a page (`.html`) that lives without a kernel, a server or a network: the panel
        itself, with search, filter, timeline, and a replay of all runs with their original timing. `title` stands above
        it. It holds what `save` would write, so secrets of the environment are masked in it. A run that is under way
        ends in it as cut off.

        Raises ValueError for an unknown suffix, and for one that cannot be interactive, and OSError if the file cannot
        be written.
        """
        if not interactive:
            export(self.transcript, path)
            return
        events = self._hub.event_log.events()
        export_interactive(events, path, agents=self.agents, models=self.models, title=title)

    def _complain(self, sentence: str) -> None:
        self.call(lambda: self._hub.complain(sentence))

    async def ready(self) -> None:
        """Wait until the stream has everything that was said before. A remote stream connects and gets its worker's
        transcript; any other stream is ready at once. Raises RemoteError if the worker refuses."""
        if isinstance(self._supervisor, RunMirror):
            self._home.choose()
            await self._home.do(self._supervisor.ready)

    # --- running ---------------------------------------------------------------------------------------------------

    def start(self, task: Any = None, *, output_task_messages: bool = True) -> Run:
        """Begin a run in the background and return its handle at once. Any thread may call it if the stream has a
        running loop. If the last run ended with a handoff to somebody outside the team, a text is the answer to it.

        Raises AlreadyRunningError while a run of the team is under way here or elsewhere, EmptyTaskError for a task
        without text, and LoopError if no event loop runs.
        """
        text = self._backend.task_text(task)
        return self._supervisor.begin(self.as_reply(task), text, output_task_messages)

    async def run(self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True) -> Any:
        """Run the team and return its `TaskResult`, or raise the team's error. If the task that waits is cancelled, the
        run is cancelled too. Raises AlreadyRunningError as `start`."""
        await self._freed()
        return await self._awaited(
            self._supervisor.begin(task, self._text(task), output_task_messages, token=cancellation_token)
        )

    def run_stream(
        self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        """Run the team and yield its messages, then the `TaskResult`. Chunks come only if the gate of their agent is
        open. Raises the team's error, and AlreadyRunningError as `start`.

        Leaving the loop early cancels the run. Python closes a generator that nobody holds only a moment later. `run`,
        `run_stream`, `run_sync`, `reset` and `load_state` wait for this end. Before `start`, or if something still
        holds the generator, close it yourself, best with `contextlib.aclosing`.
        """
        messages = self._messages(task, output_task_messages, cancellation_token, lambda: consumer() is None)
        consumer = weakref.ref(messages)
        return messages

    async def _messages(
        self, task: Any, output_task_messages: bool, token: Any, abandoned: Callable[[], bool]
    ) -> AsyncGenerator[Any, None]:
        await self._freed()
        queue = MessageQueue()
        run = self._supervisor.begin(task, self._text(task), output_task_messages, queue, token)
        run.abandoned = abandoned
        async with run.waited_for() as wait:
            try:
                async for message in queue:
                    wait.away = True  # the caller's own code runs: an interrupt must end that too
                    yield message
                    wait.away = False
                await run
            finally:
                await self._end(run)

    def run_sync(self, task: Any = None, *, output_task_messages: bool = True) -> Any:
        """Run the team, wait for its end without `await`, and return its `TaskResult`.

        It works in a notebook cell too: there nest_asyncio2 patches the running loop, from the first call on. Raises
        the team's error, the errors of `start`, and LoopError if the loop cannot be patched.
        """

        async def work() -> Any:
            wait.stand_for_task()
            await self._freed()
            return await self._awaited(self.start(task, output_task_messages=output_task_messages))

        self.check_task(task)
        if self._supervisor.abandoned is None:
            self._supervisor.check_free("start a run")  # a run that cannot begin must not patch the loop
        with interrupts.caught_blocking() as wait:
            return event_loops.run_sync(work, self._home, self.cancel)

    def with_images(self, text: str, images: Sequence[str]) -> Any:
        """A task of a text and images, as the team takes it; the text itself if there are no images. `images` are data
        URIs of PNG, JPEG, GIF or WebP images.

        Raises ValueError for anything else, and UnsupportedError if the framework takes no images.
        """
        return self._backend.with_images(text, images) if images else text

    @property
    def text_only(self) -> frozenset[str]:
        """The paths of the agents whose models take no images."""
        return self._backend.text_only

    def say(self, message: Any, now: bool = False) -> None:
        """Tell the team something while it runs. Returns at once; any thread may call it.

        `message` is a text, or messages as a task takes them. The team gets it as a message of the user after its
        current turn, and goes on with its next turn in the same run: termination conditions and `max_turns` count on.
        With `now`, the turns that are being written are cut: their text stays in the transcript, marked as cancelled,
        but for the team they have not taken place. It chooses the next speaker anew.

        Several messages keep their order. If no run is under way, or if it ends before the team gets the message, the
        message starts the next run. A single agent has one turn in a run: with `now`, that run is cancelled, and the
        next one begins. If the run is stopped or cancelled, or fails, a notice says what the team was not told.

        Raises EmptyTaskError for a message without text, NoTeamError if there is no team, and, if no run is under way,
        the errors of `start`.
        """
        if self._replay is not None or not self.has_team:
            raise self._backend.refusal(Ability.SAY)
        text = self._backend.task_text(message)
        if message is None:
            raise EmptyTaskError("There is nothing to say. Write what the team should know.")
        self._supervisor.say(message, text, now)

    async def stop(self) -> None:
        """End the run after the current turn, and wait for its end. A question that the turn waits for is dismissed.
        If a tool or a callback of the run calls this, it does not wait. Does nothing if no run is under way. Raises
        UnsupportedError if the agent framework cannot stop after a turn."""
        run = self._supervisor.run
        if run is not None and not run.done():
            self._backend.check_able(Ability.STOP)
            self.call(lambda: self._supervisor.stop(run))
            if not is_within(run):
                async with run.waited_for():
                    await run.settled()

    async def cancel(self) -> None:
        """End the run now, and wait for its end, which takes less than a second. The team keeps its history, and the
        next run works. Text that was being written stays in the transcript, marked as cancelled. Does nothing if no run
        is under way."""
        run = self._supervisor.run
        if run is not None and not run.done():
            await self._cancel(run)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches of the conversation, the oldest first. The next run goes on at the end of the one that is not
        set aside."""
        return self.transcript.branches

    async def rewind(self, to: Run | RunInfo | Branch | str, *, to_end: bool = False) -> Any:
        """Set the team to how it was before a run, which is given as its handle, its `RunInfo` or its id. The next run
        goes on from there. Returns the task of the run: as the team took it, or its text. That run, and those after it,
        are set aside: they stay in the transcript, marked, and are a branch.

        A `Branch` is taken up again: the team is set to how it was at its end. So it is with `to_end`, at a run.

        What the team itself keeps is set back, and what its agents keep in files or elsewhere is not.

        Raises AlreadyRunningError while a run is under way, ValueError if there is no such run, StateError if the state
        is not kept (`keep_states`), and UnsupportedError if the framework's teams have no state.
        """
        if self._replay is not None or not self.has_team:
            raise NoTeamError("A recording has no team that could go back: TeamPanel.load(path, team=team) has one.")
        run = to if isinstance(to, str) else to.id
        await self._freed()
        await self._home.do(lambda: self._supervisor.rewind(run, to_end or isinstance(to, Branch)))
        native = self._supervisor.task_of(run)
        return next((one.task for one in self.transcript.runs if one.id == run), "") if native is None else native

    async def reset(self) -> None:
        """Let the team forget the conversation. The transcript stays, and a notice in it says so.

        Raises AlreadyRunningError while a run is under way.
        """
        await self._freed()
        await self._home.do(self._supervisor.reset)

    async def pause(self) -> None:
        """Pause the team's agents, as the team's own `pause` does. Most agents ignore it."""
        await self._backend.pause()

    async def resume(self) -> None:
        """Let the team's agents go on after `pause`."""
        await self._backend.resume()

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, without a trace of streaming. `load_state` of a bare team takes it too."""
        return await self._home.do(self._supervisor.save_state)

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a state of the team. Raises AlreadyRunningError while a run is under way, and StateError if `state` is
        no state of this team."""
        await self._freed()
        await self._home.do(lambda: self._supervisor.load_state(state))

    def as_reply(self, task: Any) -> Any:
        """The task as `start` takes it: if the last run ended with a handoff to somebody outside the team, a text
        becomes the answer to it."""
        return self._supervisor.as_reply(task)

    def check_task(self, task: Any) -> None:
        """Raises EmptyTaskError for a text or a list without content. A bare team would take them."""
        self._backend.task_text(task)

    def _text(self, task: Any) -> str:
        """The task's text for a reader. It is empty for a task without text, which the team itself may take or
        refuse."""
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
        self.call(lambda: self._supervisor.cancel(run))
        await run.settled()

    async def _freed(self) -> None:
        """Cancel a run if the loop over its `run_stream` was left, and wait for its end."""
        run = self._supervisor.abandoned
        if run is not None and not is_within(run):
            await asyncio.wait([asyncio.ensure_future(self._cancel(run))], timeout=event_loops.RUN_END_TIMEOUT_S)

    async def _end(self, run: Run) -> None:
        """Cancel a run that nobody waits for any more, and wait for its end, even if this task is cancelled again. The
        wait is short, and the team must be free when it is over."""
        if not run.done():
            await event_loops.outlast([self._cancel(run)])

    # --- questions -------------------------------------------------------------------------------------------------

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that wait for a person: requests for input, approvals, and a handoff to somebody outside the
        team. Each of them also stands in a waiting cell of the transcript. Any thread."""
        return self._supervisor.questions.listed

    def answer(self, request_id: str, text: str | bool, reason: str = "", *, always: GrantScope | None = None) -> None:
        """Answer a question. The answer to an approval is "approve" or True, or "reject" or False; a refusal may have a
        `reason`. A tool runs with other arguments if they follow as JSON: `'approve: {"amount": 3}'`. The answer to a
        handoff starts the run that goes on with it. Any thread.

        `always` approves the agent's next calls of the same tool, too, and those that wait: "run" until the run ends,
        "tool" until `revoke`. `grants` lists what was approved so.

        Raises NotRunningError if the question is not open, and ValueError if `text` is no answer to it, or if the tool
        cannot run with the arguments.
        """
        self._supervisor.questions.answer(request_id, text, reason, always)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The tools that agents may call without being asked about, because a person said "always": the agent's `path`,
        the `tool`, and the `scope`, "run" or "tool"."""
        return tuple(self._supervisor.questions.grants)

    def revoke(self, path: str, tool: str) -> None:
        """Ask about an agent's calls of a tool again. Any thread. Raises ValueError if they were not granted."""
        self._supervisor.questions.revoke(path, tool)

    def dismiss(self, request_id: str) -> None:
        """End a question without an answer: the input is empty, the approval is refused. Any thread. Raises
        NotRunningError if the question is not open."""
        self._supervisor.questions.dismiss(request_id)

    def on_question(self, callback: Callable[[Question], Any]) -> Callable[[], None]:
        """Call `callback(question)` for each question. The value that it returns is the answer; None leaves the
        question open. A plain function is called in a thread of its own, so that it may wait:
        `stream.on_question(lambda q: input(q.text))`. If it raises, a notice in the transcript says so, and the
        question stays open. Returns a function that removes the callback. Raises TypeError if `callback` cannot be
        called."""
        return self._supervisor.questions.on_question(callback)

    # --- the loop --------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Run | None:
        """The handle of the current or the last run."""
        return self._supervisor.run

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that the stream lives on: the loop that ran when the stream was made, or the loop of its
        latest run. None if there is none yet, or if it is closed."""
        return self._home.loop

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the stream's loop: now if this is the loop's thread or the loop does not run, else soon.
        Any thread."""
        self._home.call(function)

    # --- switches --------------------------------------------------------------------------------------------------

    def _set_switch(self, path: str, on: bool) -> None:
        self._gate.set(path, on)
        if isinstance(self._supervisor, RunMirror):
            self._supervisor.switched(path, on)
        self.call(self._hub.gates_changed)


def _refuse_for_remote(
    streaming: StreamingOption,
    unchecked: str,
    approve_code: bool,
    input_timeout: float | None,
    input_default: str,
    limits: bool,
) -> None:
    """Raises TypeError for options that only the worker of a remote team can have."""
    options = {
        "streaming": streaming not in ("built", True),
        "unchecked": unchecked != "hold",
        "approve_code": approve_code,
        "input_timeout": input_timeout is not None,
        "input_default": bool(input_default),
        "limit_tokens, limit_usd and limit_seconds": limits,
    }
    if given := ", ".join(name for name, is_given in options.items() if is_given):
        raise TypeError(f"Give {given} to the worker, where the team runs: nb_stream.serve.app(team, …).")
