"""A backend for a recording that is only looked at: its agents, and nobody to run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from typing import Any

from ..core.model import AgentInfo, Event, RunFinished, RunStarted
from ..errors import NoTeamError, described
from ..recording.reader import Recording
from .base import Failure, Handoff, Item

NO_TEAM_REASON = "This is a recording: there is no team."


class RecordedBackend:
    """The agents of a `Recording`. Whatever needs a team raises NoTeamError."""

    has_team = False
    root: Any = None

    def __init__(self, recording: Recording) -> None:
        self.agents: tuple[AgentInfo, ...] = tuple(
            replace(agent, can_stream=False, reason=NO_TEAM_REASON) for agent in recording.agents
        )
        self.streaming: dict[str, bool] = {}
        self.models: dict[str, str] = {}
        self.unable: dict[str, str] = {}
        self.wanted: dict[str, bool] = {}
        self.may_create = False
        self._path = recording.path

    def _refuse(self) -> NoTeamError:
        return NoTeamError(
            f"This shows the recording {self._path.name}: there is no team. TeamPanel.load({str(self._path)!r}, "
            "team=team) goes on with one, and TeamPanel(Replay(…)) plays it again."
        )

    def task_text(self, task: Any) -> str:
        """Any task is refused later, with a sentence."""
        return ""

    def check_free(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    def claim(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    def release(self) -> None:
        """Nothing was claimed."""

    def opening(self, event: RunStarted) -> Iterable[Event]:
        """No run begins."""
        return (event,)

    def closing(self, event: RunFinished) -> Iterable[Event]:
        """No run ends."""
        return (event,)

    async def run(self, task: Any, **options: Any) -> AsyncGenerator[Item, None]:
        """Raises NoTeamError."""
        raise self._refuse()
        yield

    def joined(self, first: Any, text: str) -> Any:
        """There are no chunks to join."""
        return first

    def request_stop(self) -> None:
        """Nothing runs."""

    def request_cancel(self) -> None:
        """Nothing runs."""

    def abandon(self) -> None:
        """Nothing runs."""

    def failure(self, error: BaseException) -> Failure:
        """Nothing runs."""
        return Failure(*described(error))

    async def handoff(self, result: Any) -> Handoff | None:
        """There is no run to go on with."""
        return None

    async def recover(self) -> None:
        """A recording cannot be harmed."""

    async def pause(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    async def resume(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    async def reset(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    async def save_state(self) -> dict[str, Any]:
        """Raises NoTeamError."""
        raise self._refuse()

    async def load_state(self, state: dict[str, Any]) -> None:
        """Raises NoTeamError."""
        raise self._refuse()
