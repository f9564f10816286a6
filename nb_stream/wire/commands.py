"""What a browser may ask of the kernel, each command as a class. `frontend/src/protocol/protocol.ts` mirrors the names.

A page is not trusted: `decode` refuses everything that does not have the fields and types of a command's class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Union

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
    """Set the switches of all agents that can stream; `at_ms` and `page` as in `Toggle`."""

    on: bool
    at_ms: float = 0.0
    page: str = ""


@dataclass(frozen=True)
class Start:
    """Run the team with a task. With an empty task, the team goes on. `images` are data URIs that go with the task."""

    task: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tell:
    """Tell the team something in mid-run: after the current turn, or, with `now`, at once; `images` as in `Start`."""

    text: str
    now: bool = False
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rewind:
    """Set the team to how it was before a run, or, with `to_end`, at the end of a run that is set aside. With `again`,
    run the task of the run again."""

    run: str
    to_end: bool = False
    again: bool = False


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
    """Answer a question. `always` approves the next calls of the tool, too: "run" until the run ends, "tool" until
    they are revoked."""

    request_id: str
    text: str = ""
    always: Literal["run", "tool"] | None = None


@dataclass(frozen=True)
class Dismiss:
    """Refuse to answer a question."""

    request_id: str


@dataclass(frozen=True)
class Revoke:
    """Ask about the calls of `tool` by the agent at `path` again."""

    path: str
    tool: str


@dataclass(frozen=True)
class Steer:
    """Control a replay. `act` is `pause`, `resume`, `step`, `seek` (to `value` seconds) or `speed` (`value` times as
    fast as recorded; None is at once)."""

    act: str
    value: float | None = None


@dataclass(frozen=True)
class Resync:
    """Send everything anew."""


@dataclass(frozen=True)
class SendEarlier:
    """Send finished cells that stand before the cell with the index `before`, the nearest ones."""

    before: int


@dataclass(frozen=True)
class Acknowledge:
    """Tell the kernel that the page has painted all frames up to `seq`."""

    page: str
    seq: int


@dataclass(frozen=True)
class Hello:
    """Send a sign of life on both of the widget's comms (`comm_lines.ts`)."""


@dataclass(frozen=True)
class Detour:
    """Send frames on the layout's comm from now on."""


@dataclass(frozen=True)
class SendState:
    """Send the whole state, loader included, to a page that has only what is saved with a notebook."""


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


@dataclass(frozen=True)
class SendContext:
    """What the model saw for the cell with the id `cell`."""

    cell: str


Command = Union[
    Toggle,
    ToggleAll,
    Start,
    Tell,
    Rewind,
    Reset,
    Stop,
    Cancel,
    Answer,
    Dismiss,
    Revoke,
    Steer,
    Resync,
    SendEarlier,
    Acknowledge,
    Hello,
    Detour,
    SendState,
    SendModule,
    SendSavedOutput,
    SendContext,
]

COMMANDS: dict[str, type[Command]] = {
    "toggle": Toggle,
    "toggle_all": ToggleAll,
    "start": Start,
    "say": Tell,
    "rewind": Rewind,
    "reset": Reset,
    "stop": Stop,
    "cancel": Cancel,
    "answer": Answer,
    "dismiss": Dismiss,
    "revoke": Revoke,
    "replay": Steer,
    "resync": Resync,
    "earlier": SendEarlier,
    "ack": Acknowledge,
    "hello": Hello,
    "detour": Detour,
    "state": SendState,
    "module": SendModule,
    "saved_output": SendSavedOutput,
    "context": SendContext,
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
