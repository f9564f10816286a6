"""What is heard of a model call beneath AutoGen's client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...core.model import Usage
from .openai_answer import Piece

TellPiece = Callable[[Piece], Awaitable[None]]


class Hearing:
    """What is heard of one model call beneath AutoGen's client.

    `tell` gets the text as it comes; None if nobody may be told. `whole` says that AutoGen asks for a whole answer,
    and `asks` that agents may see usage that nobody else asked for.
    """

    def __init__(self, tell: TellPiece | None = None, whole: bool = False, asks: bool = False) -> None:
        self.tell, self.whole, self.asks = tell, whole, asks
        self.reached = False
        """Whether the call came by here: a cache may have answered it."""
        self.complete: bool | None = None
        """Whether a stream said that the answer is complete; None if there was no stream."""
        self.usage: Usage | None = None
        self.given: Any = None
        """The messages that the model was given."""
        self.thought: str | None = None
        """The thought as a whole answer reports it to AutoGen."""
        self.reasoned = False
        self.refused = ""
        """Why the server does not stream, if it said so."""

    async def say(self, text: str | None, thought: bool = False) -> None:
        """Tell a piece of text."""
        if text:
            self.reasoned = self.reasoned or thought
            if self.tell is not None:
                await self.tell(Piece(text, thought))
