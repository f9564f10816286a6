"""Dependencies point one way, and only the modules meant for it know other libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "nb_stream"

LAYERS = (
    "attempts clock errors awaiting model options stand_in text think typed visible",
    "metrics packed redaction patches",
    "events",
    "export export.*",
    "transcript",
    "linkage draft",
    "reduce",
    "protocol",
    "run kernel_gate loops interrupts",
    "frames pace gates callbacks switches token_gate console recorder recording static_output",
    "batching feed replay questions terminal terminal_live",
    "backends backends.*",
    "demo demo.*",
    "runner widget",
    "stream",
    "panel",
    "cli",
    ". __main__",
)
"""A module may import from its own layer and from those above it in this list."""

LATE = {("backends", f"backends.{kind}") for kind in ("autogen", "recorded", "replay")}
"""Imports against the order, made when a function is called: the backend is picked by what there is to run."""

AUTOGEN = ("backends", "demo")
WIDGETS = ("widget", "panel")


def modules() -> Iterator[tuple[str, Path]]:
    """The names of all modules inside the package, with their files."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("frontend", "static", "schemas"):
            yield ".".join(part for part in parts if part != "__init__") or ".", file


MODULES = dict(modules())


def imports(name: str) -> set[str]:
    """What a module imports, also inside functions: names inside the package as they are in `MODULES`, others in full.

    Not what it needs for type checkers only; and not `LATE`, which has to stand inside a function.
    """
    file = MODULES[name]
    tree = ast.parse(file.read_text("utf-8"))
    for_types = {id(node) for block in ast.walk(tree) if _is_for_types(block) for node in ast.walk(block)}
    inside = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            late = {other for near, other in LATE if near == name} if id(node) in inside else set()
            found.update(set(_from(name, file, node)) - late)
    return found


def _is_for_types(block: ast.AST) -> bool:
    return isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"


def _from(name: str, file: Path, node: ast.ImportFrom) -> Iterator[str]:
    if not node.level:
        yield node.module or ""
        return
    here = [] if name == "." else name.split(".")
    up = node.level - (file.name == "__init__.py")
    base = here[: len(here) - up] + (node.module.split(".") if node.module else [])
    for alias in node.names:
        full = ".".join([*base, alias.name])
        yield full if full in MODULES else ".".join(base) or "."


def layer_of(name: str) -> int:
    for number, layer in enumerate(LAYERS):
        for entry in layer.split():
            if name == entry or (entry.endswith(".*") and name.startswith(entry[:-1])):
                return number
    raise AssertionError(f"nb_stream/{name} stands in no layer: add it to LAYERS, as deep as its imports allow")


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_downwards_only(name: str) -> None:
    for other in imports(name) & MODULES.keys():
        assert layer_of(other) <= layer_of(name), f"{name} imports {other}"


def test_no_two_modules_import_each_other() -> None:
    left = {name: imports(name) & MODULES.keys() - {name} for name in MODULES}
    while free := [name for name, wanted in left.items() if not wanted & left.keys()]:
        for name in free:
            del left[name]
    assert {name: wanted & left.keys() for name, wanted in left.items()} == {}


@pytest.mark.parametrize("name", MODULES)
def test_only_backends_and_demos_know_autogen(name: str) -> None:
    if name.partition(".")[0] not in AUTOGEN:
        assert [other for other in imports(name) if other.startswith("autogen")] == []


@pytest.mark.parametrize("name", MODULES)
def test_only_the_widget_and_the_panel_know_widgets(name: str) -> None:
    if name not in WIDGETS:
        assert [other for other in imports(name) if other.startswith(("ipywidgets", "anywidget"))] == []


@pytest.mark.parametrize(
    ("line", "strangers"),
    [
        ("import nb_stream", ("autogen", "ipywidgets", "anywidget", "traitlets", "asyncio", "openai")),
        ("import nb_stream.reduce, nb_stream.protocol", ("autogen", "ipywidgets", "anywidget", "asyncio")),
        ("from nb_stream import Transcript, Cell", ("autogen", "ipywidgets", "anywidget", "asyncio")),
        ("from nb_stream import TeamStream", ("ipywidgets", "anywidget")),
    ],
)
def test_an_import_brings_no_library_that_it_does_not_need(line: str, strangers: tuple[str, ...]) -> None:
    program = f"{line}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert [name for name in loaded if name.startswith(strangers)] == []
