"""What is heard of a model call beneath AutoGen's client.

AutoGen's clients report less than servers send: whether a stream came to its end, a thought, usage that nobody asked
for. A shield reads that between the client and the SDK and notes it here, where the client's proxy finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ...core.model import Usage
from .contexts import GivenContext
from .openai_answer import Piece

TellPiece = Callable[[Piece], Awaitable[None]]


class Hearing:
    """The notes of one model call. The `ModelClientProxy` makes it and the shield fills it, on the loop of the run.

    `tell` gets the text as it comes; it is None if nobody may be told. `whole` says that AutoGen's client asks for a
    whole answer, which the shield reads as a stream. `asks` says that usage is handed on to AutoGen even if only the
    shield has asked for it.
    """

    def __init__(self, tell: TellPiece | None = None, whole: bool = False, asks: bool = False) -> None:
        self.tell, self.whole, self.asks = tell, whole, asks
        self.reached = False
        """Whether the call has reached the shield. It has not if a cache answered it."""
        self.complete: bool | None = None
        """Whether the stream has said that the answer is complete; None if there was no stream."""
        self.usage: Usage | None = None
        self.given: Any = None
        """The messages that the model was given."""
        self.context: GivenContext | None = None
        """The messages, tools and options of the call, for a reader who asks for them."""
        self.thought: str | None = None
        """The thought, as AutoGen gets it from a whole answer."""
        self.reasoned = False
        """Whether the model has thought at all."""
        self.refused = ""
        """The reason for which the server does not stream; an empty text if it has not refused."""

    async def say(self, text: str | None, thought: bool = False) -> None:
        """Tell a piece of text, unless it is empty."""
        if text:
            self.reasoned = self.reasoned or thought
            if self.tell is not None:
                await self.tell(Piece(text, thought))
