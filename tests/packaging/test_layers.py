"""Dependencies point one way, and only the modules meant for it know other libraries."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import FRONTEND, ROOT

PACKAGE = ROOT / "nb_stream"

ORDER = (
    "errors",
    "core",
    "recording concurrency wire",
    "remote",  # below the backends, because one of them is for what it connects to, as one is for `recording.replay`
    "export backends",
    "runtime notebook",
    "terminal",
    "demo",
    "stream",
    "panel serve",  # two ways to look at a stream: a notebook here, and viewers in other processes
    "cli",
    "__main__ .",
)
"""The packages, and the modules that stand beside them, from below. Each may import from itself and from lines above its
own, and from nothing else."""

AUTOGEN = ("backends.autogen", "demo", "remote.grpc_link")
"""What knows AutoGen: its backend, the demos, and the transport that goes over its distributed runtime."""

WIDGETS = ("notebook.widget", "panel")
PURE = ("asyncio", "threading", "concurrent", "io", "os", "pathlib", "socket", "subprocess")
"""What the modules of `core` do without."""


def modules() -> Iterator[tuple[str, Path]]:
    """The names of all modules inside the package, with their files."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ("frontend", "static", "schemas"):
            yield ".".join(part for part in parts if part != "__init__") or ".", file


MODULES = dict(modules())


def imports(name: str) -> set[str]:
    """What a module imports, also inside functions: names inside the package as they are in `MODULES`, others in full.

    Not what it needs for type checkers only.
    """
    file = MODULES[name]
    tree = ast.parse(file.read_text("utf-8"))
    for_types = {id(node) for block in ast.walk(tree) if _is_for_types(block) for node in ast.walk(block)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(_from(name, file, node))
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


def package_of(name: str) -> str:
    """The package of a module, or the module itself where it stands beside the packages."""
    return name.partition(".")[0] or "."


def level_of(name: str) -> int:
    """The line of `ORDER` that a module belongs to."""
    for level, line in enumerate(ORDER):
        if package_of(name) in line.split():
            return level
    raise AssertionError(f"nb_stream/{name} stands in no package of ORDER: put it into one")


@pytest.mark.parametrize("name", MODULES)
def test_packages_import_from_those_below_only(name: str) -> None:
    for other in imports(name) & MODULES.keys():
        same = package_of(other) == package_of(name)
        assert same or level_of(other) < level_of(name), f"{name} imports {other}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    rest = {name: imports(name) & MODULES.keys() - {name} for name in MODULES}
    while free := [name for name, wanted in rest.items() if not wanted & rest.keys()]:
        for name in free:
            del rest[name]
    assert {name: wanted & rest.keys() for name, wanted in rest.items()} == {}


FRONTEND_FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"protocol", "ansi", "highlight", "markdown/parse"}),
    frozenset({"dom"}),
    frozenset({"markdown/dom"}),
    frozenset({"markdown/stream"}),
    frozenset({"comm"}),
    frozenset({"views/transcript"}),
    frozenset({"views/header", "views/host", "views/tools"}),
    frozenset({"views"}),
    frozenset({"modules", "."}),
)
"""The folders of the front end. A module imports from its own folder and from lower floors. A type may come from above,
because types are gone in the bundle, but no two modules may import each other."""

_IMPORT = re.compile(r'^(?:import|export) (type )?[^;"]*?from "(\.[^"]*(?<!\.json))"', re.M)


def frontend_imports(module: Path, *, types: bool) -> set[Path]:
    """The modules of the front end that `module` imports; those that it imports for types alone only with `types`."""
    found = _IMPORT.findall(module.read_text("utf-8"))
    return {(module.parent / f"{name}.ts").resolve() for only_types, name in found if types or not only_types}


FRONTEND_MODULES = {path.resolve(): path.parent.relative_to(FRONTEND / "src") for path in FRONTEND.glob("src/**/*.ts")}


def test_folders_of_the_front_end_import_from_those_below_only() -> None:
    floor = {name: level for level, names in enumerate(FRONTEND_FLOORS) for name in names}
    assert {folder.as_posix() for folder in FRONTEND_MODULES.values()} == floor.keys()
    wrong = []
    for module, folder in FRONTEND_MODULES.items():
        for other in frontend_imports(module, types=False):
            below = FRONTEND_MODULES[other]
            if below != folder and floor[below.as_posix()] >= floor[folder.as_posix()]:
                wrong.append(f"{folder}/{module.name} imports {below}/{other.name}")
    assert wrong == []


def test_no_modules_of_the_front_end_import_each_other_in_a_circle() -> None:
    rest = {module: frontend_imports(module, types=True) for module in FRONTEND_MODULES}
    assert sum(map(len, rest.values())) > 200
    while free := [name for name, wanted in rest.items() if not wanted & rest.keys()]:
        for name in free:
            del rest[name]
    assert {name.name: {other.name for other in wanted & rest.keys()} for name, wanted in rest.items()} == {}


@pytest.mark.parametrize("name", [name for name in MODULES if package_of(name) == "core"])
def test_core_is_pure(name: str) -> None:
    assert [other for other in imports(name) if other.partition(".")[0] in PURE] == []


@pytest.mark.parametrize("name", MODULES)
def test_only_one_backend_and_the_demos_know_autogen(name: str) -> None:
    if not name.startswith(AUTOGEN):
        assert [other for other in imports(name) if other.startswith("autogen")] == []


AUTOGENS_WORDS = re.compile(
    r"autogen|agentchat|TaskResult|TaskRunner|\w*GroupChat\b|Swarm|GraphFlow|AgentTool|TeamTool|SocietyOfMind|MagenticOne"
    r"|AssistantAgent|UserProxy|CodeExecutor|SelectorEvent|SelectSpeaker|ModelClientStreaming|UserInputRequested"
    r"|ThoughtEvent|TextMessage|StructuredMessage|HandoffMessage|ChatCompletion",
    re.IGNORECASE,
)
"""AutoGen, and the classes by which its users know it."""

FACES = ("__init__.py", "stream.py", "panel.py")
"""Their docstrings say to users which teams they take, and what a run gives."""

NAMED = {
    "__init__.py": ("where needs_approval comes from", 2),
    "__main__.py": ("the program's description", 1),
    "backends/registry.py": ("the list of backends", 2),
    "backends/replay.py": ("the class of a replayed piece of text, which a recording does not keep", 1),
    "remote/address.py": ("what grpc:// is", 1),
    "remote/grpc_link.py": ("what it stands on, and the traps of that", 4),
    "serve/command.py": ("what --grpc is", 1),
    "frontend/dev/scenes.ts": ("a traceback as users see it, for the page that shows all looks", 1),
}
"""What may name AutoGen outside of its backend and the demos: files, with the reason, and in how many lines."""


def without_docstrings(source: str) -> str:
    """The lines of a module that stand in no docstring."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(lines)


def test_autogens_names_stand_in_its_backend_and_in_the_demos_alone() -> None:
    found: dict[str, int] = {}
    for file in sorted(PACKAGE.rglob("*")):
        name = file.relative_to(PACKAGE).as_posix()
        ours = file.suffix in (".py", ".ts", ".mjs", ".css", ".json") and "node_modules" not in name
        if ours and not name.startswith(("backends/autogen/", "demo/", "static/", "frontend/tests/")):
            source = file.read_text("utf-8")
            lines = (without_docstrings(source) if name in FACES else source).splitlines()
            if count := sum(bool(AUTOGENS_WORDS.search(line)) for line in lines):
                found[name] = count
    assert {name: count for name, count in found.items() if count > NAMED.get(name, ("", 0))[1]} == {}
    assert NAMED.keys() == found.keys(), "a file of the list names it no more: take it off"


@pytest.mark.parametrize("name", MODULES)
def test_only_the_widget_and_the_panel_know_widgets(name: str) -> None:
    if name not in WIDGETS:
        assert [other for other in imports(name) if other.startswith(("ipywidgets", "anywidget"))] == []


@pytest.mark.parametrize(
    ("line", "strangers"),
    [
        ("import nb_stream", ("autogen", "ipywidgets", "anywidget", "traitlets", "asyncio", "openai")),
        ("import nb_stream.core.reducer, nb_stream.wire.protocol", ("autogen", "ipywidgets", "anywidget", "asyncio")),
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
