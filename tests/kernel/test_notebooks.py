"""The notebooks: what is said in them comes out on ipykernel 6 too, and `nbclient` leaves the transcripts in them.

On this environment's own ipykernel they are run by `pytest --nbval notebooks`, which is part of the one test command.
"""

from __future__ import annotations

import asyncio
import configparser
import json
import os
import pathlib
import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.paths import ROOT
from tests.support.real_kernel import NEWEST_FOR_PYTHON, Environment
from tests.support.virtual_environments import THIS_PYTHON

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEWEST = pytest.param(NEWEST_FOR_PYTHON[THIS_PYTHON], marks=pytest.mark.all_versions("notebooks by nbclient"))


def sanitizers() -> list[tuple[str, str]]:
    """What `nbval` puts in place of what differs from run to run."""
    config = configparser.RawConfigParser()
    config.read(ROOT / "tests" / "nbval.cfg")
    return [(config[name]["regex"], config[name]["replace"]) for name in config.sections()]


SANITIZERS = sanitizers()


def said(cell: nbformat.NotebookNode) -> dict[str, str]:
    """What a cell has printed and shown, by kind, as `nbval` compares it: without widgets and what differs each time."""
    found: dict[str, str] = {}
    for output in cell.get("outputs", ()):
        kinds = {output["name"]: output["text"]} if output["output_type"] == "stream" else output.get("data", {})
        for kind, text in kinds.items():
            if kind in ("stdout", "text/plain", "text/html"):
                for regex, replacement in SANITIZERS:
                    text = re.sub(regex, replacement, text)
                found[kind] = found.get(kind, "") + text
    return found


async def executed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as `jupyter execute` leaves it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    await NotebookClient(notebook, timeout=300, kernel_name="tested").async_execute(env=environment)
    return notebook


@pytest.mark.parametrize("ipykernel", ["6.29.5", NEWEST])
async def test_every_notebook_says_what_is_saved_in_it_and_leaves_the_transcript_of_every_panel(
    ipykernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = str(Environment(ipykernel, THIS_PYTHON).python_executable())
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = tmp_path / "kernels" / "tested" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": command, "display_name": "tested", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    found = await asyncio.gather(*(executed(nbformat.read(path, 4)) for path in NOTEBOOKS))
    panels = 0
    for path, notebook in zip(NOTEBOOKS, found, strict=True):
        for cell, saved in zip(notebook.cells, nbformat.read(path, 4).cells, strict=True):
            if "NBVAL_IGNORE_OUTPUT" not in cell.source:
                assert said(cell) == said(saved), f"{path.name}:\n{cell.source}"
            data = [output.get("data", {}) for output in cell.get("outputs", ())]
            shown = [kinds for kinds in data if re.match(r"TeamPanel\(", kinds.get("text/plain", ""))]
            left = [kinds for kinds in data if kinds.get("text/plain", "").startswith("Transcript of TeamPanel(")]
            assert len(left) == len(shown), cell.source
            for kinds in left:
                assert re.search(r"^--- (Done|Cancelled)", kinds["text/plain"], re.MULTILINE), kinds["text/plain"]
                assert "Run 1" in kinds["text/html"]
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
