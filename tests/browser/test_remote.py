"""A team in another process, in a panel in JupyterLab: its connection is lost and found, and its worker started anew."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.browser.jupyter import Open
from tests.support.browser.panel_page import PanelPage
from tests.support.remote_worker import TOKEN, served


def test_the_panel_switches_the_team_and_tells_what_happens_to_its_worker(notebook: Open) -> None:
    with served("slow") as worker:
        cell = f"""
from nb_stream import Remote, TeamPanel
TeamPanel(Remote("{worker.url}", token="{TOKEN}"), title="elsewhere")
"""
        book = notebook([cell])
        book.run(0)
        panel = PanelPage(book.page).shown()
        expect(panel.box("ann")).to_be_checked()
        panel.ask("Begin.")
        panel.wait_live("ann", 30)
        panel.box("ann").click()
        row = book.page.locator(".nbs-agent").first
        expect(row).to_contain_text("held", timeout=20_000)
        panel.box("ann").click()
        notice = book.page.locator(".nbs-notice")
        worker.kill()
        expect(notice).to_contain_text("The connection to the worker is lost", timeout=20_000)
        worker.restart()
        expect(notice).to_contain_text("The worker was started anew", timeout=40_000)
        log = book.page.locator(".nbs-log")
        expect(log).to_contain_text("this run ended with the old one", timeout=20_000)
        panel.ask("Again.")
        panel.wait_live("ann", 30)
        panel.press("Cancel")
        panel.ended(2, "cancelled")
