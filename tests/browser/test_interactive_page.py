"""An interactive export as a reader opens it: by a double click, offline. It searches, filters and plays as the panel
does, and runs nothing that somebody said."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import random
import re
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect

from nb_stream import TeamPanel
from nb_stream.core.model import (
    AgentInfo,
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    Message,
    RunFinished,
    RunStarted,
    ToolCall,
    ToolResults,
    TurnStarted,
)
from nb_stream.demo import tools, writers
from nb_stream.export import export_interactive
from tests.support.browser.dev_page import FRAME
from tests.support.browser.panel_page import PanelPage
from tests.support.hostile_texts import OWN
from tests.support.recordings import ANN, BEN, slow_run

T = TypeVar("T")


def beside(work: Coroutine[None, None, T]) -> T:
    """Run it in a thread of its own: in this one, Playwright has an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


LISTEN = """
window.refused = [];
addEventListener('securitypolicyviolation', event => refused.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


class Opened:
    """An exported file in a page of its own, offline; and all that the page did."""

    def __init__(self, browser: Browser, path: pathlib.Path, **options: object) -> None:
        self.context = browser.new_context(offline=True, viewport={"width": 900, "height": 700}, **options)  # type: ignore[arg-type]
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.went: list[str] = []
        self.page.add_init_script(LISTEN)
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("page", lambda other: self.went.append(f"opened {other.url}"))
        self.page.on("dialog", lambda dialog: self.went.append(f"said {dialog.message}"))
        self.page.on("pageerror", lambda error: self.went.append(f"failed: {error}"))
        self.page.on("console", lambda line: self.went.append(f"{line.type}: {line.text}"))
        self.file = path.as_uri()
        self.page.goto(self.file)
        self.panel = PanelPage(self.page)

    def check(self) -> None:
        """The page asked for nothing but its own file, and did nothing else that it should not do."""
        foreign = [url for url in self.asked if not url.startswith("blob:") and url != self.file]
        assert foreign == []
        assert self.went == []
        assert self.page.evaluate("window.refused") == []


OpenFile = Callable[..., Opened]


@pytest.fixture
def open_file(browser: Browser) -> Iterator[OpenFile]:
    """Opens exported files; afterwards none of them has asked for anything, or has told of an error."""
    opened: list[Opened] = []

    def open_(path: pathlib.Path, **options: object) -> Opened:
        opened.append(Opened(browser, path, **options))
        return opened[-1]

    yield open_
    for one in opened:
        with contextlib.ExitStack() as stack:
            stack.callback(one.context.close)
            one.check()


def slider(page: Page) -> float:
    """Where the replay stands, in seconds."""
    return float(page.get_by_role("slider", name="Place in the run").input_value())


def seek(page: Page, seconds: float) -> None:
    """Put the slider to a moment and let it go."""
    page.get_by_role("slider", name="Place in the run").evaluate(
        "(el, to) => { el.value = to; el.dispatchEvent(new Event('input')); el.dispatchEvent(new Event('change')); }",
        str(seconds),
    )
    page.evaluate(FRAME)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, list[str]]:
    """What a panel wrote after two runs, and the texts of its transcript."""
    path = tmp_path_factory.mktemp("exported") / "run.html"

    async def play() -> list[str]:
        panel = TeamPanel(writers(pace=0.004), title="Harbour poems")
        await panel.run("Write a poem.")
        await panel.run("Make it shorter, about $x^2$.")
        panel.export(path, interactive=True)
        panel.close()
        return [cell.text for cell in panel.transcript]

    return path, beside(play())


def test_a_reader_searches_filters_opens_and_copies(
    exported: tuple[pathlib.Path, list[str]], open_file: OpenFile
) -> None:
    path, texts = exported
    opened = open_file(path)
    page, panel = opened.page, opened.panel.shown()
    expect(page.locator(".nbs-title")).to_have_text("Harbour poems")
    assert [agent for agent, _ in panel.history()] == 2 * ["user", "poet", "critic", "poet", "critic"]

    page.keyboard.press("Tab")
    page.keyboard.press("/")
    page.keyboard.type("gulls")
    page.keyboard.press("Enter")
    expect(page.locator(".nbs-search")).to_contain_text(re.compile(r"\d of \d"))
    page.keyboard.press("Escape")

    page.get_by_role("button", name=re.compile("Filter")).click()
    page.get_by_role("group", name="Agents", exact=True).get_by_role("button", name="critic", exact=True).click()
    expect(page.locator(".nbs-filter")).to_contain_text("4 of 10 messages shown")
    page.get_by_role("button", name="Show all", exact=True).click()

    page.get_by_role("button", name="Timeline of a run", exact=True).click()
    expect(page.locator(".nbs-timeline svg").first).to_be_visible()
    page.get_by_role("button", name="Times and token figures", exact=True).click()
    expect(page.locator(".nbs-figures-table")).to_contain_text("Completion tokens")
    page.get_by_role("button", name="Expand all", exact=True).click()
    expect(page.locator("details.nbs-cell[open]")).to_have_count(10)
    expect(page.locator("math").first).to_be_attached()
    assert panel.text_of("poet") == texts[1]

    page.get_by_role("button", name="Keyboard shortcuts", exact=True).click()
    expect(page.locator(".nbs-help")).to_contain_text("first and last message")
    expect(page.locator(".nbs-help")).not_to_contain_text("cancel now")


def test_only_what_works_without_a_kernel_is_there(
    exported: tuple[pathlib.Path, list[str]], open_file: OpenFile
) -> None:
    page = open_file(exported[0]).panel.shown().page
    names = page.locator("button:visible").evaluate_all("all => all.map(el => el.ariaLabel || el.textContent)")
    tools_row = ["Search", "Filter by agent and kind", "Expand all", "Collapse all", "Timeline of a run"]
    tools_row += ["Times and token figures", "Full screen", "Keyboard shortcuts"]
    assert names == [*tools_row, "Play", "Next message", "Copy", "Copy link"]
    assert page.locator("input:visible:enabled, textarea:visible, select:visible").count() == 2  # slider and speed
    page.keyboard.press("Tab")
    for key in ("n", "b", "1", "Shift+S", "Shift+X", "N"):
        page.keyboard.press(key)
    assert page.locator("textarea, input[type=checkbox]:not([disabled])").locator("visible=true").count() == 0


def test_a_reader_plays_it_with_its_timing_in_any_speed_from_any_place(
    tmp_path: pathlib.Path, open_file: OpenFile
) -> None:
    export_interactive(slow_run(), tmp_path / "run.html", agents=(ANN, BEN))
    opened = open_file(tmp_path / "run.html")
    page, panel = opened.page, opened.panel.shown()
    assert len(panel.history()) == 2
    assert slider(page) == 2.0

    seek(page, 1.55)  # ann has spoken, and half of what ben says
    assert [agent for agent, _ in panel.history()] == ["ann"]
    assert panel.live_text("ben").split() == [f"word{number}" for number in range(5)]
    panel.state("running")
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
    seek(page, 0.25)
    assert panel.history() == []
    assert panel.live_text("ann").split() == ["word0", "word1"]
    page.get_by_role("button", name="Next message", exact=True).click()
    expect(page.locator("details.nbs-cell")).to_have_count(1)
    assert slider(page) == 1.0

    page.get_by_role("combobox", name="Speed").select_option("At once")
    page.get_by_role("button", name="Resume", exact=True).click()
    panel.state("idle")
    assert [agent for agent, _ in panel.history()] == ["ann", "ben"]

    page.get_by_role("combobox", name="Speed").select_option("0.25 ×")
    began = page.evaluate("performance.now()")
    page.get_by_role("button", name="Play", exact=True).click()
    panel.wait_live("ann", 10)
    page.get_by_role("button", name="Pause", exact=True).click()
    took, place = (page.evaluate("performance.now()") - began) / 1000, slider(page)
    assert 0.2 <= place <= took * 0.25 + 0.01, "two words came after two tenths of a second, at a quarter of the speed"
    assert panel.live_text("ann").split() == [f"word{number}" for number in range(int(place * 10 + 1e-6))]
    page.get_by_role("combobox", name="Speed").select_option("16 ×")
    page.get_by_role("button", name="Resume", exact=True).click()
    panel.state("idle")
    assert slider(page) == 2.0
    assert panel.text_of("ann") == panel.text_of("ben") == "".join(f"word{number} " for number in range(9))


def test_it_ends_with_what_the_panel_showed(exported: tuple[pathlib.Path, list[str]], open_file: OpenFile) -> None:
    path, texts = exported
    opened = open_file(path)
    page, panel = opened.page, opened.panel.shown()
    page.get_by_role("button", name="Expand all", exact=True).click()
    rendered = "() => [...document.querySelectorAll('.nbs-content')].map(el => el.textContent)"
    before = page.evaluate(rendered)
    page.get_by_role("combobox", name="Speed").select_option("16 ×")
    page.get_by_role("button", name="Play", exact=True).click()
    panel.state("running")
    panel.state("idle")
    page.get_by_role("button", name="Expand all", exact=True).click()
    page.evaluate(FRAME)
    assert page.evaluate(rendered) == before
    assert len(before) == len(texts) == 10


def test_a_link_leads_to_its_message(exported: tuple[pathlib.Path, list[str]], open_file: OpenFile) -> None:
    page = open_file(exported[0]).panel.shown().page
    anchor = page.locator("details.nbs-cell .nbs-holder").nth(1).get_attribute("id")
    page.goto(f"{exported[0].as_uri()}#{anchor}")
    page.reload()
    expect(page.locator("details.nbs-cell[open]")).to_have_count(2)  # the second, and the last
    expect(page.locator(f"#{anchor}")).to_contain_text("gulls")


def test_without_scripts_the_same_words_are_there(exported: tuple[pathlib.Path, list[str]], browser: Browser) -> None:
    path, texts = exported
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    expect(page.locator("details").first).to_be_visible()
    assert page.locator("details.nbs-cell").count() == len(texts)
    assert "gulls" in page.locator("main").inner_text()
    assert page.locator(".nbs-replay").count() == 0
    context.close()


def test_no_text_runs_in_it_or_asks_for_anything(
    tmp_path: pathlib.Path, open_file: OpenFile, request: pytest.FixtureRequest
) -> None:
    """Names, tasks, texts, thoughts, calls, results, code and output, each of them hostile, live and settled. Some of
    our texts, drawn anew for each run; all of them with --all-versions."""
    seed = random.randrange(2**32)
    own = OWN if request.config.getoption("--all-versions") else random.Random(seed).sample(OWN, 30)
    print(f"\n{len(own)} texts, seed {seed}.")
    texts = [text.encode("utf-8", "replace").decode() for text in own]
    texts += ["</script><script>alert(1)</script>", "</noscript><img src=x onerror=alert(1)>", "<!--<script>"]
    path = tmp_path / "hostile.html"
    export_interactive(
        list(hostile_run(texts)), path, agents=[AgentInfo(text, text, text) for text in texts[:20]], title=texts[-3]
    )
    opened = open_file(path)
    page, panel = opened.page, opened.panel.shown()
    page.get_by_role("button", name="Expand all", exact=True).click()
    page.evaluate(FRAME)
    for name in ("Filter by agent and kind", "Timeline of a run", "Times and token figures"):
        page.get_by_role("button", name=name).click()
    page.get_by_role("combobox", name="Speed").select_option("16 ×")
    page.get_by_role("button", name="Play", exact=True).click()
    panel.state("running")
    page.get_by_role("combobox", name="Speed").select_option("At once")
    page.get_by_role("button", name="Pause", exact=True).or_(
        page.get_by_role("button", name="Play", exact=True)
    ).first.wait_for()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.get_by_role("button", name="Expand all", exact=True).click()
    page.evaluate(FRAME)
    tags = set(page.evaluate("[...document.querySelectorAll('body *')].map(el => el.localName)"))
    assert not tags & {"iframe", "object", "embed", "link", "meta", "base", "audio", "video"}
    assert page.locator("form").locator("visible=true").count() == 0
    assert page.get_by_role("button", name=re.compile("^Load image")).count() == 0
    scripts = page.evaluate("[...document.scripts].filter(el => /alert/.test(el.textContent.slice(0, 200))).length")
    assert scripts == 0
    opened.check()
    # The witnesses are awake.
    page.evaluate("""() => {
        const place = document.createElement('div');
        place.innerHTML = '<img src="https://control.example/p.png" onerror="alert(1)">';
        document.body.append(place);
    }""")
    expect(page.locator("img[src^='https://control']")).to_be_attached()
    while len(page.evaluate("window.refused")) < 2:
        page.wait_for_timeout(20)
    assert {line.split()[0] for line in page.evaluate("window.refused")} == {"img-src", "script-src-attr"}
    assert all("control.example" in line or "inline" in line for line in opened.went)
    opened.went.clear()
    opened.asked.remove("https://control.example/p.png")
    page.evaluate("window.refused.length = 0")


def hostile_run(texts: list[str]) -> Iterator[Event]:
    """A run in which every text is said in every way."""
    at = 1000.0
    yield RunStarted("r1", at, texts[0])
    for number, text in enumerate(texts):
        at += 0.05
        turn = f"t{number}"
        yield TurnStarted(text, text, at, turn)
        for cut in range(0, len(text), max(1, len(text) // 4)):
            yield Chunk(text, text, at, text[cut : cut + max(1, len(text) // 4)], f"m{number}", turn)
        yield Message(text, text, at, CellKind.THOUGHT, text, text, f"h{number}", turn)
        call = ToolCall(f"call{number}", text, text)
        yield Message(text, text, at, CellKind.TOOL_CALL, "", text, f"c{number}", turn, tool_calls=(call,))
        yield ToolResults(
            text, text, at, (ToolCall(f"call{number}", text, text, text, True),), f"r{number}", turn, text
        )
        code = {"code_blocks": [{"code": text, "language": text}]}
        yield Message(text, text, at, CellKind.CODE, text, text, f"k{number}", turn, data=code)
        yield CodeResult(text, text, at, text, 1, f"o{number}", turn, text)
        images = {"images": [text, f"data:image/png;base64,{text}", "data:image/svg+xml;base64,PHN2Zz4="]}
        yield Message(text, text, at, CellKind.TEXT, text, text, f"m{number}", turn, True, data=images)
    yield RunFinished("r1", at, CellStatus.FAILED, texts[1], texts[2], texts[3], texts[4], texts[4])


def test_a_tool_call_is_shown_with_its_result(tmp_path: pathlib.Path, open_file: OpenFile) -> None:
    async def play() -> None:
        panel = TeamPanel(tools(pace=0))
        await panel.run("Bread for twelve.")
        panel.export(tmp_path / "run.html", interactive=True)
        panel.close()

    beside(play())
    page = open_file(tmp_path / "run.html").panel.shown().page
    page.get_by_role("button", name="Expand all", exact=True).click()
    expect(page.locator("details.nbs-cell", has_text="convert_units").first).to_contain_text("340.194 g")
