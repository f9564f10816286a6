"""What a cell says, as a list of sections: the one place that every renderer asks.

A panel, a saved output, an exported file, a terminal and the clipboard show the same cells in different dress. This
module decides which sections a cell has, in which order they stand, and how each text is to be read. So no renderer can
forget something that the others show. Each renderer has a `match` over the sections that ends in `errors.unreachable`:
a type checker finds the renderer that does not know a section. `frontend/src/protocol/cell_content.ts` does the same
for pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from .model import Cell, CellRole, TextForm, ToolCall

_FENCED = re.compile(r"(`{3,}|~{3,})[^\n`]*\n(.*?)(?:\1|\Z)", re.DOTALL)
RASTER_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)")


@dataclass(frozen=True)
class HandoffTarget:
    """The agent to which another agent hands over. As a rule, the text of the handoff names it too."""

    target: str


@dataclass(frozen=True)
class Text:
    """The text of a cell."""

    text: str
    form: TextForm


@dataclass(frozen=True)
class Approval:
    """A question whether something may be done. `text` is the whole question, with the tool call or the code in code
    fences; `what` holds the same tool and arguments, or the same code, as values."""

    text: str
    what: Mapping[str, Any]


@dataclass(frozen=True)
class Code:
    """A code block that does not stand in the text of its cell."""

    code: str
    language: str


@dataclass(frozen=True)
class ToolUse:
    """A tool call, with its result once there is one."""

    call: ToolCall


@dataclass(frozen=True)
class Output:
    """The output of a program; it may be empty."""

    text: str
    exit_code: int | None


@dataclass(frozen=True)
class Ending:
    """How a question ended ("answered", "timed out"), and the person's answer if there is one."""

    how: str
    answer: str | None


@dataclass(frozen=True)
class Traceback:
    """The traceback of an error."""

    text: str


@dataclass(frozen=True)
class Image:
    """An image of a message, counted from 1. `source` is its address or its data. It comes from the message, so it may
    be any text."""

    number: int
    source: str

    @property
    def raster(self) -> tuple[str, str] | None:
        """The media type and the data in base64; None if the source is not the data of a PNG, JPEG, GIF or WebP."""
        found = RASTER_IMAGE.fullmatch(self.source)
        return None if found is None else (found[1], "".join(found[2].split()))


Section = Union[
    HandoffTarget,
    Text,
    Approval,
    Code,
    ToolUse,
    Output,
    Ending,
    Traceback,
    Image,
]


def sections_of(cell: Cell) -> Iterator[Section]:
    """The sections of a cell, in the order in which they are read. A cell that says nothing has none."""
    data = cell.data
    if target := data.get("target"):
        yield HandoffTarget(target)
    if cell.kind.role is CellRole.QUESTION and (what := data.get("what")):
        yield Approval(cell.text, what)
    elif cell.text:
        yield Text(cell.text, cell.text_form)
    yield from _code(cell)
    for call in cell.tool_calls:
        yield ToolUse(call)
    if (output := data.get("output")) is not None:
        yield Output(output, data.get("exit_code"))
    how, answer = data.get("how", ""), data.get("answer")
    if how or answer is not None:
        yield Ending(how, answer)
    if traceback := data.get("traceback"):
        yield Traceback(traceback)
    yield from images_of(cell)


def images_of(cell: Cell) -> list[Image]:
    """The images of a cell. They stand behind its other sections."""
    return [Image(number, source) for number, source in enumerate(cell.data.get("images", ()), 1)]


def _code(cell: Cell) -> Iterator[Code]:
    """The code blocks of a cell that its text does not already show between fences. Only fences count: a word of the
    text may happen to equal a short block of code."""
    blocks = cell.data.get("code_blocks")
    if blocks:
        shown = {fenced[2].strip() for fenced in _FENCED.finditer(cell.text)}
        for block in blocks:
            if block["code"].strip() not in shown:
                yield Code(block["code"], block["language"])
