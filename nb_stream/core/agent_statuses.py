"""What an agent is doing after an event, as the rows of the panel's header say it."""

from __future__ import annotations

from .model import AgentStatus, CellStatus, Chunk, Event, Message, RunFinished, TurnEnded, TurnStarted


def status_after(event: Event) -> AgentStatus | None:
    """The status that an event gives to the agent at its path. None if the agent keeps the status that it has."""
    if isinstance(event, TurnStarted):
        return AgentStatus.SILENT
    if isinstance(event, Chunk):
        return AgentStatus.WRITING
    if isinstance(event, Message):
        return AgentStatus.DONE if event.final else AgentStatus.SILENT
    if isinstance(event, TurnEnded):
        return AgentStatus.FAILED if event.status is CellStatus.FAILED else AgentStatus.DONE
    return AgentStatus.FAILED if isinstance(event, RunFinished) else None
