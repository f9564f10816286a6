"""What a backend is: it turns a framework's agents and messages into `AgentInfo` and `Event`.

A second framework is one more package in this folder with a class that extends `Backend`, and a line in `registry`.

A backend must give agents, a run, a cancel and a recovery: the abstract methods of `Backend`. It may leave out what its
framework has no way to do. Then it says so in `cannot`, with a sentence for the reader: the method raises it, and the
panel shows it. Going back to an earlier point of a conversation needs no method of its own: it is `load_state` of what
`save_state` gave there. A team that hands over to nobody outside leaves `handoff` as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

from ..core.model import AgentInfo, Chunk, Event, RunFinished, RunStarted
from ..errors import AlreadyRunningError, NbStreamError, UnsupportedError, described
from . import ownership


class Ability(Enum):
    """What a framework may be unable to do."""

    STOP = "stop"
    PAUSE = "pause"
    RESET = "reset"
    STATE = "state"


class Item(NamedTuple):
    """What a team yielded (`native`), and what it means (`event`). `is_task` says that no agent said it: it is the
    task, given back."""

    native: Any
    event: Event
    is_task: bool = False


class Outcome(NamedTuple):
    """The end of a run that did not fail: the framework's own result, None if it has none, and why the run stopped."""

    result: Any
    stop_reason: str | None = None


@dataclass(frozen=True)
class Rewound:
    """A replay went back to the beginning of its run: what the run said so far is to be forgotten."""


class Verdict(NamedTuple):
    """What a person says to something that is to be approved. `reason` is empty if none was given."""

    approved: bool
    reason: str = ""

    def __str__(self) -> str:
        """The verdict as a transcript and a recording keep it."""
        word = "approve" if self.approved else "reject"
        return f"{word}: {self.reason}" if self.reason and not self.approved else word


class HumanInput(Protocol):
    """Asks a person for an agent, which has a path and a name. A cancel of the run raises CancelledError."""

    async def text(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        """Ask for a text. Raises EOFError if the person's input has ended."""

    async def approval(self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any]) -> Verdict:
        """Ask whether something may be done. `what` is a tool with its arguments, or code."""


class Failure(NamedTuple):
    """What a run failed of: its error in words, the traceback, and the name and path of the agent whose turn failed.
    Name and path are empty if it was nobody's turn."""

    text: str
    traceback: str
    agent: str = ""
    path: str = ""


class Handoff(NamedTuple):
    """A team waits after a handoff of `source` to somebody outside it. `reply` makes a task of the answer."""

    source: str
    target: str
    text: str
    reply: Callable[[str], Any]


class Backend(ABC):
    """What `TeamStream` needs of a framework. All methods are called on the stream's event loop, unless they say
    otherwise."""

    has_team: ClassVar[bool] = True
    """Whether there is somebody to run: not if a recording is only looked at."""

    cannot: ClassVar[Mapping[Ability, str]] = MappingProxyType(
        {
            Ability.STOP: "These agents cannot be stopped after a turn: cancel() ends the run at once.",
            Ability.PAUSE: "These agents cannot pause: cancel() ends the run, and the next one goes on.",
            Ability.RESET: "These agents cannot forget their conversation: build the team anew.",
            Ability.STATE: "These agents have no state that could be saved or loaded.",
        }
    )
    """What the framework has no way to do, each with a sentence for the reader. A backend that gives one of these
    methods leaves it out here."""

    input_type: ClassVar[str] = "InputRequest"
    """The class, by name, with which the framework itself reports that an agent asks a person: a request that the
    framework does not report stands in the transcript as the same."""

    root: Any = None
    """The team or agent itself, None for a recording."""

    agents: tuple[AgentInfo, ...] = ()

    def __init__(self) -> None:
        self.streaming: dict[str, bool] = {}
        """By path, whether an agent was built to stream. Agents whose streaming cannot be switched are missing."""
        self.models: dict[str, str] = {}
        """By path, the name of the model that an agent calls. Agents whose model is not known are missing."""
        self.unable: dict[str, str] = {}
        """By path, why an agent cannot stream after all: its model client, or the client's server, has refused to."""
        self.wanted: dict[str, bool] = {}
        """For each agent's path, whether it is to stream from its next turn. Written by the stream, from any thread."""
        self.may_create = False
        """Whether agents that were built to stream may be switched to whole answers. Written by the stream."""

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
        """Run the team: `as_stream` by its `run_stream`, otherwise by its `run`. The last thing it gives is the
        `Outcome`. `hear` gets the tokens, with the framework's own event, and `emit` what the team does not yield; both
        at once. Raises what the team raises, and CancelledError after a cancel."""

    @abstractmethod
    def joined(self, first: Any, text: str) -> Any:
        """A chunk of the framework's own kind like `first`, with another text."""

    @abstractmethod
    def request_cancel(self) -> None:
        """Ask everything that runs to end now."""

    @abstractmethod
    def abandon(self) -> None:
        """Cut off what did not follow `request_cancel`: nothing of it may reach the next run."""

    @abstractmethod
    async def recover(self) -> None:
        """After a failure or a cancel: make the team fit for the next run, with its history."""

    # --- what most backends take as it is ----------------------------------------------------------------------------

    @property
    def owned(self) -> Sequence[Any]:
        """What a run needs for itself: no two streams run any of it at the same time. Any thread."""
        return (self.root,)

    def busy(self, thing: Any) -> AlreadyRunningError:
        """What stands in the way of a run: another one has `thing`. Any thread."""
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
        """The run is over. Does nothing if the team was not claimed. Any thread."""
        ownership.release(self)

    def opening(self, event: RunStarted) -> Iterable[Event]:
        """How a run begins: `event`, or what a recording has in its place."""
        return (event,)

    def closing(self, event: RunFinished) -> Iterable[Event]:
        """How a run ends: `event`, or what a recording has in its place."""
        return (event,)

    def failure(self, error: BaseException) -> Failure:
        """What a run failed of that raised `error`, for a reader."""
        return Failure(*described(error))

    async def handoff(self, result: Any) -> Handoff | None:
        """The handoff after which a team waits for somebody outside it. `result` is that of the last run. It is None
        after a run that failed or was cancelled, and after a state was loaded."""
        return None

    # --- what a backend may leave out --------------------------------------------------------------------------------

    def check_able(self, ability: Ability) -> None:
        """Raises what `refusal` says if the framework has no way to do this. Any thread."""
        if ability in self.cannot:
            raise self.refusal(ability)

    def refusal(self, ability: Ability) -> NbStreamError:
        """The error for what the framework has no way to do."""
        return UnsupportedError(self.cannot[ability])

    def request_stop(self) -> None:
        """Let the run end after the current turn."""
        raise self.refusal(Ability.STOP)

    async def pause(self) -> None:
        """Tell the team's agents to pause, as the team's own `pause` does."""
        raise self.refusal(Ability.PAUSE)

    async def resume(self) -> None:
        """Tell them to go on."""
        raise self.refusal(Ability.PAUSE)

    async def reset(self) -> None:
        """Forget the conversation."""
        raise self.refusal(Ability.RESET)

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, as JSON values."""
        raise self.refusal(Ability.STATE)

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a saved state. Raises StateError for what is no state of this team."""
        raise self.refusal(Ability.STATE)


class BackendEntry(NamedTuple):
    """How `registry` finds a backend. Neither a module that holds one nor its `takes` imports a framework.

    `takes` says whether a thing is for this backend. `opens` makes the backend for it; a team that a factory has built
    comes with the factory. `expects` and `such_as` go into the sentence for things that no backend takes.
    """

    takes: Callable[[Any], bool]
    opens: Callable[..., Backend]
    """Called as `opens(team, factory, approve_code=…)`; `factory` is None, or what has built the team."""
    expects: str = ""
    such_as: str = ""
