"""Agents that write at once, in JupyterLab in Chromium: what the page pays, and what a reader still can do meanwhile.

    python tests/benchmarks/browser/parallel.py [--kilobytes 200] [--agents 10] [--part paced|reader|fast|trace]

`paced`: so many agents at 660 characters a second each, and one agent with the sum of their text at the sum of their
pace; `reader`: the same with a CPU of full and of a quarter of its speed, while a slider of ipywidgets is moved, a code
cell is typed in and the notebook is scrolled; then behind another tab and in a collapsed output; `fast`: text as fast as
it comes; `trace`: where the time of the main thread goes. With 200 kB each, `paced` takes twice five minutes.

Busy is processor time of the main thread (`TaskDuration`) by time of the clock. Times of the reader run from the input
to the next frame, by the page's clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from playwright.sync_api import Browser, CDPSession, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.support.browser.jupyter import CHROMIUM, FLAGS, Notebook, Server
from tests.support.browser.page_transcript import READER, READY, SHOWN, kernels
from tests.support.browser.tracing import traced

PACE = 660
"""Characters a second of an agent."""
PIECE = 33
"""Characters of a chunk."""
PARTS = ["paced", "reader", "fast", "trace"]
WATCHER = """
class Watcher(anywidget.AnyWidget):
    _esm = '''export default { async render({ model, host }) {
        const panel = await host.getModel(model.get("panel"));
        window.__on = {};
        panel.on("msg:custom", ({ops = []}) => {
            for (const op of ops) if (op.op === "agents") for (const row of op.agents) {
                if (window.__on[row.path] === row.on) continue;
                window.__on[row.path] = row.on;
                window.__confirmed?.(row.path, row.on);
            }
        });
    } }'''
    panel = anywidget.WidgetTrait().tag(sync=True)
"""
OUT_OF_SIGHT = {
    "behind another tab of JupyterLab": (
        """async () => {
            window.__book = window.jupyterapp.shell.currentWidget.id;
            await window.jupyterapp.commands.execute('launcher:create');
        }""",
        "() => window.jupyterapp.shell.activateById(window.__book)",
    ),
    "in a collapsed output": (
        "() => { window.jupyterapp.shell.currentWidget.content.widgets[0].outputHidden = true; }",
        "() => { window.jupyterapp.shell.currentWidget.content.widgets[0].outputHidden = false; }",
    ),
}
"""How a panel goes out of sight, and comes back."""
INSTALL = """() => {
    window.__inputs = {};
    window.__tasks = [];
    new PerformanceObserver(list => window.__tasks.push(...list.getEntries().map(({duration}) => duration)))
        .observe({type: 'longtask'});
    const note = (name, from) => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => (window.__inputs[name] ||= []).push(performance.now() - from);
        requestAnimationFrame(() => channel.port2.postMessage(0));
    };
    window.__frames = [];
    const names = {keydown: 'typing', wheel: 'scrolling', pointermove: 'slider'};
    for (const [type, name] of Object.entries(names)) {
        window.addEventListener(type, event => {
            const isSlider = event.target.closest?.('.widget-slider, .noUi-handle') != null || window.__dragging;
            if (type !== 'pointermove' || isSlider) note(name, event.timeStamp);
        }, {capture: true, passive: true});
    }
    window.addEventListener('pointerdown', event => {
        window.__dragging = event.target.closest?.('.noUi-handle') != null;
    }, true);
    window.addEventListener('pointerup', () => { window.__dragging = false; }, true);
    window.addEventListener('click', event => {
        if (!event.target.matches?.('.nbs-check')) return;
        const from = event.timeStamp;
        window.__confirmed = () => {
            window.__confirmed = undefined;
            note('switch', from);
        };
    }, true);
}"""


def cells(agents: int, pace: int, kilobytes: float) -> Sequence[str]:
    """A notebook: the team and its panel; another widget; a code cell; and something to scroll."""
    return (
        f"""
import asyncio, re, time, pathlib
from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow
from nb_stream import TeamPanel
import ipywidgets
{READER}
{WATCHER}
essay = pathlib.Path({str(ROOT)!r}, "nb_stream/frontend/dev/essay.ts").read_text().split("String.raw`")[1]
essay = re.sub(r'\\$\\{{"(`+)"\\}}', r"\\1", essay.rsplit("`;", 1)[0])
length, pace = {int(kilobytes * 1000)}, {pace}

class Writer(BaseChatAgent):
    '''Keeps to the clock, however late it is called.'''
    produced_message_types = (TextMessage,)

    async def on_messages(self, messages, cancellation_token):
        raise NotImplementedError

    async def on_messages_stream(self, messages, cancellation_token):
        if self.name == "start":
            yield Response(chat_message=TextMessage(source=self.name, content="Go."))
            return
        begin, text = time.perf_counter(), (essay * (length // len(essay) + 1))[:length]
        step = {PIECE} if pace else 256
        for at in range(0, length, step):
            await asyncio.sleep(max(0.0, begin + at / pace - time.perf_counter()) if pace else 0)
            yield ModelClientStreamingChunkEvent(source=self.name, content=text[at:at + step])
        yield Response(chat_message=TextMessage(source=self.name, content=text))

    async def on_reset(self, cancellation_token):
        pass

def team():
    writers = [Writer(f"agent{{n}}", "writes") for n in range({agents})]
    start = Writer("start", "begins")
    builder = DiGraphBuilder().add_node(start)
    for writer in writers:
        builder.add_node(writer).add_edge(start, writer)
    return GraphFlow([start, *writers], builder.build())

panel = TeamPanel(team())
display(panel, Reader(panel=panel), Watcher(panel=panel))
""",
        "slider = ipywidgets.IntSlider(max=1000, layout={'width': '600px'}); display(slider)",
        "",
        "print('\\n'.join(f'line {n}' for n in range(300)))",
    )


@dataclass
class Figures:
    """What a run cost the page. Shares are of time; times are milliseconds."""

    busy: list[float]
    seconds: float
    processor: float
    tasks: list[float]
    inputs: dict[str, list[float]]
    heap: tuple[float, float]
    elements: int
    waits: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Processor time of the main thread by time of the clock."""
        return self.processor / self.seconds

    @property
    def growth(self) -> float:
        """The last quarter by the first."""
        quarter = max(1, len(self.busy) // 4)
        return statistics.mean(self.busy[-quarter:]) / max(1e-9, statistics.mean(self.busy[:quarter]))

    def late(self, name: str, share: float = 0.95) -> float:
        """Milliseconds that this share of a kind of input does not exceed; 0 if there was none."""
        values = sorted(self.inputs.get(name, []))
        return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0

    def __str__(self) -> str:
        late = ", ".join(
            f"{name} p95 {self.late(name):.0f} (of {len(self.inputs[name])})" for name in sorted(self.inputs)
        )
        return (
            f"busy {self.share:4.0%} of {self.seconds:.0f} s, last/first {self.growth:.2f}, elements {self.elements},"
            f" longest task {max(self.tasks, default=0):.0f} ms, tasks above 100 ms {sum(t > 100 for t in self.tasks)};"
            f" {late}; heap {self.heap[0]:.0f} -> {self.heap[1]:.0f} MB"
        )


class Lab:
    """One notebook in JupyterLab, whose agents can be let write."""

    def __init__(self, server: Server, browser: Browser, agents: int, pace: int, kilobytes: float) -> None:
        name = f"parallel_{agents}_{pace}_{kilobytes}.ipynb"
        server.write(name, cells(agents, pace, kilobytes))
        self.browser, self.agents = browser, agents
        self.book = Notebook(server, browser, name, width=1300, height=1300).open()
        self.page = self.book.page
        for index in (0, 1, 3):
            self.book.run(index)
        self.page.wait_for_function(READY, timeout=60_000)
        self.page.wait_for_function("() => window.__on !== undefined", timeout=60_000)
        self.page.evaluate(INSTALL)
        self.cdp: CDPSession = self.page.context.new_cdp_session(self.page)
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    def start(self) -> None:
        """Let the agents begin, and wait until all of them write."""
        self.book.evaluate("panel.start('Go') and None")
        self.page.wait_for_function(
            "n => document.querySelectorAll('.nbs-live-cell').length === n", arg=self.agents, timeout=60_000
        )

    @property
    def is_running(self) -> bool:
        """Whether the page says that the run goes on."""
        return bool(self.page.evaluate("() => window.__panel.state !== 'idle'"))

    def metric(self, name: str) -> float:
        """One of Chromium's metrics of the page."""
        metrics = self.cdp.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == name))

    def heap(self) -> float:
        """Megabytes of the page's heap, after its rubbish was collected."""
        self.cdp.send("HeapProfiler.collectGarbage")
        return self.metric("JSHeapUsedSize") / 1e6

    def measure(self, act: Callable[[int], None], tick: float = 0.5, begun: str = "() => {}") -> Figures:
        """Call `act` again and again while the agents write. When they have begun, the page runs `begun`."""
        heap = self.heap()
        self.page.evaluate("() => { window.__inputs = {}; window.__tasks.length = 0; }")
        self.start()
        self.page.evaluate(begun)
        busy, begin, first = [], time.perf_counter(), self.metric("TaskDuration")
        last, number, before = begin, 0, first
        while self.is_running:
            act(number)
            number += 1
            if (wait := last + tick - time.perf_counter()) > 0:
                self.page.wait_for_timeout(1000 * wait)
            now, taken = time.perf_counter(), self.metric("TaskDuration")
            busy.append((taken - before) / (now - last))
            last, before = now, taken
        elements = self.page.evaluate("() => document.querySelectorAll('.nbs-root *').length")
        inputs = self.page.evaluate("() => window.__inputs")
        tasks = self.page.evaluate("() => window.__tasks")
        return Figures(busy, last - begin, before - first, tasks, inputs, (heap, self.heap()), elements)

    def is_complete(self, seconds: float = 120) -> bool:
        """Whether the page ends with the kernel's transcript."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_running and json.loads(self.page.evaluate(f"() => {SHOWN}")) == kernels(self.book):
                return True
            self.page.wait_for_timeout(500)
        return False

    # --- what a reader does ----------------------------------------------------------------------------------------

    def click(self, number: int) -> None:
        """Switch an agent off, and the next time on again."""
        box = self.page.evaluate(
            "n => { const {x, y, width, height} = document.querySelectorAll('.nbs-agent .nbs-check')[n]"
            ".getBoundingClientRect(); return [x + width / 2, y + height / 2]; }",
            1 + number // 2 % self.agents,
        )
        self.page.mouse.click(*box)

    def slide(self, number: int) -> None:
        """Drag the other widget's handle."""
        place = self.page.locator(".noUi-handle").first.bounding_box()
        assert place, "the slider is out of sight"
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + (20 if number % 2 == 0 else -20), y)
        self.page.mouse.up()

    def type(self, number: int) -> None:
        """Type a letter in the code cell."""
        if number == 0:
            self.page.locator(".jp-CodeCell .cm-content").nth(2).click()
        self.page.keyboard.press("abcdefghij"[number % 10])

    def scroll(self, number: int) -> None:
        """Turn the wheel over the notebook."""
        self.page.mouse.move(60, 900)
        self.page.mouse.wheel(0, 60 if number % 2 == 0 else -60)


@contextlib.contextmanager
def opened(
    server: Server, browser: Browser, agents: int, pace: int, kilobytes: float, throttle: float = 1
) -> Iterator[Lab]:
    """A notebook with so many agents."""
    lab = Lab(server, browser, agents, pace, kilobytes)
    lab.cdp.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
    yield lab
    lab.cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    errors = list(lab.book.errors)
    lab.book.close()
    assert errors == [], errors


def paced(server: Server, browser: Browser, agents: int, kilobytes: float) -> None:
    """Print what many agents cost, and by how much that is more than what one costs with the same text."""
    print(f"\n{agents} agents at {PACE} characters a second, {kilobytes:g} kB each; then one with all of the text\n")
    with opened(server, browser, agents, PACE, kilobytes) as lab:
        many = lab.measure(lab.click)
        print(f"{agents:3d} agents: {many}", flush=True)
    with opened(server, browser, 1, PACE * agents, kilobytes * agents) as lab:
        one = lab.measure(lab.click)
        print(f"  1 agent:  {one}")
    print(f"\nmany by one: {many.processor / many.seconds / (one.processor / one.seconds):.2f} times the share of time")


def reader(server: Server, browser: Browser, agents: int, kilobytes: float) -> None:
    """Print how long a reader waits who does something else in the notebook."""
    print(f"\nA reader beside {agents} agents; ms from the input to the frame behind it\n")
    for rate in (1, 4):
        with opened(server, browser, agents, PACE, kilobytes, rate) as lab:

            def act(number: int, lab: Lab = lab) -> None:
                (lab.slide, lab.type, lab.scroll)[number % 3](number // 3)

            print(f"CPU by {rate}: {lab.measure(act, tick=0.15)}", flush=True)
    for name, (hide, show) in OUT_OF_SIGHT.items():
        with opened(server, browser, agents, PACE, kilobytes) as lab:
            print(f"{name}: {lab.measure(lambda _: None, begun=hide)}", flush=True)
            lab.page.evaluate(show)
            print(f"  then complete and equal: {lab.is_complete()}")


def fast(server: Server, browser: Browser, agents: int, kilobytes: float) -> None:
    """Print what text costs that comes as fast as it can."""
    print(f"\n{agents} agents, {kilobytes:g} kB each as fast as they come\n")
    with opened(server, browser, agents, 0, kilobytes) as lab:
        figures = lab.measure(lab.click, tick=0.3)
        print(f"{figures}\ncomplete and equal: {lab.is_complete()}")


def trace(server: Server, browser: Browser, agents: int, kilobytes: float) -> None:
    """Print where the main thread's time goes while the last tenth of the text comes."""
    with opened(server, browser, agents, PACE, kilobytes) as lab:
        lab.start()
        lab.page.wait_for_timeout(1000 * 0.8 * kilobytes * 1000 / PACE)
        found = traced(browser, lab.page, lambda: lab.page.wait_for_timeout(4000))
        frames = len(found.frames)
        span = found.slices[-1].at - found.slices[0].at
        forced = found.forced_in_frames
        print(f"\n{frames} frames in {span:.0f} ms; {len(forced)} forced layouts and styles in their callbacks,")
        print(f"{len(found.forced) - len(forced)} in other scripts; own milliseconds:\n")
        for name, value in found.milliseconds().most_common(20):
            print(f"{name:40s} {value:8.0f}  {value / span:5.1%}")
        for what, count in found.asked().most_common(10):
            print(f"{count:5d} {what}")


def main() -> None:
    """Run what is asked for, or all but the trace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kilobytes", type=float, default=200.0, help="of each agent")
    parser.add_argument("--agents", type=int, default=10)
    parser.add_argument("--part", choices=PARTS, action="append", help="one of them only; can be repeated")
    arguments = parser.parse_args()
    assert CHROMIUM, "The benchmark needs Chromium: apt-get install chromium"
    parts = {"paced": paced, "reader": reader, "fast": fast, "trace": trace}
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(pathlib.Path(folder)).running() as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name in arguments.part or PARTS[:-1]:
            parts[name](server, browser, arguments.agents, arguments.kilobytes)
        browser.close()


if __name__ == "__main__":
    main()
