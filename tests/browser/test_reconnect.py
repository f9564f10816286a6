"""One run watched by many pages, each with a trouble of its own: all end with exactly the kernel's transcript."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.support.browser.cut_line import Proxy
from tests.support.browser.hidden_page import HiddenPage
from tests.support.browser.jupyter import Notebook, Server
from tests.support.browser.page_transcript import READER, READY, SHOWN, kernels
from tests.support.browser.panel_page import PanelPage
from tests.support.paths import SUPPORT

TURNS, SENTENCES = 4, 130

CELLS = (
    f"""
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
{READER}

def text(name, turn):
    return " ".join(f"Sentence {{n}} of turn {{turn}}, that {{name}} wrote 🌊." for n in range({SENTENCES}))

ann, ben = (AssistantAgent(name, ScriptedClient([Say(text(name, turn), chunk=12) for turn in range({TURNS // 2})],
                                                pace=0.01), model_client_stream=True) for name in ("ann", "ben"))
panel = TeamPanel(RoundRobinGroupChat([ann, ben], max_turns={TURNS}), title="watched")
display(panel, Reader(panel=panel))
""",
    "panel",
)

PAINTED = "() => [...document.querySelectorAll('.nbs-panel')].map(panel => panel.querySelector('.nbs-log').textContent)"


def ends_with(
    wanted: dict[str, Any], read: Callable[[], str | None], what: str, pause: Callable[[float], None]
) -> None:
    """Wait until a page shows exactly this."""
    shown: Any = None
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        said = read()
        shown = json.loads(said) if said else None
        if shown == wanted:
            return
        pause(0.25)
    assert shown == wanted, what


def opened(server: Server, browser: Browser, name: str, port: int = 0) -> Notebook:
    """One more page with the notebook; through another port where one is given."""
    book = Notebook(server, browser, name)
    book.page.goto(server.url(name).replace(f":{server.port}/", f":{port or server.port}/"))
    book.page.wait_for_function(READY, timeout=90_000)
    return book


def test_every_page_ends_with_the_kernels_transcript_whatever_happened_to_it(server: Server, browser: Browser) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    r = random.Random(seed)
    name = "watched.ipynb"
    server.write(name, CELLS)
    book = Notebook(server, browser, name).open()
    page = book.page

    def pause(seconds: float) -> None:
        page.wait_for_timeout(seconds * 1000)

    book.run(0)
    book.run(1)
    expect(page.locator(".nbs-panel")).to_have_count(2, timeout=20_000)
    page.wait_for_function(READY)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    with Proxy(server.port).running() as proxy:
        cut = opened(server, browser, name, proxy.port)
        second, faulty = Notebook(server, browser, name), Notebook(server, browser, name)
        faulty.page.add_init_script(f"window.__seed = {seed};")
        faulty.page.add_init_script(path=SUPPORT / "browser" / "line_faults.js")
        for other in (second, faulty):
            other.page.goto(server.url(name))
            other.page.wait_for_function(READY, timeout=90_000)
        hidden = HiddenPage(browser, server.url(name), pause)
        deadline = time.monotonic() + 90
        while not hidden.evaluate("window.__panel !== undefined"):
            assert time.monotonic() < deadline
            pause(0.5)
        while hidden.evaluate("document.visibilityState") != "hidden":
            assert time.monotonic() < deadline, "the window was not minimized, so that page proves nothing"
            hidden.minimize()
            pause(0.5)

        book.evaluate("panel.start('Go.') and None")
        PanelPage(page).wait_live("ann", 50)
        proxy.cut()
        mended = time.monotonic() + 10
        pause(r.uniform(0.0, 6.0))
        page.reload()
        second.page.close()
        pause(max(0.0, mended - time.monotonic()))
        proxy.mend()
        page.wait_for_function(READY, timeout=90_000)
        deadline = time.monotonic() + 120
        while book.evaluate("panel.state") != "'idle'":
            assert time.monotonic() < deadline
            pause(0.5)

        wanted = kernels(book)
        assert [(cell["agent"], cell["status"], cell["text"]) for cell in wanted["cells"]] == [
            ("user", "done", "Go."),
            *((agent, "done", _text(agent, turn)) for turn in range(TURNS // 2) for agent in ("ann", "ben")),
        ]
        again = opened(server, browser, name)
        pages = {"reloaded": page, "opened after the run": again.page, "faulty": faulty.page, "cut off": cut.page}
        for what, one in pages.items():
            ends_with(wanted, _reader(one), what, pause)
        ends_with(wanted, lambda: hidden.evaluate(SHOWN), "hidden", pause)
        print(faulty.page.evaluate("() => window.__faults"))
        assert min(faulty.page.evaluate("() => Object.values(window.__faults)")) > 0
        for what, one in pages.items():
            _paints_all(one, what)
        hidden.close()
        for other in (cut, faulty, again):
            other.page.close()
        for one_book in (book, faulty, again):
            assert one_book.errors == []
        book.close()


def _text(agent: str, turn: int) -> str:
    return " ".join(f"Sentence {n} of turn {turn}, that {agent} wrote 🌊." for n in range(SENTENCES))


def _reader(page: Page) -> Callable[[], str | None]:
    return lambda: page.evaluate(f"() => window.__panel && {SHOWN}")


def _paints_all(page: Page, what: str) -> None:
    """Both views of the panel show every text, once."""
    for view in range(2):
        root = page.locator(".nbs-panel").nth(view)
        root.get_by_role("button", name="Expand all").dispatch_event("click")  # a dialog of the host may be in front
    page.wait_for_function(f"() => document.querySelectorAll('details.nbs-cell[open] .nbs-md').length >= {2 * TURNS}")
    for painted in page.evaluate(PAINTED):
        for agent in ("ann", "ben"):
            for turn in range(TURNS // 2):
                assert painted.count(_text(agent, turn)) == 1, f"{what}: {agent}, turn {turn}"
