"""What goes between a worker, which runs a team, and its viewers: batches of lines out, commands in.

A worker keeps a journal: lines that only ever grow in number, as in a recording (`recording.codec`). A line that says
what happened is an event of `core.model`. Four other lines belong to no recording: `native` stands before an event and
holds the framework's own message, `begun` says that a model call writes behind a closed gate, `started_by` says which
command began a run, and `rewound` says that a replay went back. What has only a present value (the agents with their
switches, the run's state, open questions) is the status.

* A `Batch` has the epoch of its worker and the number of its first line, so a viewer knows what it has. A worker that
  was started anew has another epoch. A batch also has a number `n` that counts the batches of one connection: a viewer
  that misses one connects again and says what it has (`Position`).
* Lines that a viewer has already are passed over. A viewer that has nothing gets the journal from its first line.
* Chunks behind a closed gate are held in the worker. The first of them sends a line without its text, so that all
  viewers number their cells as the worker does. The held text goes out when the gate opens, or when its message is
  finished.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.model import Chunk
from ..core.typed_json import decoded
from ..recording.codec import dumps

WIRE_VERSION = 1
"""The version of what goes between worker and viewers."""

BEAT_EVERY_S = 2.0
"""Seconds after which a worker that has nothing to tell sends an empty batch."""

SILENCE_S = 3 * BEAT_EVERY_S
"""Seconds without a batch after which a viewer takes the connection for lost."""

MAX_BATCH_BYTES = 64_000
"""Bytes of lines in a batch, if it has more than one line."""

MAX_COMMAND_BYTES = 8_000_000
"""Bytes of a command. A saved state is the largest."""


class Position(NamedTuple):
    """How far a viewer is: `seq` lines of the journal of the worker `epoch`."""

    epoch: str
    seq: int


@dataclass(frozen=True)
class Batch:
    """Lines `first` and following of a journal. `head` is how many lines the journal has. `status` holds the parts of
    the status that changed, and `version` numbers the states of the status."""

    epoch: str
    n: int
    first: int
    head: int
    version: int
    lines: Sequence[bytes] = ()
    status: Mapping[str, Any] = field(default_factory=dict)

    def packed(self) -> list[bytes]:
        """The batch as lines of JSON without line feeds: a head, and the lines of the journal."""
        head: dict[str, Any] = {"epoch": self.epoch, "n": self.n, "first": self.first}
        if self.n == 0:  # a viewer needs these once for a connection
            head |= {"v": WIRE_VERSION, "head": self.head}
        if self.status:
            head |= {"version": self.version, "status": self.status}
        return [dumps(head).encode("utf-8", "backslashreplace"), *self.lines]

    @classmethod
    def unpacked(cls, lines: Sequence[bytes]) -> Batch:
        """The batch of these lines. Raises ValueError if they are none, or of another version."""
        head = json.loads(lines[0]) if lines else None
        if not isinstance(head, dict):
            raise ValueError("it has no head")
        if head.get("n") == 0 and head.get("v") != WIRE_VERSION:
            raise ValueError(f"it is of version {head.get('v')!r}, and this nb_stream knows {WIRE_VERSION}")
        head = {"head": 0, "version": 0, **head}
        numbers = (head.get(name) for name in ("n", "first", "head", "version"))
        status = head.get("status", {})
        if not isinstance(head.get("epoch"), str) or not isinstance(status, dict):
            raise ValueError("its head does not fit")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("its numbers do not fit")
        n, first, length, version = (head[name] for name in ("n", "first", "head", "version"))
        return cls(head["epoch"], n, first, length, version, tuple(lines[1:]), status)


def packed_native(values: Mapping[str, Any] | None, text: str) -> bytes:
    """The line that stands before the event of a message. `values` are the framework's own message as JSON values, None
    if it cannot be written. A member that repeats `text`, the text of the event, is left out of it."""
    if values is not None and text:
        repeated = [name for name, value in values.items() if value == text]
        values = {name: value for name, value in values.items() if name not in repeated}
        return _control_line({"event": "native", "values": values, "text_in": repeated})
    return _control_line({"event": "native", "values": values})


def native_of(values: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """The framework's own message that `packed_native` wrote. None if it could not be written."""
    found, repeated = values.get("values"), values.get("text_in", [])
    if not isinstance(found, dict) or not isinstance(repeated, list):
        return None
    return {**found, **{name: text for name in repeated if isinstance(name, str)}}


def begun_behind_gate(chunk: Chunk) -> bytes:
    """The line that says that a model call writes behind a closed gate. It has the first chunk without its text."""
    call = {name: value for name, value in chunk.key._asdict().items() if value is not None}
    return _control_line({"event": "begun", **call, "at": chunk.at})


def begun_chunk(values: Mapping[str, Any]) -> Chunk:
    """The chunk without text that `begun_behind_gate` wrote. Raises ValueError for anything else."""
    chunk: Chunk = decoded(Chunk, {**values, "text": "", "count": 0})
    return chunk


def started_by(run: str, command: str) -> bytes:
    """The line that says which command begins the run."""
    return _control_line({"event": "started_by", "run": run, "command": command})


REWOUND = b'{"event":"rewound"}'
"""The line that says that a replay went back to the beginning of its run."""


_CONTROL_BEGINNINGS = tuple(b'{"event":"%b"' % word for word in (b"native", b"begun", b"started_by", b"rewound"))


def control_of(line: bytes) -> dict[str, Any] | None:
    """The values of a line that is no event. None for an event. Raises ValueError for a broken line."""
    if not line.startswith(_CONTROL_BEGINNINGS):
        return None
    values: dict[str, Any] = json.loads(line)
    return values


def _control_line(values: Mapping[str, Any]) -> bytes:
    return dumps(values).encode("utf-8", "backslashreplace")
