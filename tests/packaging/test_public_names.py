"""The public names: a list that only grows on purpose."""

from __future__ import annotations

import re

import pytest

import nb_stream
from tests.support.paths import ROOT

NAMES = [
    "AgentInfo",
    "Cell",
    "CellKind",
    "CellStatus",
    "Question",
    "Remote",
    "Replay",
    "Run",
    "RunState",
    "TeamPanel",
    "TeamStream",
    "Token",
    "Transcript",
    "__version__",
    "needs_approval",
]


def test_the_public_names_are_these() -> None:
    assert sorted(nb_stream.__all__) == NAMES
    assert dir(nb_stream) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported_and_is_described(name: str) -> None:
    member = getattr(nb_stream, name)
    if name != "__version__":
        assert member.__name__ == name
        assert member.__doc__


def test_star_import_gives_exactly_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec("from nb_stream import *", namespace)
    assert sorted(namespace.keys() - {"__builtins__"}) == NAMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'TeamPanle'"):
        nb_stream.TeamPanle  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    source = (ROOT / "nb_stream" / "__init__.py").read_text("utf-8")
    for name in sorted(set(NAMES) - {"__version__"}):
        assert re.search(rf"import {name} as {name}\b", source), name


def test_public_methods_of_the_two_faces_are_described() -> None:
    for face in (nb_stream.TeamPanel, nb_stream.TeamStream):
        own = [name for name in vars(face) if not name.startswith("_")]
        assert [name for name in own if not getattr(vars(face)[name], "__doc__", None)] == []
