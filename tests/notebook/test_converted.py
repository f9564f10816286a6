"""A notebook that a program ran, and that other programs turn into documents: the transcript is there, rendered, once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import nbconvert
import nbformat
import pytest

from tests.support.paths import ROOT

MESSAGES = 200

SHOW = f"""
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
SAID = '''## Point {{n}} of {{name}}

A **bold** claim for $5 to $6, and a `span`.

| speed | lean |
|---|---|
| {{n}} m/s | low |

```python
def f_{{n}}(): ...
```

- [x] one of {{name}} {{n}}
'''
def agent(name):
    says = [Say(SAID.format(n=n, name=name)) for n in range({MESSAGES // 2})]
    return AssistantAgent(name, ScriptedClient(says), model_client_stream=True)
panel = TeamPanel(RoundRobinGroupChat([agent("ann"), agent("ben")], max_turns={MESSAGES}))
panel
"""

PROGRAMS = {"jupyter execute": ["jupyter", "execute", "--inplace", "{}"], "papermill": ["papermill", "{}", "{}"]}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One notebook, run by each program. They run side by side: each waits for its kernel to start."""
    folder = tmp_path_factory.mktemp("converted")
    cells = [nbformat.v4.new_code_cell(source) for source in (SHOW, "await panel.run('Go on')\nNone")]
    running = {}
    for name, (module, *options) in PROGRAMS.items():
        path = folder / f"{module}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
        command = [sys.executable, "-m", module, *(option.format(path) for option in options)]
        with path.with_suffix(".log").open("w") as log:
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        running[name] = path, process
    for path, process in running.values():
        assert process.wait(180) == 0, path.with_suffix(".log").read_text()
    return {name: nbformat.read(path, 4) for name, (path, _) in running.items()}


class Page(HTMLParser):
    """What a reader sees of a document from which `<style>` and `<script>` are stripped: its elements and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.counts = "", dict[str, int]()
        self.feed(re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL | re.IGNORECASE))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        self.text += data


def check_page(page: Page) -> None:
    """All messages are there, rendered, in their order, and each stands once."""
    place = 0
    for number in range(MESSAGES // 2):
        for name in ("ann", "ben"):
            said = (
                f"one of {name} {number}\n" if f"one of {name} {number}\n" in page.text else f"one of {name} {number}"
            )
            place = page.text.find(said, place)
            assert place >= 0, f"message {number} of {name} is missing"
    found = re.findall(r"one of (?:ann|ben) (\d+)", page.text)
    assert len(found) == MESSAGES, "a message stands twice"
    assert page.counts["table"] == MESSAGES
    assert page.counts["details"] == MESSAGES
    assert "☑ one of ann 0" in page.text
    assert "**bold**" not in page.text.partition("Run 1")[2], "it is the source"
    assert "Error displaying widget" not in page.text


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_runs_notebooks_leaves_both_forms(notebooks: dict[str, Any], program: str) -> None:
    outputs = notebooks[program].cells[0].outputs
    check_page(Page("".join(output.data.get("text/html", "") for output in outputs)))
    text = "".join(output.data.get("text/plain", "") for output in outputs)
    assert len(re.findall(r"^- \[x\] one of (?:ann|ben) \d+$", text, re.MULTILINE)) == MESSAGES


@pytest.mark.parametrize("kind", ["html", "webpdf", "slides", "markdown"])
def test_nbconvert_makes_a_document_with_each_message_once(notebooks: dict[str, Any], kind: str) -> None:
    exporters = {
        "html": nbconvert.HTMLExporter(),
        "webpdf": nbconvert.HTMLExporter(template_name="webpdf"),
        "slides": nbconvert.SlidesExporter(),
        "markdown": nbconvert.MarkdownExporter(),
    }
    made, _ = exporters[kind].from_notebook_node(notebooks["papermill"])
    check_page(Page(made.partition("</pre>" if kind != "markdown" else "```\n\n")[2]))
    if kind == "markdown":
        [line] = [line for line in made.split("\n") if "Point 1 of" in line and line.startswith("<")]
        assert line.startswith("<div"), "Markdown takes it as HTML, to the end of its line"
