"""What people do to a notebook while agents write in it: nobody hears of an exception, and nothing is left running."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable

from playwright.sync_api import Browser, expect

from tests.support.browser.jupyter import Notebook, Server
from tests.support.browser.panel_page import PanelPage

TEXT = "A sentence that everybody can wait for. "

CELLS = (
    f"""
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient

def team(pace, length=600):
    return RoundRobinGroupChat([AssistantAgent(name, ScriptedClient([Say({TEXT!r} * length)], pace=pace),
                                               model_client_stream=True) for name in ("ann", "ben")], max_turns=2)

panel = TeamPanel(team(0.015))
""",
    "panel",
    "await panel.run('Go')",
    "%load_ext autoreload\n%autoreload 2\nimport mine",
    "mine.said()",
    "teams = [team(0.001, 5) for _ in range(20)]\nmany = [TeamPanel(one) for one in teams]\ndisplay(*many)",
    "import asyncio\nawait asyncio.gather(*(one.start('Go') for one in many))\nNone",
)
LEFT = (
    "[repr(t) for t in __import__('asyncio').all_tasks() if 'nb_stream' in repr(t)]"
    " + [repr(h) for h in __import__('nb_stream.concurrency.comm_interceptor').concurrency.comm_interceptor._holds]"
)
FAULT = re.compile(r"Traceback|never retrieved|was destroyed|Exception|\bERROR\b|CRITICAL")


def waiting_until(book: Notebook, condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        book.page.wait_for_timeout(100)


def test_interrupts_restarts_deleted_cells_and_twenty_panels_leave_no_trace(server: Server, browser: Browser) -> None:
    name = "lifecycle.ipynb"
    server.write(name, CELLS)
    mine = server.folder / "work" / "mine.py"
    mine.write_text("def said():\n    return 'before'\n")
    log = server.folder / "server.log"
    begin = log.stat().st_size
    book = Notebook(server, browser, name).open()
    page = book.page
    book.run(0)
    book.run(1)
    panel = PanelPage(page).shown()

    # The kernel is interrupted while a cell waits for the run.
    book.run(2, wait=False)
    panel.wait_live("ann", 100)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    panel.state("cancelled")
    expect(panel.cell("ann")).to_contain_text("cancelled")
    waiting_until(book, lambda: re.search("Interrupt|Cancelled", book.output(2)))

    # The cell that shows the panel is run again in the middle of a run, and a module is edited under %autoreload.
    panel.ask("Again")  # the team goes on with whose turn it is
    panel.wait_live("ben", 100)
    book.run(1)
    panel = PanelPage(page).shown()
    panel.wait_live("ben", 200)
    expect(page.locator(".nbs-panel")).to_have_count(1)
    book.run(3)
    mine.write_text("def said():\n    return 'after, and longer'\n")
    book.run(4)
    assert "after" in book.output(4)

    # It is interrupted while no cell runs: a run in the background goes on, and also when its cell is deleted.
    def goes_on() -> None:
        written = int(book.evaluate("len(panel.transcript.cells[-1].text)"))
        waiting_until(book, lambda: int(book.evaluate("len(panel.transcript.cells[-1].text)")) > written + 50)

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    goes_on()
    page.evaluate(
        """() => {
            window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;
            return window.jupyterapp.commands.execute('notebook:delete-cell');
        }"""
    )
    expect(page.locator(".nbs-panel")).to_have_count(0)
    goes_on()
    book.evaluate("panel.receive(__import__('nb_stream.wire.commands').wire.commands.Cancel())")
    waiting_until(book, lambda: book.evaluate("panel.state") == "'cancelled'")
    waiting_until(book, lambda: ast.literal_eval(book.evaluate(LEFT)) == [])

    # Twenty panels.
    book.run(4)
    book.run(5)
    expect(page.locator(".nbs-panel")).to_have_count(20, timeout=60_000)
    expect(page.locator(".nbs-state-word").nth(19)).to_have_text("idle")
    panels = page.locator(".nbs-panel")
    for number in range(20):
        expect(panels.nth(number).locator("details.nbs-cell")).to_have_count(3, timeout=30_000)
    waiting_until(book, lambda: ast.literal_eval(book.evaluate(LEFT)) == [])

    # The kernel is restarted in the middle of a run.
    book.evaluate("[setattr(agent._model_client, 'pace', 0.3) for agent in teams[0]._participants]")
    book.evaluate("many[0].start('More') and None")
    panel.live("ann").scroll_into_view_if_needed()  # out of view, nothing is written
    panel.wait_live("ann", 10)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'", timeout=60_000
    )
    book.run(0)
    assert book.evaluate("panel.state") == "'idle'"
    assert book.errors == []
    book.close()
    faults = [line for line in log.read_text()[begin:].splitlines() if FAULT.search(line)]
    assert faults == []
