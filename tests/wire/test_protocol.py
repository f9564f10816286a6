"""The wire: cells and digests as the browser reads them, and commands as it sends them."""

from __future__ import annotations

import re
import typing
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nb_stream.core.model import Cell, CellKind, ToolCall, Usage
from nb_stream.wire import protocol
from nb_stream.wire.commands import COMMANDS, Toggle, decode
from nb_stream.wire.protocol import cell_head, cell_whole, digest
from tests.support.paths import ROOT

TYPESCRIPT = (ROOT / "nb_stream" / "frontend" / "src" / "protocol" / "protocol.ts").read_text("utf-8")
CELL = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "Hello")


@given(st.text(), st.text())
def test_a_digest_can_be_continued(start: str, rest: str) -> None:
    assert digest(rest, digest(start)) == digest(start + rest) == zlib.crc32((start + rest).encode("utf-8"))


def test_a_lone_surrogate_counts_as_a_question_mark_on_both_sides() -> None:
    assert digest(f"a{chr(0xD83D)}b") == digest("a?b")


def test_a_cell_leaves_out_what_is_empty_and_keeps_what_is_zero() -> None:
    cell = Cell(
        "c1", "r1", "ann", "ann", CellKind.TEXT, "", ttft=0.0, started_at=0.0, usage=Usage(), data={"exit_code": 0}
    )
    assert cell_whole(cell) == {
        "id": "c1",
        "run": "r1",
        "agent": "ann",
        "path": "ann",
        "kind": "text",
        "status": "done",
        "text": "",
        "ttft": 0.0,
        "started_at": 0.0,
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "about": False},
        "data": {"exit_code": 0},
    }


def test_a_head_has_no_text() -> None:
    assert "text" not in cell_head(CELL)
    assert cell_whole(CELL, "He")["text"] == "He"


def test_a_cell_on_the_wire_is_the_cell_again() -> None:
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TOOL_CALL, estimated=True, tool_calls=(ToolCall("1", "f", "{}"),))
    assert Cell.from_dict(cell_whole(cell)) == cell


@pytest.mark.parametrize("content", [None, 1, "stop", [], {}, {"type": 1}, {"kind": "stop"}])
def test_what_is_no_command_is_refused_in_words(content: object) -> None:
    with pytest.raises(ValueError, match="reload it"):
        decode(content)


def test_a_command_comes_as_it_was_sent() -> None:
    assert decode({"type": "toggle", "path": "ann", "on": True}) == Toggle("ann", True)


# --- both sides use the same names ---------------------------------------------------------------------------------


def fields(interface: str) -> set[str]:
    """The fields of a TypeScript interface."""
    body = re.search(rf"export interface {interface} \{{(.*?)\n\}}", TYPESCRIPT, re.DOTALL)
    assert body is not None, f"frontend/src/protocol/protocol.ts has no interface {interface}"
    return set(re.findall(r"^  (\w+)\??:", body[1], re.MULTILINE))


SHAPES = [name for name, value in vars(protocol).items() if typing.is_typeddict(value)]


@pytest.mark.parametrize("name", SHAPES)
def test_the_browser_has_the_same_fields(name: str) -> None:
    assert fields(name) == set(getattr(protocol, name).__annotations__)


def test_the_browser_has_the_same_version_and_operations() -> None:
    assert f"export const PROTOCOL_VERSION = {protocol.PROTOCOL_VERSION};" in TYPESCRIPT
    union = re.search(r"export type Op =(.*?);", TYPESCRIPT, re.DOTALL)
    assert union is not None
    assert set(re.findall(r"\w+", union[1])) == {op.__name__ for op in typing.get_args(protocol.Op)}


def test_the_browser_sends_the_commands_that_are_described() -> None:
    union = re.search(r"export type Command =(.*?);\n\n", TYPESCRIPT, re.DOTALL)
    assert union is not None
    sent = set(re.findall(r'type: "(\w+)"', union[1]))
    assert sent == set(COMMANDS)
