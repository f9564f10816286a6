"""Reading recordings, and transcripts that were exported as JSON.

A process may be killed while it records, and people edit files. So a recording is read up to the place where it breaks
off, lines that fit no event are left out, and a RecordingWarning says where.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import pathlib
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from ..core.chunk_buffer import ChunkBuffer
from ..core.encodable_text import cleaned
from ..core.model import AgentInfo, CellStatus, Chunk, Event, RunFinished, RunStarted
from ..core.reducer import fold
from ..core.transcript import Transcript
from ..core.typed_json import decoded, json_of, time_of
from ..errors import RecordingError, RecordingWarning
from . import codec
from .contexts import ContextReader

CUT = "The recording ends here."
"""The stop reason of a run in which a recording breaks off."""

GZIP = b"\x1f\x8b"
"""The first bytes of a compressed file."""

_JOIN_EVERY_LINES = 512  # at most so many lines have their chunks joined, so that memory stays bounded
_MAX_WARNINGS = 20  # at most so many lines that are left out have a warning of their own
_PROGRESS_EVERY_LINES = 200  # lines between two reports of progress


class Recording:
    """A recording to read, of any version up to `codec.RECORDING_VERSION`.

    Its header gives `agents`, `streaming` (by path: whether the agent was built to stream), `created` (seconds since
    the epoch), `state` (what the team's `save_state` gave, if it was saved too) and `states` (those before its runs).

    Raises RecordingError for a file that is missing, that is no recording, or that a newer nb_stream wrote.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path).expanduser()
        lines = Lines(self.path)
        try:
            head = _header(next(lines, ""))
        except (ValueError, TypeError, AttributeError):
            head = None
        finally:
            lines.close()
        if head is None:
            raise RecordingError(f"{self.path} is not a recording of nb_stream: its first line is no header.")
        if type(head.get("version")) is not int or not 1 <= head["version"] <= codec.RECORDING_VERSION:
            raise RecordingError(
                f"{self.path} has version {head.get('version')!r}; this nb_stream reads recordings up to version "
                f"{codec.RECORDING_VERSION}. Install a newer nb_stream to open it."
            )
        self.version: int = head["version"]
        self.created: float | None = self._part(head, "created", time_of if self.version == 1 else codec.seconds_of)
        self.state: dict[str, Any] | None = self._part(head, "state", _object)
        self.states: dict[str, Any] | None = self._part(head, "states", _object)
        rows = head.get("agents")
        agents = [(row, self._agent(row)) for row in rows] if isinstance(rows, list) else []
        known = {agent.path: (row, agent) for row, agent in reversed(agents) if agent is not None}
        self.agents = tuple(agent for _, agent in reversed(known.values()))
        self.streaming = {path: row.get("streaming") is not False for path, (row, _) in known.items()}

    def _agent(self, row: Any) -> AgentInfo | None:
        """An agent of the header. None if it does not fit; nothing is lost, because events name their agents too."""
        found: AgentInfo | None = self._part({"agents": row}, "agents", lambda row: cleaned(decoded(AgentInfo, row)))
        return found

    def _part(self, head: dict[str, Any], name: str, decode: Callable[[Any], Any]) -> Any:
        """A member of the header; None if it is missing or does not fit."""
        if head.get(name) is None:
            return None
        try:
            return decode(head[name])
        except ValueError as error:
            sentence = f"{self.path} is broken at line 1, byte 0: its {name} do not fit ({error}). They were left out."
            warnings.warn(sentence, RecordingWarning, stacklevel=4)
            return None

    def lines(self, offset: int = 0, number: int = 0) -> Lines:
        """The lines from a place on, which `Lines.offset` and `Lines.number` gave. The first line is the header."""
        return Lines(self.path, offset, number, self.version)

    def lengths(self) -> tuple[float, ...]:
        """How long each run took, in seconds. A run that breaks off counts up to the last event. Reads only the lines
        that it needs, and does not warn."""
        lengths: list[float] = []
        began: float | None = None
        last = ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RecordingWarning)
            for line in self.lines():
                if '"run_started"' in line or '"run_finished"' in line:
                    for event in self._good(line):
                        if isinstance(event, RunStarted):
                            lengths.append(0.0)
                            began = event.at
                        elif isinstance(event, RunFinished) and began is not None:
                            lengths[-1], began = max(0.0, event.at - began), None
                last = line if line.endswith("}\n") else last
        if began is not None:
            for event in self._good(last):
                lengths[-1] = max(lengths[-1], getattr(event, "at", began) - began)
        return tuple(lengths)

    def events(self) -> Iterator[Event]:
        """The events one by one. Warns of lines that are no events, and leaves them out. Warns and ends if the file is
        broken."""
        lines = self.lines()
        next(lines)
        for line in lines:
            yield from lines.read(codec.from_line, line)

    def joined(self, progress: Callable[[float], None] | None = None) -> Iterator[Event]:
        """The events with the chunks of a model call joined. A transcript needs no more, and it is faster.

        `progress` is called now and then with the share of the file that was read, from 0 to 1.
        """
        waiting = ChunkBuffer()
        lines = self.lines()
        next(lines)
        for line in lines:
            found = lines.read(codec.joined, line)
            if progress is not None and lines.number % _PROGRESS_EVERY_LINES == 0:
                progress(lines.fraction)
            yield from _join_chunks(found, waiting)
            if lines.number % _JOIN_EVERY_LINES == 0:
                yield from _taken(waiting)
        yield from _taken(waiting)

    def transcript(self, progress: Callable[[float], None] | None = None) -> Transcript:
        """The transcript at the end of the recording. The last run may still be going on there."""
        transcript = Transcript()
        for event in self.joined(progress):
            transcript, _ = fold(transcript, event)
        return transcript

    def ended(self) -> tuple[Transcript, list[Event]]:
        """The transcript, and the events that it is made of. A run that breaks off is ended here, as cancelled."""
        transcript, waiting, events = Transcript(), ChunkBuffer(), list(self.events())
        for event in itertools.chain(_join_chunks(events, waiting), _taken(waiting)):
            transcript, _ = fold(transcript, event)
        if transcript.runs and transcript.runs[-1].ended_at is None:
            events.append(RunFinished(transcript.runs[-1].id, events[-1].at, CellStatus.CANCELLED, CUT))
            transcript, _ = fold(transcript, events[-1])
        return transcript, events

    def _good(self, line: str) -> list[Event]:
        """The events of a line, none if it is broken."""
        try:
            return codec.from_line(line, self.version)
        except ValueError:
            return []


def _join_chunks(events: Iterable[Event], waiting: ChunkBuffer) -> Iterator[Event]:
    """Events with the chunks of a model call joined. The chunks behind the last other event stay in `waiting`."""
    for event in events:
        if isinstance(event, Chunk):
            waiting.add(event)
        else:
            yield from _taken(waiting)
            yield event


def _taken(waiting: ChunkBuffer) -> Iterator[Chunk]:
    """The chunks that wait, one for each call, in the order in which the calls began."""
    for call in waiting.take():
        yield call.chunk()


def _header(line: str) -> dict[str, Any] | None:
    head = json.loads(line)
    return head if head.get("nb_stream") == "recording" else None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it is no object")
    return json_of(value)  # type: ignore[no-any-return]


class Lines:
    """The lines of a recording. `offset` and `number` say where the last line stands, in bytes and in lines.

    A file that ends in the middle of a line, or of a compressed block, ends there with a RecordingWarning.
    """

    def __init__(
        self, path: pathlib.Path, offset: int = 0, number: int = 0, version: int = codec.RECORDING_VERSION
    ) -> None:
        try:
            self._raw = open(path, "rb")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise RecordingError(f"Cannot open {path}: {error.strerror or error}.") from error
        self._path = path
        self._version = version
        self._size = max(1, os.fstat(self._raw.fileno()).st_size)
        zipped = self._raw.read(2) == GZIP
        self._raw.seek(0)
        self._file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw
        if offset:
            self._file.seek(offset)
        self.offset = self._next = offset
        self.number = number
        self._whole = True
        self._left_out = 0
        self._contexts = ContextReader()

    @property
    def fraction(self) -> float:
        """How much of the file was read, from 0 to 1."""
        return self._raw.tell() / self._size

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._file.readline()
        except (OSError, EOFError, zlib.error):
            self.broken("its compressed data ends or is damaged here", self.number + 1)
            raise StopIteration from None
        if not line:
            self.close()
            raise StopIteration
        self.offset, self._next = self._next, self._next + len(line)
        self.number += 1
        self._whole = line.endswith(b"\n")
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")  # some editors mark a file's beginning
        except UnicodeDecodeError:
            self.broken("it is not UTF-8")
            raise StopIteration from None

    def read(self, decode: Callable[[str, int], list[Event]], line: str) -> list[Event]:
        """The events of the last line. A line that fits no event is left out with a warning; one that is no JSON ends
        the file. `decode` gets the line and the version of the recording."""
        try:
            events = decode(line, self._version)
            if '"context"' in line or '"run_started"' in line:
                events = [self._contexts.event(event) for event in events]
            return events
        except codec.NoJson as error:
            self.broken(str(error))
        except ValueError as error:
            self._left_out += 1
            if self._left_out <= _MAX_WARNINGS:
                last = " So are others that follow." if self._left_out == _MAX_WARNINGS else ""
                sentence = (
                    f"{self._path} is broken at line {self.number}, byte {self.offset}: {error}. The line is left out."
                )
                warnings.warn(sentence + last, RecordingWarning, stacklevel=3)
        return []

    def broken(self, reason: str, number: int | None = None) -> None:
        """Warn that the file is broken at the last line, or at line `number`, and give no more lines."""
        number = number or self.number
        if number == self.number and not self._whole:
            reason = "the file ends in the middle of it"
        failure = (
            f"{self._path} is broken at line {number}, byte {self.offset if number == self.number else self._next}: "
            f"{reason}. It was read up to there."
        )
        self.close()
        warnings.warn(failure, RecordingWarning, stacklevel=4)

    def close(self) -> None:
        """Close the file; there are no more lines."""
        self._file.close()
        self._raw.close()
        self._file = cast("IO[bytes]", _Nothing())


class _Nothing:
    """A file that is at its end."""

    def readline(self) -> bytes:
        return b""

    def close(self) -> None:
        return None


def is_transcript(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name is that of a transcript, and not of a recording."""
    return os.fspath(path).lower().removesuffix(".gz").endswith(".json")


def load_transcript(path: str | os.PathLike[str], progress: Callable[[float], None] | None = None) -> Transcript:
    """The transcript in a file: a recording (`.jsonl`, `.jsonl.gz`), or a transcript as `export` writes it (`.json`,
    `.json.gz`).

    Raises RecordingError if the file is neither. Warns of lines, runs and cells that do not fit, and leaves them out.
    If a recording is broken, warns and gives what stands before that place.
    """
    if not is_transcript(path):
        return Recording(path).transcript(progress)
    try:
        data = pathlib.Path(path).expanduser().read_bytes()
        values = json.loads((gzip.decompress(data) if data.startswith(GZIP) else data).decode("utf-8-sig"))
        try:
            return cleaned(Transcript.from_dict(values))  # type: ignore[no-any-return]
        except (ValueError, TypeError):
            return cleaned(Transcript.from_dict(_what_fits(path, values)))  # type: ignore[no-any-return]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(f"{path} is damaged: {error}.") from error
    except OSError as error:
        raise RecordingError(f"Cannot open {path}: {error.strerror or error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordingError(f"{path} is not a transcript of nb_stream: {error}") from error


def _what_fits(path: str | os.PathLike[str], values: dict[str, Any]) -> dict[str, Any]:
    """The values of a transcript without the runs and cells that do not fit. Raises ValueError if none fits."""
    kept: dict[str, list[Any]] = {}
    for name in ("runs", "cells"):
        kept[name] = []
        for number, row in enumerate(values[name], 1):
            try:
                Transcript.from_dict({"version": values["version"], "runs": [], "cells": [], name: [row]})
            except (ValueError, TypeError) as error:
                sentence = f"{path}: number {number} of its {name} does not fit ({error}). It is left out."
                warnings.warn(sentence, RecordingWarning, stacklevel=3)
            else:
                kept[name].append(row)
    if not any(kept.values()):
        raise ValueError("nothing in it fits")
    return {**values, **kept}
