"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = ROOT / "nb_stream"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md", "nb_stream/ARCHITECTURE.md")


def paths_in(text: str) -> list[str]:
    """What looks like a path of ours: in backticks, with a slash or the ending of a source file."""
    return [found for found in re.findall(r"`([\w./]+)`", text) if "/" in found or found.endswith((".py", ".ts"))]


def is_there(path: str) -> bool:
    return any((folder / path).exists() for folder in (ROOT, PACKAGE))


def test_every_path_in_the_map_exists() -> None:
    named = set(paths_in((PACKAGE / "ARCHITECTURE.md").read_text("utf-8"))) - {"research/writer"}
    assert len(named) > 40
    assert [path for path in sorted(named) if not is_there(path)] == []


def test_the_map_names_every_package() -> None:
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    text = (PACKAGE / "ARCHITECTURE.md").read_text("utf-8")
    assert [name for name in sorted(packages) if f"`{name}/`" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    file = ROOT / document
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", file.read_text("utf-8"))
    assert [target for target in targets if not (file.parent / Path(target)).exists()] == []


def test_the_map_and_the_readme_stay_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 80
    assert len((PACKAGE / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 200
