"""`Backend`: the class through which `TeamStream` uses an agent framework, with the types that it needs.

A backend turns a framework's agents and messages into `AgentInfo` and `Event`. So no other module knows the framework.
A second framework is one more package in this folder with a class that extends `Backend`, and a line in `registry`.

A backend must have agents, a run, a cancel and a recovery: the abstract methods of `Backend`. It may leave out a method
that its framework has no way to do. Then `cannot` has a sentence for the reader: the method raises it, and the panel
shows it. Going back to an earlier point of a conversation needs no method: `load_state` takes the state that
`save_state` gave at that point. A backend whose teams hand over to nobody outside leaves `handoff` as it is.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

from ..core.model import AgentInfo, Chunk, Event, ModelCalls, RunFinished, RunStarted
from ..errors import AlreadyRunningError, NbStreamError, UnsupportedError, described
from . import ownership


class Ability(Enum):
    """The things that a framework may be unable to do."""

    STOP = "stop"
    PAUSE = "pause"
    RESET = "reset"
    STATE = "state"
    SAY = "say"
    IMAGES = "images"


class Item(NamedTuple):
    """A thing that a team yielded. `native` is the framework's own object, `event` is its meaning. `is_task` says that
    it is the task, which the team gives back, and that no agent said it."""

    native: Any
    event: Event
    is_task: bool = False


class Outcome(NamedTuple):
    """The end of a run that did not fail: the framework's own result, or None, and the reason why the run stopped."""

    result: Any
    stop_reason: str | None = None


@dataclass(frozen=True)
class Rewound:
    """A replay went back to the beginning of its run: the events of the run so far are to be forgotten."""


class Verdict(NamedTuple):
    """A person's answer to an approval. `reason` is empty if the person gave none. `arguments` are those with which the
    tool is to run if the person changed them; else None."""

    approved: bool
    reason: str = ""
    arguments: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """The verdict as transcripts and recordings keep it: "approve", "reject", "reject: " with the reason, or
        "approve: " with the changed arguments as JSON."""
        if not self.approved:
            return f"reject: {self.reason}" if self.reason else "reject"
        if self.arguments is None:
            return "approve"
        return f"approve: {json.dumps(dict(self.arguments), ensure_ascii=False, default=str)}"


Check = Callable[[Mapping[str, Any]], None]
"""Raises ValueError, with a sentence for the person, if a tool cannot run with these arguments."""


class HumanInput(Protocol):
    """Asks a person on behalf of an agent, which has a path and a name. Both methods wait for the answer, and raise
    CancelledError if the run is cancelled."""

    async def text(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        """Ask for a text. Raises EOFError if the person is asked at standard input, and that has ended."""

    async def approval(
        self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any], check: Check | None = None
    ) -> Verdict:
        """Ask whether something may be done. `what` is a tool with its arguments, or code."""


class Failure(NamedTuple):
    """The failure of a run: the error in words, the traceback, and the name and path of the agent whose turn failed.
    Name and path are empty if no turn failed."""

    text: str
    traceback: str
    agent: str = ""
    path: str = ""


class Handoff(NamedTuple):
    """A handoff after which a team waits: the agent `source` hands over to `target`, who is outside the team. `reply`
    makes the next task of the answer."""

    source: str
    target: str
    text: str
    reply: Callable[[str], Any]


class Backend(ABC):
    """The things that `TeamStream` needs of a framework. A stream owns one backend and calls all methods on its event
    loop, unless a method says "any thread"."""

    has_team: ClassVar[bool] = True
    """Whether there is a team to run. False if a recording is only shown."""

    cannot: Mapping[Ability, str] = MappingProxyType(
        {
            Ability.STOP: "These agents cannot be stopped after a turn: cancel() ends the run at once.",
            Ability.PAUSE: "These agents cannot pause: cancel() ends the run, and the next one goes on.",
            Ability.RESET: "These agents cannot forget their conversation: build the team anew.",
            Ability.STATE: "These agents have no state that could be saved or loaded.",
            Ability.SAY: "These agents take nothing in mid-run: what you say starts their next run.",
            Ability.IMAGES: "These agents take no images: describe them in the task.",
        }
    )
    """The things that the framework, or this team, has no way to do, each with a sentence for the reader. A backend
    that has one of these methods leaves it out here."""

    framework: str = ""
    """The name of the framework, for viewers in other processes; `registry` writes it."""

    input_type: ClassVar[str] = "InputRequest"
    """The name of the class with which the framework reports that an agent asks a person. If it does not report a
    request, the transcript gives the request this type."""

    text_only: frozenset[str] = frozenset()
    """The paths of the agents whose models take no images."""

    root: Any = None
    """The team or agent itself, None for a recording."""

    agents: tuple[AgentInfo, ...] = ()

    def __init__(self) -> None:
        self.streaming: dict[str, bool] = {}
        """By path, whether an agent was built to stream. Agents whose streaming cannot be switched are missing."""
        self.models: dict[str, str] = {}
        """By path, the name of the model that an agent calls. Agents whose model is not known are missing."""
        self.unable: dict[str, str] = {}
        """By path, a sentence that says why an agent cannot stream after all: its model client or server refuses."""
        self.wanted: dict[str, bool] = {}
        """By path, whether an agent is to stream from its next turn. The stream writes it, on any thread."""
        self.used_up: Callable[[], str] = str
        """Asked after each turn: why the run is to end now. Empty if it goes on. The supervisor writes it."""
        self.may_create = False
        """Whether agents that were built to stream may be switched to whole answers. The stream writes it."""

    # --- what every backend gives ------------------------------------------------------------------------------------

    @abstractmethod
    def task_text(self, task: Any) -> str:
        """The task's text for a reader. Raises EmptyTaskError if a task has none."""

    @abstractmethod
    def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        as_stream: bool,
        emit: Callable[[Event | Rewound], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncGenerator[Item | Outcome, None]:
        """Run the team, with `as_stream` by its `run_stream`, else by its `run`. Yields the team's messages as `Item`s
        and the `Outcome` last. Meanwhile it calls `hear` with each token and the framework's own object for it, and
        `emit` with each event that the team does not yield. `ask` asks a person. Raises the team's error, and
        CancelledError after a cancel."""

    @abstractmethod
    def joined(self, first: Any, text: str) -> Any:
        """A chunk like `first`, which is one of the framework's own, with another text."""

    @abstractmethod
    def request_cancel(self) -> None:
        """Ask everything that runs to end now."""

    @abstractmethod
    def abandon(self) -> None:
        """Cut off tasks that go on after `request_cancel`: nothing of them may reach the next run."""

    @abstractmethod
    async def recover(self) -> None:
        """Make the team ready for the next run after a failure or a cancel. It keeps its history."""

    # --- what most backends take as it is ----------------------------------------------------------------------------

    @property
    def owned(self) -> Sequence[Any]:
        """The things that a run needs for itself: no two streams run one of them at the same time. Any thread."""
        return (self.root,)

    def busy(self, thing: Any) -> AlreadyRunningError:
        """The error for a run that cannot begin, because another run has `thing`. Any thread."""
        return AlreadyRunningError(
            "The team is already running elsewhere, in another panel. Wait for that run's end, or cancel it there."
        )

    def check_free(self) -> None:
        """Raises AlreadyRunningError while the team runs somewhere else. Any thread."""
        if (thing := ownership.taken(self.owned, self)) is not None:
            raise self.busy(thing)

    def claim(self) -> None:
        """Take the team for the next run, until `release`. Raises AlreadyRunningError as `check_free`. Any thread."""
        if (thing := ownership.claim(self.owned, self)) is not None:
            raise self.busy(thing)

    def release(self) -> None:
        """Give the team back after a run. Does nothing if the team was not claimed. Any thread."""
        ownership.release(self)

    def opening(self, event: RunStarted) -> Iterable[Event]:
        """The events with which a run begins: `event`, or those of a recording in its place."""
        return (event,)

    def closing(self, event: RunFinished) -> Iterable[Event]:
        """The events with which a run ends: `event`, or those of a recording in its place."""
        return (event,)

    def failure(self, error: BaseException) -> Failure:
        """The failure of a run that raised `error`, for a reader."""
        return Failure(*described(error))

    def dumped(self, native: Any) -> dict[str, Any] | None:
        """A message of the framework as JSON values, for viewers in other processes. None if it cannot be written."""
        return None

    def task_of(self, values: Sequence[Any]) -> Any:
        """The task whose messages `dumped` wrote. Raises ValueError if they are none."""
        raise ValueError("This team takes only texts as tasks from other processes.")

    async def handoff(self, result: Any) -> Handoff | None:
        """The handoff after which the team waits for somebody outside it, or None. `result` is the result of the last
        run. It is None if that run failed or was cancelled, and after a state was loaded."""
        return None

    # --- what a backend may leave out --------------------------------------------------------------------------------

    def check_able(self, ability: Ability) -> None:
        """Raises the error of `refusal` if the framework has no way to do this. Any thread."""
        if ability in self.cannot:
            raise self.refusal(ability)

    def refusal(self, ability: Ability) -> NbStreamError:
        """The error that says why the framework has no way to do this."""
        return UnsupportedError(self.cannot[ability])

    def request_stop(self, reason: str = "", *, now: bool = False) -> None:
        """Let the run end after the current turn. A `reason` becomes the stop reason of the run. With `now`, end the
        turns that are being written, as `say` does; only a backend with `Ability.SAY` is asked for it."""
        raise self.refusal(Ability.STOP)

    def spending(self) -> Iterable[ModelCalls]:
        """The model calls of the run whose messages have not come, those under way included."""
        return ()

    def say(self, words: Any, *, now: bool) -> None:
        """Give the team what a user says in mid-run, a text or messages as a task consists of: after the current turn,
        or, with `now`, at once, in place of the turns that are being written. Every agent of the team gets it."""
        raise self.refusal(Ability.SAY)

    def with_images(self, text: str, images: Sequence[str]) -> Any:
        """A task of a text and images, which are data URIs. Raises ValueError if one of them holds no image."""
        raise self.refusal(Ability.IMAGES)

    def unsay(self) -> None:
        """Take back what `say` was given and the team did not get yet."""
        raise self.refusal(Ability.SAY)

    def joint_task(self, words: Sequence[Any]) -> Any:
        """A task that consists of several texts or messages."""
        return "\n".join(map(self.task_text, words))

    async def pause(self) -> None:
        """Tell the team's agents to pause, as the team's own `pause` does."""
        raise self.refusal(Ability.PAUSE)

    async def resume(self) -> None:
        """Tell the team's agents to go on after `pause`."""
        raise self.refusal(Ability.PAUSE)

    async def reset(self) -> None:
        """Forget the conversation."""
        raise self.refusal(Ability.RESET)

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, as JSON values."""
        raise self.refusal(Ability.STATE)

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a saved state. Raises StateError if `state` is no state of this team."""
        raise self.refusal(Ability.STATE)


class BackendEntry(NamedTuple):
    """How `registry` finds a backend. Neither a module that holds one nor its `takes` imports a framework.

    `takes` says whether a thing is for this backend, and `opens` makes the backend for it. `expects` and `such_as` go
    into the sentence for a thing that no backend takes. `framework` names the framework to the viewers of a remote
    team, and `reads` makes the `MessageReader` for its messages, or None if the framework cannot be imported.
    """

    takes: Callable[[Any], bool]
    opens: Callable[..., Backend]
    """Called as `opens(team, factory, approve_code=…)`. `factory` is the function that built the team, or None."""
    expects: str = ""
    such_as: str = ""
    framework: str = ""
    reads: Callable[[], Any] | None = None
