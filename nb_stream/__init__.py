"""Token streaming for AutoGen teams in notebooks, switched per agent at any moment.

`TeamPanel` shows a team in a notebook; `TeamStream` is the same without a widget. Importing this package is cheap:
AutoGen and the widget libraries are imported when one of the two is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "TeamPanel": "panel",
    "TeamStream": "stream",
    "Run": "run",
    "Token": "model",
    "Cell": "model",
    "CellKind": "model",
    "CellStatus": "model",
    "RunState": "model",
    "AgentInfo": "model",
    "Transcript": "transcript",
    "Question": "questions",
    "Replay": "replay",
    "needs_approval": "backends.approval",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from .backends.approval import needs_approval as needs_approval
    from .model import AgentInfo as AgentInfo
    from .model import Cell as Cell
    from .model import CellKind as CellKind
    from .model import CellStatus as CellStatus
    from .model import RunState as RunState
    from .model import Token as Token
    from .panel import TeamPanel as TeamPanel
    from .questions import Question as Question
    from .replay import Replay as Replay
    from .run import Run as Run
    from .stream import TeamStream as TeamStream
    from .transcript import Transcript as Transcript


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
