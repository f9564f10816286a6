"""The code is linted, formatted and typed."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.support.npm import npm
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "nb_stream", "tests"], ["ruff", "format", "--check", "nb_stream", "tests"], ["mypy"]],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_the_code_passes_its_tools(tool: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_front_end_passes_its_tools() -> None:
    npm("check")


def test_every_choice_by_match_ends_in_unreachable() -> None:
    """So mypy finds the renderer that forgot a section, the role of a kind or the form of a text, and the panel that
    forgot a command; a generator would pass over it without a word. Words of another library are known to no type
    checker, so a choice between them raises."""
    found = 0
    for file in sorted((ROOT / "nb_stream").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Match):
                found += 1
                last = node.cases[-1]
                if ast.unparse(node.subject) == "token.type":  # of markdown-it
                    assert isinstance(last.body[0], ast.Raise)
                    continue
                assert ast.unparse(last) == f"case _:\n    unreachable({ast.unparse(node.subject)})", (
                    f"{file}:{node.lineno}"
                )
    assert found > 10
