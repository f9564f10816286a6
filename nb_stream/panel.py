"""`TeamPanel`: a team in a notebook. Composes the stream, the batcher and the widget, and adds nothing else."""

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
from .core.model import AgentInfo, Event, RunState, Token
from .core.patches import CellFinished, Patch, RunChanged
from .core.transcript import Transcript
from .errors import NbStreamError, unreachable
from .notebook.saved_output import LEAVE_OPTIONS, SavedOutput, instead
from .notebook.widget import STATIC, FrameWidget, caution, deliver_commands, show_in_boxes
from .recording.redaction import Redact
from .recording.replay import steer
from .runtime.human_input import Question
from .runtime.must_await import needs_await
from .runtime.options import names_options
from .runtime.run import Run
from .runtime.switches import Switches, resolve
from .runtime.token_gate import StreamingOption
from .stream import TeamStream
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
    SendModule,
    SendSavedOutput,
    SendState,
    Start,
    Steer,
    Stop,
    Toggle,
    ToggleAll,
)
from .wire.protocol import Frame, SavedOutputOp, Snapshot

if TYPE_CHECKING:
    from typing_extensions import Self

log = logging.getLogger("nb_stream")

MODULES = ("math", "extras")
"""The parts of the front end that come only when a page asks for them."""


class TeamPanel(FrameWidget):
    """Shows a team: who is in it, a switch per agent, tokens as they come, and what was said.

    `team` is any AgentChat team, a single agent, a zero-argument factory of one, or a `TeamStream`. The panel is an
    ipywidgets widget; `state` is a trait that can be observed. Runs, switches and callbacks are those of
    `TeamPanel.stream`, which see. Its options:

    - `title`: stands above the agents.
    - `leave`: what stays in the saved notebook beside the widget: the whole `"transcript"`, a `"summary"`, or
      `"nothing"`.
    - `streaming`: which boxes begin ticked: here `True`, those of all agents that can stream. `"built"`, `False`, names
      and paths, or a mapping are taken as by `TeamStream`.
    - `unchecked`, `approve_code`, `input_timeout`, `input_default`, `record`, `redact`, `view`, `prices`: as for
      `TeamStream`.

    A `TeamStream` that is shown has its own options and keeps its switches: the panel takes `title` and `leave` only.

    **While a cell runs**, switches and buttons act at once: with `await panel.run(…)`, `run_sync`, a loop over
    `run_stream` and `start` alike, on ipykernel 6.17 to 7.4. In a kernel that nb_stream does not know, the panel says
    beside them that they may act late.

    **Kernel → Interrupt** (■) ends the run that a cell waits for; when the run has ended, the cell raises
    KeyboardInterrupt. A second interrupt within a second leaves behind what does not end by itself. A run that no cell
    waits for goes on.

    **Figures.** Each message, agent and run shows its time to the first token, its pace, its tokens, its duration and,
    with `prices`, its cost. Tokens are what the servers counted, prompt and completion. If a server counts nothing, the
    figure is an estimate ("about"), and sums say "at least". Calls that no message tells of (a selector's, an answer
    that was broken off) are in the sums from the run's end on. The time that a person took to answer or to approve is
    shown apart, as "waited".

    **A saved notebook** shows the whole transcript if there is no kernel any more, as HTML and as plain text, within
    four times the transcript's text and 60 kB. (Texts whose lines have a few characters only, or that are mostly `<`
    and `&`, take more.) Finished messages stand there within 2 s. What is being written stands there within 5 s and is
    marked as cut off until it is finished, so it stays if a kernel dies in mid-run. While the panel lives, the page
    hides what it leaves.

    Raises what `TeamStream` raises.
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
        redact: Redact | None = None,
        view: str | None = None,
        prices: Prices | None = None,
    ) -> None:
        options: dict[str, Any] = {
            "streaming": streaming,
            "unchecked": unchecked,
            "approve_code": approve_code,
            "input_timeout": input_timeout,
            "input_default": input_default,
            "record": record,
            "redact": redact,
            "view": view,
            "prices": prices,
        }
        if isinstance(team, TeamStream):
            defaults = inspect.signature(TeamPanel).parameters
            given = ", ".join(name for name, value in options.items() if value is not defaults[name].default)
            if given:
                raise TypeError(f"Give {given} to the TeamStream: this panel shows one that is made already.")
        self.stream = team if isinstance(team, TeamStream) else TeamStream(team, **options)
        self._clicks: dict[tuple[str, str], float] = {}  # of each page, by path: their clocks may differ
        self._boxes: dict[str, ipywidgets.Checkbox] = {}
        self._followed: dict[str, bool] = {}
        limits = " ".join(filter(None, (caution(), *self.stream.limits)))
        self._batcher = Batcher(self.stream, self._show, lambda: self.stream.loop, title, limits)
        if leave not in LEAVE_OPTIONS:
            raise ValueError(f"leave is one of {', '.join(map(repr, LEAVE_OPTIONS))}, not {leave!r}.")
        self._leave = leave
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
        """A panel that shows what a recording holds; with a `team` its next run goes on from there. See
        `TeamStream.load`."""
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
        """Run the team and return its `TaskResult`; see `TeamStream.run`. A text may be the answer to a handoff, as for
        `start`. Raises EmptyTaskError for an empty task."""
        self.stream.check_task(task)
        return await self.stream.run(
            self.stream.as_reply(task),
            cancellation_token=cancellation_token,
            output_task_messages=output_task_messages,
        )

    def run_stream(
        self, task: Any = None, *, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        """Run the team and yield what it yields; see `TeamStream.run_stream`. A text may be the answer to a handoff, as
        for `start`. Raises EmptyTaskError at once."""
        self.stream.check_task(task)
        return self.stream.run_stream(
            self.stream.as_reply(task),
            cancellation_token=cancellation_token,
            output_task_messages=output_task_messages,
        )

    def run_sync(self, task: Any = None, *, output_task_messages: bool = True) -> Any:
        """Run the team and wait for its end without `await`; see `TeamStream.run_sync`."""
        return self.stream.run_sync(task, output_task_messages=output_task_messages)

    @needs_await()
    async def stop(self) -> None:
        """End the run after the current turn."""
        await self.stream.stop()

    @needs_await()
    async def cancel(self) -> None:
        """End the run now; the team stays usable, with its history."""
        await self.stream.cancel()

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
        """Call `callback(question)` for each question; what it returns is the answer. See `TeamStream.on_question`."""
        return self.stream.on_question(callback)

    def answer(self, request_id: str, text: str | bool, reason: str = "") -> None:
        """Answer a question of the team's; see `TeamStream.answer`."""
        self.stream.answer(request_id, text, reason)

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
        """Write everything that was heard so far as a recording; `load` brings it back. See `TeamStream.save`."""
        self.stream.save(path, state=state, redact=redact)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the transcript; the suffix says as what. See `TeamStream.export`."""
        self.stream.export(path)

    @needs_await()
    async def save_state(self) -> dict[str, Any]:
        """The team's own state, for `load_state`."""
        return await self.stream.save_state()

    @needs_await()
    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a state of the team; see `TeamStream.load_state`."""
        await self.stream.load_state(state)

    # --- the panel's own -------------------------------------------------------------------------------------------

    def checkbox(self, agent: str) -> ipywidgets.Checkbox:
        """A checkbox of ipywidgets for an agent, tied both ways to its switch; the same one at each call.

        Raises UnknownAgentError where no agent, or more than one, has this name or path.
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
        """Everything that a view needs when it opens."""
        return self._batcher.snapshot()

    def receive(self, command: Command) -> None:
        """Carry out a browser's command: a switch at once, whatever the thread, the rest on the stream's loop."""
        if isinstance(command, (Toggle, ToggleAll)):
            self._guarded(lambda: self._toggle(command))
        else:
            self.stream.call(lambda: self._guarded(lambda: self._carry_out(command)))

    def _toggle(self, command: Toggle | ToggleAll) -> None:
        at_ms, page = command.at_ms, command.page
        paths = [command.path] if isinstance(command, Toggle) else [a.path for a in self.agents if a.can_stream]
        for path in paths:
            if at_ms < self._clicks.get(
                (page, path), 0.0
            ):  # it never undoes a later one, and is confirmed all the same
                self.stream.call(self._batcher.agents_changed)
            else:
                self._clicks[page, path] = at_ms
                self.switches[path] = command.on

    def _ticked(self, path: str, on: bool) -> None:
        if self._followed.get(path) is not on:  # else it is the box that follows its switch, perhaps late
            self.switches[path] = on

    def _carry_out(self, command: Command) -> None:
        match command:
            case Toggle() | ToggleAll():
                self._toggle(command)
            case Start(task):
                self.start(task)
            case Answer(request_id, text):
                self.stream.answer(request_id, text)
            case Dismiss(request_id):
                self.stream.dismiss(request_id)
            case Steer(act, value):
                if self.stream.replay is not None:
                    steer(self.stream.replay, act, value)
            case Resync():
                self._batcher.resync()
            case SendSavedOutput(parts):
                if (saved := self._static.now(parts)) is not None:
                    self.send_beside(saved)
            case Acknowledge(page, seq):
                if not caution():  # elsewhere answers wait for the end of the cell, and say nothing
                    self._batcher.acknowledged(page, seq)
            case SendModule(name):
                if (part := name.split(".")[0]) not in MODULES:
                    raise ValueError(f"The panel has no part {name!r}: reload the page.")
                self._batcher.module(name, (STATIC / f"{part}.js").read_text("utf-8"))
            case Stop(run) | Cancel(run):
                if self._is_meant(run):  # else the run that the reader wished to end has ended
                    self._end_in_background(self.stop() if isinstance(command, Stop) else self.cancel())
            case Reset():
                self._end_in_background(self.reset())
            case Hello() | Detour() | SendState():
                pass  # the widget has done it
            case _:
                unreachable(command)

    def _end_in_background(self, ending: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(ending)
        task.add_done_callback(lambda done: self._guarded(done.result))

    def _is_meant(self, run: object) -> bool:
        """Whether a page that says `run` means the run that is under way; one that says nothing means any."""
        runs = self.transcript.runs
        return run is None or (bool(runs) and runs[-1].id == run and runs[-1].ended_at is None)

    def refuse(self, sentence: str) -> None:
        """Tell the reader why a command is none."""
        self.stream.call(lambda: self._batcher.notice(sentence))

    def _guarded(self, call: Callable[[], Any]) -> None:
        """Tell the reader in words what a command could not do."""
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
        """Put what stays in the notebook into the cell that is being run, for a panel that is shown there."""
        self._static.show(self.stream, repr(self), self._leave)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        self.leave_static()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **instead(repr(self), self._leave)}, metadata

    def __dir__(self) -> list[str]:
        """What Tab offers: nothing that only the panel's own parts call."""
        inside = vars(FrameWidget).keys() - set(dir(anywidget.AnyWidget))
        return sorted(set(super().__dir__()) - inside)

    def __repr__(self) -> str:
        return f"TeamPanel({', '.join(agent.path for agent in self.agents)})"


def _complete_by_dir() -> None:
    """Let Tab offer what `dir(panel)` says: IPython's plain completer adds all names of the class."""
    generics: Any = sys.modules.get("IPython.utils.generics")
    if generics is not None:
        generics.complete_object.register(TeamPanel, lambda panel, _words: dir(panel))


class _Traits:
    """Keeps the panel's traits, its checkboxes and what it leaves in the notebook as the stream says."""

    def __init__(self, panel: TeamPanel) -> None:
        self._panel = panel

    def begin(self) -> None:
        """The stream may be at work already."""
        self.state_changed()

    def patched(self, patches: Sequence[Patch]) -> None:
        """What stays in the notebook follows the transcript, in its own time."""
        if any(isinstance(patch, RunChanged) and patch.run.ended_at is not None for patch in patches):
            self._panel._static.ended()
        elif any(isinstance(patch, CellFinished) for patch in patches):
            self._panel._static.changed()

    def touched(self, first: bool) -> None:
        """The same for text that is being written."""
        self._panel._static.grew()

    def agents_changed(self) -> None:
        """Checkboxes follow their switches."""
        for path, box in list(self._panel._boxes.items()):
            self._panel._followed[path] = on = self._panel.switches[path]
            box.value = on
            self._panel._followed.pop(path, None)

    def rewound(self) -> None:
        """What stays in the notebook goes back, too."""
        self._panel._static.changed()

    def state_changed(self) -> None:
        """The state trait follows the stream."""
        self._panel.set_trait("state", self._panel.stream.state.value)
