"""`Replay`: a recording that stands in for a team, at its own pace or any other, without a model or a key.

It is the clock of a replay and the user's controls; `backends.replay` reads the events and plays them by that clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import threading
import time
from collections.abc import Callable

from ..core.model import RunStarted
from ..errors import RecordingError
from .reader import Recording

_SHORTEST_SLEEP_S = 0.001  # a shorter time is not worth a sleep


class Replay:
    """Plays a recording wherever a team is taken: `TeamPanel(Replay("run.jsonl"))`, `TeamStream(Replay(…))`.

    Each run of the stream plays the next run of the recording, and after the last run the first one again, whatever
    task the stream is given. Tokens come `speed` times as fast as they were recorded (`math.inf`: at once). They pass
    the ordinary gates, and the transcript ends as that of the recorded runs, times included.

    `pause`, `resume`, `step`, `seek` and `speed` act at once, on any thread, also before a run begins. A replay has one
    clock, so only one stream plays it at a time.

    Raises RecordingError for a file that is no recording, or that holds no run; ValueError for a speed that is not
    above zero.
    """

    def __init__(self, path: str | os.PathLike[str], speed: float = 1.0) -> None:
        self.recording = Recording(path)
        if not any(isinstance(event, RunStarted) for event in self.recording.events()):
            raise RecordingError(f"{path} holds no run: the recording ends before one began.")
        self._runs: int | None = None
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._speed = _checked_speed(speed)
        self._position = 0.0
        self._since: float | None = None  # when the clock began to run from _position; None while it stands still
        self._paused = self._stepping = self._back = False
        self._limit = 0.0
        self._number, self._listeners = 1, list[Callable[[], object]]()
        self._lengths: tuple[float, ...] | None = None

    @property
    def run(self) -> int:
        """The number of the run that plays, or of the run that plays next. The first is 1."""
        return self._number

    @property
    def lengths(self) -> tuple[float, ...]:
        """How long each run of the file took, in seconds."""
        if self._lengths is None:
            self._lengths = self.recording.lengths()
        return self._lengths

    @property
    def runs(self) -> int:
        """How many runs the recording holds."""
        if self._runs is None:
            self._runs = sum(isinstance(event, RunStarted) for event in self.recording.joined())
        return self._runs

    @property
    def speed(self) -> float:
        """How many times as fast as recorded; may be set at any moment."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        speed = _checked_speed(speed)
        with self._lock:
            self._set(self._now())
            self._speed = speed
        self._wake()

    @property
    def position(self) -> float:
        """Where the current run is, in recorded seconds since its beginning."""
        with self._lock:
            return self._now()

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            self._set(self._now())
            self._paused, self._stepping = True, False
        self._wake()

    def resume(self) -> None:
        """Go on."""
        with self._lock:
            self._paused = self._stepping = False
            self._set(self._position)
        self._wake()

    def step(self) -> None:
        """Play to the end of the next whole message at once, and stand still there."""
        with self._lock:
            self._set(self._now())
            self._paused = self._stepping = True
        self._wake()

    def seek(self, seconds: float) -> None:
        """Go to a moment of the current run, or of the next run if none plays, in seconds since the run's beginning.

        Everything up to there is played at once. Going back takes the run's messages off the transcript.
        """
        if not seconds >= 0:
            raise ValueError(f"A replay can go to 0 seconds and beyond, not to {seconds!r}.")
        with self._lock:
            self._back = self._back or seconds < self._limit
            self._stepping = False
            self._set(float(seconds))
        self._wake()

    def on_change(self, callback: Callable[[], object]) -> None:
        """Call `callback()` after each `pause`, `resume`, `step`, `seek` and change of `speed`, and when a run begins
        or ends, on the thread on which that happens."""
        self._listeners.append(callback)

    def __repr__(self) -> str:
        return f"Replay({str(self.recording.path)!r}, speed={self._speed:g})"

    # --- for the backend, on the stream's loop ---------------------------------------------------------------------

    def begin(self, number: int) -> None:
        """The run with this number begins: the clock starts from where `seek` has put it."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._woken = asyncio.Event()
            self._limit, self._back, self._number = 0.0, False, number
            self._set(self._position)
        self._changed()

    def end(self, following: int) -> None:
        """The run is over: the clock is put to zero for the next run, which has the number `following`."""
        with self._lock:
            self._loop, self._position, self._since = None, 0.0, None
            self._limit, self._back, self._stepping, self._number = 0.0, False, False, following
        self._changed()

    async def reach(self, position: float) -> bool:
        """Wait until the clock comes to a position. False if the clock was put back instead."""
        while True:
            with self._lock:
                if self._back:
                    self._back, self._limit = False, 0.0
                    return False
                wait = self._until(position)
                if wait < _SHORTEST_SLEEP_S:
                    self._limit = max(self._limit, position)
                    return True
                self._woken.clear()
            try:
                await asyncio.wait_for(self._woken.wait(), None if math.isinf(wait) else wait)
            except asyncio.TimeoutError:
                continue

    def passed(self, position: float) -> None:
        """A whole message was played: a step ends here."""
        with self._lock:
            stepping, self._stepping = self._stepping, False
            if stepping:
                self._set(position)
        if stepping:
            self._changed()

    # --- the clock; with the lock held -----------------------------------------------------------------------------

    def _now(self) -> float:
        if self._since is None or self._paused:
            return self._position
        if math.isinf(self._speed):
            return max(self._position, self._limit)
        return self._position + (time.monotonic() - self._since) * self._speed

    def _set(self, position: float) -> None:
        self._position = position
        self._since = None if self._loop is None else time.monotonic()

    def _until(self, position: float) -> float:
        """Seconds to wait for a position; zero or less if the clock has come there."""
        if self._stepping or position <= self._now():
            return 0.0
        if self._paused:
            return math.inf
        if math.isinf(self._speed):
            return 0.0
        return (position - self._now()) / self._speed

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                loop.call_soon_threadsafe(self._woken.set)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _checked_speed(speed: float) -> float:
    if not isinstance(speed, (int, float)) or not speed > 0:
        raise ValueError(
            f"speed is a number above zero, 2.0 for twice as fast and math.inf for at once, not {speed!r}."
        )
    return float(speed)


def steer(replay: Replay, act: str, value: float | None = None) -> None:
    """Carry out a browser's command to a replay. Raises ValueError if the replay cannot do that."""
    if act == "pause":
        replay.pause()
    elif act == "resume":
        replay.resume()
    elif act == "step":
        replay.step()
    elif act == "seek":
        replay.seek(value or 0.0)
    elif act == "speed":
        replay.speed = math.inf if value is None else value
    else:
        raise ValueError(f"A replay cannot {act!r}.")
