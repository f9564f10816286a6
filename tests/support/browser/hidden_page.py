"""A page that nobody sees. Playwright keeps its own pages visible, so this one is driven by raw CDP messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser


class HiddenPage:
    """A page in a window that is minimized at once. `pause(seconds)` lets Playwright take in what arrives."""

    def __init__(self, browser: Browser, url: str, pause: Callable[[float], None]) -> None:
        self._cdp = browser.new_browser_cdp_session()
        self._pause = pause
        self._replies: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._cdp.on("Target.receivedMessageFromTarget", self._received)
        self._target = self._cdp.send("Target.createTarget", {"url": url})["targetId"]
        attached = self._cdp.send("Target.attachToTarget", {"targetId": self._target, "flatten": False})
        self._session = attached["sessionId"]
        self.minimize()

    def minimize(self) -> None:
        """Put the page's window out of sight; a browser that is busy opening it may not take notice."""
        window = self._cdp.send("Browser.getWindowForTarget", {"targetId": self._target})["windowId"]
        self._cdp.send("Browser.setWindowBounds", {"windowId": window, "bounds": {"windowState": "minimized"}})

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        self._count += 1
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        message = {"id": self._count, "method": "Runtime.evaluate", "params": parameters}
        self._cdp.send("Target.sendMessageToTarget", {"sessionId": self._session, "message": json.dumps(message)})
        for _ in range(1000):
            if self._count in self._replies:
                return self._replies.pop(self._count)["result"]["result"].get("value")
            self._pause(0.02)
        raise AssertionError(f"The hidden page does not answer: {expression}")

    def close(self) -> None:
        self._cdp.send("Target.closeTarget", {"targetId": self._target})

    def _received(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._replies[message["id"]] = message
