"""Controls act while a cell runs, by real clicks, on the oldest and the newest ipykernel; slow pages miss nothing."""

from __future__ import annotations

import ast
import time

import pytest
from playwright.sync_api import expect

from tests.support.browser.jupyter import Notebook, Open, Server
from tests.support.browser.panel_page import PanelPage
from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment, p95
from tests.support.virtual_environments import THIS_PYTHON

IPYKERNELS = ("6.29.5", NEWEST_FOR_PYTHON[THIS_PYTHON])
WAYS = ["await team.panel.run('go')", "team.panel.run_sync('go')", "await team.by_hand()", "await team.in_background()"]
RUNS = [f"with contextlib.suppress(asyncio.CancelledError): {run}" for run in WAYS]
"""Cells that end well however their run ends: after an error a kernel would throw away what is asked next."""
SETUP = "import asyncio, contextlib\nfrom tests.support.in_kernel import switched_team as team\nteam.panel"
CLICKS, PACE_S = 5, 0.3


@pytest.fixture(params=IPYKERNELS)
def ipykernel(request: pytest.FixtureRequest, server: Server) -> str:
    """The name of a kernel of that version."""
    environment = Environment(request.param, THIS_PYTHON)
    server.add_kernel(f"ipykernel{request.param}", environment.python_executable())
    return f"ipykernel{request.param}"


def clicked(book: Notebook, name: str) -> list[float]:
    """When the box of that agent was clicked, in seconds; forgets it."""
    return [at / 1000 for at in book.page.evaluate("name => (window.__clicks[name] || []).splice(0)", name)]


def test_every_control_acts_while_a_cell_runs(notebook: Open, ipykernel: str) -> None:
    book = notebook([SETUP, "team.box", "await team.fresh()", *RUNS], ipykernel)
    for cell in (0, 1):
        book.run(cell)
    panel = PanelPage(book.page).shown()
    boxes = {"ann": panel.box("ann"), "ben": book.page.locator(".widget-checkbox input")}
    book.page.evaluate(
        """() => {
            window.__clicks = {};
            document.addEventListener('change', ({target}) => {
                const plain = target.closest('.widget-checkbox');
                if (target.type === 'checkbox') (window.__clicks[plain ? 'ben' : 'ann'] ||= []).push(Date.now());
            }, true);
        }"""
    )
    took = []
    for cell, run in enumerate(RUNS, 3):
        book.run(2)
        book.run(cell, wait=False)
        asked = panel.root.locator("details.nbs-cell[data-kind='human input']").last
        asked.get_by_role("textbox").fill("Write.", timeout=20_000)
        asked.get_by_role("button", name="Answer").click()
        panel.wait_live("ann", 20)
        for _ in range(CLICKS):
            began = time.monotonic()
            for box in boxes.values():
                box.click()
            time.sleep(max(0.0, began + PACE_S - time.monotonic()))
        panel.press("Stop")
        panel.state("stopping")
        panel.press("Cancel")
        panel.state("cancelled")
        seen = ast.literal_eval(book.evaluate("{name: each.seen for name, each in team.flips.items()}"))
        for name in boxes:
            assert [on for on, _ in seen[name]] == [number % 2 == 1 for number in range(CLICKS)], (run, name)
            took += [at - click for (_, at), click in zip(seen[name], clicked(book, name), strict=True)]
    print(f"{ipykernel}: from click to switch, p95 of {len(took)} clicks: {p95(took) * 1000:.0f} ms")
    assert p95(took) < 0.2


SHOW = """
from IPython.display import display
from nb_stream import TeamPanel
from nb_stream.concurrency import comm_interceptor
from nb_stream.demo import Say, ScriptedClient
from nb_stream.wire.front_end import STATIC
from autogen_agentchat.agents import AssistantAgent
text = "A line that somebody waits for.\\n\\n" * 200
def make(kind=TeamPanel, pace=0.001):
    return kind(AssistantAgent("ann", ScriptedClient([Say(text)], pace=pace), model_client_stream=True))
"""
ONLY_LAB = pytest.mark.parametrize("server", ["lab"], indirect=True)


def whole(book: Notebook, panel: PanelPage, number: int = 0) -> bool:
    return panel.text_of("ann", number) == ast.literal_eval(book.evaluate("text"))


@ONLY_LAB
def test_a_slow_browser_ends_with_the_whole_text(notebook: Open) -> None:
    book = notebook(
        [SHOW, "panels = [make() for _ in range(6)]\nfor panel in panels: display(panel); panel.start('go')"]
    )
    book.run(0)
    book.page.context.new_cdp_session(book.page).send("Emulation.setCPUThrottlingRate", {"rate": 6})
    book.run(1, wait=False)
    for number in range(6):
        panel = PanelPage(book.page, number)
        panel.root.scroll_into_view_if_needed(timeout=60_000)
        panel.ended(seconds=60)
        assert whole(book, panel)


@ONLY_LAB
def test_a_panel_whose_module_loads_for_three_seconds_misses_nothing(notebook: Open) -> None:
    """anywidget 0.11 drops what comes for a model whose module took longer than 2 s."""
    slow = """
class Slow(TeamPanel):
    _esm = "await new Promise(done => setTimeout(done, 3000));\\n" + (STATIC / "loader.js").read_text("utf-8")
panel = make(Slow, pace=0)
display(panel)
run = panel.start("go")
"""
    book = notebook([SHOW, slow])
    book.run(0)
    book.run(1)
    panel = PanelPage(book.page).shown()
    panel.ended()
    assert whole(book, panel)
    panel.box("ann").uncheck()
    panel.ask("Again")
    panel.ended(2)
    assert whole(book, panel, 1)
    assert book.evaluate("panel.switches['ann']") == "False"
    assert book.evaluate("panel._detour") == "True", "anywidget did not give up on the panel: nothing was proven"


@ONLY_LAB
def test_a_kernel_that_is_not_known_is_named_beside_the_controls(notebook: Open) -> None:
    strange = "class Strange: pass\ncomm_interceptor._find_kernel = Strange\npanel = make()\npanel"
    book = notebook([SHOW, strange, "await panel.run('go')"])
    book.run(0)
    book.run(1)
    panel = PanelPage(book.page).shown()
    caution = panel.root.locator(".nbs-header .nbs-caution")
    expect(caution).to_be_visible()
    expect(caution).to_contain_text("Clicks made while a cell runs may take effect only when the cell ends")
    expect(caution).to_contain_text("__main__.Strange")
    book.run(2)
    panel.ended()
    panel.box("ann").uncheck()
    expect(panel.box("ann")).not_to_be_checked()
