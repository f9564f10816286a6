"""The panel in a page, as a reader uses it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


class PanelPage:
    """One panel. Agents are named as their boxes are labelled."""

    def __init__(self, page: Page, number: int = 0) -> None:
        self.page = page
        self.root = page.locator(".nbs-panel").nth(number)

    def shown(self) -> PanelPage:
        """Wait until the panel is there."""
        expect(self.root).to_be_visible(timeout=20_000)
        return self

    def box(self, agent: str) -> Locator:
        """The checkbox of an agent."""
        return self.root.get_by_role("checkbox", name=agent, exact=True)

    def state(self, word: str, seconds: float = 20) -> None:
        """Wait for a run state."""
        expect(self.root.locator(".nbs-state-word")).to_have_text(re.compile(word), timeout=seconds * 1000)

    def ended(self, runs: int = 1, word: str = "done", seconds: float = 30) -> None:
        """Wait until the run number `runs` has ended in this way."""
        end = self.root.locator(".nbs-run-end").nth(runs - 1)
        expect(end).to_contain_text(word, timeout=seconds * 1000)

    def ask(self, task: str) -> None:
        """Type a task and press Run."""
        self.root.get_by_role("textbox").first.fill(task)
        self.press("Run")

    def press(self, button: str) -> None:
        """Press a button by its name."""
        self.root.get_by_role("button", name=button, exact=True).click()

    def live(self, agent: str) -> Locator:
        """The cell that an agent is writing."""
        return self.root.locator(".nbs-live-cell").filter(
            has=self.page.locator(".nbs-agent-name", has_text=re.compile(f"^{agent}$"))
        )

    def live_text(self, agent: str) -> str:
        """What is painted of it."""
        return self.live(agent).locator(".nbs-text").inner_text()

    def wait_live(self, agent: str, length: int = 1, seconds: float = 20) -> None:
        """Wait until an agent's live cell shows at least `length` characters."""
        self.page.wait_for_function(
            """([agent, length]) => [...document.querySelectorAll('.nbs-live-cell')].some(cell =>
                cell.querySelector('.nbs-agent-name').textContent === agent
                && cell.querySelector('.nbs-text').textContent.length >= length)""",
            arg=[agent, length],
            timeout=seconds * 1000,
        )

    def watch_growth(self) -> None:
        """Begin to note the lengths of live texts, by agent, whenever one of them changes."""
        self.root.evaluate(
            """root => {
                window.__growth = {};
                new MutationObserver(() => {
                    for (const cell of root.querySelectorAll('.nbs-live-cell')) {
                        const agent = cell.querySelector('.nbs-agent-name').textContent;
                        const length = cell.querySelector('.nbs-text').textContent.length;
                        const lengths = (window.__growth[agent] ||= []);
                        if (length && lengths.at(-1) !== length) lengths.push(length);
                    }
                }).observe(root, {childList: true, characterData: true, subtree: true});
            }"""
        )

    def growth(self, agent: str) -> list[int]:
        """The lengths that an agent's live texts had, in the order in which they were seen."""
        return list(self.page.evaluate("agent => window.__growth[agent] || []", agent))

    def history(self) -> list[tuple[str, bool]]:
        """The finished cells: the agent, and whether the cell is open."""
        return [
            (cell.locator(".nbs-agent-name").first.inner_text(), cell.get_attribute("open") is not None)
            for cell in self.root.locator("details.nbs-cell").all()
        ]

    def cell(self, agent: str, number: int = 0) -> Locator:
        """A finished cell of an agent."""
        return (
            self.root.locator("details.nbs-cell")
            .filter(has=self.page.locator(".nbs-agent-name", has_text=re.compile(f"^{agent}$")))
            .nth(number)
        )

    def text_of(self, agent: str, number: int = 0) -> str:
        """The text of a finished cell as it was written: what its Copy button gives."""
        cell = self.cell(agent, number)
        if cell.get_attribute("open") is None:
            cell.locator("summary").first.click()
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        copy = cell.locator(".nbs-foot").get_by_role("button", name="Copy", exact=True)
        copy.click()
        expect(cell.locator(".nbs-foot")).to_contain_text("Copied")
        text = str(self.page.evaluate("() => navigator.clipboard.readText()"))
        self.page.mouse.move(0, 0)
        return text
