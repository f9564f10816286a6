"""A word stands for one thing: no name stands at the top of two modules."""

from __future__ import annotations

import ast
import pathlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.support.paths import FRONTEND, ROOT

ALLOWED = {
    "__all__": "Python's own",
    "T": "a type variable, which has no meaning outside of its signature",
    "log": "a module's logger, as everywhere in Python",
    "_lock": "what keeps a module's own state",
}
EXPORTED = re.compile(
    r"^export (?:default |abstract |async )*(?:function\*?|class|const|let|interface|type|enum) (\w+)", re.M
)


def names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The functions, classes, constants and variables of a module, also those under a condition."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            yield from names([*node.body, *node.orelse])
            yield from names([line for handler in getattr(node, "handlers", ()) for line in handler.body])


def homonyms(found: Iterable[tuple[pathlib.Path, Iterable[str]]]) -> dict[str, list[str]]:
    """The names of two modules or more, with these."""
    places: dict[str, set[str]] = defaultdict(set)
    for path, each in found:
        for name in each:
            places[name].add(str(path.relative_to(ROOT)))
    return {name: sorted(modules) for name, modules in places.items() if len(modules) > 1}


def test_no_name_stands_for_two_things_in_python() -> None:
    modules = [path for path in (ROOT / "nb_stream").rglob("*.py") if "node_modules" not in path.parts]
    twice = homonyms((path, names(ast.parse(path.read_text("utf-8")).body)) for path in modules)
    assert {name: modules for name, modules in twice.items() if name not in ALLOWED} == {}
    assert len(ALLOWED) <= 10


def test_no_exported_name_stands_for_two_things_in_typescript() -> None:
    modules = sorted((FRONTEND / "src").rglob("*.ts"))
    assert len(modules) > 50
    assert homonyms((path, EXPORTED.findall(path.read_text("utf-8"))) for path in modules) == {}
