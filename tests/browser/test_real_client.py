"""The whole path on AutoGen's real OpenAI client: local server, client, team, kernel, browser."""

from __future__ import annotations

import nbformat
import pytest
from openai_server import OpenAIServer, Reply, by_system
from playwright.sync_api import expect

from browser.conftest import Open
from browser.lab import ROOT
from browser.panel_page import PanelPage

AUTHOR = "The moon pulls, the water follows.\nTwice a day you may leave the harbour. " * 8
EDITOR = "Leave out the second sentence."


@pytest.fixture
def model() -> OpenAIServer:
    with OpenAIServer(
        by_system({"Answer in a few lines.": Reply(AUTHOR, pace=0.02), "Say what to leave out.": Reply(EDITOR)})
    ) as server:
        yield server


def last_cell() -> str:
    """The quick start's cell for a real model."""
    cells = nbformat.read(ROOT / "notebooks" / "01_quickstart.ipynb", as_version=4).cells
    return next(cell.source for cell in cells if "OpenAIChatCompletionClient" in cell.source)


def test_the_quick_starts_real_model_streams_into_the_browser(notebook: Open, model: OpenAIServer) -> None:
    settings = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "test"}
    book = notebook(
        [
            f"import os; os.environ.update({settings!r})\nfrom nb_stream import TeamPanel",
            last_cell(),
            "await real.run('And the editor?')",
        ]
    )
    book.run(0)
    book.run(1, wait=False)
    panel = PanelPage(book.page).shown()
    panel.wait_live("author", 40)
    panel.ended()
    assert panel.text_of("author") == AUTHOR
    assert panel.text_of("editor") == EDITOR
    by_agent = {body["messages"][0]["content"]: body.get("stream", False) for body in model.requests}
    assert by_agent == {"Answer in a few lines.": True, "Say what to leave out.": False}
    panel.box("editor").check()
    expect(panel.root).to_contain_text("Streams from its next turn.")
    book.run(2)
    assert [body.get("stream", False) for body in model.requests] == [True, False, True, True]
