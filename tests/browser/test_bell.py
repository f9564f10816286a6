"""A reader who looks at something else is called, by the real notifications of a real Chromium."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.support.browser.hidden_page import HiddenPage

BELL = "document.querySelector('[aria-label=\"Notify me while the page is hidden\"]')"
NOTE_NOTIFICATIONS = """(() => {
    window.called = [];
    window.Notification = class extends Notification {
        constructor(title, options) { super(title, options); called.push([title, options.body]); }
    };
    return Notification.permission;
})()"""
END = "kernel.run('r1', 'Write.'), kernel.setState('running'), kernel.endRun({status: 'failed', stop_reason: 'no key'}), 0"


def test_a_hidden_page_calls_when_a_run_fails(browser: Browser, origin: str) -> None:
    cdp = browser.new_browser_cdp_session()
    seen = browser.new_page()
    page = HiddenPage(browser, f"{origin}/?scene=idle", lambda seconds: seen.wait_for_timeout(seconds * 1000))
    try:
        cdp.send("Browser.grantPermissions", {"origin": origin, "permissions": ["notifications"]})
        while not page.evaluate(f"!!{BELL} && document.hidden"):
            page.minimize()
        assert page.evaluate(NOTE_NOTIFICATIONS) == "granted"
        page.evaluate(END)
        assert page.evaluate("called") == []
        page.evaluate(f"{BELL}.click(), 0")
        page.evaluate(END)
        assert page.evaluate("called") == [["Trip planners: Run failed", "no key"]]
        assert page.evaluate("document.title").startswith("● Trip planners: Run failed · ")
    finally:
        page.close()
        seen.close()
