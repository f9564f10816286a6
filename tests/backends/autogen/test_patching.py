"""`patched` puts back what it replaced, whatever happened meanwhile."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from nb_stream.backends.autogen.patching import patched


class Thing:
    """Has one attribute by its class, one of its own, and one that is a property."""

    shared = "the class's"

    def __init__(self) -> None:
        self.own = "its own"
        self._kept = "kept"

    @property
    def kept(self) -> str:
        return self._kept

    @kept.setter
    def kept(self, value: str) -> None:
        self._kept = value


@pytest.mark.parametrize("fails", [False, True])
def test_each_attribute_is_what_it_was(fails: bool) -> None:
    thing = Thing()
    before = dict(vars(thing))
    ends = pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext()
    with ends, patched(thing, shared="ours", own="ours", kept="ours", new="ours"):
        assert [thing.shared, thing.own, thing.kept, thing.new] == ["ours"] * 4  # type: ignore[attr-defined]
        thing.own = "written meanwhile"
        del thing.new  # type: ignore[attr-defined]
        if fails:
            _ = 1 / 0
    assert vars(thing) == before
    assert thing.shared == "the class's"


def test_patches_on_each_other_come_off_in_turn() -> None:
    thing: Any = Thing()
    with patched(thing, own="first"):
        with patched(thing, own="second"):
            assert thing.own == "second"
        assert thing.own == "first"
    assert thing.own == "its own"


def test_a_patch_that_is_dropped_stays() -> None:
    thing: Any = Thing()
    patched(thing, own="for good").__enter__()
    assert thing.own == "for good"
