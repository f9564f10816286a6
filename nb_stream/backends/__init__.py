"""Backends: what turns a framework's agents and messages into `AgentInfo` and `Event`.

`open_backend` picks the one for a team. A second framework is one more module beside `autogen.py` with a class that
fits `Backend`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Protocol

from ..model import AgentInfo, Chunk, Event


class Item(NamedTuple):
    """What a team yielded (`native`), and what it means (`event`, None for the closing result)."""

    native: Any
    event: Event | None


class HumanInput(Protocol):
    """Asks a person: gets an agent's path, its name, a request id and a prompt; gives the answer."""

    async def __call__(self, path: str, agent: str, request_id: str, prompt: str) -> str: ...


class Backend(Protocol):
    """What `TeamStream` needs of a framework. All methods are called on the stream's event loop."""

    agents: tuple[AgentInfo, ...]
    streaming: dict[str, bool]
    """For each agent's path, whether it was built to stream."""

    wanted: dict[str, bool]
    """For each agent's path, whether it is to stream from its next turn. Written by the stream, from any thread."""

    def task_text(self, task: Any) -> str:
        """The task's text for a reader. Raises EmptyTaskError where a task has none."""

    def check_free(self) -> None:
        """Raises AlreadyRunningError while the team runs somewhere else."""

    def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        emit: Callable[[Event], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncIterator[Item]:
        """Run the team. `hear` gets the tokens, with the framework's own event, and `emit` what the team does not
        yield; both at once."""

    def joined(self, first: Any, text: str) -> Any:
        """A chunk of the framework's own kind like `first`, with another text."""

    def request_stop(self) -> None:
        """Let the run end after the current turn."""

    def request_cancel(self) -> None:
        """Ask everything that runs to end now."""

    def abandon(self) -> None:
        """Cut off what did not follow `request_cancel`: nothing of it may reach the next run."""

    async def recover(self) -> None:
        """After a failure or a cancel: make the team fit for the next run, with its history."""

    async def reset(self) -> None:
        """Forget the conversation."""

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, as JSON values."""

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""


def open_backend(team: Any) -> Backend:
    """The backend for a team, an agent, or a factory of one.

    Raises NotATeamError for anything else, BackendError where AutoGen is missing.
    """
    from .autogen import AutoGenBackend

    return AutoGenBackend.open(team)
