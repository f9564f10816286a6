"""Writing recordings: a run is kept as it happened, event by event, with the time of every chunk.

A recording is a text file of JSON objects, one a line: first a header (version, time, agents), then the events in the
order in which they arrived (`codec`). The file is written while the run goes on and only ever grows. So it can be
followed with `tail -f`, and a process that is killed loses at most the last quarter of a second. If the file's name
ends in `.gz`, it is a gzip file. `schemas/recording.schema.json` describes every kind of line.

A recording contains what agents said and did (the events of `core.model`) and the agents' names and descriptions. It
contains no configuration of a model client, and no secret that the environment holds (`redaction`).
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pathlib
import threading
import time
import warnings
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from ..core.model import Chunk, Event, RunFinished, RunStarted
from ..errors import RecordingError
from .chunk_batch import ChunkBatch, pack
from .codec import dumps, line, line_of, rows
from .contexts import ContextWriter
from .redaction import Redact, Redactor, scrub, scrubbed, sift

WRITE_AFTER_S = 0.25
"""Seconds after which an event is in the file."""

BATCH_CHUNKS = 512
"""How many chunks wait to be pressed together. Fewer than the new objects after which Python's garbage collector runs:
objects that outlive a collection cost more than all the rest of a recording."""

_LINES_A_BLOCK = 256  # lines that are saved at once


class RecordFile:
    """A recording that is being written. An `EventLog` owns it, and writes with its lock held.

    The file is made with the first event; a file that is there already is kept as `NAME.bak`. Raises RecordingError at
    once if the folder does not exist or cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        head: Mapping[str, Any],
        redact: Redact | None,
        complain: Callable[[str], None],
    ) -> None:
        self._file: IO[bytes] | None = None
        self.path = pathlib.Path(path).expanduser().absolute()
        if self.path.is_dir():
            raise RecordingError(f"Cannot record to {self.path}: it is a folder.")
        if not os.access(self.path.parent, os.W_OK):
            raise RecordingError(
                f"Cannot record to {self.path}: there is no folder {self.path.parent} that can be written to."
            )
        self.redact = redact
        self.redactor = None if redact is None else Redactor(redact, complain)
        self._head = dict(head)
        self._zip: Any = None

    def fill(self, lines: Iterable[bytes]) -> None:
        """Write a whole recording, and close the file. Raises RecordingError if that fails or if there are no lines."""
        lines = iter(lines)
        try:
            block = list(itertools.islice(lines, _LINES_A_BLOCK))
            if not block:
                raise RecordingError("There is nothing to save yet: no run has begun.")
            while block:
                following = list(itertools.islice(lines, _LINES_A_BLOCK))
                self.write(b"".join(block), end=not following)
                block = following
        except OSError as error:
            raise RecordingError(f"Cannot write {self.path}: {error.strerror or error}.") from error
        finally:
            self.close()

    def is_at(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path leads to this file, however it is spelled."""
        other = pathlib.Path(path).expanduser()
        try:
            return self.path.samefile(other)
        except OSError:  # one of them is not there
            return self.path.resolve() == other.resolve()

    def succeed(self, before: RecordFile) -> None:
        """Take the place of another file, which is kept as `NAME.bak`, and go on there. Raises RecordingError if that
        fails."""
        try:
            before.close()  # some systems rename no open file
            if before.path.exists():
                os.replace(before.path, before.backup)
            os.replace(self.path, before.path)
            self.path = before.path
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise RecordingError(f"Cannot write {before.path}: {error.strerror or error}.") from error

    @property
    def backup(self) -> pathlib.Path:
        """Where a former file of the same name is kept."""
        return self.path.with_name(self.path.name + ".bak")

    def write(self, data: bytes, *, end: bool = False) -> None:
        """Append whole lines. After `end`, a gzip file is complete as it stands."""
        if self._file is None:
            data = self._first_line() + data
            if self.path.exists():
                os.replace(self.path, self.backup)
            self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115
        if self.path.suffix == ".gz":
            self._zip = self._zip or zlib.compressobj(1, zlib.DEFLATED, 31)
            data = self._zip.compress(data) + self._zip.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)
            if end:
                self._zip = None  # what comes later is another member of the same file
        while data:  # in one piece, so that readers who follow the file see whole lines; in more if the disk is full
            data = data[self._file.write(data) :]

    def _first_line(self) -> bytes:
        head = scrubbed(self._head)
        if self.redactor is not None:
            text = self.redactor.text
            head["agents"] = [{**agent, "description": text(agent["description"])} for agent in head["agents"]]
            for name in {"state", "states"} & head.keys():
                head[name] = self.redactor.deep(head[name])
        return (dumps(head) + "\n").encode("utf-8", "backslashreplace")

    def close(self) -> None:
        """Close the file. Nobody else closes it if the stream is dropped."""
        if self._file is not None:
            self._file.close()

    __del__ = close


class EventLog:
    """The events of a stream: in memory, in some 20 bytes for each chunk, and in a file if there is to be one.

    The stream owns it and calls it with each event but chunks. It puts chunks into `chunks`, which costs next to
    nothing, and calls `pack` when there are `BATCH_CHUNKS` of them. So no chunk lives for long, and what is kept is
    nothing that the garbage collector looks at.

    A thread of its own writes four times a second while a run goes on; when a run has ended, all of it is in the file.
    If writing fails, the run goes on, and `complain` gets a sentence.
    """

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self._rows: list[Event | ChunkBatch] = []
        self._begun = 0  # the place behind the last RunStarted
        self._lock = threading.Lock()  # of the rows: held for moments
        self._running = False
        self._run = 0
        self._file: RecordFile | None = None
        self._lines: list[bytes] = []  # on their way into the file
        self._written = 0  # if texts are rewritten on their way into the file: the place behind the last row in it
        self._writing = threading.Lock()  # of the file: held for as long as a disk takes
        self._complain: Callable[[str], None] = warnings.warn
        self._sentences: list[str] = []
        self.has_contexts = False  # whether what models saw is written, too
        self._contexts = ContextWriter()  # of the file

    def record(
        self,
        path: str | os.PathLike[str],
        head: Mapping[str, Any],
        *,
        redact: Redact | None = None,
        complain: Callable[[str], None],
    ) -> None:
        """Write everything to a file from now on. Raises RecordingError if that is not possible."""
        self._complain = complain
        self._file = RecordFile(path, head, redact, self._sentences.append)
        _tapes.add(self)

    def __call__(self, event: Event) -> None:
        """Keep an event. On the stream's loop."""
        begins = isinstance(event, RunStarted)
        if begins:
            self._running, self._run = True, self._run + 1
        elif isinstance(event, RunFinished):
            self._running = False
        with self._lock:
            self._pack(end=True)
            self._keep(scrub(event))
            if begins:
                self._begun = len(self._rows)
        if not self._running:
            self.flush()
        elif begins and self._file is not None:
            threading.Thread(target=_write_on, args=(weakref.ref(self), self._run), daemon=True).start()

    def pack(self) -> None:
        """Press together the chunks that have come so far. Any thread may call it."""
        with self._lock:
            self._pack()

    def flush(self, *, end: bool = False) -> None:
        """Write what has come so far; at the `end`, what may be half of a secret, too. Any thread may call it."""
        with self._writing:
            with self._lock:
                self._pack(end=end)
                lines, self._lines = self._lines, []
                fresh = self._rows[self._written :] if self._rewrites else []
                self._written += len(fresh)
            self._write(lines, fresh)
        with contextlib.suppress(IndexError):  # another thread may tell them too
            while True:
                self._complain(self._sentences.pop(0))

    def _pack(self, *, end: bool = False) -> None:
        chunks = self.chunks[:]
        if not chunks:
            return
        length = len(chunks)
        chunks, later = sift(chunks, end=end)
        self.chunks[:length] = later  # others may have come in between
        if not chunks:
            return
        for row in [chunks] if {chunk.count for chunk in chunks} == {1} else rows(chunks):
            if isinstance(row, list):
                texts = [chunk.text for chunk in row]
                self._keep(pack(row, texts), texts)
            else:
                self._keep(row)

    def _keep(self, row: Event | ChunkBatch, texts: Sequence[str] = ()) -> None:
        self._rows.append(row)  # an event shares its texts with the transcript
        if self._file is not None and not self._rewrites:
            if isinstance(row, ChunkBatch):
                self._lines.append(line_of(row, texts))
            else:
                self._lines.extend(map(line, self._as_written(iter((row,)), self._contexts)))

    @property
    def _rewrites(self) -> bool:
        return self._file is not None and self._file.redactor is not None

    def _write(self, lines: list[bytes], fresh: list[Event | ChunkBatch]) -> None:
        file = self._file
        if file is None:
            return
        try:
            if file.redactor is not None:
                events = self._as_written(_single(fresh), self._contexts)
                lines = list(map(line, rows(_fit_to_write(events, file.redactor))))
            if lines:
                file.write(b"".join(lines), end=not self._running)
        except Exception as error:  # noqa: BLE001 - whatever it is: the run goes on without its recording
            self._end(f"{type(error).__name__}: {error}")

    def _end(self, reason: str) -> None:
        """Record to no file any more."""
        if self._file is not None:
            self._sentences.append(f"The recording to {self._file.path} has ended: {reason}")
            self._file.close()
            self._file = None

    def rewind(self) -> None:
        """A replay goes back to the beginning of its run. A file cannot go back, so a recording to a file ends here."""
        self.flush()
        with self._writing, self._lock:
            self.chunks.clear()  # among them what may be the beginning of a secret
            del self._rows[self._begun :]
            self._end("the replay that it records went back.")
        self.flush()

    def keep(self, events: Iterable[Event]) -> None:
        """Begin with what was recorded earlier."""
        with self._lock:
            for event in events:
                if isinstance(event, Chunk):
                    self.chunks.append(event)
                else:
                    self.has_contexts = self.has_contexts or getattr(event, "context", None) is not None
                    self._pack(end=True)
                    self._keep(scrub(event))
        self.flush(end=True)

    def events(self) -> Iterator[Event]:
        """Everything so far, event by event, without the secrets of the environment. Any thread may call it."""
        self.flush(end=not self._running)  # half of a secret, kept as it is, would never be known again
        with self._lock:
            kept = list(self._rows)
        return _single(kept)

    def save(self, path: str | os.PathLike[str], head: Mapping[str, Any], *, redact: Redact | None = None) -> None:
        """Write everything as a recording. Raises RecordingError if that fails, or if there is nothing yet.

        If `path` is the file that is being recorded, the file is written anew, and its recording goes on with the same
        `redact`, unless another one is given.
        """
        events = self.events()
        with self._writing:
            if self._file is not None and self._file.is_at(path):
                self._renew(self._file, head, redact or self._file.redact)
                return
        save_recording(path, head, self._as_written(events, ContextWriter()), redact=redact)

    def _as_written(self, events: Iterator[Event], contexts: ContextWriter) -> Iterator[Event]:
        """Events as they go into the file for which `contexts` is."""
        return contexts.events(events) if self.has_contexts else events

    def _renew(self, before: RecordFile, head: Mapping[str, Any], redact: Redact | None) -> None:
        """Go on in a new file with another header. If that fails, go on in the old file."""

        def complain(sentence: str) -> None:
            (self._sentences.append if self._file is file else _raise)(sentence)

        file = RecordFile(before.path.with_name("." + before.path.name), head, redact, complain)
        heard = list(self._rows)
        try:
            contexts = ContextWriter()
            file.fill(map(line, rows(_fit_to_write(self._as_written(_single(heard), contexts), file.redactor))))
        except BaseException:
            file.path.unlink(missing_ok=True)
            raise
        file.succeed(before)
        with self._lock:
            self._pack()
            self._file, self._lines, self._written = file, [], len(heard)
            self._contexts = contexts
            if file.redactor is None:
                self._lines = list(map(line, rows(self._as_written(_single(self._rows[len(heard) :]), contexts))))


def save_recording(
    path: str | os.PathLike[str], head: Mapping[str, Any], events: Iterable[Event], *, redact: Redact | None = None
) -> None:
    """Write events as a recording; a former file of the same name is kept as `NAME.bak`.

    Raises RecordingError if that fails, or if there are no events.
    """
    events = map(scrub, events)
    if redact is not None:
        events = Redactor(redact, _raise).all(events)
    RecordFile(path, head, redact, _raise).fill(map(line, rows(events)))


def _single(kept: Iterable[Event | ChunkBatch]) -> Iterator[Event]:
    """The rows of a log, event by event."""
    for row in kept:
        yield from row.chunks() if isinstance(row, ChunkBatch) else (row,)


def _fit_to_write(events: Iterable[Event], redactor: Redactor | None) -> Iterator[Event]:
    """The events that can be written now. A redactor keeps back those whose texts are not complete."""
    return iter(events) if redactor is None else (fit for event in events for fit in redactor.feed(event))


def _raise(sentence: str) -> None:
    raise RecordingError(sentence)


def _write_on(tape: weakref.ref[EventLog], run: int) -> None:
    """The thread of a run: write four times a second, as long as the run goes on and the stream is there."""
    while True:
        time.sleep(WRITE_AFTER_S)
        here = tape()
        if here is None or not here._running or here._run != run:
            return
        here.flush()
        del here


_tapes: weakref.WeakSet[EventLog] = weakref.WeakSet()


@atexit.register
def _flush_all() -> None:
    for tape in list(_tapes):
        tape.flush(end=True)
