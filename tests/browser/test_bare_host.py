"""The panel outside JupyterLab: a bare page with ipywidgets' base manager, and the state of a saved notebook."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser.bare_host import BareHost, bare_host
from tests.support.browser.panel_page import PanelPage

TEXT = "A sentence that everybody can wait for. "

SHOW = f"""
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
text = {TEXT!r} * 40
clients = [ScriptedClient([Say(text)], pace=0.015) for _ in range(2)]
ann, ben = (AssistantAgent(name, client, model_client_stream=True) for name, client in zip(("ann", "ben"), clients))
panel = TeamPanel(RoundRobinGroupChat([ann, ben], max_turns=2), title="bare")
panel
"""

LONG = SHOW.replace("* 40", "* 400")
HURRY = "[setattr(client, 'pace', 0) for client in clients]"


@pytest.fixture(scope="module")
def host(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareHost]:
    with bare_host(browser, tmp_path_factory.mktemp("bare")) as opened:
        yield opened
        assert opened.errors == []


def test_a_bare_page_runs_switches_stops_and_reloads(host: BareHost) -> None:
    page = host.open()
    kernel = page.evaluate("() => host.start()")
    host.run(page, LONG)
    panel = PanelPage(page).shown()
    panel.ask("Go")
    panel.wait_live("ann", 200)
    panel.box("ann").uncheck()
    expect(panel.live("ann")).to_contain_text("held")
    assert host.run(page, "panel.switches['ann']") == "False"
    model = host.run(page, "panel.model_id").strip("'")
    again = host.open()
    again.evaluate("id => host.attach(id)", kernel)
    again.evaluate("id => host.show(id)", model)
    second = PanelPage(again).shown()
    expect(second.box("ann")).not_to_be_checked()
    second.box("ann").check()
    expect(panel.box("ann")).to_be_checked()
    second.press("Stop")
    second.state("stopping")
    host.run(page, HURRY)
    for one in (panel, second):
        one.state("idle", seconds=60)
    cells = ast.literal_eval(host.run(page, "[(c.agent, c.text) for c in panel.transcript]"))
    assert cells == [("user", "Go"), ("ann", TEXT * 400)]
    for one in (panel, second):
        assert [(agent, one.text_of(agent)) for agent, _ in one.history()] == cells
    state = host.run(page, "from ipywidgets import Widget; import json; print(json.dumps(Widget.get_manager_state()))")
    saved = host.open()  # without a kernel the widget leaves the word to the output beside it
    assert saved.evaluate("state => host.saved(state).then(() => true)", json.loads(state))
    expect(saved.locator(".nbs-panel")).to_have_count(0)


def test_a_panel_that_a_program_made_comes_to_a_page_of_the_same_kernel(host: BareHost) -> None:
    page = host.open()
    page.evaluate("() => host.start()")
    host.run(page, SHOW, stdin=False)  # as nbclient does: what it keeps of the widget has no loader
    panel = PanelPage(page).shown()
    host.run(page, "await panel.run('Go')", stdin=False)
    panel.state("idle", seconds=60)
    assert [(agent, panel.text_of(agent)) for agent, _ in panel.history()][1:] == [
        (a, TEXT * 40) for a in ("ann", "ben")
    ]
