"""Interactive exports of many messages: what the file takes, how soon it is open, and what a jump costs.

python tests/benchmarks/browser/interactive.py [messages …]

A page is open when the last message is painted, counted from the beginning of the navigation. "CPU" is the time that the
page's main thread worked for it, and does not depend on how busy the machine is. A page of one line is opened beside it.
"""

from __future__ import annotations

import pathlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))

from playwright.sync_api import Browser, sync_playwright

from nb_stream.core.model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    Event,
    Message,
    RunFinished,
    RunStarted,
    TurnStarted,
)
from nb_stream.export import export_interactive
from tests.support.browser.jupyter import CHROMIUM, FLAGS
from tests.support.exported_page import ExportedPage

ROUNDS = 5
CHUNKS, WORDS_A_CHUNK = 10, 6
AGENTS = tuple(AgentInfo(name, name) for name in ("ann", "ben", "cy", "dee"))
WORDS = pathlib.Path(__file__).read_text("utf-8").split()

WATCH = """
const looked = () => {
    if (!document.querySelector('.nbs-cell[open]')) return requestAnimationFrame(looked);
    requestAnimationFrame(() => setTimeout(() => { window.opened = performance.now(); }));
};
requestAnimationFrame(looked);
"""
BARE = "<!DOCTYPE html><details class=nbs-cell open><summary>line</summary>text</details>"
JUMP = """() => new Promise(done => {
    const slider = document.querySelector('.nbs-seek');
    slider.value = String(slider.max / 2);
    const began = performance.now();
    slider.dispatchEvent(new Event('input'));
    slider.dispatchEvent(new Event('change'));
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
})"""


def events(messages: int) -> Iterator[Event]:
    """Four agents in turn; a message has ten chunks of six words each, 60 ms apart."""
    chance, at = random.Random(messages), 1_760_000_000.0
    yield RunStarted("r1", at, "Write.")
    for number in range(messages):
        name, turn, message = AGENTS[number % 4].name, f"t{number}", f"m{number}"
        yield TurnStarted(name, name, at, turn)
        pieces = [" ".join(chance.choices(WORDS, k=WORDS_A_CHUNK)) + " " for _ in range(CHUNKS)]
        for piece in pieces:
            at += 0.06
            yield Chunk(name, name, at, piece, message, turn)
        yield Message(name, name, at, CellKind.TEXT, "".join(pieces), "TextMessage", message, turn, True)
    yield RunFinished("r1", at, CellStatus.DONE, "enough")


def opened(browser: Browser, path: pathlib.Path, *, jump: bool) -> tuple[float, float, float]:
    """Milliseconds until the page is open, those in which its main thread worked, and those until a jump into the middle
    is painted."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    counters = context.new_cdp_session(page)
    counters.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    while not (took := page.evaluate("window.opened || 0")):
        page.wait_for_timeout(20)
    metrics = {each["name"]: each["value"] for each in counters.send("Performance.getMetrics")["metrics"]}
    jumped = page.evaluate(JUMP) if jump else 0.0
    context.close()
    return took, 1000 * metrics["TaskDuration"], jumped


def main() -> None:
    """Print a table."""
    counts = [int(word) for word in sys.argv[1:]] or [100, 1_000, 10_000]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        bare, path = pathlib.Path(folder, "bare.html"), pathlib.Path(folder, "run.html")
        bare.write_text(BARE)
        print("messages   text kB   file kB   static kB   export s   open ms    CPU ms   bare page ms   jump ms")
        for count in counts:
            said = list(events(count))
            began = time.process_time()
            export_interactive(said, path, agents=AGENTS)
            export_s = time.process_time() - began
            text = sum(len(event.text) for event in said if isinstance(event, Message))
            static = len(ExportedPage(path.read_text("utf-8")).body.encode())
            opened(browser, path, jump=False)
            pairs = [(opened(browser, path, jump=True), opened(browser, bare, jump=False)[0]) for _ in range(ROUNDS)]
            took, worked, jumped, own = (
                statistics.median(values)
                for values in zip(*((*times, bare_ms) for times, bare_ms in pairs), strict=True)
            )
            print(
                f"{count:8,} {text / 1000:9.0f} {path.stat().st_size / 1000:9.0f} {static / 1000:11.0f}"
                f" {export_s:10.2f} {took:9.0f} {worked:9.0f} {own:14.0f} {jumped:9.0f}"
            )
        browser.close()


if __name__ == "__main__":
    main()
