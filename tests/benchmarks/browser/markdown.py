"""What streaming Markdown costs in Chromium: ours, streaming-markdown, and parsing all of it again for each piece.

    python tests/benchmarks/browser/markdown.py [--short] [--part mixed|constructs|others|whole]

One piece of 64 characters for each frame, frames as fast as they come, the end in view. Seconds are processor time of
the main thread by Chromium's own count (`TaskDuration`), painting included; milliseconds of frames and tasks are of the
clock, and too high where the machine does other work. Parsing all again would take hours at 1 MB: it is measured at
eight lengths and summed up.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Page, Route, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.support.browser.dev_page import served
from tests.support.browser.jupyter import CHROMIUM, FLAGS

PIECE = 64
SAMPLES = 8
UNCAPPED = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]
STEADY = ["fence", "list", "quote", "formulas"]
GROWING = ["paragraph", "nested list", "table"]
PARTS = ["mixed", "constructs", "others", "whole"]
LONGEST_TASK_MS, MAX_TIMES = 100, 6
"""For finished messages: what may hold the page, and how many times as much a message of four times the length costs."""


@dataclass(frozen=True)
class Cost:
    """Of one stream: seconds of the main thread, and milliseconds of its frames in their order."""

    seconds: float
    frames: list[float]
    longest_task: float

    @property
    def median(self) -> float:
        """Milliseconds."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float:
        """Milliseconds that this share of the frames does not exceed."""
        return sorted(self.frames)[min(len(self.frames) - 1, int(len(self.frames) * share))]

    @property
    def quarters(self) -> list[float]:
        """Seconds of each quarter of the frames."""
        size = len(self.frames) // 4
        return [sum(self.frames[at * size : (at + 1) * size]) / 1000 for at in range(4)]


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
        before = task_duration(chromium)
        timing = run(page, engine, kind, length, start)
        seconds = task_duration(chromium) - before
        page.close()
        return Cost(seconds, timing["frames"], max([0.0, *timing["tasks"]]))

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

    def whole(self, engine: str, kind: str, length: int) -> float:
        """Seconds of the main thread for a stream that would take too long, from samples of six pieces."""
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


def run(page: Page, engine: str, kind: str, length: int, start: int) -> dict[str, list[float]]:
    """The page's own timing of a stream."""
    answer: dict[str, list[float]] = page.evaluate(
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
    print(f"\nMixed text, {small // 1000} kB and {large // 1000} kB; frames and tasks in ms, of the large one\n")
    print(
        f"{'':20s} {'small s':>9s} {'large s':>9s} {'times':>6s} {'median':>7s} {'p99':>6s} {'longest':>8s} {'task':>6s}"
    )
    for engine in engines:
        first, second = bench.stream(engine, "mixed", small), bench.stream(engine, "mixed", large)
        print(
            f"{engine:20s} {first.seconds:9.1f} {second.seconds:9.1f} {second.seconds / first.seconds:6.1f}"
            f" {second.median:7.1f} {second.quantile(0.99):6.1f} {max(second.frames):8.1f} {second.longest_task:6.0f}",
            flush=True,
        )


def others(bench: Bench, small: int, large: int) -> None:
    """Print what mixed text costs with streaming-markdown, and when all of it is parsed again for each piece."""
    mixed(bench, small, large, ["streaming-markdown"])
    first_s, second_s = (bench.whole("full re-parse", "mixed", length) for length in (small, large))
    print(f"{'full re-parse':20s} {first_s:8.0f}* {second_s:8.0f}* {second_s / first_s:6.1f}  * from samples")


def constructs(bench: Bench, length: int) -> None:
    """Print what one construct of this length costs, and whether it costs more towards its end."""
    print(f"\nOne construct of {length // 1000} kB, ours; below the line the browser's own layout grows\n")
    print(f"{'':20s} {'main s':>7s} {'quarters s':>27s} {'last/first':>11s} {'median':>7s} {'p99':>6s} {'longest':>8s}")
    for kind in [*STEADY, "", *GROWING]:
        if not kind:
            print("-" * 90)
            continue
        cost = bench.stream("ours", kind, length)
        quarters = cost.quarters
        print(
            f"{kind:20s} {cost.seconds:7.1f} {' '.join(f'{quarter:6.2f}' for quarter in quarters)}"
            f" {quarters[3] / quarters[0]:11.2f} {cost.median:7.1f} {cost.quantile(0.99):6.1f} {max(cost.frames):8.1f}",
            flush=True,
        )


def whole(bench: Bench, length: int) -> None:
    """Print what finished messages of every kind cost, hostile ones too; a star stands where a limit is exceeded."""
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
        if "constructs" in parts:
            constructs(bench, 200_000 // size)
        if "whole" in parts:
            whole(bench, 1_000_000 // size)
        if "others" in parts:
            others(bench, 200_000 // size, 1_000_000 // size)
        browser.close()


if __name__ == "__main__":
    main()
