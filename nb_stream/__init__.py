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
    "Run": "runtime.run",
    "Token": "core.model",
    "Cell": "core.model",
    "CellKind": "core.model",
    "CellStatus": "core.model",
    "RunState": "core.model",
    "AgentInfo": "core.model",
    "Transcript": "export",
    "Question": "runtime.human_input",
    "Replay": "recording.replay",
    "Remote": "remote.address",
    "needs_approval": "backends.autogen.approval",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from .backends.autogen.approval import needs_approval as needs_approval
    from .core.model import AgentInfo as AgentInfo
    from .core.model import Cell as Cell
    from .core.model import CellKind as CellKind
    from .core.model import CellStatus as CellStatus
    from .core.model import RunState as RunState
    from .core.model import Token as Token
    from .export import Transcript as Transcript
    from .panel import TeamPanel as TeamPanel
    from .recording.replay import Replay as Replay
    from .remote.address import Remote as Remote
    from .runtime.human_input import Question as Question
    from .runtime.run import Run as Run
    from .stream import TeamStream as TeamStream


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
