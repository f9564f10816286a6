"""The whole path on AutoGen's real OpenAI client: local server, client, team, kernel, browser."""

from __future__ import annotations

import nbformat
import pytest
from playwright.sync_api import expect

from tests.support.browser.jupyter import ROOT, Open
from tests.support.browser.panel_page import PanelPage
from tests.support.openai_server import OpenAIServer, Reply, by_system

AUTHOR = "The moon pulls, the water follows.\nTwice a day you may leave the harbour. " * 8
EDITOR = "Leave out the second sentence."
AS_AUTHOR, AS_EDITOR = "You are the author. Be short.", "You are the editor. Say what to leave out."


@pytest.fixture
def model() -> OpenAIServer:
    with OpenAIServer(by_system({AS_AUTHOR: Reply(AUTHOR, pace=0.02), AS_EDITOR: Reply(EDITOR)})) as server:
        yield server


def cells_up_to_the_panel() -> list[str]:
    """The code cells of the notebook on a real model, up to the one that shows the panel."""
    cells = nbformat.read(ROOT / "notebooks" / "08_real_model.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    return sources[: next(index for index, source in enumerate(sources) if "TeamPanel(" in source) + 1]


def test_the_notebooks_real_model_streams_into_the_browser(notebook: Open, model: OpenAIServer) -> None:
    settings = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "test"}
    shows = cells_up_to_the_panel()
    book = notebook(
        [
            f"import os; os.environ.update({settings!r})",
            *shows,
            "await panel.run('Explain tides to a sailor')",
            "await panel.run('And the editor?')",
        ]
    )
    for index in range(len(shows) + 1):
        book.run(index)
    panel = PanelPage(book.page).shown()
    expect(panel.root).to_contain_text("Streams from its next turn.")
    book.run(len(shows) + 1, wait=False)
    panel.wait_live("author", 40)
    panel.ended()
    assert panel.text_of("author") == AUTHOR
    assert panel.text_of("editor") == EDITOR
    by_agent = {body["messages"][0]["content"]: body.get("stream", False) for body in model.requests}
    assert by_agent == {AS_AUTHOR: True, AS_EDITOR: True}  # both were built without streaming, and begin ticked
    panel.box("editor").uncheck()
    expect(panel.root).to_contain_text("Its messages come whole from its next turn.")
    book.run(len(shows) + 2)
    assert [body.get("stream", False) for body in model.requests] == [True, True, True, False]
