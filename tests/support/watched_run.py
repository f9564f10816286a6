"""Run a team through a `TeamStream` and read what its transcript shows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent

from nb_stream import Cell, CellKind, CellStatus, TeamStream

MODES = pytest.mark.parametrize("mode", ["on", "closed", "ticked", "whole"])
"""How the agents of a team are run: built to stream, the same under closed gates, built without streaming and ticked,
built without streaming. What a reader has at the end must be the same."""

Row = tuple[Any, ...]


@dataclass
class Watched:
    """What a run gave."""

    stream: TeamStream
    given: list[Any]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.stream.transcript.cells

    @property
    def rows(self) -> list[Row]:
        """Kind, path and text of every cell but the task's, in order."""
        return [(cell.kind.value, cell.path, cell.text) for cell in self.cells if cell.path != "user"]

    @property
    def messages(self) -> list[Any]:
        """What the team yielded, without tokens."""
        return [m for m in self.given if not isinstance(m, (ModelClientStreamingChunkEvent, TaskResult))]

    @property
    def tokens(self) -> list[Any]:
        return [m for m in self.given if isinstance(m, ModelClientStreamingChunkEvent)]

    def of(self, kind: CellKind) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind is kind]


async def watch(build: Callable[[bool], Any], mode: str = "on", task: Any = "go", unclaimed: int = 0) -> Watched:
    """Run the team that `build(streaming)` makes, and check that nothing of it is lost or out of order.

    `unclaimed` is how many texts were streamed for which AutoGen gives no message.
    """
    stream = TeamStream(build(mode in ("on", "closed")))
    for info in stream.agents:
        if mode in ("closed", "whole"):
            stream.switches[info.path] = False
        elif info.can_stream:
            stream.switches[info.path] = True
    seen: dict[str, str] = {}
    stream.on_token(lambda token: seen.update({token.path: seen.get(token.path, "") + token.text}))
    watched = Watched(stream, [m async for m in stream.run_stream(task)])
    streams = mode in ("on", "ticked")
    assert bool(watched.tokens) == bool(seen) == (streams and any(info.can_stream for info in stream.agents))
    _nothing_is_lost(watched, unclaimed if mode != "whole" else 0, mode == "ticked")
    return watched


def _nothing_is_lost(watched: Watched, unclaimed: int, ticked: bool) -> None:
    cells = watched.cells
    ids = [m.id for m in watched.messages]
    said = [cell.message_id for cell in cells if cell.message_id is not None]
    if ticked:  # AutoGen reports a choice in this event only where it streams: it must not get into the team
        said = [cell.message_id for cell in cells if cell.message_id in ids or cell.type not in ("", "SelectorEvent")]
    results = [cell.data["result_message_id"] for cell in cells if "result_message_id" in cell.data]
    assert [one for one in ids if one not in results] == list(dict.fromkeys(said))
    assert sorted([*said, *results]) == sorted(ids) or len(set(said)) < len(said)
    assert len([cell for cell in cells if cell.message_id is None and not cell.type]) == unclaimed
    assert all(cell.status is CellStatus.DONE for cell in cells)
    assert len({cell.id for cell in cells}) == len(cells)
    agents = {info.path for info in watched.stream.agents}
    for cell in cells:
        assert cell.run == "r1"
        if cell.kind is not CellKind.SELECTION and cell.agent != "user":
            assert cell.path in agents
