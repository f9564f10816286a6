"""The backend for a recording that is only shown. It has the recorded agents, so that a panel can list them, and no
team to run."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from ..core.model import AgentInfo
from ..errors import NbStreamError, NoTeamError
from ..recording.reader import Recording
from .base import Ability, Backend, BackendEntry, Item, Outcome

NO_TEAM_REASON = "This is a recording: there is no team."


class RecordedBackend(Backend):
    """The agents of a `Recording`. Every method that needs a team raises NoTeamError."""

    has_team = False

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self.agents: tuple[AgentInfo, ...] = tuple(
            replace(agent, can_stream=False, reason=NO_TEAM_REASON) for agent in recording.agents
        )
        self._path = recording.path

    def _refuse(self) -> NoTeamError:
        return NoTeamError(
            f"This shows the recording {self._path.name}: there is no team. TeamPanel.load({str(self._path)!r}, "
            "team=team) goes on with one, and TeamPanel(Replay(…)) plays it again."
        )

    def refusal(self, ability: Ability) -> NbStreamError:
        """There is no team."""
        return self._refuse()

    def task_text(self, task: Any) -> str:
        """An empty text: `check_free` refuses the run."""
        return ""

    def check_free(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    def claim(self) -> None:
        """Raises NoTeamError."""
        raise self._refuse()

    async def run(self, task: Any, **options: Any) -> AsyncGenerator[Item | Outcome, None]:
        """Raises NoTeamError."""
        raise self._refuse()
        yield

    def joined(self, first: Any, text: str) -> Any:
        """The chunk itself: there are no chunks to join."""
        return first

    def request_cancel(self) -> None:
        """Nothing runs."""

    def abandon(self) -> None:
        """Nothing runs."""

    async def recover(self) -> None:
        """A recording cannot be harmed."""


RECORDED = BackendEntry(
    lambda thing: isinstance(thing, Recording), lambda recording, factory, *, approve_code: RecordedBackend(recording)
)
