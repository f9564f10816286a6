"""`TeamPanel`: shows a team in a notebook.

It joins three parts: the `TeamStream` runs the team, the batcher makes frames of its changes, and the widget sends them
to pages. The panel carries out the commands that pages send back.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

from .core.metrics import Prices
from .core.model import AgentInfo, Event, RunInfo, RunState, Token
from .core.patches import CellFinished, Patch, RunChanged
from .core.transcript import Branch, Transcript
from .errors import NbStreamError, unreachable
from .notebook.saved_output import LEAVE_OPTIONS, SavedOutput, instead
from .notebook.widget import FrameWidget, caution, deliver_commands, show_in_boxes
from .recording.redaction import Redact
from .recording.replay import steer
from .runtime.grants import Grant, GrantScope
from .runtime.human_input import Question
from .runtime.must_await import needs_await
from .runtime.options import names_options
from .runtime.run import Run
from .runtime.switches import Switches, resolve
from .runtime.token_gate import StreamingOption
from .stream import KEEP_STATES, TeamStream
from .wire.batcher import Batcher
from .wire.commands import (
    Acknowledge,
    Answer,
    Cancel,
    Command,
    Detour,
    Dismiss,
    Hello,
    Reset,
    Resync,
    Revoke,
    Rewind,
    SendContext,
    SendEarlier,
    SendModule,
    SendSavedOutput,
    SendState,
    Start,
    Steer,
    Stop,
    Tell,
    Toggle,
    ToggleAll,
)
from .wire.context_pieces import context_pieces
from .wire.front_end import ON_DEMAND, module_source
from .wire.protocol import Frame, SavedOutputOp, Snapshot

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger("nb_stream")


class TeamPanel(FrameWidget):
    """Shows a team: its agents with a switch for each, tokens as they come, and the transcript.

    `team` is any AgentChat team, a single agent, a function without arguments that returns one, a `Remote` (a team in
    another process), or a `TeamStream`. The
    panel is an ipywidgets widget, and its trait `state` can be observed. `TeamPanel.stream` is the `TeamStream` behind
    it, which has the details of runs, switches and callbacks. Its options:

    - `title`: a text above the agents.
    - `leave`: what stays in the saved notebook when there is no kernel: the whole `"transcript"`, a `"summary"`, or
      `"nothing"`.
    - `streaming`: which boxes begin ticked. The default here is `True`: all agents that can stream. All other values of
      `TeamStream` are taken too.
    - `unchecked`, `approve_code`, `input_timeout`, `input_default`, `record`, `redact`, `record_context`, `view`,
      `prices`, `limit_tokens`, `limit_usd`, `limit_seconds`, `keep_states`: as for `TeamStream`.

    If `team` is a `TeamStream`, that stream has its own options and switches: the panel takes `title` and `leave` only.

    **While a cell runs**, switches and buttons act at once: with `await panel.run(…)`, with `run_sync`, with a loop
    over `run_stream` and with `start`, on ipykernel 6.17 to 7.4. In a kernel that nb_stream does not know, the panel
    says beside them that they may act late.

    **Kernel → Interrupt** (■) ends the run that a cell waits for. When the run has ended, the cell raises
    KeyboardInterrupt. After a second interrupt within a second, nobody waits for agents that do not end by themselves.
    A run that no cell waits for goes on.

    **Figures.** Each message, agent and run shows its time to the first token, its pace, its tokens, its duration and,
    with `prices`, its cost. Tokens are the prompt and completion tokens that the servers counted. If a server counts
    nothing, the figure is an estimate ("about"), and sums say "at least". Model calls that no message tells of (those
    of a selector, an answer that was broken off) are in the sums when the run has ended. The time that a person took
    to answer or to approve is shown apart, as "waited".

    **A saved notebook** without a kernel shows the whole transcript as HTML and as plain text, in at most four times
    the bytes of the transcript's text and 60 kB. (Texts with very short lines, or mostly of `<` and `&`, take more.)
    Finished messages are saved within 2 s. Text that is being written is saved within 5 s, so it stays if a kernel dies
    in the middle of a run; it is marked as cut off until it is finished. While the panel lives, the page hides this
    output.

    Raises the errors of `TeamStream`, ValueError for a wrong `leave`, and TypeError for an option that a given
    `TeamStream` should have got.
    """

    state = traitlets.Unicode(RunState.IDLE.value, help="The run's state, as a word.", read_only=True)

    @names_options
    def __init__(
        self,
        team: Any,
        *,
        title: str = "",
        leave: str = "transcript",
        streaming: StreamingOption = True,
        unchecked: str = "hold",
        approve_code: bool = False,
        input_timeout: float | None = None,
        input_default: str = "",
        record: str | os.PathLike[str] | None = None,
        record_context: bool = False,
        redact: Redact | None = None,
        view: str | None = None,
        prices: Prices | None = None,
        limit_tokens: float | None = None,
        limit_usd: float | None = None,
        limit_seconds: float | None = None,
        keep_states: int = KEEP_STATES,
    ) -> None:
        options: dict[str, Any] = {
            "streaming": streaming,
            "unchecked": unchecked,
            "approve_code": approve_code,
            "input_timeout": input_timeout,
            "input_default": input_default,
            "record": record,
            "record_context": record_context,
            "redact": redact,
            "view": view,
            "prices": prices,
            "limit_tokens": limit_tokens,
            "limit_usd": limit_usd,
            "limit_seconds": limit_seconds,
            "keep_states": keep_states,
        }
        if isinstance(team, TeamStream):
            defaults = inspect.signature(TeamPanel).parameters
            given = ", ".join(name for name, value in options.items() if value is not defaults[name].default)
            if given:
                raise TypeError(f"Give {given} to the TeamStream itself: its panel takes only title and leave.")
        self.stream = team if isinstance(team, TeamStream) else TeamStream(team, **options)
        self._clicks: dict[tuple[str, str], float] = {}  # by page, because the clocks of pages differ, and by path
        self._boxes: dict[str, ipywidgets.Checkbox] = {}
        self._followed: dict[str, bool] = {}
        limits = " ".join(filter(None, (caution(), *self.stream.limits)))
        self._batcher = Batcher(self.stream, self._show, lambda: self.stream.loop, title, limits)
        if leave not in LEAVE_OPTIONS:
            raise ValueError(f"leave is one of {', '.join(map(repr, LEAVE_OPTIONS))}, not {leave!r}.")
        self._leave, self._title = leave, title
        self._static = SavedOutput.of(self.stream)
        super().__init__(has_team=self.stream.has_team, static_mark=self._static.mark)
        show_in_boxes()
        _complete_by_dir()
        self._forget.append(self.stream.watch(self._batcher))
        self._forget.append(self.stream.watch(_Traits(self)))
        if leave != "nothing":
            self.left = self._static.revisions
            self._static.listeners.append(self._left)
            self._forget.append(lambda: self._static.listeners.remove(self._left))
            self._forget.append(self._static.flush)

    @classmethod
    @functools.partial(names_options, of=__init__)
    def load(
        cls,
        path: str | os.PathLike[str],
        team: Any = None,
        *,
        title: str = "",
        leave: str = "transcript",
        streaming: StreamingOption = True,
        **options: Any,
    ) -> Self:
        """A panel that shows a recording. With a `team`, its next run goes on from there. See `TeamStream.load`."""
        stream = TeamStream.load(path, team, streaming=streaming, **options)
        return cls(stream, title=title, leave=leave)

    # --- the stream's own ------------------------------------------------------------------------------------------

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents of the team and of the teams and agents inside it."""
        return self.stream.agents

    @property
    def switches(self) -> Switches:
        """Whether each agent's tokens are shown; the same switches as the checkboxes."""
        return self.stream.switches

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far."""
        return self.stream.transcript

    def start(self, task: Any = None, *, output_task_messages: bool = True) -> Run:
        """Begin a run in the background; see `TeamStream.start`."""
        return self.stream.start(task, output_task_messages=output_task_messages)

    @needs_await("; or panel.start(…), which runs it in the background, or panel.run_sync(…), which waits for it")
    async def run(self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True) -> Any:
        """Run the team and return its `TaskResult`; see `TeamStream.run`. Here a text may be the answer to a handoff,
        as for `start`, and a task without text raises EmptyTaskError."""
        self.stream.check_task(task)
        return await self.stream.run(
            self.stream.as_reply(task),
            cancellation_token=cancellation_token,
            output_task_messages=output_task_messages,
        )

    def run_stream(
        self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        """Run the team and yield its messages; see `TeamStream.run_stream`. Here a text may be the answer to a handoff,
        as for `start`, and a task without text raises EmptyTaskError at once."""
        self.stream.check_task(task)
        return self.stream.run_stream(
            self.stream.as_reply(task),
            cancellation_token=cancellation_token,
            output_task_messages=output_task_messages,
        )

    def run_sync(self, task: Any = None, *, output_task_messages: bool = True) -> Any:
        """Run the team and wait for its end without `await`; see `TeamStream.run_sync`."""
        return self.stream.run_sync(task, output_task_messages=output_task_messages)

    def say(self, message: Any, now: bool = False) -> None:
        """Tell the team something while it runs: after the current turn, or at once. See `TeamStream.say`."""
        self.stream.say(message, now)

    @needs_await()
    async def stop(self) -> None:
        """End the run after the current turn."""
        await self.stream.stop()

    @needs_await()
    async def cancel(self) -> None:
        """End the run now; the team stays usable, with its history."""
        await self.stream.cancel()

    @needs_await()
    async def rewind(self, to: Run | RunInfo | Branch | str) -> Any:
        """Set the team to how it was before a run, or at the end of a branch. See `TeamStream.rewind`."""
        return await self.stream.rewind(to)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The branches of the conversation; see `TeamStream.branches`."""
        return self.stream.branches

    @needs_await()
    async def reset(self) -> None:
        """Let the team forget the conversation."""
        await self.stream.reset()

    def on_token(
        self, callback: Callable[[Token], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(token)` for each piece of text; see `TeamStream.on_token`."""
        return self.stream.on_token(callback, agents=agents)

    def on_event(
        self, callback: Callable[[Event], Any], *, agents: Collection[str] | str | None = None
    ) -> Callable[[], None]:
        """Call `callback(event)` for each event; see `TeamStream.on_event`."""
        return self.stream.on_event(callback, agents=agents)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that wait for a person."""
        return self.stream.questions

    def on_question(self, callback: Callable[[Question], Any]) -> Callable[[], None]:
        """Call `callback(question)` for each question, and answer with its value. See `TeamStream.on_question`."""
        return self.stream.on_question(callback)

    def answer(self, request_id: str, text: str | bool, reason: str = "", *, always: GrantScope | None = None) -> None:
        """Answer a question of the team; see `TeamStream.answer`."""
        self.stream.answer(request_id, text, reason, always=always)

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The tools that need no question any more; see `TeamStream.grants`."""
        return self.stream.grants

    def revoke(self, path: str, tool: str) -> None:
        """Ask about an agent's calls of a tool again; see `TeamStream.revoke`."""
        self.stream.revoke(path, tool)

    def dismiss(self, request_id: str) -> None:
        """End a question without an answer; see `TeamStream.dismiss`."""
        self.stream.dismiss(request_id)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        state: Mapping[str, Any] | None = None,
        redact: Redact | None = None,
    ) -> None:
        """Write everything that was heard so far as a recording, which `load` reads. See `TeamStream.save`."""
        self.stream.save(path, state=state, redact=redact)

    def export(self, path: str | os.PathLike[str], *, interactive: bool = False) -> None:
        """Write the transcript to a file, whose suffix names the form. With `interactive`, a page (`.html`) that shows
        and plays it as the panel does, without a kernel. See `TeamStream.export`."""
        self.stream.export(path, interactive=interactive, title=self._title)

    @needs_await()
    async def save_state(self) -> dict[str, Any]:
        """The team's own state, for `load_state`."""
        return await self.stream.save_state()

    @needs_await()
    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a state of the team; see `TeamStream.load_state`."""
        await self.stream.load_state(state)

    # --- the panel's own -------------------------------------------------------------------------------------------

    def checkbox(self, agent: str) -> ipywidgets.Checkbox:
        """A checkbox of ipywidgets for an agent. Each call for the agent returns the same checkbox. It sets the switch
        of the agent, and follows it.

        Raises UnknownAgentError if no agent, or more than one, has this name or path.
        """
        info = resolve(self.agents, agent)
        if info.path not in self._boxes:
            box = ipywidgets.Checkbox(
                value=self.switches[info.path],
                description=info.path,
                indent=False,
                disabled=not info.can_stream,
                tooltip=self.stream.note(info.path),
            )
            box.observe(lambda change: self._ticked(info.path, change["new"]), "value")
            deliver_commands(box, None, self._forget)
            self._boxes[info.path] = box
        return self._boxes[info.path]

    def make_snapshot(self) -> Snapshot:
        """Everything that a page needs when it opens."""
        return self._batcher.snapshot()

    def receive(self, command: Command) -> None:
        """Carry out a command of a page. Any thread: a switch is set at once, all else happens on the stream's loop."""
        if isinstance(command, (Toggle, ToggleAll)):
            self._guarded(lambda: self._toggle(command))
        else:
            self.stream.call(lambda: self._guarded(lambda: self._carry_out(command)))

    def _toggle(self, command: Toggle | ToggleAll) -> None:
        at_ms, page = command.at_ms, command.page
        paths = [command.path] if isinstance(command, Toggle) else [a.path for a in self.agents if a.can_stream]
        for path in paths:
            if at_ms < self._clicks.get((page, path), 0.0):
                # An older click that comes late must not undo a newer one. It is confirmed all the same.
                self.stream.call(self._batcher.agents_changed)
            else:
                self._clicks[page, path] = at_ms
                self.switches[path] = command.on

    def _ticked(self, path: str, on: bool) -> None:
        if self._followed.get(path) is not on:  # else nobody has clicked: the box follows its switch
            self.switches[path] = on

    def _carry_out(self, command: Command) -> None:
        match command:
            case Toggle() | ToggleAll():
                self._toggle(command)
            case Start(task, images):
                self.start(self.stream.with_images(task, images))
            case Tell(text, now, images):
                self.say(self.stream.with_images(text, images), now)
            case Answer(request_id, text, always):
                self.stream.answer(request_id, text, always=always)
            case Revoke(path, tool):
                self.stream.revoke(path, tool)
            case Dismiss(request_id):
                self.stream.dismiss(request_id)
            case Steer(act, value):
                if self.stream.replay is not None:
                    steer(self.stream.replay, act, value)
            case Resync():
                self._batcher.resync()
            case SendEarlier(before):
                if (piece := self._batcher.earlier(before)) is not None:
                    self.send_beside(piece)
            case SendSavedOutput(parts):
                if (saved := self._static.now(parts)) is not None:
                    self.send_beside(saved)
            case SendContext(cell):
                for context in context_pieces(cell, self.transcript.context(cell)):
                    self.send_beside(context)
            case Acknowledge(page, seq):
                if not caution():  # in an unknown kernel, acknowledgements wait for the end of the cell
                    self._batcher.acknowledged(page, seq)
            case SendModule(name):
                if (part := name.split(".")[0]) not in ON_DEMAND:
                    raise ValueError(f"The panel has no part {name!r}: reload the page.")
                self._batcher.module(name, module_source(part))
            case Stop(run) | Cancel(run):
                if self._is_meant(run):  # else the run that the reader wanted to end has ended already
                    self._end_in_background(self.stop() if isinstance(command, Stop) else self.cancel())
            case Rewind(run, to_end, again):
                self._end_in_background(self._go_back(run, to_end, again))
            case Reset():
                self._end_in_background(self.reset())
            case Hello() | Detour() | SendState():
                pass  # the widget has carried these out
            case _:
                unreachable(command)

    async def _go_back(self, run: str, to_end: bool, again: bool) -> None:
        task = await self.stream.rewind(run, to_end=to_end)
        if again:
            self.start(task)

    def _end_in_background(self, ending: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(ending)
        task.add_done_callback(lambda done: self._guarded(done.result))

    def _is_meant(self, run: object) -> bool:
        """Whether the run that is under way has the id `run`. None, from a page that names no run, means any run."""
        runs = self.transcript.runs
        return run is None or (bool(runs) and runs[-1].id == run and runs[-1].ended_at is None)

    def refuse(self, sentence: str) -> None:
        """Tell the reader in a sentence why a command is refused."""
        self.stream.call(lambda: self._batcher.notice(sentence))

    def _guarded(self, call: Callable[[], Any]) -> None:
        """Call a function, and tell the reader in a sentence if it fails."""
        try:
            call()
        except NbStreamError as error:
            self.refuse(str(error))
        except Exception as error:
            log.exception("A command of the panel failed")
            self.refuse(f"That did not work: {type(error).__name__}: {error}")

    def _show(self, frame: Frame) -> None:
        if self.comm is not None:
            self.send_frame(frame)

    def _left(self, op: SavedOutputOp | None) -> None:
        if op is not None and self.comm is not None:
            self.send_beside(op)
        self.left = self._static.revisions

    def leave_static(self) -> None:
        """Put the saved output into the cell that runs, because the panel is shown there."""
        self._static.show(self.stream, repr(self), self._leave)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        self.leave_static()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **instead(repr(self), self._leave)}, metadata

    def __dir__(self) -> list[str]:
        """The names that Tab offers. Methods that only nb_stream itself calls are left out."""
        inside = vars(FrameWidget).keys() - set(dir(anywidget.AnyWidget))
        return sorted(set(super().__dir__()) - inside)

    def __repr__(self) -> str:
        return f"TeamPanel({', '.join(agent.path for agent in self.agents)})"


def _complete_by_dir() -> None:
    """Let Tab offer the names of `dir(panel)` alone. IPython's completer would add all names of the class."""
    generics: Any = sys.modules.get("IPython.utils.generics")
    if generics is not None:
        generics.complete_object.register(TeamPanel, lambda panel, _words: dir(panel))


class _Traits:
    """Watches the stream and keeps the trait, checkboxes and saved output of its panel up to date."""

    def __init__(self, panel: TeamPanel) -> None:
        self._panel = panel

    def begin(self) -> None:
        """Take the state of the stream, which may be running already."""
        self.state_changed()

    def patched(self, patches: Sequence[Patch]) -> None:
        """Tell the saved output that the transcript changed. It decides when it is written."""
        if any(isinstance(patch, RunChanged) and patch.run.ended_at is not None for patch in patches):
            self._panel._static.ended()
        elif any(isinstance(patch, CellFinished) for patch in patches):
            self._panel._static.changed()

    def touched(self, first: bool) -> None:
        """Tell the saved output that text is being written."""
        self._panel._static.grew()

    def agents_changed(self) -> None:
        """Set the checkboxes to their switches."""
        for path, box in list(self._panel._boxes.items()):
            self._panel._followed[path] = on = self._panel.switches[path]
            box.value = on
            self._panel._followed.pop(path, None)

    def rewound(self) -> None:
        """Tell the saved output that the transcript went back."""
        self._panel._static.changed()

    def state_changed(self) -> None:
        """Set the trait `state`."""
        self._panel.set_trait("state", self._panel.stream.state.value)
