"""The panel without a page: what the commands of pages do, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import pytest

from nb_stream import TeamPanel
from nb_stream.demo import writers

AHEAD = 1_000_060_000.0  # the clock of a browser, in milliseconds
BEHIND = 1_000_005_000.0


async def test_a_switch_acts_in_each_of_two_browsers_whose_clocks_differ() -> None:
    panel = TeamPanel(writers())
    path = panel.agents[0].path
    panel.receive({"type": "toggle", "path": path, "on": False, "at": AHEAD, "page": "a"})
    assert not panel.switches[path]
    panel.receive({"type": "toggle", "path": path, "on": True, "at": BEHIND, "page": "b"})
    assert panel.switches[path]
    panel.receive({"type": "toggle_all", "on": False, "at": BEHIND + 1, "page": "b"})
    assert not any(panel.switches.values())
    panel.close()


async def test_a_click_that_comes_late_undoes_nothing_and_its_page_is_told_so() -> None:
    panel = TeamPanel(writers())
    path = panel.agents[0].path
    told = asyncio.Event()

    def look(frame: Any) -> None:
        if any(op["op"] == "agents" and not op["agents"][0]["on"] for op in frame["ops"]):
            told.set()

    panel._batcher._send = look
    panel.receive({"type": "toggle", "path": path, "on": False, "at": 2000.0, "page": "a"})
    await asyncio.wait_for(told.wait(), 10)
    told.clear()
    panel.receive({"type": "toggle", "path": path, "on": True, "at": 1000.0, "page": "a"})
    await asyncio.wait_for(told.wait(), 10)
    assert not panel.switches[path]
    panel.receive({"type": "toggle", "path": path, "on": True, "at": 1500.0, "page": "a"})
    assert not panel.switches[path]
    panel.close()


def test_a_panel_can_be_closed_more_than_once_and_is_then_dropped_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    panel = TeamPanel(writers())
    panel.checkbox("poet")
    panel.close()
    panel.close()
    del panel
    gc.collect()
    assert said == []
