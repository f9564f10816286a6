"""What a browser may ask of the kernel, each command as a class. `frontend/src/protocol/protocol.ts` mirrors the names.

A page is not trusted: `decode` lets nothing in that has not the fields and types of its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from ..core.typed_json import decoded


@dataclass(frozen=True)
class Toggle:
    """The switch of the agent at `path`. `at_ms` is the time of the browser's clock, in milliseconds, and `page` is a
    word of the page's own: an older click of the same page never undoes a newer one."""

    path: str
    on: bool
    at_ms: float = 0.0
    page: str = ""


@dataclass(frozen=True)
class ToggleAll:
    """The switches of all agents that can stream."""

    on: bool
    at_ms: float = 0.0
    page: str = ""


@dataclass(frozen=True)
class Start:
    """Run the team with a task; without one it goes on."""

    task: str = ""


@dataclass(frozen=True)
class Reset:
    """Let the team forget the conversation."""


@dataclass(frozen=True)
class Stop:
    """End the run after its turn. `run` is the id of the run that is meant, if the page knows it: a wish that comes
    late leaves the next run alone."""

    run: str | None = None


@dataclass(frozen=True)
class Cancel:
    """End the run at once; `run` as in `Stop`."""

    run: str | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a question."""

    request_id: str
    text: str = ""


@dataclass(frozen=True)
class Dismiss:
    """No answer to a question."""

    request_id: str


@dataclass(frozen=True)
class Steer:
    """What a replay is to do: `pause`, `resume`, `step`, `seek` (to `value` seconds) or `speed` (`value` times as fast,
    None for at once)."""

    act: str
    value: float | None = None


@dataclass(frozen=True)
class Resync:
    """Send everything anew."""


@dataclass(frozen=True)
class Acknowledge:
    """All frames up to `seq` are painted on the page."""

    page: str
    seq: int


@dataclass(frozen=True)
class Hello:
    """A sign of life is wanted on both lines (`comm_lines.ts`)."""


@dataclass(frozen=True)
class Detour:
    """Send frames on the line of the layout from now on."""


@dataclass(frozen=True)
class SendState:
    """Everything, loader included, for a page that has only what is saved with a notebook."""


@dataclass(frozen=True)
class SendModule:
    """A part of the front end that is not in the first module: `math`; or `extras` or the panel itself. The names of
    these two have their digests, so that versions never mix."""

    name: str


@dataclass(frozen=True)
class SendSavedOutput:
    """Some parts of what is left in the notebook, and from now on each that is written: for a page that can put them
    there and cannot be reached by their display ids."""

    parts: tuple[int, ...] = ()


Command = Union[
    Toggle,
    ToggleAll,
    Start,
    Reset,
    Stop,
    Cancel,
    Answer,
    Dismiss,
    Steer,
    Resync,
    Acknowledge,
    Hello,
    Detour,
    SendState,
    SendModule,
    SendSavedOutput,
]

COMMANDS: dict[str, type[Command]] = {
    "toggle": Toggle,
    "toggle_all": ToggleAll,
    "start": Start,
    "reset": Reset,
    "stop": Stop,
    "cancel": Cancel,
    "answer": Answer,
    "dismiss": Dismiss,
    "replay": Steer,
    "resync": Resync,
    "ack": Acknowledge,
    "hello": Hello,
    "detour": Detour,
    "state": SendState,
    "module": SendModule,
    "saved_output": SendSavedOutput,
}
"""The commands by their `type` on the wire."""


def decode(content: object) -> Command:
    """A command as it came from a browser.

    Raises ValueError, which names the field and the remedy, for anything else.
    """
    kind = content.get("type") if isinstance(content, Mapping) else None
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise ValueError(f"The kernel knows no command {kind!r}: the page may be of another version, so reload it.")
    try:
        command: Command = decoded(COMMANDS[kind], content)
    except ValueError as error:
        raise ValueError(f"The command {kind!r} cannot be read, as {error}: reload the page.") from None
    return command
