"""`Worker`: a stream whose every event viewers in other processes get, and whose commands they give.

It knows no transport: a transport hands on the batches of `follow` and calls `command`. The worker's gate decides:
chunks behind a closed gate wait here. Their text goes out when the gate opens, or before the event that finishes it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ..concurrency.event_loops import keep_alive
from ..core.chunk_buffer import ChunkBuffer
from ..core.model import Chunk, Event, Message, RunFinished, TurnEnded
from ..core.patches import Patch
from ..core.typed_json import decoded
from ..errors import RemoteError, run_under_way, unreachable
from ..recording.codec import line, rows
from ..remote.protocol import (
    BEAT_EVERY_S,
    MAX_BATCH_BYTES,
    REWOUND,
    Batch,
    Position,
    begun_behind_gate,
    packed_native,
    started_by,
)
from ..runtime.switches import resolve
from ..stream import TeamStream
from ..wire.commands import Answer, Cancel, Dismiss, Reset, Revoke, Rewind, Stop, Tell, Toggle
from .journal import Journal

BATCH_EVERY_S = 0.05
"""Seconds between two batches. What comes after a pause goes out at once."""

SMALL_BATCH_EVERY_S = 0.1
"""Seconds between two batches if fewer than `SMALL_BATCH` chunks wait, and nothing else: so a message costs a number of
batches that depends on its length, and hardly on how slowly it is written."""

SMALL_BATCH = 25
"""Chunks that make it worth while to send a batch earlier."""

HELD_STATUS_EVERY_S = 0.25
"""Seconds between two counts of the text behind closed gates."""

FIRST_BATCH_BYTES = 2_000
"""Bytes of lines in the first batch of a connection. Each further one has up to twice as many: a connection that soon
breaks again has brought something, and a batch that breaks off brings nothing."""

MAX_VIEWERS = 100
"""Viewers that may follow a worker at the same time."""

REMEMBERED_ANSWERS = 1000
"""Commands whose answers are remembered, for viewers that send a command again."""


class BusyError(RemoteError):
    """The worker has as many viewers as it takes."""


class RestartedError(RemoteError):
    """The command was meant for a worker that is gone."""


class Worker:
    """One stream and its viewers. It lives on the loop of the stream, and viewers come to it there."""

    def __init__(self, stream: TeamStream) -> None:
        self.stream = stream
        self.epoch = secrets.token_hex(6)
        self.journal = Journal()
        self._waiting: list[Event | bytes] = []
        self._held = ChunkBuffer()
        self._status: dict[str, tuple[int, Any]] = {}
        self._version = 0
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_at = self._counted_at = float("-inf")
        self._soon = False  # whether the timer is for an early batch
        self._closed = False
        self._looked = False  # whether the status may have changed
        self._viewers: set[asyncio.Event] = set()
        self._answers: OrderedDict[str, asyncio.Future[dict[str, Any]]] = OrderedDict()
        stream.listen(self)
        stream.watch(self)

    @classmethod
    def of(cls, team: Any, options: Mapping[str, Any]) -> Worker:
        """The worker of a team, or of a `TeamStream`, which has its own options."""
        if isinstance(team, TeamStream):
            if options:
                raise TypeError(f"Give {', '.join(options)} to the TeamStream itself.")
            return cls(team)
        return cls(TeamStream(team, **{"streaming": True, **options}))

    # --- what the stream hears (EventListener) ----------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """An event happened: it goes out, or it is held."""
        if isinstance(event, Chunk):
            if self.stream.gate.is_open(event.path):
                if self._held:
                    self._release(lambda path, turn: path == event.path)
                self._waiting.append(event)
            else:
                if self._held.add(event):
                    self._waiting.append(begun_behind_gate(event))
                self._looked = True
        else:
            if self._held:
                self._finish(event)
            self._waiting.append(event)
            self._looked = True
        if self._timer is None or not self._soon:
            self._schedule(soon=not isinstance(event, Chunk) or len(self._waiting) >= SMALL_BATCH)

    def yielded(self, native: Any, event: Event) -> None:
        """A message of the framework's own stands behind the next event."""
        self._waiting.append(packed_native(self.stream.dumped(native), getattr(event, "text", "")))

    def _finish(self, event: Event) -> None:
        """Let out the held text that an event finishes: a display shows it then, whatever its switch."""
        if isinstance(event, RunFinished):
            self._release(lambda path, turn: True)
        elif isinstance(event, TurnEnded) or (isinstance(event, Message) and event.kind.ends_text):
            own, its_turn = event.path, event.turn
            ends_turn = isinstance(event, TurnEnded) or event.final
            self._release(
                lambda path, turn: (
                    (path == own and (None in (turn, its_turn) or turn == its_turn))
                    or (ends_turn and its_turn is not None and turn == its_turn)
                )
            )

    def _release(self, which: Callable[[str, str | None], bool]) -> None:
        for call in self._held.take_where(lambda key: which(key.path, key.turn)):
            self._waiting.append(call.chunk())
            self._looked = True

    # --- what changes (Watcher) --------------------------------------------------------------------------------------

    takes_answers = True

    def patched(self, patches: Sequence[Patch]) -> None:
        """Events tell it."""

    def touched(self, first: bool) -> None:
        """Events tell it."""

    def agents_changed(self) -> None:
        """A switch may have opened."""
        if self._held:
            self._release(lambda path, turn: self.stream.gate.is_open(path))
        self._looked = True
        self._schedule()

    def state_changed(self) -> None:
        """The state of the run changed."""
        self._looked = True
        self._schedule()

    def rewound(self) -> None:
        """A replay went back."""
        self._held = ChunkBuffer()
        self._waiting.append(REWOUND)
        self._looked = True
        self._schedule()

    # --- batches -----------------------------------------------------------------------------------------------------

    def _schedule(self, *, soon: bool = True) -> None:
        if self._timer is not None and (self._soon or not soon):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # it goes out when somebody follows
        if self._timer is not None:
            self._timer.cancel()
        pause = BATCH_EVERY_S if soon else SMALL_BATCH_EVERY_S
        self._soon = soon
        self._timer = loop.call_at(max(loop.time(), self._flushed_at + pause), self._flush)

    def _flush(self) -> None:
        """Put what has come since the last flush into the journal, and wake the viewers."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._flushed_at = None, asyncio.get_running_loop().time()
        waiting, self._waiting = self._waiting, []
        self.journal.extend(_lines(waiting))
        again = self._looked and self._renew_status()
        for viewer in self._viewers:
            viewer.set()
        if again:
            self._schedule()

    def _renew_status(self) -> bool:
        """Look what of the status has changed. Returns whether something waits to be counted."""
        now = time.monotonic()
        held: dict[str, int] = {}
        for chunk in self._held.chunks():
            held[chunk.path] = held.get(chunk.path, 0) + len(chunk.text)
        known = self._status.get("held", (0, {}))[1]
        wait = held.keys() == known.keys() and held != known and now < self._counted_at + HELD_STATUS_EVERY_S
        if wait:
            held = known
        elif held != known:
            self._counted_at = now
        stream = self.stream
        values = {
            "framework": stream.framework,
            "agents": [dataclasses.asdict(agent) for agent in stream.agents],
            "on": dict(stream.switches),
            "notes": {agent.path: stream.note(agent.path) for agent in stream.agents},
            "models": stream.models,
            "statuses": {path: status.value for path, status in stream.statuses.items()},
            "state": [stream.state.value, stream.detail],
            "questions": [{**dataclasses.asdict(q), "kind": q.kind.value} for q in stream.questions],
            "grants": [list(grant) for grant in stream.grants],
            "held": held,
            "budget": [dataclasses.asdict(spending) for spending in stream.budget],
        }
        changed = [name for name, value in values.items() if name not in self._status or self._status[name][1] != value]
        if changed:
            self._version += 1
            self._status |= {name: (self._version, values[name]) for name in changed}
        self._looked = wait
        return wait

    async def follow(self, have: Position | None) -> AsyncGenerator[Batch, None]:
        """The batches for a viewer that has this much already, until `close`. Raises BusyError."""
        if len(self._viewers) >= MAX_VIEWERS:
            raise BusyError(f"This worker has {MAX_VIEWERS} viewers, and takes no more. Close one, or try later.")
        changed = asyncio.Event()
        self._viewers.add(changed)
        try:
            self._looked = True
            self._flush()
            first = have.seq if have is not None and have.epoch == self.epoch and have.seq <= len(self.journal) else 0
            n, seen, most_bytes = 0, 0, FIRST_BATCH_BYTES
            loop = asyncio.get_running_loop()
            while not self._closed:
                lines = self.journal.read(first, most_bytes)
                most_bytes = min(2 * most_bytes, MAX_BATCH_BYTES)
                status = {name: value for name, (version, value) in self._status.items() if version > seen}
                yield Batch(self.epoch, n, first, len(self.journal), self._version, lines, status)
                n, first, seen = n + 1, first + len(lines), self._version
                beat_at = loop.time() + BEAT_EVERY_S
                while first == len(self.journal) and seen == self._version and not self._closed:
                    if (left := beat_at - loop.time()) <= 0:
                        break
                    changed.clear()
                    await _until(changed, left)
        finally:
            self._viewers.discard(changed)

    def close(self) -> None:
        """Let all viewers go, because the server ends."""
        self._closed = True
        for viewer in self._viewers:
            viewer.set()

    # --- commands ----------------------------------------------------------------------------------------------------

    async def command(self, values: object) -> dict[str, Any]:
        """Carry out a command and return its answer. A command that comes again, with the same `id`, gets the same
        answer and is not carried out again. Raises ValueError for what is no command, and the errors of the stream."""
        if not isinstance(values, Mapping):
            raise ValueError("A command is a JSON object.")
        kind, command_id, epoch = values.get("type"), values.get("id"), values.get("epoch")
        if not isinstance(kind, str) or kind not in REMOTE_COMMANDS:
            raise ValueError(f"The worker knows no command {kind!r}. It may be of another version of nb_stream.")
        if not isinstance(command_id, str) or not 0 < len(command_id) <= 64:
            raise ValueError("A command has an id of 1 to 64 characters.")
        if epoch not in (None, self.epoch):
            raise RestartedError("The worker was started anew since you looked. Look again before you go on.")
        try:
            command = decoded(REMOTE_COMMANDS[kind], values)
        except ValueError as error:
            raise ValueError(f"The command {kind!r} cannot be read: {error}.") from None
        future = self._answers.get(command_id)
        if future is None:
            future = asyncio.ensure_future(self._carry_out(command))
            if isinstance(command, SaveStateCommand):  # it changes nothing, and its answer may be large
                return await future
            self._answers[command_id] = future
            while len(self._answers) > REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
        return await asyncio.shield(future)

    async def _carry_out(self, command: RemoteCommand) -> dict[str, Any]:
        stream = self.stream
        match command:
            case Toggle(path, on):
                stream.switches[resolve(stream.agents, path).path] = on
                self._looked = True
                self._flush()
                return {"version": self._version}
            case StartCommand():
                current = stream.current
                if current is not None and not current.done():
                    infos = [info for info in stream.transcript.runs if info.id == current.id]
                    raise run_under_way("start a run", current.id, infos[-1].task if infos else "")
                task = stream.task_of(command.messages) if command.messages else command.task
                run = stream.start(task, output_task_messages=command.output_task_messages)
                self._waiting.append(started_by(run.id, command.command))
                return {"run": run.id}
            case Tell(text, now):
                stream.say(text, now)
            case Rewind(run, to_end):
                await stream.rewind(run, to_end=to_end)
            case Stop(run):
                if self._is_meant(run):
                    stream.check_stoppable()
                    self._in_background(stream.stop())
            case Cancel(run):
                if self._is_meant(run):
                    self._in_background(stream.cancel())
            case Reset():
                await stream.reset()
            case Answer(request_id, text, always):
                stream.answer(request_id, text, always=always)
            case Revoke(path, tool):
                stream.revoke(path, tool)
            case Dismiss(request_id):
                stream.dismiss(request_id)
            case SaveStateCommand():
                return {"state": await stream.save_state()}
            case LoadStateCommand(state):
                if not isinstance(state, Mapping):
                    raise ValueError("A state is a JSON object.")
                await stream.load_state(dict(state))
            case _:
                unreachable(command)
        return {}

    def _is_meant(self, run: str | None) -> bool:
        current = self.stream.current
        return current is not None and not current.done() and run in (None, current.id)

    def _in_background(self, ending: Any) -> None:
        keep_alive(asyncio.ensure_future(ending))


async def _until(changed: asyncio.Event, seconds: float) -> None:
    timer = asyncio.get_running_loop().call_later(seconds, changed.set)
    try:
        await changed.wait()
    finally:
        timer.cancel()


def _lines(waiting: Sequence[Event | bytes]) -> list[bytes]:
    """Events as lines without line feeds; lines stay what they are."""
    lines: list[bytes] = []
    events: list[Event] = []
    for thing in [*waiting, b""]:
        if isinstance(thing, bytes):
            lines.extend(line(row)[:-1] for row in rows(events))
            events.clear()
            if thing:
                lines.append(thing)
        else:
            events.append(thing)
    return lines


# --- what viewers may ask ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StartCommand:
    """Begin a run, with a text as the task or with messages as `Backend.dumped` writes them. `command` is a word by
    which the viewer finds the run that it began."""

    command: str
    task: str | None = None
    messages: tuple[Mapping[str, Any], ...] = ()
    output_task_messages: bool = True


@dataclass(frozen=True)
class SaveStateCommand:
    """Give the team's own state."""


@dataclass(frozen=True)
class LoadStateCommand:
    """Load a state of the team."""

    state: Mapping[str, Any]


RemoteCommand = Union[
    Toggle,
    StartCommand,
    Tell,
    Rewind,
    Stop,
    Cancel,
    Reset,
    Answer,
    Dismiss,
    Revoke,
    SaveStateCommand,
    LoadStateCommand,
]
"""What a viewer may ask of a worker."""

REMOTE_COMMANDS: dict[str, type[RemoteCommand]] = {
    "toggle": Toggle,
    "start": StartCommand,
    "say": Tell,
    "rewind": Rewind,
    "stop": Stop,
    "cancel": Cancel,
    "reset": Reset,
    "answer": Answer,
    "dismiss": Dismiss,
    "revoke": Revoke,
    "save_state": SaveStateCommand,
    "load_state": LoadStateCommand,
}
"""The commands by their `type`: those of a page, as far as they concern a team, and three for other processes."""
