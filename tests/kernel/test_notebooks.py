"""The notebooks: what is said in them comes out on ipykernel 6 too, and `nbclient` leaves the transcripts in them.

On this environment's own ipykernel they are run by `pytest --nbval notebooks`, which is part of the one test command.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess

import nbformat
from nbclient import NotebookClient

from tests.support.paths import ROOT
from tests.support.virtual_environments import THIS_PYTHON, make

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OLD = (
    "ipykernel==6.29.5",
    "autogen-agentchat==0.7.5",
    "autogen-ext[openai]==0.7.5",
    "ipywidgets>=8.1",
    "anywidget>=0.11,<0.12",
    "nest-asyncio2>=1.7.3",
    "markdown-it-py>=3",
    "nbval>=0.11",
)


def test_every_notebook_passes_on_ipykernel_6() -> None:
    python = make("nbval-ipykernel6", THIS_PYTHON, OLD)
    command = [python, "-m", "pytest", "-q", "-c", os.devnull, "--nbval", "--nbval-current-env"]
    done = subprocess.run(
        [*command, "--nbval-sanitize-with", ROOT / "tests" / "nbval.cfg", *NOTEBOOKS],
        cwd=ROOT / "notebooks",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


async def executed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as `jupyter execute` leaves it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    await NotebookClient(notebook, timeout=120, kernel_name="python3").async_execute(env=environment)
    return notebook


async def test_nbclient_runs_them_and_leaves_the_transcript_of_every_panel() -> None:
    found = await asyncio.gather(*(executed(nbformat.read(path, 4)) for path in NOTEBOOKS))
    panels = 0
    for notebook in found:
        for cell in notebook.cells:
            data = [output.get("data", {}) for output in cell.get("outputs", ())]
            shown = [kinds for kinds in data if re.match(r"TeamPanel\(", kinds.get("text/plain", ""))]
            left = [kinds for kinds in data if kinds.get("text/plain", "").startswith("Transcript of TeamPanel(")]
            assert len(left) == len(shown), cell.source
            for kinds in left:
                assert re.search(r"^--- (Done|Cancelled)", kinds["text/plain"], re.MULTILINE), kinds["text/plain"]
                assert "<b>Run 1" in kinds["text/html"]
            panels += len(shown)
    assert panels >= len(NOTEBOOKS) - 1


def test_the_notebooks_hold_outputs_and_nothing_of_the_machine_they_were_run_on() -> None:
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        assert "widgets" not in notebook.metadata
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code"), path.name
        assert not re.search(r"/home/|/root/|/work/|/tmp/", path.read_text()), path.name
        assert path.stat().st_size < 60_000
