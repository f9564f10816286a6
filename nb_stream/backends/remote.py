"""The backend for a team in another process. It runs nothing: it holds what the worker says of the team, and sends
wishes there. `runtime.run_mirror` follows the runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from ..core.model import Chunk, CodeResult, Message, ToolResults
from ..errors import EmptyTaskError, NoTeamError
from ..remote.connection import Connection
from .base import Ability, Backend, Item, Outcome
from .replay import ReplayedResult, native_of_event


class MessageReader:
    """Makes the messages of a remote run: the framework's own if `framework` can be imported here and knows the class,
    else `ReplayedMessage`s."""

    def chunk(self, event: Chunk) -> Any:
        """A piece of text."""
        return native_of_event(event)

    def message(self, event: Message | ToolResults | CodeResult, values: Mapping[str, Any] | None) -> Any:
        """A message, from its event and from the JSON values that the framework made of it, if there are any."""
        return native_of_event(event)

    def result(self, messages: Sequence[Any], stop_reason: str | None) -> Any:
        """The result of a run."""
        return ReplayedResult(tuple(messages), stop_reason)


class RemoteBackend(Backend):
    """What is known of a team in another process. `readers` gives the reader for a framework by its name."""

    cannot = MappingProxyType(
        {
            Ability.PAUSE: "A remote team pauses in its worker only.",
            Ability.IMAGES: "A remote team takes no images: put them where its worker can read them.",
        }
    )

    def __init__(self, connection: Connection, readers: Callable[[str], MessageReader | None]) -> None:
        super().__init__()
        self.connection = connection
        self.notes: dict[str, str] = {}
        """By path, what the worker says of the switch of an agent."""
        self.held: dict[str, int] = {}
        """By path, how many code points the worker's closed gate holds."""
        self.reader = MessageReader()
        self._readers = readers

    def speaks(self, framework: str) -> None:
        """The worker's team is of this framework."""
        self.reader = self._readers(framework) or MessageReader()

    def task_text(self, task: Any) -> str:
        """The task as text; the worker makes its own. Raises EmptyTaskError for a text without content."""
        if isinstance(task, str) and not task.strip():
            raise EmptyTaskError("The task is empty. Write what the team should do.")
        return task if isinstance(task, str) else ""

    def joined(self, first: Any, text: str) -> Any:
        """A chunk like `first`, with another text."""
        return self.reader.chunk(replace(first, text=text)) if isinstance(first, Chunk) else first

    async def reset(self) -> None:
        """Let the team forget the conversation."""
        await self.connection.command({"type": "reset"})

    async def save_state(self) -> dict[str, Any]:
        """The team's own state."""
        answer = await self.connection.command({"type": "save_state"})
        state: dict[str, Any] = answer["state"]
        return state

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a saved state in the worker."""
        await self.connection.command({"type": "load_state", "state": state})

    # --- what happens in the worker ----------------------------------------------------------------------------------

    async def run(self, task: Any, **options: Any) -> AsyncGenerator[Item | Outcome, None]:
        """Raises NoTeamError: the worker runs the team."""
        raise NoTeamError("The team runs in its worker.")
        yield

    def request_cancel(self) -> None:
        """Nothing runs here."""

    def abandon(self) -> None:
        """Nothing runs here."""

    async def recover(self) -> None:
        """The worker recovers its team."""
