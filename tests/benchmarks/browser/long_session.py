"""Ten thousand finished messages: how soon a reader sees their end, and what scrolling, searching and opening them cost.

    python tests/benchmarks/browser/long_session.py [--messages 10000]

The first rows are of the panel on a page of its own. Processor is milliseconds of the main thread (`TaskDuration`), which
other programs do not lengthen; tasks and waits are of the clock. The last rows are of JupyterLab: from the moment when the
page has the panel's state until it shows the last message, and until it has all of them.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from playwright.sync_api import Browser, CDPSession, Error, Page, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.support.browser.dev_page import FRAME, DevPage, served
from tests.support.browser.jupyter import CHROMIUM, FLAGS, Notebook, Server
from tests.support.browser.page_transcript import READER, READY, SHOWN, kernels

TASKS = """() => {
    window.__tasks = [];
    new PerformanceObserver(list => window.__tasks.push(...list.getEntries().map(({duration}) => duration)))
        .observe({type: 'longtask'});
}"""
SNAPSHOT = """async () => {
    kernel.sendSnapshot();
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
SCROLL = """async () => {
    document.querySelector('.nbs-scroller').scrollTop -= 120;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
PRESS = """async name => {
    document.querySelector(`[aria-label="${name}"]`).click();
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
SEARCH = """async query => {
    const box = document.querySelector('.nbs-search input');
    document.querySelector('.nbs-search .nbs-count').textContent = '';
    box.value = query;
    box.dispatchEvent(new Event('input'));
    const status = document.querySelector('.nbs-search .nbs-count');
    while (!/hit|of/.test(status.textContent)) await new Promise(done => setTimeout(done));
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
TIMES = """() => {
    window.__times = {};
    const note = name => { window.__times[name] ??= performance.now(); };
    const watch = () => {
        new MutationObserver(() => {
            const lines = document.querySelectorAll('.nbs-cell');
            if (lines.length > 0 && lines[lines.length - 1].textContent.includes('LAST MESSAGE')) {
                requestAnimationFrame(() => setTimeout(() => note('shown')));
            }
            const coming = document.querySelector('.nbs-coming');
            if (window.__times.shown && coming && coming.hidden) note('all');
        }).observe(document, {childList: true, subtree: true, attributes: true, attributeFilter: ['hidden']});
    };
    document.addEventListener('DOMContentLoaded', watch, {once: true});
    const Socket = window.WebSocket;
    window.WebSocket = class extends Socket {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', ({data}) => {
                const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
                if (text.includes('"static_mark"')) note('state');
            });
        }
    };
}"""


def cells(messages: int) -> Sequence[str]:
    """A notebook whose panel shows so many messages, in a run of a hundred each."""
    return (
        f"""
from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
{READER}

class Speaker(BaseChatAgent):
    produced_message_types = (TextMessage,)

    async def on_messages(self, messages, cancellation_token):
        said.append(self.name)
        mark = "LAST MESSAGE. " if len(said) % 99 == 0 else ""  # of each run
        return Response(chat_message=TextMessage(source=self.name, content=mark + "Some *words* of it. " * 15))

    async def on_reset(self, cancellation_token):
        pass

said = []
panel = TeamPanel(RoundRobinGroupChat([Speaker("ann", "speaks")], termination_condition=MaxMessageTermination(100)))
for _ in range({messages} // 100):
    await panel.run("Go.")
display(panel, Reader(panel=panel))
""",
    )


class Table:
    """Prints one row for each thing that a reader does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.evaluate(TASKS)
        print(f"{'':34s} {'processor ms':>13s} {'clock ms':>9s} {'longest task ms':>16s}")

    def row(self, name: str, act: Callable[[], object], times: int = 1, settle: int = 0) -> None:
        """Do it so many times, and print its median; tasks are counted until so many frames later."""
        self.page.evaluate("() => { window.__tasks.length = 0; }")
        processor, clock = [], []
        for _ in range(times):
            before, begin = self.processor(), time.perf_counter()
            act()
            clock.append(1000 * (time.perf_counter() - begin))
            processor.append(self.processor() - before)
        for _ in range(settle):
            self.page.evaluate(FRAME)
        task = max([0.0, *self.page.evaluate("() => window.__tasks")])
        print(
            f"{name:34s} {statistics.median(processor):13.1f} {statistics.median(clock):9.1f} {task:16.0f}", flush=True
        )

    def processor(self) -> float:
        """Milliseconds of the main thread so far."""
        metrics = self.cdp.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def panel(browser: Browser, origin: str, messages: int) -> None:
    """Print what the panel costs on a page of its own."""
    dev = DevPage(browser, origin)
    page = dev.open("many", more=f"&n={messages}")
    page.wait_for_function("() => document.querySelector('.nbs-history').textContent.includes('Message number 1.')")
    table = Table(page)
    table.row("the same snapshot again", lambda: page.evaluate(SNAPSHOT), 3)
    table.row("a frame of scrolling", lambda: page.evaluate(SCROLL), 100)
    page.evaluate(PRESS, "Search")
    table.row("search for a word of each", lambda: page.evaluate(SEARCH, "number"))
    table.row("search for one message", lambda: page.evaluate(SEARCH, "number 4321."))
    page.evaluate(PRESS, "Search")
    table.row("expand all, to the first frame", lambda: page.evaluate(PRESS, "Expand all"), settle=60)
    table.row("a frame of scrolling, all open", lambda: page.evaluate(SCROLL), 100)
    table.row("collapse all, to the first frame", lambda: page.evaluate(PRESS, "Collapse all"), settle=60)
    dev.close()


def reload(browser: Browser, server: Server, messages: int) -> None:
    """Print how soon JupyterLab shows the end of a long session after a reload."""
    server.write("long_session.ipynb", cells(messages))
    book = Notebook(server, browser, "long_session.ipynb").open()
    begin = time.perf_counter()
    book.run(0, timeout=600)
    try:
        book.page.wait_for_function(READY, timeout=60_000)
    except Error:
        print(book.output(0), book.errors)
        raise
    print(f"\nJupyterLab: {messages} messages were written in {time.perf_counter() - begin:.0f} s")
    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    book.page.wait_for_timeout(2000)
    for _ in range(3):
        book.page.add_init_script(f"({TIMES})()")
        book.page.reload()
        book.page.wait_for_function("() => window.__times.all", timeout=120_000)
        times = book.page.evaluate("() => window.__times")
        whole = json.loads(book.page.evaluate(f"() => {SHOWN}")) == kernels(book) if book.page.evaluate(READY) else "?"
        print(
            f"after the page has the state: its end is shown in {times['shown'] - times['state']:.0f} ms,"
            f" all is there in {(times['all'] - times['state']) / 1000:.1f} s; equal to the kernel's: {whole}",
            flush=True,
        )
    book.close()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--part", choices=["panel", "reload"], action="append", help="one of them only")
    arguments = parser.parse_args()
    parts = arguments.part or ["panel", "reload"]
    assert CHROMIUM, "The benchmark needs Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        if "panel" in parts:
            with served() as origin:
                panel(browser, origin, arguments.messages)
        if "reload" in parts:
            with tempfile.TemporaryDirectory() as folder, Server(pathlib.Path(folder)).running() as server:
                reload(browser, server, arguments.messages)
        browser.close()


if __name__ == "__main__":
    main()
