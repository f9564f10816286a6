"""What a model saw comes to a page in pieces: whole, in order, none of them large."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nb_stream.core.call_context import CallContext, GivenMessage
from nb_stream.core.model import ToolCall
from nb_stream.wire.context_pieces import PIECE_CHARS, context_pieces


def joined(pieces: list[Any]) -> list[dict[str, Any]]:
    """The messages as a page joins them."""
    messages: list[dict[str, Any]] = []
    for piece in pieces:
        for message in piece["messages"]:
            if "more" in message:
                messages[-1]["text"] += message["more"]
            else:
                messages.append(dict(message))
    return messages


@pytest.mark.parametrize(
    "lengths", [[], [0], [10, 20], [PIECE_CHARS], [PIECE_CHARS + 1], [1_000_000], [5] * 3000, [70_000, 3, 200_000, 0]]
)
def test_pieces_make_the_whole_and_are_small(lengths: list[int]) -> None:
    calls = (ToolCall("1", "look", '{"word": "sea"}'),)
    messages = tuple(GivenMessage("user", "ann", "x" * n, tool_calls=calls, is_new=n > 5) for n in lengths)
    context = CallContext(messages, ({"name": "look"},), {"temperature": 0.5}, 7)
    pieces = list(context_pieces("c1", context))
    assert all(len(json.dumps(piece)) < 2 * PIECE_CHARS for piece in pieces)
    assert [piece["end"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert {(piece["cell"], piece["total"]) for piece in pieces} == {("c1", len(lengths))}
    assert [("tools" in piece, piece.get("prompt_tokens")) for piece in pieces][:2] == [(True, 7), (False, None)][
        : len(pieces)
    ]
    expected = [{"text": "", **message.to_dict()} for message in messages]
    assert json.loads(json.dumps(joined(pieces))) == json.loads(json.dumps(expected))
