"""Cuts what a model saw into pieces for the page that asked: a context may be a megabyte, and its beginning is read
first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.call_context import CallContext
from .protocol import ContextOp

PIECE_CHARS = 64_000
"""Characters of text in one piece, about."""


def context_pieces(cell: str, context: CallContext) -> Iterator[ContextOp]:
    """The operations that bring the context of a cell to a page, in their order. A text that is longer than a piece
    goes on in the next ones."""
    total = len(context.messages)
    messages: list[dict[str, Any]] = []
    first, size, begun = 0, 0, False

    def piece(end: bool = False) -> ContextOp:
        op: ContextOp = {"op": "context", "cell": cell, "at": first, "total": total, "end": end, "messages": messages}
        if not begun:
            rest = context.to_dict()
            op["tools"], op["options"] = rest.get("tools", []), rest.get("options", {})
            op["prompt_tokens"] = context.prompt_tokens
        return op

    for number, message in enumerate(context.messages):
        values = message.to_dict()
        text = values.get("text", "")
        for start in range(0, max(1, len(text)), PIECE_CHARS):
            part = (
                {**values, "text": text[start : start + PIECE_CHARS]}
                if start == 0
                else {"more": text[start : start + PIECE_CHARS]}
            )
            if size and size + _chars_of(part) > PIECE_CHARS:
                yield piece()
                begun = True
                messages, first, size = [], number, 0
            messages.append(part)
            size += _chars_of(part)
    yield piece(end=True)


def _chars_of(part: dict[str, Any]) -> int:
    return 200 + sum(len(str(value)) for value in part.values())
