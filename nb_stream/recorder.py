"""Writing recordings: a run kept as it happened, event by event, with the time of every chunk.

A recording is a text file of JSON objects, one a line: first a header (version, time, agents), then the events in the
order in which they arrived. It is written while the run goes on and only ever grows, so it can be followed with
`tail -f`, and a process that is killed loses at most the last quarter of a second. A name that ends in `.gz` makes it
a gzip file. `schemas/recording.schema.json` describes both kinds of line.

What goes in is what agents said and did: the events of `nb_stream.model`, and names and descriptions of the agents.
No configuration of a model client and nothing of the environment.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pathlib
import threading
import warnings
import weakref
import zlib
from collections import deque
from typing import IO, Any, Callable, Iterable, Iterator, Mapping, Sequence

from .errors import RecordingError
from .events import Decoder, Encoder, dumps
from .model import Chunk, Event, RunFinished, RunStarted
from .redaction import Redact, Redactor, scrub

INTERVAL = 0.25
"""Seconds after which an event is in the file."""

_BLOCK = 4096


class Log:
    """The events of a stream in memory, some 20 bytes a chunk: what `save` writes. Call it with each event."""

    def __init__(self) -> None:
        self._blocks: list[Event | bytes] = []
        self._fresh: list[Event] = []
        self._encoder = Encoder()
        self._mark = 0

    def __call__(self, event: Event) -> None:
        """Keep an event."""
        if event.__class__ is RunStarted:
            self._pack()
            self._mark = len(self._blocks)
        self._fresh.append(event)
        if len(self._fresh) >= _BLOCK:
            self._pack()

    def rewind(self) -> None:
        """Forget the current run, but for its beginning."""
        self._pack()
        del self._blocks[self._mark + 1 :]

    def __iter__(self) -> Iterator[Event]:
        decoder = Decoder()
        for block in self._blocks:
            if isinstance(block, bytes):
                for line in zlib.decompress(block).decode().split("\n")[:-1]:
                    yield decoder.event(line)
            else:
                yield block
        yield from self._fresh

    def _pack(self) -> None:
        """Press chunks together. Other events stay as they are: they share their texts with the transcript."""
        for are_chunks, group in itertools.groupby(self._fresh, lambda event: event.__class__ is Chunk):
            if are_chunks:
                self._blocks.append(zlib.compress(_encoded(map(self._encoder.line, group)), 1))
            else:
                self._blocks.extend(group)
        self._fresh = []


def _encoded(lines: Iterable[str]) -> bytes:
    # Half of a surrogate pair becomes \udXXX, which is how JSON writes it; it can stand in a string only.
    return "".join(lines).encode("utf-8", "backslashreplace")


class Recorder:
    """Writes events to a file as they come. Call it with each event, on one thread.

    The file is made with the first event; one that is there already is kept as `NAME.bak`. Writing happens on a thread
    of its own and never disturbs the run: where it fails, `complain` gets a sentence and the recording ends. When a
    run has ended, all of it is in the file.

    Raises RecordingError at once where the folder does not exist or cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        head: Mapping[str, Any],
        *,
        redact: Redact | None = None,
        complain: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.path = pathlib.Path(path).expanduser().absolute()
        if not os.access(self.path.parent, os.W_OK) or self.path.is_dir():
            raise RecordingError(
                f"Cannot record to {self.path}: it is a folder."
                if self.path.is_dir()
                else f"Cannot record to {self.path}: there is no folder {self.path.parent} that can be written to."
            )
        self._head = dict(head)
        self._redactor = None if redact is None else Redactor(redact, complain)
        self._complain = complain
        self._encoder = Encoder()
        self._pending: deque[Event] = deque()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._zip: Any = None
        self._ended = False
        _open_recorders.add(self)

    def __call__(self, event: Event) -> None:
        """Record an event; returns at once, but for the last one of a run."""
        if self._ended:
            return
        self._pending.append(event)
        if event.__class__ is RunFinished:
            self.flush()
        elif self._timer is None:
            self._timer = threading.Timer(INTERVAL, self._tick)
            self._timer.daemon = True
            self._timer.start()

    def _tick(self) -> None:
        self._timer = None  # before the events are taken, so that a later one starts the next timer
        self.flush()

    def flush(self) -> None:
        """Write what has come so far. Any thread may call it."""
        with self._lock:
            if self._ended:
                self._pending.clear()
                return
            try:
                self._write()
            except Exception as error:  # noqa: BLE001 - whatever it is: the run goes on without its recording
                self._ended = True
                self._complain(f"The recording to {self.path} has ended: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Write everything, text under way included, and close the file."""
        self.flush()
        with self._lock:
            if self._redactor is not None and not self._ended:
                self._put(self._redactor.rest(), end=True)
            self._ended = True
            if self._file is not None:
                self._file.close()

    def rewind(self) -> None:
        """A replay went back: what was written cannot be taken back, so the recording ends here."""
        self.close()
        self._complain(f"The recording to {self.path} has ended: the replay that it records went back.")

    def _write(self) -> None:
        events: list[Event] = []
        while self._pending:
            event = scrub(self._pending.popleft())
            events.extend((event,) if self._redactor is None else self._redactor.feed(event))
        self._put(events, end=bool(events) and isinstance(events[-1], RunFinished))

    def _put(self, events: Sequence[Event], *, end: bool) -> None:
        """Append lines; `end` makes a gzip file complete as it stands."""
        if not events:
            return
        lines = map(self._encoder.line, events)
        if self._file is None:
            lines = itertools.chain([dumps(self._redacted_head()) + "\n"], lines)
            self._file = self._create()
        data = _encoded(lines)
        if self.path.suffix == ".gz":
            self._zip = self._zip or zlib.compressobj(6, zlib.DEFLATED, 31)
            data = self._zip.compress(data) + self._zip.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)
            if end:
                self._zip = None  # what comes later is another member of the same file
        self._file.write(data)
        self._file.flush()

    def _redacted_head(self) -> dict[str, Any]:
        if self._redactor is None:
            return self._head
        text = self._redactor.text
        agents = [{**agent, "description": text(agent["description"])} for agent in self._head["agents"]]
        return {**self._head, "agents": agents}

    def _create(self) -> IO[bytes]:
        if self.path.exists():
            os.replace(self.path, self.path.with_name(self.path.name + ".bak"))
        return open(self.path, "xb")


_open_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    for recorder in list(_open_recorders):
        recorder.flush()


def save(
    path: str | os.PathLike[str], head: Mapping[str, Any], events: Iterable[Event], *, redact: Redact | None = None
) -> None:
    """Write a whole recording. Raises RecordingError where that fails; a file that was there is kept as `NAME.bak`."""
    failures: list[str] = []
    recorder = Recorder(path, head, redact=redact, complain=failures.append)
    for event in events:
        recorder._pending.append(event)
        if len(recorder._pending) >= _BLOCK:
            recorder.flush()
    recorder.close()
    if recorder._file is None and not failures:
        raise RecordingError("There is nothing to save yet: no run has begun.")
    if failures:
        raise RecordingError(failures[0])
