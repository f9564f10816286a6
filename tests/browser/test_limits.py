"""The server's limits are never met, and a slow browser ends with the same transcript."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.support.browser.firehose import measure
from tests.support.browser.jupyter import Server


def test_ten_agents_at_two_thousand_tokens_a_second_lose_nothing_also_in_a_slow_browser(
    server: Server, browser: Browser
) -> None:
    quick, slow = measure(server, browser, "firehose.ipynb", 4.0, (1, 6))
    print(f"quick: {quick}\nslow: {slow}")
    for figures in (quick, slow):
        assert not figures.warned
        assert figures.most_in_a_second <= 35  # 30, and what the two clocks differ
        assert figures.bytes < 1_000_000 * figures.seconds / 2
