"""The whole path: a panel at work in a real JupyterLab and a real Notebook 7, in Chromium."""

from __future__ import annotations

import ast
import time

import pytest
from playwright.sync_api import expect

from tests.support.browser.jupyter import Open
from tests.support.browser.panel_page import PanelPage

SHOW = """
from nb_stream import TeamPanel
from nb_stream.demo import TEAMS
panel = TeamPanel(TEAMS["{team}"](pace={pace}), title="{team}")
panel
"""

TEXT = "A sentence that everybody can wait for. "

SLOW = f"""
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
text = {TEXT!r} * 40
clients = [ScriptedClient([Say(text)], pace=0.015) for _ in range(2)]
ann, ben = (AssistantAgent(name, client, model_client_stream=True) for name, client in zip(("ann", "ben"), clients))
panel = TeamPanel(RoundRobinGroupChat([ann, ben], max_turns=2), title="slow")
panel
"""


def test_a_task_typed_into_the_panel_runs_and_its_cells_collapse(notebook: Open) -> None:
    book = notebook([SHOW.format(team="writers", pace=0.004)])
    book.run(0)
    panel = PanelPage(book.page).shown()
    expect(panel.box("poet")).to_be_checked()
    panel.watch_growth()
    panel.ask("Write about the sea")
    panel.ended()
    assert len(panel.growth("poet")) > 3, "the text did not grow before the reader's eyes"
    assert panel.history() == [
        ("user", False),
        ("poet", False),
        ("critic", False),
        ("poet", False),
        ("critic", True),
    ]
    cells = ast.literal_eval(book.evaluate("[(c.agent, c.text) for c in panel.transcript]"))
    assert panel.text_of("poet") == cells[1][1]
    panel.cell("poet").locator("summary").first.press("Enter")
    assert panel.cell("poet").get_attribute("open") is None
    panel.cell("poet").locator("summary").first.press("Enter")
    assert panel.cell("poet").get_attribute("open") is not None


@pytest.mark.smoke
@pytest.mark.alone
def test_unticking_mid_message_stops_the_text_and_it_comes_back_whole(notebook: Open) -> None:
    book = notebook([SLOW.replace("* 40", "* 400")])
    book.run(0)
    panel = PanelPage(book.page).shown()
    book.evaluate(
        "globals().update(flips=[]) or panel.checkbox('ann').observe(lambda c: flips.append(__import__('time').time()), 'value')"
    )
    panel.ask("Go")
    panel.wait_live("ann", 200)
    book.page.evaluate(
        """() => {
            window.__grown = [];
            const text = document.querySelector('.nbs-live-cell .nbs-text');
            new MutationObserver(() => window.__grown.push([Date.now() / 1000, text.textContent.length]))
                .observe(text, {childList: true, characterData: true, subtree: true});
        }"""
    )
    panel.box("ann").uncheck()
    expect(panel.live("ann")).to_contain_text("held")
    time.sleep(0.5)  # text that would still come has the time to come
    flipped = ast.literal_eval(book.evaluate("flips"))[-1]
    grown = book.page.evaluate("() => window.__grown.slice()")
    late = [at - flipped for at, _ in grown if at > flipped]
    print(f"last text painted {max(late, default=0.0) * 1000:.0f} ms after the kernel's receipt")
    assert max(late, default=0.0) < 0.1
    stopped = len(panel.live_text("ann"))
    time.sleep(0.3)
    assert len(panel.live_text("ann")) == stopped
    streamed = int(book.evaluate("len(panel.transcript.of('ann')[0].text)"))
    assert streamed > stopped
    panel.box("ann").check()
    panel.wait_live("ann", streamed)
    assert (TEXT * 400).startswith(panel.live_text("ann"))
    panel.box("ann").uncheck()
    book.evaluate("setattr(clients[0], 'pace', 0)")
    panel.wait_live("ben", 1, seconds=60)
    assert panel.text_of("ann") == TEXT * 400
    panel.press("Cancel")
    panel.state("cancelled")


def test_stop_ends_after_the_turn_cancel_at_once_and_the_next_run_works(notebook: Open) -> None:
    book = notebook([SLOW])
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.ask("Stop me")
    panel.wait_live("ann", 20)
    panel.press("Stop")
    panel.state("stopping")
    panel.state("idle", seconds=60)
    assert [agent for agent, _ in panel.history()] == ["user", "ann"]
    assert panel.text_of("ann") == TEXT * 40
    panel.ask("Cancel me")
    panel.wait_live("ben", 20)
    pressed = time.monotonic()
    panel.press("Cancel")
    panel.state("cancelled")
    assert time.monotonic() - pressed < 2
    expect(panel.cell("ben")).to_contain_text("cancelled")
    book.evaluate("[setattr(client, 'pace', 0) for client in clients]")
    panel.ask("Again")
    panel.ended(3)
    assert book.evaluate("[r.status.value for r in panel.transcript.runs]") == "['done', 'cancelled', 'done']"


def test_the_panel_works_inside_boxes_tabs_and_accordions(notebook: Open) -> None:
    book = notebook(
        [
            SHOW.format(team="silent", pace=0).replace("\npanel\n", "\n")
            + "import ipywidgets as W\n"
            + "W.VBox([W.HBox([panel]), W.Tab([W.Accordion([panel], selected_index=0)], selected_index=0)])"
        ]
    )
    book.run(0)
    expect(book.page.locator(".nbs-panel")).to_have_count(2, timeout=20_000)
    panel = PanelPage(book.page).shown()
    panel.ask("Go")
    panel.ended()
    expect(book.page.locator("details.nbs-cell")).to_have_count(6)


def test_a_plain_checkbox_and_the_panels_box_are_tied_both_ways(notebook: Open) -> None:
    book = notebook([SHOW.format(team="writers", pace=0), "panel.checkbox('poet')"])
    book.run(0)
    book.run(1)
    panel = PanelPage(book.page).shown()
    plain = book.page.locator(".widget-checkbox input")
    plain.uncheck()
    expect(panel.box("poet")).not_to_be_checked()
    panel.box("poet").check()
    expect(plain).to_be_checked()
    book.evaluate("panel.switches.update(poet=False)")
    expect(plain).not_to_be_checked()
    expect(panel.box("poet")).not_to_be_checked()


@pytest.mark.smoke
def test_a_reload_in_the_middle_of_a_run_ends_with_the_kernels_transcript_and_links_lead_to_it(notebook: Open) -> None:
    book = notebook([SLOW.replace("\npanel\n", "\n#" * 60 + "\npanel\n")])
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.ask("Go")
    panel.wait_live("ann", 200)
    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    book.open()
    panel.shown()
    panel.root.scroll_into_view_if_needed()  # a cell out of view is not written
    panel.wait_live("ben", 50, seconds=60)
    panel.press("Cancel")
    panel.state("cancelled")
    kernel = ast.literal_eval(book.evaluate("[(c.agent, c.text) for c in panel.transcript]"))
    assert [(agent, panel.text_of(agent)) for agent, _ in kernel[1:]] == kernel[1:]
    panel.cell("ann").get_by_role("button", name="Copy link").click()
    link = book.page.evaluate("() => navigator.clipboard.readText()")
    book.page.goto(link)
    book.page.reload()
    expect(panel.cell("ann")).to_have_attribute("open", "", timeout=60_000)
    expect(panel.cell("ann").locator("summary")).to_be_in_viewport(timeout=20_000)


def test_an_error_is_told_in_words_and_the_next_run_works(notebook: Open) -> None:
    book = notebook([SHOW.format(team="faulty", pace=0.001)])
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.ask("Go")
    panel.state("failed")
    expect(panel.root).to_contain_text("The model server closed the connection.")
    panel.ask("Again")
    panel.ended(2)


def test_a_person_answers_in_the_panel(notebook: Open) -> None:
    book = notebook(
        [
            "from autogen_agentchat.agents import UserProxyAgent\n"
            "from autogen_agentchat.teams import RoundRobinGroupChat\n"
            "from nb_stream import TeamPanel\n"
            "panel = TeamPanel(RoundRobinGroupChat([UserProxyAgent('human')], max_turns=1))\npanel"
        ]
    )
    book.run(0)
    panel = PanelPage(book.page).shown()
    expect(panel.box("human")).to_be_disabled()
    panel.ask("Go")
    panel.state("waiting for input")
    asked = panel.root.locator("details.nbs-cell[data-kind='human input']")
    asked.get_by_role("textbox").fill("forty-two")
    asked.get_by_role("button", name="Answer").click()
    panel.ended()
    assert panel.text_of("human", 1) == "forty-two"


def test_an_empty_task_gets_a_sentence(notebook: Open) -> None:
    book = notebook([SHOW.format(team="writers", pace=0)])
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.press("Run")
    expect(panel.root).to_contain_text("The task is empty. Write what the team should do.")
    panel.state("idle")


COMMANDS = """() => {
    window.__commands = [];
    window.jupyterapp.commands.commandExecuted.connect((_, {id}) => window.__commands.push(id));
}"""
LETTERS = "jkabdmyxcvzri0"
CHORDS = (
    "Shift+J", "Shift+M", "ArrowDown", "ArrowUp", "Shift+ArrowDown", "Control+Shift+ArrowDown", "Control+Shift+m",
    "Control+Enter", "Shift+Enter", "Alt+Enter", "Control+a", "Escape",
)  # fmt: skip


@pytest.mark.smoke
def test_keys_in_the_panel_do_nothing_to_the_notebook_but_save_it_and_esc_leaves_the_full_screen(
    notebook: Open,
) -> None:
    book = notebook(["first = 1", SHOW.format(team="silent", pace=0), "last = 1"])
    book.run(1)
    page, panel = book.page, PanelPage(book.page).shown()
    panel.ask("Go")
    panel.ended()
    page.evaluate(COMMANDS)
    line = panel.root.locator(".nbs-line").last
    for place in (line, panel.root.get_by_role("button", name="Reset", exact=True)):
        for key in (*LETTERS, "d", *CHORDS, "d"):
            place.focus()
            page.keyboard.press(key)
    panel.root.get_by_role("textbox", name="Task").focus()
    page.keyboard.type("dd jab /f? end")
    page.keyboard.press("Escape")
    for key in "dd":
        page.keyboard.press(key)
    assert panel.root.get_by_role("textbox", name="Task").input_value() == "dd jab /f? enddd"
    expect(panel.root.get_by_role("searchbox")).to_be_hidden()
    line.focus()
    page.keyboard.press("Home")
    expect(panel.root.locator(".nbs-line").first).to_be_focused()
    page.keyboard.press("Control+s")
    page.wait_for_function("() => window.__commands.length > 0")
    # What the notebook hears of its own keys comes after all that it would have heard of the panel's.
    page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCell.node.focus()")
    page.keyboard.press("b")
    page.wait_for_function("() => window.__commands.length > 1")
    assert page.evaluate("() => window.__commands") == ["docmanager:save", "notebook:insert-cell-below"]

    tool = panel.root.get_by_role("button", name="Full screen")
    panel.root.locator(".nbs-scroller").focus()
    page.keyboard.press("F")
    expect(tool).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("() => document.fullscreenElement.className") == "nbs-root nbs-full"
    page.keyboard.press("Escape")
    expect(tool).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("() => document.fullscreenElement") is None


def test_a_team_is_told_something_in_mid_run_after_its_turn_and_at_once(notebook: Open) -> None:
    book = notebook([SLOW, "run = panel.start('go')\nawait run"])
    book.run(0)
    panel = PanelPage(book.page).shown()
    book.run(1, wait=False)
    panel.wait_live("ann", 20)
    box = panel.root.get_by_placeholder("Tell the team…")
    box.fill("After this turn.")
    box.press("Enter")
    expect(panel.root.locator(".nbs-detail")).to_contain_text("After this turn, the team is told: After this turn.")
    box.fill("At once!")
    box.press("Control+Enter")
    expect(box).to_have_value("")
    expect(panel.root.locator(".nbs-cell[data-status=cancelled]")).to_have_count(1, timeout=20_000)
    panel.ended(seconds=60)
    expect(panel.root.locator(".nbs-run")).to_have_count(1)
    said = ast.literal_eval(book.evaluate("[(c.agent, c.status.value) for c in panel.transcript]"))
    assert said == [(who, "done") for who in ("user",)] + [
        ("ann", "cancelled"),
        ("user", "done"),
        ("user", "done"),
        ("ann", "done"),
        ("ben", "done"),
    ]
    words = ast.literal_eval(book.evaluate("[m.content for m in run.result().messages if m.source == 'user']"))
    assert words == ["go", "After this turn.", "At once!"]


def test_a_reader_goes_back_edits_a_task_and_takes_up_what_was_set_aside(notebook: Open) -> None:
    book = notebook([SHOW.format(team="writers", pace=0.0)])
    book.run(0)
    panel = PanelPage(book.page).shown()
    for number, task in enumerate(("Of cats", "Of dogs"), 1):
        panel.ask(task)
        panel.ended(number)
    lines, cells = panel.root.locator(".nbs-run"), panel.root.locator(".nbs-cell:not([hidden])")
    whole = cells.count()
    lines.nth(1).get_by_role("button", name="Edit and run again").click()
    expect(lines.nth(1)).to_contain_text("set aside")
    box = panel.root.get_by_role("textbox", name="Task")
    expect(box).to_have_value("Of dogs")
    expect(box).to_be_focused()
    expect(cells).to_have_count(whole // 2)
    box.fill("Of whales")
    box.press("Enter")
    panel.ended(3)
    expect(cells).to_have_count(whole)
    assert book.evaluate("[(b.runs, b.set_aside) for b in panel.branches]") == (
        "[(('r1', 'r2'), True), (('r1', 'r3'), False)]"
    )
    lines.nth(1).get_by_role("button", name="Show").click()
    expect(cells).to_have_count(whole + whole // 2)
    lines.nth(1).get_by_role("button", name="Take up again").click()
    expect(lines.nth(2)).to_contain_text("set aside")
    expect(lines.nth(1)).not_to_contain_text("set aside")
