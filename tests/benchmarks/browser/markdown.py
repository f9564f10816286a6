"""What Markdown costs in Chromium, as it comes and when it is finished: ours, and beside it the ways of others.

    python tests/benchmarks/browser/markdown.py [--short] [--part mixed|structures|others|whole]

The text stands in a scroller as high as that of the panel, whose end is followed; ours folds what is far from it, as in
the panel. One piece of 64 characters for each frame, frames as fast as they come. Seconds are processor time of the
main thread by Chromium's own count (`TaskDuration`), painting included; milliseconds of frames and tasks are of the
clock, and too high where the machine does other work. Reading all again for each piece would take hours at 1 MB: it is
measured at eight lengths and summed up. A star stands where a limit is exceeded.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Route, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.support.browser.dev_page import served
from tests.support.browser.jupyter import CHROMIUM, FLAGS

PIECE = 64
SAMPLES = 8
UNCAPPED = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]
STRUCTURES = [
    "paragraph", "list", "list 20 deep", "nested list", "quote", "table", "fence", "lines of code", "links", "formulas",
    "formulas in a row",
]  # fmt: skip
PEERS = ["streaming-markdown", "incremark"]
READ_ANEW = ["marked", "markdown-it"]
PARTS = ["mixed", "structures", "whole", "others"]
LONGEST_TASK_MS = 100
"""What may hold the page."""
MAX_GROWTH = 1.4
"""How many times as much the last quarter of one structure may cost as the first."""
MAX_TIMES, MAX_TIMES_STREAMED = 5, 5.2
"""How many times as much a finished message of four times the length, and a streamed text of five times, may cost."""


@dataclass(frozen=True)
class Cost:
    """Of one stream: seconds of the main thread, and milliseconds of its frames in their order."""

    seconds: float
    frames: list[float]
    longest_task: float
    elements: int
    """The most that were on the page after a frame."""
    quarters: list[float]
    """Seconds of the main thread for each quarter of the frames."""

    @property
    def median(self) -> float:
        """Milliseconds."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float:
        """Milliseconds that this share of the frames does not exceed."""
        return sorted(self.frames)[min(len(self.frames) - 1, int(len(self.frames) * share))]


class Bench:
    """The benchmark's page, opened anew for each stream."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self._browser, self._origin = browser, origin

    def stream(self, engine: str, kind: str, length: int, start: int = 0) -> Cost:
        """Write the text `kind` from the character `start` up to `length`."""
        page = self._browser.new_page(viewport={"width": 900, "height": 800})
        page.route("**/*", self._answer)
        page.goto(f"{self._origin}/bench.html")
        page.wait_for_function("window.bench")
        chromium = page.context.new_cdp_session(page)
        chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
        worked = [task_duration(chromium)]
        page.expose_function("quarterEnded", lambda: worked.append(task_duration(chromium)))
        timing = run(page, engine, kind, length, start)
        seconds = task_duration(chromium) - worked[0]
        page.close()
        quarters = [after - before for before, after in pairwise(worked)]
        return Cost(seconds, timing["frames"], max([0.0, *timing["tasks"]]), timing["most"], quarters)

    def kinds(self) -> list[str]:
        """The texts that the page can make."""
        page = self._browser.new_page()
        page.goto(f"{self._origin}/bench.html")
        page.wait_for_function("window.bench")
        kinds: list[str] = page.evaluate("bench.kinds")
        page.close()
        return kinds

    def shown(self, kind: str, length: int) -> tuple[float, float, int]:
        """Show a finished message: seconds of the main thread, milliseconds of its longest task, elements."""
        page = self._browser.new_page(viewport={"width": 900, "height": 800})
        page.goto(f"{self._origin}/bench.html")
        page.wait_for_function("window.bench")
        chromium = page.context.new_cdp_session(page)
        chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = task_duration(chromium)
        answer = page.evaluate("([kind, length]) => bench.whole(kind, length)", [kind, length])
        seconds = task_duration(chromium) - before
        page.close()
        return seconds, max([0.0, *answer["tasks"]]), answer["elements"]

    def sampled(self, engine: str, kind: str, length: int) -> float:
        """Seconds of the clock for a stream that would take too long, from samples of six pieces."""
        total = 0.0
        for sample in range(SAMPLES):
            start = int(length * (sample + 0.5) / SAMPLES)
            frames = self.stream(engine, kind, start + 6 * PIECE, start).frames
            total += sum(frames[1:]) / len(frames[1:]) / 1000 * (length / SAMPLES / PIECE)
        return total

    def _answer(self, route: Route) -> None:
        if route.request.url.startswith((self._origin, "blob:", "data:")):
            route.continue_()
        else:
            route.abort()


def run(page: Page, engine: str, kind: str, length: int, start: int) -> dict[str, Any]:
    """The page's own timing of a stream."""
    answer: dict[str, Any] = page.evaluate(
        "([engine, kind, length, step, from]) => bench.stream(engine, kind, length, step, from)",
        [engine, kind, length, PIECE, start],
    )
    return answer


def task_duration(chromium: CDPSession) -> float:
    """Seconds that the main thread has worked so far."""
    metrics = chromium.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def mixed(bench: Bench, small: int, large: int, engines: Sequence[str] = ("ours",)) -> None:
    """Print what mixed text costs."""
    print(f"\nMixed text, {small // 1000} kB and {large // 1000} kB; frames and tasks in ms, of the large one")
    print(f"Limits for ours: {MAX_TIMES_STREAMED} times the seconds, a task of {LONGEST_TASK_MS} ms\n")
    print(
        f"{'':20s} {'small s':>9s} {'large s':>9s} {'times':>6s} {'median':>7s} {'p99':>6s} {'longest':>8s} {'task':>6s}"
        f" {'elements':>9s}"
    )
    for engine in engines:
        first, second = bench.stream(engine, "mixed", small), bench.stream(engine, "mixed", large)
        times = second.seconds / first.seconds
        over = "*" if second.longest_task > LONGEST_TASK_MS or times > MAX_TIMES_STREAMED else ""
        print(
            f"{engine:20s} {first.seconds:9.1f} {second.seconds:9.1f} {times:6.1f}"
            f" {second.median:7.1f} {second.quantile(0.99):6.1f} {max(second.frames):8.1f} {second.longest_task:6.0f}"
            f" {second.elements:9d} {over}",
            flush=True,
        )


def others(bench: Bench, small: int, large: int) -> None:
    """Print what mixed text costs with what others offer, and if all of it is read again for each piece."""
    mixed(bench, small, large, PEERS)
    for engine in READ_ANEW:
        first_s, second_s = (bench.sampled(engine, "mixed", length) for length in (small, large))
        print(f"{engine:20s} {first_s:9.0f} {second_s:9.0f} {second_s / first_s:6.1f}  from samples", flush=True)


def structures(bench: Bench, length: int) -> None:
    """Print what one structure of this length costs, and whether it costs more towards its end."""
    print(f"\nOne structure of {length // 1000} kB, ours; frames and tasks in ms")
    print(f"Limits: {MAX_GROWTH} times the first quarter, a task of {LONGEST_TASK_MS} ms\n")
    print(
        f"{'':20s} {'main s':>7s} {'quarters s':>27s} {'last/first':>11s} {'median':>7s} {'p99':>6s} {'longest':>8s}"
        f" {'task':>6s} {'elements':>9s}"
    )
    for kind in STRUCTURES:
        cost = bench.stream("ours", kind, length)
        quarters = cost.quarters
        growth = quarters[3] / quarters[0]
        over = "*" if cost.longest_task > LONGEST_TASK_MS or growth > MAX_GROWTH else ""
        print(
            f"{kind:20s} {cost.seconds:7.1f} {' '.join(f'{quarter:6.2f}' for quarter in quarters)}"
            f" {growth:11.2f} {cost.median:7.1f} {cost.quantile(0.99):6.1f} {max(cost.frames):8.1f}"
            f" {cost.longest_task:6.0f} {cost.elements:9d} {over}",
            flush=True,
        )


def whole(bench: Bench, length: int) -> None:
    """Print what finished messages of every kind cost, hostile ones too."""
    print(
        f"\nFinished messages of {length // 4000} kB and {length // 1000} kB; limits: a task of {LONGEST_TASK_MS} ms,"
    )
    print(f"{MAX_TIMES} times the seconds\n")
    print(f"{'':22s} {'small s':>8s} {'large s':>8s} {'times':>6s} {'task':>7s} {'elements':>9s}")
    for kind in bench.kinds():
        (first, _, _), (second, task, elements) = bench.shown(kind, length // 4), bench.shown(kind, length)
        over = "*" if task > LONGEST_TASK_MS or second > MAX_TIMES * first else ""
        print(
            f"{kind:22s} {first:8.2f} {second:8.2f} {second / first:6.1f} {task:7.0f} {elements:9d} {over}", flush=True
        )


def main() -> None:
    """Run what is asked for, or all of it; `--short` with a tenth of the lengths, to see that it works."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--part", choices=PARTS, action="append", help="one of them only; can be repeated")
    arguments = parser.parse_args()
    size, parts = 10 if arguments.short else 1, arguments.part or PARTS
    assert CHROMIUM, "The benchmark needs Chromium: apt-get install chromium"
    with served() as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *UNCAPPED])
        bench = Bench(browser, origin)
        if "mixed" in parts:
            mixed(bench, 200_000 // size, 1_000_000 // size)
        if "structures" in parts:
            structures(bench, 200_000 // size)
        if "whole" in parts:
            whole(bench, 1_000_000 // size)
        if "others" in parts:
            others(bench, 200_000 // size, 1_000_000 // size)
        browser.close()


if __name__ == "__main__":
    main()
