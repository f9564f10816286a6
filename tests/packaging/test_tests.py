"""The tests stand in the house of the package: a folder for each part, helpers in `support`, and no test file in another."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
FILES = sorted(TESTS.rglob("*.py"))
BESIDE_PACKAGES = {"kernel", "browser", "packaging", "benchmarks", "support"}
"""Folders of tests that stand for no package of nb_stream: several packages together, or helpers."""


def imported(file: pathlib.Path) -> Iterator[str]:
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_a_test_file_imports_helpers_and_no_other_test_file(file: pathlib.Path) -> None:
    own = [name for name in imported(file) if name.startswith((".", "tests", "test_", "conftest"))]
    assert [name for name in own if not name.startswith("tests.support")] == []


def test_every_folder_is_named_as_the_package_that_it_tests() -> None:
    folders = {file.relative_to(TESTS).parts[0] for file in FILES if file.parent != TESTS}
    packages = {path.name for path in (ROOT / "nb_stream").iterdir() if path.is_dir()}
    assert folders - packages <= BESIDE_PACKAGES


def test_test_files_stand_in_folders() -> None:
    assert [file.name for file in TESTS.glob("test_*.py")] == []


def test_the_readme_names_every_helper_and_only_files_that_exist() -> None:
    text = (TESTS / "README.md").read_text("utf-8")
    helpers = [file.name for file in (TESTS / "support").glob("*.py") if file.name != "__init__.py"]
    assert [name for name in helpers if name not in text] == []
    frontend = (ROOT / "nb_stream" / "frontend" / "tests").glob("*.test.ts")
    here = {file.name for file in (*TESTS.rglob("*"), *frontend) if file.is_file()}
    assert set(re.findall(r"\b\w+(?:\.test)?\.(?:py|ts|json)\b", text)) <= here
