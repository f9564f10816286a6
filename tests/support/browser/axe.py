"""What axe-core finds wrong with a panel for people who use a keyboard, a screen reader or other eyes than most."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.browser.dev_page import AXE

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page) -> list[str]:
    """What axe finds in the panel, with the element and the reason."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("rules => axe.run(document.querySelector('#panel'), {runOnly: rules})", RULES)
    assert len(found["passes"]) > 15, "axe looked at nothing"
    return [
        f"{rule['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
