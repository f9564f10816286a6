"""What Chromium's tracing tells of a page's main thread: its frames, and the layouts that scripts forced."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page

CATEGORIES = [
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.stack",
]
SCRIPT = {"FunctionCall", "FireAnimationFrame", "TimerFire", "EventDispatch", "EvaluateScript", "FireIdleCallback"}
LAYOUT = {"Layout", "UpdateLayoutTree"}
FRAME = "FireAnimationFrame"


@dataclass(frozen=True)
class Slice:
    """One thing that the main thread did: its name, its beginning and its length in milliseconds, and what it tells."""

    name: str
    at: float
    length: float
    told: dict[str, Any]

    @property
    def end(self) -> float:
        """Milliseconds."""
        return self.at + self.length

    @property
    def asked_by(self) -> str:
        """The functions that asked for a layout, the innermost first."""
        stack = self.told.get("beginData", {}).get("stackTrace", [])
        return " < ".join(str(call["functionName"]) for call in stack[:5])


@dataclass(frozen=True)
class Trace:
    """What the main thread did, in the order of its beginning."""

    slices: list[Slice]

    @property
    def forced(self) -> list[Slice]:
        """The layouts that ran inside of a script, because the script asked for a measure."""
        return self._inside(SCRIPT, LAYOUT)

    @property
    def forced_in_frames(self) -> list[Slice]:
        """Those of them that ran inside of a callback of the screen's frame."""
        return self._inside({FRAME}, LAYOUT)

    def asked(self) -> Counter[str]:
        """Which functions forced them in frames, and how often."""
        return Counter(f"{part.name} by {part.asked_by}" for part in self.forced_in_frames)

    @property
    def frames(self) -> list[Slice]:
        """The callbacks of the screen's frames."""
        return [part for part in self.slices if part.name == FRAME]

    def milliseconds(self) -> Counter[str]:
        """How long each kind of work took, without the work inside of it."""
        own: Counter[str] = Counter()
        open_: list[Slice] = []
        for part in self.slices:
            while open_ and open_[-1].end <= part.at:
                open_.pop()
            if open_:
                own[open_[-1].name] -= part.length  # type: ignore[assignment]
            own[part.name] += part.length  # type: ignore[assignment]
            open_.append(part)
        return own

    def _inside(self, outer: set[str], names: set[str]) -> list[Slice]:
        found, end = [], 0.0
        for part in self.slices:
            if part.name in outer:
                end = max(end, part.end)
            elif part.name in names and part.at < end:
                found.append(part)
        return found


def traced(browser: Browser, page: Page, act: Callable[[], object]) -> Trace:
    """What the page's main thread does during `act`."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    main = _main_threads(events)
    frame_threads = Counter(
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == FRAME and (event["pid"], event["tid"]) in main
    )
    assert frame_threads, "the page painted no frame while it was traced"
    thread = frame_threads.most_common(1)[0][0]
    slices = [
        Slice(event["name"], event["ts"] / 1000, event.get("dur", 0) / 1000, event.get("args", {}))
        for event in events
        if event["ph"] == "X" and (event["pid"], event["tid"]) == thread
    ]
    return Trace(sorted(slices, key=lambda part: (part.at, -part.length)))


def _main_threads(events: list[dict[str, Any]]) -> set[tuple[int, int]]:
    return {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
