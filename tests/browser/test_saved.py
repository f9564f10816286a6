"""The saved notebook: whole without a kernel, trusted or not, and nothing is shown twice while the panel lives."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import signal

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser.jupyter import Notebook, Open, Server
from tests.support.browser.panel_page import PanelPage
from tests.support.plain_reading import letters, read_markdown

SHOW = """
from nb_stream import TeamPanel
from nb_stream.demo import TEAMS
panel = TeamPanel(TEAMS["{team}"](pace=0), title="{team}")
panel
"""

LONG = """
from autogen_agentchat.agents import AssistantAgent
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
said = "\\n\\n".join(f"Paragraph {n}: " + "a sentence that goes on for a while, " * 8 for n in range(300))
panel = TeamPanel(AssistantAgent("ann", ScriptedClient([Say(said, chunk=500)]), model_client_stream=True))
panel
"""

CONTENT = "JSON.stringify(window.jupyterapp.shell.currentWidget.model.toJSON())"

VISIBLE = """() => {
    const rows = [];
    for (const output of document.querySelectorAll('.jp-OutputArea-output')) {
        if (output.checkVisibility() && !output.querySelector('.nbs-root')) rows.push(output.textContent);
    }
    return rows.join('\\n');
}"""
"""What can be seen in the outputs of a page, but for live panels; what is folded counts."""


def saved(book: Notebook) -> pathlib.Path:
    """Save the notebook; its file."""
    book.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    return book.server.folder / "work" / book.name


def left(path: pathlib.Path, cell: int = 0) -> str:
    """The plain text that stands in the outputs of a cell of a saved notebook."""
    outputs = nbformat.read(path, 4).cells[cell].outputs
    return "".join(output.data.get("text/plain", "") for output in outputs if output.output_type == "display_data")


def texts(book: Notebook) -> list[str]:
    return list(ast.literal_eval(book.evaluate("[c.text for c in panel.transcript]")))


def reopened(server: Server, browser: Browser, path: pathlib.Path, *, trusted: bool, kernel: bool = True) -> Notebook:
    """The saved notebook as it is opened later: with a kernel that knows nothing of it, or where none can be had."""
    copy = path.with_name(f"{path.stem}-{'trusted' if trusted else 'untrusted'}.ipynb")
    book = nbformat.read(path, 4)
    if not trusted:
        book.cells.append(nbformat.v4.new_markdown_cell("Somebody else changed this notebook."))
    nbformat.write(book, copy)
    later = Notebook(server, browser, copy.name)
    if kernel:
        return later.open()
    refused = {"status": 500, "body": "No kernels today."}
    later.page.route(
        "**/api/sessions*",
        lambda route: route.fulfill(**refused) if route.request.method == "POST" else route.continue_(),
    )
    later.page.goto(server.url(copy.name))
    expect(later.page.get_by_text("Error Starting Kernel")).to_be_visible(timeout=60_000)
    return later


def visible(page: Page) -> str:
    return str(page.evaluate(VISIBLE))


def wait_visible(page: Page, text: str) -> None:
    page.wait_for_function(
        f"text => ({VISIBLE})().replace(/\\s/g, '').includes(text)", arg=letters(text), timeout=20_000
    )


@pytest.mark.parametrize(
    "source", [pytest.param(SHOW.format(team="tools"), marks=pytest.mark.smoke), LONG], ids=["short", "long"]
)
def test_a_saved_notebook_has_the_whole_transcript_without_its_kernel(
    notebook: Open, server: Server, browser: Browser, source: str
) -> None:
    book = notebook([source, "await panel.run('Go on')\nNone"])
    book.run(0)
    panel = PanelPage(book.page).shown()
    book.run(1)
    panel.ended()
    said = texts(book)
    assert visible(book.page).strip() == "", "the transcript is shown twice"
    path = saved(book)
    second = Notebook(server, browser, book.name).open()
    PanelPage(second.page).shown().ended()
    assert visible(second.page).strip() == "", "a second browser shows it twice"
    assert second.errors == []
    second.page.close()
    for trusted in (True, False):
        later = reopened(server, browser, path, trusted=trusted, kernel=trusted)
        wait_visible(later.page, read_markdown(said[-1]))
        shown = letters(visible(later.page))
        place = -1
        for text in map(read_markdown, said):
            assert text in shown
            assert (place := shown.index(text, place + 1)) >= 0, "not in the order of the run"
        later.close()


RUNS = """
from autogen_agentchat.agents import AssistantAgent
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
panel = TeamPanel(AssistantAgent("ann", ScriptedClient([Say("Done.\\nTERMI" + "NATE")] * 4), model_client_stream=True))
panel
"""


@pytest.mark.smoke
def test_a_page_that_was_reloaded_saves_all_runs_whatever_they_said_and_no_view_shows_them_twice(
    notebook: Open,
) -> None:
    book = notebook([RUNS, *["await panel.run('Go on')\nNone"] * 4, "import ipywidgets\nipywidgets.VBox([panel])"])
    book.run(0)
    panel = PanelPage(book.page).shown()
    book.run(1)
    panel.ended()
    assert left(saved(book)).count("TERMINATE") == 1
    book.open()
    panel = PanelPage(book.page).shown()
    for number in (2, 3, 4):
        book.run(number)
        panel.ended(number)
    book.page.wait_for_function(f"() => {CONTENT}.match(/TERMINATE/g).length === 8", timeout=20_000)  # in both forms
    assert left(saved(book)).count("--- ann:\nDone.\nTERMINATE\n") == 4
    assert visible(book.page).strip() == ""
    book.run(5)
    expect(book.page.locator(".nbs-panel")).to_have_count(2, timeout=20_000)
    assert visible(book.page).strip() == "", "a second view shows it twice"
    book.page.wait_for_function(f"() => {CONTENT}.match(/TERMINATE/g).length === 8", timeout=20_000)  # at one place
    path = saved(book)
    assert [left(path, cell).count("TERMINATE") for cell in (0, 5)] == [0, 4]


KILLED = """
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
def agent(name, says, pace):
    return AssistantAgent(name, ScriptedClient([says] * 3, pace=pace), model_client_stream=True)
said = " ".join(f"Sentence {n} of many." for n in range(4000))
team = RoundRobinGroupChat([agent("ann", Say("What is finished stands."), 0), agent("ben", Say(said, chunk=25), 0.05)])
panel = TeamPanel(team)
panel
"""


KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
GOES = (f"() => {KERNEL}.restart()", "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


def test_a_kernel_that_is_killed_restarted_or_shut_down_leaves_what_was_said_and_nothing_that_looks_alive(
    notebook: Open,
) -> None:
    book = notebook([KILLED, "import os\nos.getpid()"])
    for goes in ("killed", *GOES):
        book.run(0)
        book.run(1)
        panel = PanelPage(book.page).shown()
        panel.ask("Go on")
        panel.wait_live("ben", 100)
        written = panel.live_text("ben")[:90]
        book.page.wait_for_function(f"text => {CONTENT}.includes(text)", arg=written, timeout=20_000)
        if goes == "killed":
            os.kill(int(book.output(1)), signal.SIGKILL)
        else:
            book.page.evaluate(goes)
        panel.state("no kernel")
        if goes == "killed":
            book.page.locator(".jp-Dialog button.jp-mod-accept").click()  # it says that it starts another one
        for name in ("Run", "Stop", "Cancel", "Reset"):
            expect(panel.root.get_by_role("button", name=name, exact=True)).to_be_disabled()
        for agent in ("ann", "ben"):
            expect(panel.box(agent)).to_be_disabled()
        expect(panel.root.locator(".nbs-live-cell")).to_have_count(0)
        expect(panel.root.locator(".nbs-caution")).to_have_text(re.compile("run the cell that shows this panel again"))
        panel.ended(1, "cut off")
        panel.cell("ann").locator("summary").first.click()
        expect(panel.cell("ann")).to_contain_text("What is finished stands.")
        if goes != GOES[1]:
            book.page.wait_for_function(f"() => {KERNEL}.status === 'idle'", timeout=60_000)
    text = left(saved(book))
    assert "--- ann: What is finished stands.\n--- ben (cut off): Sentence 0 of many." in text
    assert text.endswith("\n--- Cut off\n")
    assert written in text


def test_a_notebook_that_saves_widget_state_stays_small_and_opens_without_an_error(
    server: Server, browser: Browser
) -> None:
    settings = server.folder / ".jupyter/settings/@jupyter-widgets/jupyterlab-manager/plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"saveState": true}')
    panels = [SHOW.format(team=team) + "\nawait panel.run('Go on')\npanel" for team in ("writers", "parallel", "tools")]
    try:
        server.write("state.ipynb", panels)
        book = Notebook(server, browser, "state.ipynb").open()
        for index in range(3):
            book.run(index)
        expect(book.page.locator(".nbs-panel")).to_have_count(3, timeout=20_000)
        for _ in range(40):
            path = saved(book)
            state = nbformat.read(path, 4).metadata.get("widgets")
            if state:  # a page that has just opened its panels saves them a moment later
                break
            book.page.wait_for_timeout(250)
        assert state, "the setting has no effect: this test shows nothing"
        size = path.stat().st_size - 1_000  # what a notebook without outputs has
        print(f"with the widgets' state: {size} bytes")
        assert size <= 4 * (1863 + 3619 + 853) + 60_000
        book.close()
        later = reopened(server, browser, path, trusted=True)
        wait_visible(later.page, "Slack Water")
        assert later.page.get_by_text("Error displaying widget").count() == 0
        later.close()
    finally:
        settings.unlink()
