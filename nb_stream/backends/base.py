"""What a backend is: it turns a framework's agents and messages into `AgentInfo` and `Event`.

A second framework is one more package in this folder with a class that fits `Backend`, and a line in `registry`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..core.model import AgentInfo, Chunk, Event, RunFinished, RunStarted


class Item(NamedTuple):
    """What a team yielded (`native`), and what it means (`event`, None for the closing result). `is_task` says that no
    agent said it: it is the task, given back."""

    native: Any
    event: Event | None
    is_task: bool = False


@dataclass(frozen=True)
class Rewound:
    """A replay went back to the beginning of its run: what the run said so far is to be forgotten."""


class HumanInput(Protocol):
    """Asks a person: gets an agent's path, its name, a request id and a prompt; gives the answer.

    Where something is to be approved, `what` says so (a tool with its arguments, or code), and the answer is "approve",
    "reject", or "reject: " and the reason.
    """

    async def __call__(
        self, path: str, agent: str, request_id: str, prompt: str, what: Mapping[str, Any] | None = None
    ) -> str: ...


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


class Backend(Protocol):
    """What `TeamStream` needs of a framework. All methods are called on the stream's event loop."""

    has_team: bool
    """Whether there is somebody to run: not where a recording is only looked at."""

    root: Any
    """The team or agent itself, None for a recording."""

    agents: tuple[AgentInfo, ...]
    streaming: dict[str, bool]
    """By path, whether an agent was built to stream. Agents whose streaming cannot be switched are missing."""

    models: dict[str, str]
    """By path, the name of the model that an agent calls. Agents whose model is not known are missing."""

    unable: dict[str, str]
    """By path, why an agent cannot stream after all: its model client, or the client's server, has refused to."""

    wanted: dict[str, bool]
    """For each agent's path, whether it is to stream from its next turn. Written by the stream, from any thread."""

    may_create: bool
    """Whether agents that were built to stream may be switched to whole answers. Written by the stream."""

    def task_text(self, task: Any) -> str:
        """The task's text for a reader. Raises EmptyTaskError where a task has none."""

    def check_free(self) -> None:
        """Raises AlreadyRunningError while the team runs somewhere else. Any thread."""

    def claim(self) -> None:
        """Take the team for the next run, until `release`. Raises AlreadyRunningError as `check_free`. Any thread."""

    def release(self) -> None:
        """The run is over. Does nothing where the team was not claimed."""

    def opening(self, event: RunStarted) -> Iterable[Event]:
        """How a run begins: `event`, or what a recording has in its place."""

    def closing(self, event: RunFinished) -> Iterable[Event]:
        """How a run ends: `event`, or what a recording has in its place."""

    def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        as_stream: bool,
        emit: Callable[[Event | Rewound], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncGenerator[Item, None]:
        """Run the team: `as_stream` by its `run_stream`, otherwise by its `run`. `hear` gets the tokens, with the
        framework's own event, and `emit` what the team does not yield; both at once."""

    def joined(self, first: Any, text: str) -> Any:
        """A chunk of the framework's own kind like `first`, with another text."""

    def request_stop(self) -> None:
        """Let the run end after the current turn."""

    def request_cancel(self) -> None:
        """Ask everything that runs to end now."""

    def abandon(self) -> None:
        """Cut off what did not follow `request_cancel`: nothing of it may reach the next run."""

    def failure(self, error: BaseException) -> Failure:
        """What a run failed of that raised `error`, for a reader."""

    async def handoff(self, result: Any) -> Handoff | None:
        """The handoff after which a team waits for somebody outside it. `result` is that of the last run, None for a
        run that failed or was cancelled, and where a state was loaded."""

    async def recover(self) -> None:
        """After a failure or a cancel: make the team fit for the next run, with its history."""

    async def pause(self) -> None:
        """Tell the team's agents to pause, as the team's own `pause` does."""

    async def resume(self) -> None:
        """Tell them to go on."""

    async def reset(self) -> None:
        """Forget the conversation."""

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, as JSON values."""

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
